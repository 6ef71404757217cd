#include <unistd.h>

#include <algorithm>
#include <array>
#include <limits>
#include <mutex>

#include "llmroute/store/rules.h"
#include "llmroute/store/sqlite_file.h"

namespace llmroute::store {

namespace {

enum Sql : std::size_t {
  kBegin,
  kCommit,
  kRollback,
  kReadLease,
  kWriteLease,
  kGiveBack,
  kExpireLeases,
  kReadEntry,
  kWriteEntry,
  kWriteNewEntry,
  kEraseEntry,
  kScan,
  kScanToEnd,
  kExpireEntries,
  kUsedPages,
  kStatements
};
constexpr std::array<const char*, kStatements> kTexts = {
    // Locked for writing from the beginning: what is read cannot change before it is written.
    "BEGIN IMMEDIATE",
    "COMMIT",
    "ROLLBACK",
    "SELECT taken FROM lease WHERE key=?1",
    "INSERT INTO lease(key,taken,expires) VALUES(?1,?2,?3)"
    " ON CONFLICT(key) DO UPDATE SET taken=?2,expires=max(expires,?3)",
    "UPDATE lease SET taken=max(0,taken-?2) WHERE key=?1",
    "DELETE FROM lease WHERE expires<=?1",
    "SELECT value FROM entry WHERE key=?1 AND expires>?2",
    "INSERT INTO entry(key,value,expires) VALUES(?1,?2,?3)"
    " ON CONFLICT(key) DO UPDATE SET value=?2,expires=?3",
    "INSERT INTO entry(key,value,expires) VALUES(?1,?2,?3)"
    " ON CONFLICT(key) DO UPDATE SET value=?2,expires=?3 WHERE expires<=?4",
    "DELETE FROM entry WHERE key=?1",
    "SELECT key,value FROM entry WHERE key>=?1 AND expires>?2 AND key<?4 ORDER BY key LIMIT ?3",
    "SELECT key,value FROM entry WHERE key>=?1 AND expires>?2 ORDER BY key LIMIT ?3",
    "DELETE FROM entry WHERE expires<=?1",
    "SELECT (c.page_count-f.freelist_count)*s.page_size"
    " FROM pragma_page_count AS c,pragma_freelist_count AS f,pragma_page_size AS s",
};

std::int64_t stored(WallTime at) { return at.time_since_epoch().count(); }

class SqliteStore final : public StateStore {
 public:
  explicit SqliteStore(const SqliteOptions& options)
      : max_bytes_(options.max_bytes), process_(::getpid()), file_(options) {}
  ~SqliteStore() override {
    if (::getpid() == process_) return;
    for (Statement& statement : statements_) statement.abandon();
    file_.link().abandon();
  }

  Result<void> open(std::string& moved_to) {
    auto done = file_.open(true, moved_to);
    return done ? prepare() : done;
  }

  Result<Grant> lease(const LeaseWish& wish) override {
    if (auto done = check_wish(wish); !done) return done.error();
    return call<Grant>([&]() -> Result<Grant> { return lease_locked(wish); });
  }

  Result<void> give_back(std::string_view key, std::int64_t amount) override {
    if (auto done = check_amount(key, amount); !done) return done;
    // Lost with the power, it is spent never instead of twice.
    return call<void>([&] { return change(sql(kGiveBack).bind(1, key).bind(2, amount)); });
  }

  Result<std::int64_t> taken(std::string_view key) override {
    if (auto done = check_key(key); !done) return done.error();
    return call<std::int64_t>([&]() -> Result<std::int64_t> {
      std::int64_t value = 0;
      if (const int code = read_taken(key, value); code != 0) return fail(code);
      return value;
    });
  }

  Result<void> put(std::string_view key, std::string_view value, WallTime expires) override {
    if (auto done = check_entry(key, value); !done) return done;
    return call<void>([&]() -> Result<void> {
      if (auto done = check_room(value.size()); !done) return done;
      return change(sql(kWriteEntry).bind(1, key).bind(2, value).bind(3, stored(expires)));
    });
  }

  Result<bool> put_new(std::string_view key, std::string_view value, WallTime expires,
                       WallTime now) override {
    if (auto done = check_entry(key, value); !done) return done.error();
    return call<bool>([&]() -> Result<bool> {
      if (auto done = check_room(value.size()); !done) return done.error();
      Statement& write = sql(kWriteNewEntry).bind(1, key).bind(2, value);
      std::int64_t written = 0;
      auto done = change(write.bind(3, stored(expires)).bind(4, stored(now)), &written);
      if (!done) return done.error();
      return written > 0;
    });
  }

  Result<std::optional<std::string>> get(std::string_view key, WallTime now) override {
    using Found = std::optional<std::string>;
    if (auto done = check_key(key); !done) return done.error();
    return call<Found>([&]() -> Result<Found> {
      Statement& read = sql(kReadEntry).bind(1, key).bind(2, stored(now));
      Found found;
      if (read.next()) {
        found = read.bytes(0);
        read.stop();
      }
      if (read.code() != 0) return fail(read.code());
      return found;
    });
  }

  Result<void> erase(std::string_view key) override {
    if (auto done = check_key(key); !done) return done;
    return call<void>([&] { return change(sql(kEraseEntry).bind(1, key)); });
  }

