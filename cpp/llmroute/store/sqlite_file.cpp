#include "llmroute/store/sqlite_file.h"

#include <fcntl.h>
#include <sqlite3.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace llmroute::store {

namespace {

constexpr std::int64_t kApplication = 0x6c6c6d72;  // "llmr", in the file's header
constexpr std::int64_t kVersion = 1;               // of the tables
constexpr int kMostCorrupt = 1'000;  // files moved aside that may lie beside each other

constexpr const char* kTables =
    "CREATE TABLE lease(key BLOB PRIMARY KEY, taken INTEGER NOT NULL, expires INTEGER NOT NULL)"
    " WITHOUT ROWID;"
    "CREATE INDEX lease_by_end ON lease(expires);"
    "CREATE TABLE entry(key BLOB PRIMARY KEY, expires INTEGER NOT NULL, value BLOB NOT NULL);"
    "CREATE INDEX entry_by_end ON entry(expires);"
    "PRAGMA application_id=1819045234;"
    "PRAGMA user_version=1;";

int primary(int code) { return code & 0xff; }

bool says_damaged(int code) {
  return primary(code) == SQLITE_NOTADB || primary(code) == SQLITE_CORRUPT;
}

std::string folder_of(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

// Held by one process at a time, on the file that the path names now. Not SQLite's kind of lock.
class FileLock {
 public:
  explicit FileLock(const std::string& path) : file_(::open(path.c_str(), O_RDONLY | O_CLOEXEC)) {
    if (file_ >= 0) ::flock(file_, LOCK_EX);
  }
  ~FileLock() {
    if (file_ >= 0) ::close(file_);
  }
  FileLock(const FileLock&) = delete;
  FileLock& operator=(const FileLock&) = delete;

 private:
  const int file_;
};

}  // namespace

SqliteFile::SqliteFile(const SqliteOptions& options)
    : named_(options.path), busy_(options.busy), max_bytes_(options.max_bytes) {}

Result<void> SqliteFile::open(bool may_move, std::string& moved_to) {
  for (int tries = 0;; ++tries) {
    if (auto done = locate(); !done) return done;
    if (const int code = link_.open(path_, busy_); code != SQLITE_OK) {
      return unusable(sqlite3_errstr(code));
    }
    const auto found = inspect();
    if (found && *found == Find::usable) return set_up();
    link_.leave_as_is();
    link_.close();
    if (!found) return found.error();
    if (!may_move || tries > 0) return failure(SQLITE_CORRUPT);
    auto moved = move_aside();
    if (!moved) return moved.error();
    moved_to = std::move(*moved);
  }
}

// --- where it is ----------------------------------------------------------------------------------

Result<void> SqliteFile::locate() {
  if (named_.empty() || named_.find('\0') != std::string::npos || named_ == ":memory:") {
    return unusable("that is not the path of a file; leave it out to keep state in memory");
  }
  struct stat found {};
  if (::stat(named_.c_str(), &found) != 0) {
    if (auto done = make(); !done) return done;
  } else if (S_ISDIR(found.st_mode)) {
    return unusable("it is a folder; name a file in it");
  } else if (!S_ISREG(found.st_mode)) {
    return unusable("it is not an ordinary file");
  }
  if (char* real = ::realpath(named_.c_str(), nullptr)) {
    path_ = real;
    std::free(real);
  }
  if (!identify(path_, identity_)) return unusable(std::strerror(errno));
  return {};
}

Result<void> SqliteFile::make() {
  if (errno != ENOENT) return unusable(std::strerror(errno));
  // Made here, so that nobody else may read what was said to a model; SQLite gives what it keeps
  // beside the file the same mode.
  const int made = ::open(named_.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (made >= 0) {
    ::close(made);
    return {};
  }
  if (errno == EEXIST) return {};  // another process was quicker
  if (errno == ENOENT) {
    return unusable("the folder " + folder_of(named_) + " does not exist; make it");
  }
  return unusable(std::string(std::strerror(errno)) + "; the folder has to be writable");
}

bool SqliteFile::identify(const std::string& path, Identity& identity) {
  struct stat found {};
  if (::stat(path.c_str(), &found) != 0) return false;
  identity = {found.st_dev, found.st_ino};
  return true;
}

bool SqliteFile::in_place() const {
  Identity now;
  return identify(path_, now) && now == identity_;
}

// --- what it is -----------------------------------------------------------------------------------

// Reads only: whatever is not ours stays as it is.
Result<SqliteFile::Find> SqliteFile::inspect() {
  auto found = check_owner();
  if (!found || *found == Find::damaged) return found;
  if (link_.read_only()) return unusable("it may not be written; change its permissions");
  std::string words;
  if (const int code = link_.read("PRAGMA quick_check(1)", words); code != SQLITE_OK) {
    return judge(code);
  }
  return words == "ok" ? Find::usable : Find::damaged;
}

Result<SqliteFile::Find> SqliteFile::check_owner() {
  std::int64_t application = 0, version = 0, tables = 0;
  // In one transaction: another process may be making the tables right now.
  int code = link_.run("BEGIN");
  if (code == SQLITE_OK) code = link_.read("PRAGMA application_id", application);
  if (code == SQLITE_OK) code = link_.read("PRAGMA user_version", version);
  if (code == SQLITE_OK) code = link_.read("SELECT count(*) FROM sqlite_schema", tables);
  if (link_.in_transaction()) link_.run("ROLLBACK");
  if (code != SQLITE_OK) return judge(code);
  if (application != kApplication && (application != 0 || version != 0 || tables != 0)) {
    return unusable("it is the database of another program; name another file");
  }
  if (version > kVersion) {
    return unusable("a newer llmroute has written it (version " + std::to_string(version) +
                    ", known: " + std::to_string(kVersion) + "); update, or name another file");
  }
  return Find::usable;
}

Result<SqliteFile::Find> SqliteFile::judge(int code) const {
  if (says_damaged(code)) return Find::damaged;
  const int kind = primary(code);
  if (kind == SQLITE_READONLY || kind == SQLITE_CANTOPEN || kind == SQLITE_PERM) {
    return unusable("it and its folder have to be writable");
  }
  return failure(code);
}

Result<std::string> SqliteFile::move_aside() {
  // One process after the other: the second finds that the path names the new file already.
  const FileLock lock(path_);
  if (!in_place()) return std::string();
  for (int n = 1; n <= kMostCorrupt; ++n) {
    const std::string to = path_ + ".corrupt-" + std::to_string(n);
    struct stat ignored {};
    if (::lstat(to.c_str(), &ignored) == 0) continue;
    if (std::rename(path_.c_str(), to.c_str()) != 0) {
      return unusable(std::string("it is damaged and cannot be moved aside: ") +
                      std::strerror(errno));
    }
    for (const char* beside : {"-wal", "-shm"}) {
      std::rename((path_ + beside).c_str(), (to + beside).c_str());  // often not there
    }
    return to;
  }
  return unusable("it is damaged, and there are " + std::to_string(kMostCorrupt) +
                  " files beside it that were; delete some");
}

// --- making it ready ------------------------------------------------------------------------------

Result<void> SqliteFile::set_up() {
  std::int64_t page_bytes = 4'096;
  int code = use_wal();
  if (code == SQLITE_OK) code = link_.read("PRAGMA page_size", page_bytes);
  if (code == SQLITE_OK) {
    const std::string most = std::to_string(static_cast<std::int64_t>(max_bytes_) /
                                            std::max<std::int64_t>(page_bytes, 1));
    code = link_.run(("PRAGMA max_page_count=" + most).c_str());
  }
  // FULL: what a commit says is written has reached the disk.
  if (code == SQLITE_OK)
    code = link_.run("PRAGMA synchronous=FULL;PRAGMA journal_size_limit=16777216");
  if (code == SQLITE_OK) code = make_tables();
  if (code == SQLITE_OK) return {};
  auto judged = judge(code);
  link_.close();
  return judged ? failure(code) : judged.error();
}

// SQLite does not wait for this change as it does for others, so that two which begin together could
// refuse each other.
int SqliteFile::use_wal() {
  constexpr int kPauseMs = 5;
  const auto patience = std::chrono::duration_cast<milliseconds>(busy_).count() / kPauseMs;
  for (std::int64_t tries = 0;; ++tries) {
    const int code = link_.run("PRAGMA journal_mode=WAL");
    if (primary(code) != SQLITE_BUSY || tries >= patience) return code;
    sqlite3_sleep(kPauseMs);
  }
}

int SqliteFile::make_tables() {
  if (const int code = link_.run("BEGIN IMMEDIATE"); code != SQLITE_OK) return code;
  std::int64_t version = 0;
  int code = link_.read("PRAGMA user_version", version);
  if (code == SQLITE_OK && version == 0) code = link_.run(kTables);
  if (code == SQLITE_OK) code = link_.run("COMMIT");
  if (link_.in_transaction()) link_.run("ROLLBACK");
  return code;
}

// --- in words -------------------------------------------------------------------------------------

Error SqliteFile::unusable(const std::string& why) const {
  return make_error(ErrorKind::config, "the state file " + named_ + " cannot be used: " + why,
                    "state.path");
}

Error SqliteFile::failure(int code) const {
  const std::string file = "the state file " + named_;
  std::string words;
  switch (primary(code)) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      words = file + " was locked by another process for " +
              std::to_string(std::chrono::duration_cast<milliseconds>(busy_).count()) +
              " ms; end what holds it, or raise state.busy_ms";
      break;
    case SQLITE_FULL:
      words = file + " has no room: its disk is full, or it has reached its bound of " +
              std::to_string(max_bytes_ >> 20U) + " MiB; free some, or let entries expire";
      break;
    case SQLITE_READONLY:
      words = file + " may not be written any more; change its permissions";
      break;
    case SQLITE_NOTADB:
    case SQLITE_CORRUPT:
      words = file + " is damaged; a new router moves it aside and begins anew";
      break;
    default:
      words = file + " cannot be read or written (" + sqlite3_errstr(code) + "); look at its disk";
  }
  return make_error(ErrorKind::capacity, std::move(words));
}

bool SqliteFile::is_grave(int code) {
  const int kind = primary(code);
  return kind != SQLITE_OK && kind != SQLITE_BUSY && kind != SQLITE_LOCKED && kind != SQLITE_FULL;
}

}  // namespace llmroute::store
