// What the SQLite store promises beyond the others: durability, other processes, disks that fail.
#include <fcntl.h>
#include <sys/resource.h>

#include <atomic>
#include <cstring>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

#include "any_store.h"
#include "llmroute/store/sqlite_link.h"
#include "processes.h"

namespace llmroute::store {
namespace {

using test::at_s;
using test::Child;
using test::open_file;
using test::TemporaryFolder;
using test::wish;

// --- durability -----------------------------------------------------------------------------------

TEST(SqliteStore, ForgetsNothingWhenOpenedAgain) {
  const TemporaryFolder folder;
  const std::string binary("v\0\xff", 3);
  {
    const auto store = open_file(folder / "state.db");
    EXPECT_EQ(store->lease(wish("k", 100, 60))->granted, 60);
    ASSERT_TRUE(store->give_back("k", 10).has_value());
    ASSERT_TRUE(store->put("e", binary, at_s(50)).has_value());
  }
  const auto store = open_file(folder / "state.db");
  EXPECT_EQ(*store->taken("k"), 50);
  EXPECT_EQ(*store->get("e", at_s(49)), binary);
  EXPECT_EQ(store->lease(wish("k", 100, 60))->granted, 50);
}

TEST(SqliteStore, IsReadByItsOwnerOnly) {
  const TemporaryFolder folder;
  const auto store = open_file(folder / "state.db");
  for (const char* name : {"state.db", "state.db-wal", "state.db-shm"}) {
    const auto mode = std::filesystem::status(folder / name).permissions();
    EXPECT_EQ(mode, std::filesystem::perms::owner_read | std::filesystem::perms::owner_write)
        << name;
  }
}

TEST(SqliteStore, AProcessThatDiesLosesNothingThatWasGranted) {
  const TemporaryFolder folder;
  const std::string path = folder / "state.db";
  Child child([&](int pipe) -> int {
    const auto store = open_file(path);
    const bool granted = store && store->lease(wish("k", 100, 60))->granted == 60;
    const bool put = store && store->put("e", "v", at_s(50));
    if (granted && put) (void)!::write(pipe, "x", 1);
    for (;;) ::pause();
  });
  ASSERT_EQ(child.read(1), "x");
  child.kill();
  EXPECT_EQ(child.wait(), -1);
  const auto store = open_file(path);
  EXPECT_EQ(store->lease(wish("k", 100, 60))->granted, 40);
  EXPECT_EQ(*store->get("e", at_s(1)), "v");
}

// --- several processes ----------------------------------------------------------------------------

constexpr std::int64_t kCounter = 1'000;
constexpr int kThreads = 64;

void in_threads(const std::function<void(int)>& work) {
  std::vector<std::thread> threads;
  for (int i = 0; i < kThreads; ++i) threads.emplace_back(work, i);
  for (std::thread& thread : threads) thread.join();
}

TEST(SqliteStore, TwoProcessesOfManyThreadsGetExactlyTheLimit) {
  const TemporaryFolder folder;
  const std::string path = folder / "state.db";
  const auto take_all = [&](int pipe) {
    const auto store = open_file(path);
    if (!store) return 1;
    std::atomic<std::int64_t> sum{0};
    std::atomic<int> errors{0};
    in_threads([&](int i) {
      for (std::int64_t granted = 1; granted > 0;) {
        const auto got = store->lease(wish("k", kCounter, 1 + i % 13));
        if (!got) ++errors;
        granted = got ? got->granted : 0;
        sum += granted;
      }
    });
    const std::int64_t total = sum;
    (void)!::write(pipe, &total, sizeof total);
    return errors == 0 ? 0 : 2;
  };
  Child one(take_all), other(take_all);
  std::int64_t sum = 0;
  for (Child* child : {&one, &other}) {
    const std::string bytes = child->read_all();
    ASSERT_EQ(bytes.size(), sizeof sum);
    std::int64_t part = 0;
    std::memcpy(&part, bytes.data(), sizeof part);
    sum += part;
    EXPECT_EQ(child->wait(), 0);
  }
  EXPECT_EQ(sum, kCounter);
  EXPECT_EQ(*open_file(path)->taken("k"), kCounter);
}

// Threads that spend from one lease at a time, a byte in the pipe for each unit spent.
int spend_all(const std::string& path, std::int64_t lease, int pipe) {
  const auto store = open_file(path);
  if (!store) return 1;
  std::mutex mutex;
  std::int64_t left = 0;
  std::atomic<int> errors{0};
  in_threads([&](int) {
    for (;;) {
      const std::lock_guard lock(mutex);
      if (left == 0) {
        const auto got = store->lease(wish("k", kCounter, lease));
        if (!got) ++errors;
        left = got ? got->granted : 0;
        if (left == 0) return;
      }
      --left;
      if (::write(pipe, "x", 1) != 1) ++errors;
    }
  });
  return errors == 0 ? 0 : 2;
}

TEST(SqliteStore, AKilledProcessCostsAtMostItsLease) {
  constexpr std::int64_t kLease = 20;
  for (const std::size_t killed_after : {1U, 50U, 133U, 400U}) {
    SCOPED_TRACE(killed_after);
    const TemporaryFolder folder;
    const std::string path = folder / "state.db";
    const auto work = [&](int pipe) { return spend_all(path, kLease, pipe); };
    Child dies(work), lives(work);
    std::size_t spent = 0;
    // Where the other is quicker, it may end before it is killed.
    while (spent < killed_after) {
      const std::size_t more = dies.read(killed_after - spent).size();
      spent += more;
      if (more == 0) break;
    }
    dies.kill();
    spent += dies.read_all().size() + lives.read_all().size();
    EXPECT_EQ(lives.wait(), 0);
    dies.wait();
    EXPECT_LE(spent, static_cast<std::size_t>(kCounter));
    EXPECT_GE(spent, static_cast<std::size_t>(kCounter - kLease));
    EXPECT_EQ(*open_file(path)->taken("k"), kCounter);
  }
}

TEST(SqliteStore, AChildThatInheritedItIsRefused) {
  const TemporaryFolder folder;
  const std::string path = folder / "state.db";
  auto store = open_file(path);
  ASSERT_TRUE(store->lease(wish("k", 100, 10)).has_value());
  Child child([&](int) {
    const auto refused = store->lease(wish("k", 100, 10));
    if (refused || refused.error().kind != ErrorKind::closed) return 1;
    if (refused.error().message.find("forked") == std::string::npos) return 2;
    store.reset();  // touches nothing of the parent's
    return 0;
  });
  EXPECT_EQ(child.wait(), 0);
  EXPECT_EQ(store->lease(wish("k", 100, 10))->taken, 20);
}

TEST(SqliteStore, AroundAForkNothingIsOpen) {
  const TemporaryFolder folder;
  const std::string path = folder / "state.db";
  const auto store = open_file(path);
  ASSERT_TRUE(store->lease(wish("k", 100, 10)).has_value());
  store->before_fork();
  // The last connection is closed: SQLite has cleared up what it kept beside the file.
  EXPECT_FALSE(std::filesystem::exists(path + "-wal"));
  Child child([&](int pipe) {
    const auto own = open_file(path);
    const bool right = own && own->lease(wish("k", 100, 10))->taken == 20;
    (void)!::write(pipe, "x", 1);
    for (int turn = 0; turn < 50 && right; ++turn) {
      if (!own->lease(wish("k", 100, 1))) return 2;
    }
    return right ? 0 : 1;
  });
  store->after_fork();
  ASSERT_EQ(child.read(1), "x");
  for (int turn = 0; turn < 30; ++turn) ASSERT_TRUE(store->lease(wish("k", 100, 1)).has_value());
  EXPECT_EQ(child.wait(), 0);
  EXPECT_EQ(*store->taken("k"), 100);
}

// --- a store that does not answer ------------------------------------------------------------------

void expect_capacity(const Error& error, std::string_view word) {
  EXPECT_EQ(error.kind, ErrorKind::capacity);
  EXPECT_NE(error.message.find(word), std::string::npos) << error.message;
  EXPECT_NE(error.message.find("state.db"), std::string::npos) << error.message;
}

TEST(SqliteStore, LockedItFailsAfterAWhileAndThenWorks) {
  const TemporaryFolder folder;
  const auto store = open_file(folder / "state.db", milliseconds(30));
  ASSERT_TRUE(store->lease(wish("k", 100, 10)).has_value());
  Link other;
  ASSERT_EQ(other.open(folder / "state.db", Duration::zero()), 0);
  ASSERT_EQ(other.run("BEGIN IMMEDIATE"), 0);
  const auto lease = store->lease(wish("k", 100, 10));
  ASSERT_FALSE(lease.has_value());
  expect_capacity(lease.error(), "locked by another process for 30 ms");
  const auto put = store->put("e", "v", at_s(50));
  ASSERT_FALSE(put.has_value());
  expect_capacity(put.error(), "locked");
  EXPECT_EQ(*store->taken("k"), 10);  // reading needs no lock
  ASSERT_EQ(other.run("ROLLBACK"), 0);
  EXPECT_EQ(store->lease(wish("k", 100, 10))->taken, 20);
  EXPECT_TRUE(store->put("e", "v", at_s(50)).has_value());
}

TEST(SqliteStore, ADiskThatTakesNoMoreChangesNothing) {
  const TemporaryFolder folder;
  const std::string path = folder / "state.db";
  Child child([&](int) {
    const auto store = open_file(path);
    if (!store || !store->lease(wish("k", 1'000, 10))) return 1;
    ::signal(SIGXFSZ, SIG_IGN);
    rlimit before{};
    ::getrlimit(RLIMIT_FSIZE, &before);
    rlimit full = before;
    full.rlim_cur = 2'000;  // of every file, so that a new connection has no luck either
    ::setrlimit(RLIMIT_FSIZE, &full);
    for (int turn = 0; turn < 3; ++turn) {
      const auto refused = store->lease(wish("k", 1'000, 10));
      if (refused || refused.error().kind != ErrorKind::capacity) return 2;
      if (refused.error().message.find("disk") == std::string::npos) return 3;
      if (const auto taken = store->taken("k"); taken && *taken != 10) return 4;
    }
    ::setrlimit(RLIMIT_FSIZE, &before);
    const auto again = store->lease(wish("k", 1'000, 10));
    return again && again->taken == 20 ? 0 : 5;
  });
  EXPECT_EQ(child.wait(), 0);
  EXPECT_EQ(*open_file(path)->taken("k"), 20);
}

TEST(SqliteStore, AFileThatWasDeletedIsMadeAgain) {
  const TemporaryFolder folder;
  const std::string path = folder / "state.db";
  const auto store = open_file(path);
  ASSERT_TRUE(store->lease(wish("k", 100, 10)).has_value());
  for (const char* beside : {"", "-wal", "-shm"}) std::filesystem::remove(path + beside);
  EXPECT_EQ(store->lease(wish("k", 100, 10))->taken, 10);
  EXPECT_EQ(*open_file(path)->taken("k"), 10);
}

TEST(SqliteStore, DamageUnderWayIsSaidAndLeftForTheNextOpening) {
  const TemporaryFolder folder;
  const std::string path = folder / "state.db";
  const auto store = open_file(path);
  for (const char* beside : {"", "-wal", "-shm"}) std::filesystem::remove(path + beside);
  folder.write("state.db", std::string(9'000, 'x'));
  const auto refused = store->lease(wish("k", 100, 10));
  ASSERT_FALSE(refused.has_value());
  expect_capacity(refused.error(), "damaged");
  EXPECT_FALSE(std::filesystem::exists(path + ".corrupt-1"));
  // Whoever opens it next moves it aside, and this one follows.
  EXPECT_EQ(open_file(path)->lease(wish("k", 100, 10))->taken, 10);
  EXPECT_TRUE(std::filesystem::exists(path + ".corrupt-1"));
  EXPECT_EQ(store->lease(wish("k", 100, 10))->taken, 20);
}

TEST(SqliteStore, AFolderThatWentAwayIsAStoreThatDoesNotAnswer) {
  const TemporaryFolder folder;
  std::filesystem::create_directory(folder / "sub");
  const std::string path = folder / "sub/state.db";
  const auto store = open_file(path);
  std::filesystem::rename(folder / "sub", folder / "away");
  const auto refused = store->lease(wish("k", 100, 10));
  ASSERT_FALSE(refused.has_value());
  expect_capacity(refused.error(), "does not exist");
  std::filesystem::rename(folder / "away", folder / "sub");
  EXPECT_EQ(store->lease(wish("k", 100, 10))->taken, 10);
}

}  // namespace
}  // namespace llmroute::store