  Result<Entries> scan(std::string_view prefix, WallTime now, std::size_t most) override {
    if (auto done = check_prefix(prefix); !done) return done.error();
    return call<Entries>([&]() -> Result<Entries> {
      const std::string end = behind(prefix);
      Statement& read = sql(end.empty() ? kScanToEnd : kScan);
      const std::size_t bound = std::numeric_limits<std::int32_t>::max();
      read.bind(1, prefix).bind(2, stored(now));
      read.bind(3, static_cast<std::int64_t>(std::min(most, bound)));
      if (!end.empty()) read.bind(4, end);
      Entries out;
      while (read.next()) out.emplace_back(read.bytes(0), read.bytes(1));
      if (read.code() != 0) return fail(read.code());
      return out;
    });
  }

  Result<std::size_t> expire(WallTime now) override {
    return call<std::size_t>([&]() -> Result<std::size_t> {
      if (const int code = sql(kBegin).run(); code != 0) return fail(code);
      std::int64_t count = 0;
      for (const Sql which : {kExpireLeases, kExpireEntries}) {
        if (const int code = sql(which).bind(1, stored(now)).run(); code != 0) return fail(code);
        count += file_.link().changes();
      }
      if (const int code = sql(kCommit).run(); code != 0) return fail(code);
      return static_cast<std::size_t>(count);
    });
  }

  // SQLite's locks belong to the process: a child that opened the file beside an inherited connection
  // would believe to hold the parent's. So nothing is open while a fork is under way.
  void before_fork() override {
    if (::getpid() != process_) return;
    mutex_.lock();
    close();
  }
  void after_fork() override {
    if (::getpid() == process_) mutex_.unlock();
  }

 private:
  template <class T, class F>
  Result<T> call(F&& work) {
    // Before the mutex, which a thread that does not exist here may hold.
    if (::getpid() != process_) return inherited();
    const std::lock_guard lock(mutex_);
    if (auto done = ready(); !done) return done.error();
    return work();
  }

  Result<void> ready() {
    if (open_ && file_.in_place()) return {};
    close();  // somebody deleted or replaced the file
    std::string nowhere;
    if (auto done = file_.open(false, nowhere); !done) {
      // What is wrong with the path concerns its maker; here it is a store that does not answer.
      Error error = done.error();
      error.kind = ErrorKind::capacity;
      return error;
    }
    return prepare();
  }

  Result<void> prepare() {
    for (std::size_t i = 0; i < kTexts.size(); ++i) {
      if (const int code = file_.link().prepare(kTexts[i], statements_[i]); code != 0) {
        const Error error = file_.failure(code);
        close();
        return error;
      }
    }
    open_ = true;
    return {};
  }

  void close() {
    for (Statement& statement : statements_) statement = Statement();
    file_.close();
    open_ = false;
  }

  Result<Grant> lease_locked(const LeaseWish& wish) {
    if (const int code = sql(kBegin).run(); code != 0) return fail(code);
    std::int64_t before = 0;
    if (const int code = read_taken(wish.key, before); code != 0) return fail(code);
    const Grant grant = decide(before, wish);
    if (grant.taken == before) {
      sql(kRollback).run();
      return grant;
    }
    Statement& write = sql(kWriteLease).bind(1, wish.key).bind(2, grant.taken);
    int code = write.bind(3, stored(wish.expires)).run();
    if (code == 0) code = sql(kCommit).run();
    if (code != 0) return fail(code);
    return grant;
  }

  Result<void> check_room(std::size_t more) {
    Statement& used = sql(kUsedPages);
    std::int64_t bytes = 0;
    if (used.next()) {
      bytes = used.integer(0);
      used.stop();
    }
    if (used.code() != 0) return fail(used.code());
    if (static_cast<std::size_t>(bytes) + more > room_for_values(max_bytes_)) return no_room();
    return {};
  }

  int read_taken(std::string_view key, std::int64_t& value) {
    Statement& read = sql(kReadLease).bind(1, key);
    if (read.next()) {
      value = read.integer(0);
      read.stop();
    }
    return read.code();
  }

  // For what may be lost with the power: the disk is not waited for. What was granted before stays
  // safe, because the next grant waits for all that was written until then.
  Result<void> change(Statement& statement, std::int64_t* rows = nullptr) {
    int code = file_.link().run("PRAGMA synchronous=NORMAL");
    if (code == 0) code = statement.run();
    if (rows != nullptr) *rows = file_.link().changes();
    const int restored = file_.link().run("PRAGMA synchronous=FULL");
    if (code != 0) return fail(code);
    if (restored != 0) close();  // opened anew, leases are waited for again
    return {};
  }

  Statement& sql(Sql which) { return statements_[which]; }

  Error fail(int code) {
    if (file_.link().in_transaction() && sql(kRollback).run() != 0) close();
    if (SqliteFile::is_grave(code)) close();
    return file_.failure(code);
  }

  Error no_room() const {
    return make_error(ErrorKind::capacity, "the state file holds as much as it may (" +
                                               std::to_string(room_for_values(max_bytes_) >> 10U) +
                                               " KiB besides leases); let entries expire");
  }

  static Error inherited() {
    return make_error(
        ErrorKind::closed,
        "the state file was opened before this process was forked; open it again here");
  }

  const std::size_t max_bytes_;
  const pid_t process_;
  std::mutex mutex_;  // of all that follows
  SqliteFile file_;
  std::array<Statement, kStatements> statements_;  // closed before the file
  bool open_ = false;
};

}  // namespace

Result<std::unique_ptr<StateStore>> open_sqlite_store(const SqliteOptions& options) {
  auto store = std::make_unique<SqliteStore>(options);
  std::string moved_to;
  if (auto done = store->open(moved_to); !done) return done.error();
  if (options.moved_to != nullptr) *options.moved_to = std::move(moved_to);
  return std::unique_ptr<StateStore>(std::move(store));
}

}  // namespace llmroute::store
