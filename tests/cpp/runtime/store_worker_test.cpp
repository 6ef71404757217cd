#include "llmroute/runtime/store_worker.h"

#include <atomic>
#include <vector>

#include "fake_store.h"

namespace llmroute::runtime {
namespace {

using test::FakeStore;
using test::Watched;
using Seen = FakeStore::Seen;

void expire(store::StateStore& store) { (void)store.expire(WallTime{}); }

TEST(StoreWorker, RunsJobsInOrderOnAThreadOfItsOwn) {
  const auto store = std::make_shared<FakeStore>();
  StoreWorker worker(store, StoreCalls::on_own_thread, 100);
  Watched<std::vector<int>> order;
  for (int i = 0; i < 50; ++i) {
    ASSERT_TRUE(worker.post([&order, i](store::StateStore& got) {
      expire(got);
      order.change([i](std::vector<int>& list) { list.push_back(i); });
    }));
  }
  ASSERT_TRUE(order.wait([](const std::vector<int>& list) { return list.size() == 50; }));
  const std::vector<int> got = order.get();
  for (int i = 0; i < 50; ++i) EXPECT_EQ(got[static_cast<std::size_t>(i)], i);
  EXPECT_NE(store->seen.get().thread, std::this_thread::get_id());
}

TEST(StoreWorker, OrOnTheThreadThatPosts) {
  const auto store = std::make_shared<FakeStore>();
  StoreWorker worker(store, StoreCalls::on_callers_thread, 0);
  int ran = 0;
  EXPECT_TRUE(worker.post([&](store::StateStore& got) {
    expire(got);
    ++ran;
    // A job may post another.
    EXPECT_TRUE(worker.post([&ran](store::StateStore&) { ++ran; }));
  }));
  EXPECT_EQ(ran, 2);
  EXPECT_EQ(store->seen.get().thread, std::this_thread::get_id());
  worker.stop(Duration::zero());
  EXPECT_FALSE(worker.post([&ran](store::StateStore&) { ++ran; }));
  EXPECT_EQ(ran, 2);
}

TEST(StoreWorker, RefusesAtOnceWhatWouldWaitTooLong) {
  const auto store = std::make_shared<FakeStore>();
  store->set_open(false);
  StoreWorker worker(store, StoreCalls::on_own_thread, 3);
  ASSERT_TRUE(worker.post(expire));
  ASSERT_TRUE(store->seen.wait([](const Seen& s) { return s.waiting == 1; }));
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(worker.post(expire)) << i;
  EXPECT_FALSE(worker.post(expire));
  store->set_open(true);
  ASSERT_TRUE(store->seen.wait([](const Seen& s) { return s.calls == 4; }));
  EXPECT_TRUE(worker.post(expire));
}

TEST(StoreWorker, StoppingRunsWhatWaits) {
  const auto store = std::make_shared<FakeStore>();
  store->set_open(false);
  StoreWorker worker(store, StoreCalls::on_own_thread, 100);
  for (int i = 0; i < 20; ++i) ASSERT_TRUE(worker.post(expire));
  store->set_open(true);
  worker.stop(test::kPatience);
  EXPECT_EQ(store->seen.get().calls, 20);
  EXPECT_FALSE(worker.post(expire));
  worker.stop(test::kPatience);
}

TEST(StoreWorker, OrDestroysItUnrunWhenPatienceEnds) {
  const auto store = std::make_shared<FakeStore>();
  store->set_open(false);
  StoreWorker worker(store, StoreCalls::on_own_thread, 100);
  ASSERT_TRUE(worker.post(expire));
  ASSERT_TRUE(store->seen.wait([](const Seen& s) { return s.waiting == 1; }));
  Watched<int> destroyed;
  std::atomic<int> ran{0};
  for (int i = 0; i < 5; ++i) {
    const std::shared_ptr<int> token(new int(0), [&destroyed](const int* gone) {
      delete gone;
      destroyed.change([](int& count) { ++count; });
    });
    ASSERT_TRUE(worker.post([token, &ran](store::StateStore&) { ++ran; }));
  }
  std::thread stopping([&worker] { worker.stop(Duration::zero()); });
  EXPECT_TRUE(destroyed.wait([](int count) { return count == 5; }));
  store->set_open(true);  // the one under way ends in its own time
  stopping.join();
  EXPECT_EQ(ran, 0);
  EXPECT_EQ(store->seen.get().calls, 1);
}

TEST(StoreWorker, LetsGoOfTheStoreWhenStopped) {
  for (const StoreCalls calls : {StoreCalls::on_own_thread, StoreCalls::on_callers_thread}) {
    auto store = std::make_shared<FakeStore>();
    const std::weak_ptr<FakeStore> seen = store;
    StoreWorker worker(std::move(store), calls, 3);
    EXPECT_FALSE(seen.expired());
    worker.stop(Duration::zero());
    EXPECT_TRUE(seen.expired());
  }
}

TEST(StoreWorker, ManyThreadsPostWhileItStops) {
  const auto store = std::make_shared<FakeStore>();
  StoreWorker worker(store, StoreCalls::on_own_thread, 10'000);
  std::atomic<int> posted{0}, ran{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&] {
      while (worker.post([&ran](store::StateStore&) { ++ran; })) ++posted;
    });
  }
  while (ran < 1'000) std::this_thread::yield();
  worker.stop(test::kPatience);
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(ran, posted);
}

}  // namespace
}  // namespace llmroute::runtime
