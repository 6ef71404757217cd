// Opening a state file: what is refused, what is moved aside, what is left alone.
#include "llmroute/store/sqlite_file.h"

#include <sys/stat.h>

#include <fstream>
#include <sstream>
#include <thread>

#include "any_store.h"
#include "processes.h"

namespace llmroute::store {
namespace {

using test::at_s;
using test::Child;
using test::open_file;
using test::TemporaryFolder;
using test::wish;

std::string content(const std::string& path) {
  std::ostringstream out;
  out << std::ifstream(path, std::ios::binary).rdbuf();
  return out.str();
}

Error refusal(const std::string& path) {
  SqliteOptions options;
  options.path = path;
  options.busy = milliseconds(20);
  const auto opened = open_sqlite_store(options);
  return opened ? Error{ErrorKind::closed, "it was opened", "", ""} : opened.error();
}

void expect_config(const Error& error, std::string_view words) {
  EXPECT_EQ(error.kind, ErrorKind::config);
  EXPECT_EQ(error.path, "state.path");
  EXPECT_NE(error.message.find(words), std::string::npos) << error.message;
}

// A store with something in it, closed, so that all of it is in the one file.
void fill(const std::string& path, int keys = 200) {
  const auto store = open_file(path);
  for (int i = 0; i < keys; ++i) {
    ASSERT_TRUE(store->put("e" + std::to_string(i), std::string(500, 'v'), at_s(50)).has_value());
  }
  ASSERT_TRUE(store->lease(wish("k", 100, 60)).has_value());
}

void change(const std::string& path, const char* sql) {
  Link link;
  ASSERT_EQ(link.open(path, Duration::zero()), 0);
  ASSERT_EQ(link.run(sql), 0);
}

TEST(SqliteFile, NamesThePathAndWhatIsWrongWithIt) {
  const TemporaryFolder folder;
  std::filesystem::create_directory(folder / "sub");
  ASSERT_EQ(::mkfifo((folder / "fifo").c_str(), 0600), 0);
  folder.write("file", "");
  expect_config(refusal(folder / "none/state.db"), "none does not exist; make it");
  expect_config(refusal(folder / "none/state.db"), "/none/state.db");
  expect_config(refusal(folder / "sub"), "it is a folder");
  expect_config(refusal(folder / "fifo"), "not an ordinary file");
  expect_config(refusal(folder / "file/state.db"), "Not a directory");
  expect_config(refusal(""), "leave it out");
  expect_config(refusal(":memory:"), "leave it out");
  expect_config(refusal(std::string("a\0b", 3)), "not the path of a file");
  expect_config(refusal(folder / std::string(300, 'n')), "name too long");
}

TEST(SqliteFile, OpensWhatIsEmptyAndFollowsLinks) {
  const TemporaryFolder folder;
  folder.write("empty.db", "");
  EXPECT_TRUE(open_file(folder / "empty.db")->lease(wish("k", 9, 9)).has_value());
  std::filesystem::create_symlink(folder / "empty.db", folder / "link.db");
  EXPECT_EQ(*open_file(folder / "link.db")->taken("k"), 9);
  EXPECT_EQ(*open_file(folder.path() + "/./empty.db")->taken("k"), 9);
}

TEST(SqliteFile, MovesDamagedFilesAside) {
  const TemporaryFolder folder;
  fill(folder / "good.db");
  const std::string good = content(folder / "good.db");
  ASSERT_GT(good.size(), 40'000U);
  std::string scribbled = good, beheaded = good;
  scribbled.replace(8'192, 12'000, 12'000, '\x5a');
  beheaded.replace(0, 100, 100, '\0');
  const std::pair<const char*, std::string> cases[] = {
      {"text", std::string(3'000, 't')},
      {"short text", "hello"},
      {"truncated", good.substr(0, good.size() / 2)},
      {"truncated within a page", good.substr(0, 5'000)},
      {"scribbled over", scribbled},
      {"without a head", beheaded},
  };
  int n = 0;
  for (const auto& [name, bytes] : cases) {
    SCOPED_TRACE(name);
    folder.write("state.db", bytes);
    std::string moved_to;
    SqliteOptions options;
    options.path = folder / "state.db";
    options.moved_to = &moved_to;
    const auto store = open_sqlite_store(options);
    ASSERT_TRUE(store.has_value()) << store.error().message;
    EXPECT_EQ(moved_to, std::filesystem::canonical(folder.path()).string() + "/state.db.corrupt-" +
                            std::to_string(++n));
    EXPECT_EQ(content(moved_to), bytes);
    EXPECT_EQ((*store)->lease(wish("k", 100, 10))->taken, 10);
  }
}

TEST(SqliteFile, MovesWhatLiesBesideItToo) {
  const TemporaryFolder folder;
  folder.write("state.db", std::string(3'000, 't'));
  folder.write("state.db-wal", "wal");
  folder.write("state.db-shm", "shm");
  std::string moved_to;
  SqliteOptions options;
  options.path = folder / "state.db";
  options.moved_to = &moved_to;
  ASSERT_TRUE(open_sqlite_store(options).has_value());
  EXPECT_EQ(content(moved_to + "-wal"), "wal");
  EXPECT_TRUE(std::filesystem::exists(moved_to + "-shm"));  // an index of the other
}

TEST(SqliteFile, SaysNothingWhereNothingWasMoved) {
  const TemporaryFolder folder;
  fill(folder / "state.db", 1);
  std::string moved_to = "before";
  SqliteOptions options;
  options.path = folder / "state.db";
  options.moved_to = &moved_to;
  ASSERT_TRUE(open_sqlite_store(options).has_value());
  EXPECT_EQ(moved_to, "");
}

TEST(SqliteFile, LeavesAloneWhatIsNotItsOwn) {
  struct Case {
    const char* change;
    const char* words;
    bool ours;
  };
  const Case cases[] = {
      {"PRAGMA user_version=2", "newer llmroute", true},
      {"PRAGMA application_id=7", "another program", true},
      {"CREATE TABLE t(x)", "another program", false},
      {"PRAGMA user_version=1;PRAGMA application_id=0", "another program", false},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.change);
    const TemporaryFolder folder;
    const std::string path = folder / "state.db";
    if (c.ours) {
      fill(path, 3);
    } else {
      folder.write("state.db", "");
    }
    change(path, c.change);
    const std::string before = content(path);
    expect_config(refusal(path), c.words);
    EXPECT_EQ(content(path), before);
    EXPECT_FALSE(std::filesystem::exists(path + ".corrupt-1"));
  }
}

TEST(SqliteFile, WhatMayNotBeWrittenIsRefused) {
  const TemporaryFolder folder;
  fill(folder / "state.db", 3);
  std::filesystem::create_directory(folder / "sub");
  std::filesystem::permissions(folder / "sub", std::filesystem::perms(0555));
  std::filesystem::permissions(folder.path(), std::filesystem::perms(0755));
  std::filesystem::permissions(folder / "state.db", std::filesystem::perms(0444));
  // Nothing is forbidden to the superuser, so it is somebody else who tries.
  Child child([&](int) {
    if (::geteuid() == 0 && ::setuid(65'534) != 0) return 1;
    expect_config(refusal(folder / "state.db"), "writ");
    expect_config(refusal(folder / "sub/state.db"), "has to be writable");
    return testing::Test::HasFailure() ? 2 : 0;
  });
  EXPECT_EQ(child.wait(), 0);
}

TEST(SqliteFile, LockedWhileOpeningItMayWorkLater) {
  const TemporaryFolder folder;
  fill(folder / "state.db", 3);
  Link other;
  ASSERT_EQ(other.open(folder / "state.db", Duration::zero()), 0);
  ASSERT_EQ(other.run("BEGIN EXCLUSIVE"), 0);
  const Error error = refusal(folder / "state.db");
  EXPECT_EQ(error.kind, ErrorKind::capacity);
  EXPECT_NE(error.message.find("locked"), std::string::npos) << error.message;
  ASSERT_EQ(other.run("ROLLBACK"), 0);
  EXPECT_EQ(*open_file(folder / "state.db")->taken("k"), 60);
}

TEST(SqliteFile, ManyMayBeginAtTheSameTime) {
  const TemporaryFolder folder;
  folder.write("damaged.db", std::string(3'000, 't'));
  for (const char* name : {"new.db", "damaged.db"}) {
    const std::string path = folder / name;
    std::vector<std::unique_ptr<Child>> children;
    for (int i = 0; i < 8; ++i) {
      children.push_back(std::make_unique<Child>([&](int) {
        const auto store = open_file(path);
        return store && store->lease(wish("k", 100, 1)) ? 0 : 1;
      }));
    }
    for (const auto& child : children) EXPECT_EQ(child->wait(), 0) << name;
    EXPECT_EQ(*open_file(path)->taken("k"), 8) << name;
  }
  EXPECT_FALSE(std::filesystem::exists(folder / "damaged.db.corrupt-2"));
}

}  // namespace
}  // namespace llmroute::store
