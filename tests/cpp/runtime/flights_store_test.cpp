// Answers that outlive their router, in a store.
#include "cache_probe.h"
#include "fake_store.h"
#include "llmroute/runtime/flights.h"

namespace llmroute::runtime {
namespace {

using test::cached;
using test::CacheProbe;
using test::chat;
using test::config_for;
using test::CountingServer;
using test::FakeStore;
using test::Gathered;
using test::HoldingServer;
using test::whole_reply;

ExactCacheSpec persistent() {
  ExactCacheSpec spec;
  spec.persistent = true;
  return spec;
}

RouterOptions with(const std::shared_ptr<FakeStore>& store, const Clock* clock = nullptr) {
  RouterOptions options;
  options.store = store;
  options.clock = clock;
  return options;
}

std::size_t entries(FakeStore& store) { return store.scan("cache/", WallTime(), 1'000)->size(); }

// The store's own thread has put away everything so far: closing drains it.
void ask_and_close(const InventoryPtr& inventory, const RouterOptions& options, bool stream) {
  CacheProbe probe(inventory, options);
  ASSERT_TRUE(probe.ok(chat("x", stream)));
  probe.router->close();
}

TEST(FlightsStore, AnAnswerOutlivesItsRouter) {
  for (const bool stream : {false, true}) {
    test::ManualClock clock;  // nobody loses patience
    CountingServer server("kept text");
    const auto store = std::make_shared<FakeStore>();
    const InventoryPtr inventory = cached(config_for({{"a", server.url()}}), persistent());
    ask_and_close(inventory, with(store, &clock), stream);
    EXPECT_EQ(entries(*store), 1U);
    clock.advance(seconds(2));
    CacheProbe probe(inventory, with(store, &clock));
    const Gathered hit = probe.run(chat("x", stream));
    EXPECT_EQ(hit.last.decision->cache.status, CacheStatus::hit);
    EXPECT_EQ(hit.last.decision->cache.answered_by, "r-x");
    EXPECT_EQ(hit.last.decision->cache.age, seconds(2));
    EXPECT_EQ(hit.last.decision->cost.usd.pico, 0);
    if (stream) {
      EXPECT_EQ(hit.text(), "kept text");
    } else {
      EXPECT_EQ(hit.last.reply->body, whole_reply("kept text"));
    }
    // From here on memory has it.
    const int calls = store->seen.get().calls;
    EXPECT_EQ(probe.status(chat("x", stream)), CacheStatus::hit);
    EXPECT_EQ(store->seen.get().calls, calls);
    EXPECT_EQ(server.requests.get(), 1);
    EXPECT_EQ(probe.router->in_flight(), 0U);
    const CacheStats stats = probe.router->cache_stats();
    EXPECT_EQ(stats.hits, 2U);
    EXPECT_EQ(stats.misses, 0U);
  }
}

TEST(FlightsStore, WhatIsNotPersistentStaysInMemory) {
  CountingServer server;
  const auto store = std::make_shared<FakeStore>();
  ask_and_close(cached(config_for({{"a", server.url()}})), with(store), false);
  EXPECT_EQ(entries(*store), 0U);
}

TEST(FlightsStore, ItsAgeIsCountedFromWhenItWasGiven) {
  test::ManualClock clock;
  CountingServer server;
  const auto store = std::make_shared<FakeStore>();
  ExactCacheSpec spec = persistent();
  spec.ttl = seconds(60);
  const InventoryPtr inventory = cached(config_for({{"a", server.url()}}), spec);
  ask_and_close(inventory, with(store, &clock), false);
  clock.advance(seconds(59));
  {
    CacheProbe probe(inventory, with(store, &clock));
    EXPECT_EQ(probe.run(chat("x")).last.decision->cache.age, seconds(59));
  }
  clock.advance(seconds(1));
  CacheProbe probe(inventory, with(store, &clock));
  EXPECT_EQ(probe.status(chat("x")), CacheStatus::miss);
}

TEST(FlightsStore, DamagedValuesAreMisses) {
  CountingServer server;
  const auto store = std::make_shared<FakeStore>();
  const InventoryPtr inventory = cached(config_for({{"a", server.url()}}), persistent());
  ask_and_close(inventory, with(store), false);
  const auto [key, value] = store->scan("cache/", WallTime(), 1)->at(0);
  int asked = 1;
  for (const std::string& damaged :
       {std::string(), value.substr(0, value.size() / 2), value + "x", std::string("{}")}) {
    ASSERT_TRUE(store->put(key, damaged, WallTime(seconds(4'000'000'000))));
    ask_and_close(inventory, with(store), false);
    EXPECT_EQ(server.requests.get(), ++asked) << damaged;
  }
}

TEST(FlightsStore, AStoreThatFailsIsAMiss) {
  CountingServer server;
  const auto store = std::make_shared<FakeStore>();
  const InventoryPtr inventory = cached(config_for({{"a", server.url()}}), persistent());
  ask_and_close(inventory, with(store), false);
  CacheProbe probe(inventory, with(store));
  store->set_failing(true);
  EXPECT_EQ(probe.status(chat("x")), CacheStatus::miss);
  EXPECT_EQ(server.requests.get(), 2);
  EXPECT_EQ(probe.status(chat("x")), CacheStatus::hit);
}

TEST(FlightsStore, ASlowStoreIsNotWaitedForLong) {
  test::ManualClock clock;
  CountingServer server;
  const auto store = std::make_shared<FakeStore>();
  CacheProbe probe(cached(config_for({{"a", server.url()}}), persistent()), with(store, &clock));
  store->set_open(false);
  const Ticket first = probe.submit(chat("x"));
  probe.submit(chat("x"));
  ASSERT_TRUE(probe.wait_joined(1));  // follows the one that asks the store
  EXPECT_EQ(server.requests.get(), 0);
  clock.advance(Flights::kStorePatience);
  probe.router->poke();
  ASSERT_TRUE(probe.collect_ended(2));
  EXPECT_EQ(server.requests.get(), 1);
  const Decision& decision = *probe.all[first].last.decision;
  EXPECT_EQ(decision.cache.status, CacheStatus::miss);
  EXPECT_EQ(decision.total, Flights::kStorePatience);
  EXPECT_TRUE(decision.notes.empty());
  store->set_open(true);
}

TEST(FlightsStore, WhoWaitsForItCanBeCancelledAndIsHeldToItsDeadline) {
  test::ManualClock clock;
  CountingServer server;
  const auto store = std::make_shared<FakeStore>();
  CacheProbe probe(cached(config_for({{"a", server.url()}}), persistent()), with(store, &clock));
  store->set_open(false);
  const Ticket cancelled = probe.submit(chat("x"));
  auto request = chat("y");
  request->options.deadline = milliseconds(10);
  const Ticket late = probe.submit(request);
  probe.submit(chat("x"));
  ASSERT_TRUE(probe.wait_joined(1));
  probe.router->cancel(cancelled);
  clock.advance(milliseconds(10));
  probe.router->poke();
  ASSERT_TRUE(probe.collect_ended(2));
  EXPECT_EQ(probe.all[cancelled].failure(), ErrorKind::cancelled);
  EXPECT_EQ(probe.all[late].failure(), ErrorKind::deadline_exceeded);
  EXPECT_EQ(probe.all[late].last.decision->cache.status, CacheStatus::miss);
  store->set_open(true);
  // The one that followed is answered all the same.
  ASSERT_TRUE(probe.collect_ended(3));
  EXPECT_EQ(server.requests.get(), 1);
  EXPECT_EQ(probe.router->in_flight(), 0U);
}

TEST(FlightsStore, FollowersOfOneThatIsFoundThereAreHitsToo) {
  test::ManualClock clock;
  CountingServer server;
  const auto store = std::make_shared<FakeStore>();
  const InventoryPtr inventory = cached(config_for({{"a", server.url()}}), persistent());
  ask_and_close(inventory, with(store, &clock), false);
  CacheProbe probe(inventory, with(store, &clock));
  store->set_open(false);
  for (int i = 0; i < 3; ++i) probe.submit(chat("x"));
  ASSERT_TRUE(probe.wait_joined(2));
  store->set_open(true);
  ASSERT_TRUE(probe.collect_ended(3));
  for (const auto& [ticket, got] : probe.all) {
    EXPECT_EQ(got.last.decision->cache.status, CacheStatus::hit);
  }
  EXPECT_EQ(server.requests.get(), 1);
  EXPECT_EQ(probe.router->in_flight(), 0U);
}

TEST(FlightsStore, CloseEndsWhoWaitsForIt) {
  CountingServer server;
  const auto store = std::make_shared<FakeStore>();
  CacheProbe probe(cached(config_for({{"a", server.url()}}), persistent()), with(store));
  store->set_open(false);
  probe.submit(chat("x"));
  ASSERT_TRUE(store->seen.wait([](const auto& seen) { return seen.waiting > 0; }));
  std::thread closer([&] { probe.router->close(); });
  ASSERT_TRUE(probe.collect_ended(1));
  store->set_open(true);
  closer.join();
  EXPECT_EQ(probe.all.begin()->second.failure(), ErrorKind::closed);
  EXPECT_EQ(server.requests.get(), 0);
}

}  // namespace
}  // namespace llmroute::runtime
