#include "llmroute/runtime/flights.h"

#include "cache_probe.h"

namespace llmroute::runtime {
namespace {

using test::cached;
using test::CacheProbe;
using test::chat;
using test::config_for;
using test::CountingServer;
using test::Gathered;
using test::HoldingServer;
using test::whole_reply;

InventoryPtr one(const HoldingServer& server, ExactCacheSpec spec = {}) {
  return cached(config_for({{"a", server.url()}}, R"("attempts":1)"), std::move(spec));
}

std::shared_ptr<ChatRequest> named(const char* id, bool stream = false) {
  auto request = chat("x", stream);
  request->id = id;
  return request;
}

const Decision& decision_of(CacheProbe& probe, Ticket ticket) {
  return *probe.all[ticket].last.decision;
}

TEST(Flights, AHundredIdenticalRequestsAreOneCall) {
  HoldingServer server;
  CacheProbe probe(one(server));
  const Ticket leader = probe.submit(named("leader"));
  ASSERT_TRUE(server.wait_for(1));
  for (int i = 1; i < 100; ++i) probe.submit(named("follower"));
  ASSERT_TRUE(probe.wait_joined(99));
  EXPECT_EQ(probe.router->in_flight(), 100U);
  server.reply(0, "hi");
  ASSERT_TRUE(probe.collect_ended(100));
  EXPECT_EQ(server.held.get().size(), 1U);
  EXPECT_EQ(probe.router->in_flight(), 0U);
  for (const auto& [ticket, got] : probe.all) {
    const Decision& decision = *got.last.decision;
    ASSERT_EQ(decision.status, DecisionStatus::ok);
    ASSERT_TRUE(got.last.reply);
    EXPECT_EQ(got.last.reply->body, whole_reply("hi"));
    if (ticket == leader) {
      EXPECT_EQ(decision.cache.status, CacheStatus::miss);
      EXPECT_EQ(decision.attempts.size(), 1U);
      continue;
    }
    EXPECT_EQ(decision.cache.status, CacheStatus::joined);
    EXPECT_EQ(decision.cache.answered_by, "leader");
    EXPECT_EQ(decision.request_id, "follower");
    EXPECT_EQ(decision.group, "all");
    EXPECT_TRUE(decision.attempts.empty());
    EXPECT_EQ(decision.cost.usd.pico, 0);
    EXPECT_EQ(decision.cost.kind, CostKind::exact);
    EXPECT_EQ(decision.chosen, 0U);
    EXPECT_EQ(decision.usage.output.count, 7);
    EXPECT_GT(decision.total, Duration::zero());
  }
  EXPECT_EQ(probe.status(named("later")), CacheStatus::hit);
}

TEST(Flights, ThousandsFromFourThreadsAreOneCall) {
  CountingServer server;
  CacheProbe probe(cached(config_for({{"a", server.url()}})));
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 250; ++i) probe.router->submit(named("any"), probe.queue);
    });
  }
  ASSERT_TRUE(probe.collect_ended(1'000));
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(server.requests.get(), 1);
  const CacheStats stats = probe.router->cache_stats();
  EXPECT_EQ(stats.hits + stats.misses, 1'000U);
  EXPECT_EQ(stats.misses, stats.joined + 1);
}

TEST(Flights, WithoutSingleFlightEachGoesByItself) {
  HoldingServer server;
  ExactCacheSpec spec;
  spec.single_flight = false;
  CacheProbe probe(one(server, spec));
  probe.submit(named("1"));
  probe.submit(named("2"));
  ASSERT_TRUE(server.wait_for(2));
  server.reply(0, "a");
  server.reply(1, "b");
  ASSERT_TRUE(probe.collect_ended(2));
  EXPECT_EQ(probe.router->cache_stats().joined, 0U);
}

TEST(Flights, WhoAsksForSomethingElseDoesNotFollow) {
  HoldingServer server;
  CacheProbe probe(one(server));
  probe.submit(named("leader"));
  ASSERT_TRUE(server.wait_for(1));
  auto off = named("off");
  off->options.cache = CacheUse::off;
  auto refresh = named("refresh");
  refresh->options.cache = CacheUse::refresh;
  auto urgent = named("urgent");
  urgent->options.priority = kInteractive;  // the leader may stand in line for longer
  std::size_t sent = 1;
  for (const auto& request : {off, refresh, urgent, named("stream", true), chat("other")}) {
    probe.submit(request);
    ASSERT_TRUE(server.wait_for(++sent));
  }
  EXPECT_EQ(probe.router->cache_stats().joined, 0U);
  auto batch = named("batch");
  batch->options.priority = kBatch;
  probe.submit(batch);
  ASSERT_TRUE(probe.wait_joined(1));
  EXPECT_EQ(server.held.get().size(), sent);
}

TEST(Flights, AStreamGivesItsFollowersAllOfIt) {
  HoldingServer server;
  CacheProbe probe(one(server));
  const Ticket leader = probe.submit(named("leader", true));
  const Ticket early = probe.submit(named("early", true));
  ASSERT_TRUE(server.wait_for(1));
  ASSERT_TRUE(probe.wait_joined(1));
  server.begin(0, "one ");
  server.write(0, "two ");
  ASSERT_TRUE(probe.collect([&](auto& all) { return all[early].text() == "one two "; }));
  const Ticket late = probe.submit(named("late", true));
  // What has come so far, at once.
  ASSERT_TRUE(probe.collect([&](auto& all) { return all[late].text() == "one two "; }));
  server.write(0, "three");
  server.finish(0);
  ASSERT_TRUE(probe.collect_ended(3));
  for (const Ticket ticket : {leader, early, late}) {
    EXPECT_EQ(probe.all[ticket].text(), "one two three");
    EXPECT_EQ(decision_of(probe, ticket).status, DecisionStatus::ok);
    EXPECT_EQ(probe.all[ticket].deltas.back().kind, DeltaKind::finish);
  }
  EXPECT_EQ(decision_of(probe, late).cache.answered_by, "leader");
  EXPECT_EQ(server.held.get().size(), 1U);
}

TEST(Flights, WhereTheLeaderFailsTheFirstFollowerIsSent) {
  HoldingServer server;
  CacheProbe probe(one(server));
  const Ticket leader = probe.submit(named("leader"));
  ASSERT_TRUE(server.wait_for(1));
  const Ticket first = probe.submit(named("first"));
  const Ticket second = probe.submit(named("second"));
  ASSERT_TRUE(probe.wait_joined(2));
  server.fail(0, 500);
  ASSERT_TRUE(server.wait_for(2));
  server.reply(1, "hi");
  ASSERT_TRUE(probe.collect_ended(3));
  EXPECT_EQ(decision_of(probe, leader).status, DecisionStatus::failed);
  const Decision& promoted = decision_of(probe, first);
  EXPECT_EQ(promoted.status, DecisionStatus::ok);
  EXPECT_EQ(promoted.cache.status, CacheStatus::miss);
  ASSERT_EQ(promoted.attempts.size(), 1U);
  EXPECT_EQ(promoted.notes.size(), 1U);
  EXPECT_GT(promoted.attempts[0].started, Duration::zero());
  EXPECT_GT(promoted.total, promoted.attempts[0].started);
  const Decision& followed = decision_of(probe, second);
  EXPECT_EQ(followed.cache.status, CacheStatus::joined);
  EXPECT_EQ(followed.cache.answered_by, "first");
  EXPECT_EQ(server.held.get().size(), 2U);
  EXPECT_EQ(probe.router->cache_stats().joined, 2U);
  EXPECT_EQ(probe.router->in_flight(), 0U);
}

TEST(Flights, AnOutageIsNotWaitedForInSingleFile) {
  HoldingServer server;
  CacheProbe probe(one(server));
  probe.submit(named("leader"));
  ASSERT_TRUE(server.wait_for(1));
  for (int i = 0; i < 5; ++i) probe.submit(named("follower"));
  ASSERT_TRUE(probe.wait_joined(5));
  server.fail(0, 503);
  ASSERT_TRUE(server.wait_for(2));
  server.fail(1, 503);
  // The breaker does not count so few; the four that are left come at once.
  ASSERT_TRUE(server.wait_for(6));
  for (std::size_t i = 2; i < 6; ++i) server.reply(i, "hi");
  ASSERT_TRUE(probe.collect_ended(6));
  EXPECT_EQ(server.held.get().size(), 6U);
  EXPECT_EQ(probe.router->in_flight(), 0U);
}

TEST(Flights, ARequestThatIsItselfToBlameFailsForAll) {
  HoldingServer server;
  CacheProbe probe(one(server));
  probe.submit(named("leader"));
  ASSERT_TRUE(server.wait_for(1));
  for (int i = 0; i < 3; ++i) probe.submit(named("follower"));
  ASSERT_TRUE(probe.wait_joined(3));
  server.fail(0, 400, R"({"error":{"message":"no such parameter","code":"bad"}})");
  ASSERT_TRUE(probe.collect_ended(4));
  for (const auto& [ticket, got] : probe.all) {
    EXPECT_EQ(got.failure(), ErrorKind::bad_request);
    EXPECT_NE(got.last.decision->failure->message.find("no such parameter"), std::string::npos);
  }
  EXPECT_EQ(server.held.get().size(), 1U);
}

TEST(Flights, WhereTheLeaderIsCancelledTheFirstFollowerIsSent) {
  HoldingServer server;
  CacheProbe probe(one(server));
  const Ticket leader = probe.submit(named("leader"));
  ASSERT_TRUE(server.wait_for(1));
  const Ticket follower = probe.submit(named("follower"));
  ASSERT_TRUE(probe.wait_joined(1));
  probe.router->cancel(leader);
  ASSERT_TRUE(server.wait_for(2));
  server.reply(1, "hi");
  ASSERT_TRUE(probe.collect_ended(2));
  EXPECT_EQ(decision_of(probe, leader).status, DecisionStatus::cancelled);
  EXPECT_EQ(decision_of(probe, follower).status, DecisionStatus::ok);
  EXPECT_TRUE(server.gone.wait([](const auto& gone) { return !gone.empty() && gone[0] == 0; }));
}

TEST(Flights, ACancelledFollowerDisturbsNobody) {
  HoldingServer server;
  CacheProbe probe(one(server));
  const Ticket leader = probe.submit(named("leader"));
  ASSERT_TRUE(server.wait_for(1));
  const Ticket follower = probe.submit(named("follower"));
  ASSERT_TRUE(probe.wait_joined(1));
  probe.router->cancel(follower);
  ASSERT_TRUE(probe.collect_ended(1));
  EXPECT_EQ(decision_of(probe, follower).status, DecisionStatus::cancelled);
  EXPECT_EQ(decision_of(probe, follower).failure->kind, ErrorKind::cancelled);
  EXPECT_EQ(probe.router->in_flight(), 1U);
  probe.router->cancel(follower);  // over already
  server.reply(0, "hi");
  ASSERT_TRUE(probe.collect_ended(2));
  EXPECT_EQ(decision_of(probe, leader).status, DecisionStatus::ok);
}

TEST(Flights, AFollowerHoldsItsOwnDeadline) {
  test::ManualClock clock;
  HoldingServer server;
  RouterOptions options;
  options.clock = &clock;
  CacheProbe probe(one(server), options);
  const Ticket leader = probe.submit(named("leader"));
  ASSERT_TRUE(server.wait_for(1));
  auto hurried = named("hurried");
  hurried->options.deadline = milliseconds(300);
  const Ticket follower = probe.submit(hurried);
  ASSERT_TRUE(probe.wait_joined(1));
  clock.advance(milliseconds(300));
  probe.router->poke();
  ASSERT_TRUE(probe.collect_ended(1));
  EXPECT_EQ(probe.all[follower].failure(), ErrorKind::deadline_exceeded);
  EXPECT_EQ(decision_of(probe, follower).total, milliseconds(300));
  server.reply(0, "hi");
  ASSERT_TRUE(probe.collect_ended(2));
  EXPECT_EQ(decision_of(probe, leader).status, DecisionStatus::ok);
}

TEST(Flights, WhatAFollowerWaitedCountsAgainstItsDeadline) {
  test::ManualClock clock;
  HoldingServer server;
  RouterOptions options;
  options.clock = &clock;
  CacheProbe probe(one(server), options);
  const Ticket leader = probe.submit(named("leader"));
  ASSERT_TRUE(server.wait_for(1));
  auto hurried = named("hurried");
  hurried->options.deadline = milliseconds(300);
  const Ticket follower = probe.submit(hurried);
  ASSERT_TRUE(probe.wait_joined(1));
  clock.advance(milliseconds(200));
  probe.router->poke();
  probe.router->cancel(leader);
  ASSERT_TRUE(server.wait_for(2));  // now sent itself
  clock.advance(milliseconds(100));
  probe.router->poke();
  ASSERT_TRUE(probe.collect_ended(2));
  EXPECT_EQ(probe.all[follower].failure(), ErrorKind::deadline_exceeded);
  EXPECT_EQ(decision_of(probe, follower).total, milliseconds(300));
  EXPECT_EQ(decision_of(probe, follower).submitted, WallTime());
  EXPECT_EQ(decision_of(probe, follower).attempts.at(0).started, milliseconds(200));
}

TEST(Flights, AFollowerOfACutStreamIsInterruptedOrBeginsAnew) {
  HoldingServer server;
  CacheProbe probe(one(server));
  const Ticket leader = probe.submit(named("leader", true));
  ASSERT_TRUE(server.wait_for(1));
  const Ticket raising = probe.submit(named("raising", true));
  auto again = named("again", true);
  again->options.on_interrupt = OnInterrupt::restart;
  const Ticket restarting = probe.submit(again);
  ASSERT_TRUE(probe.wait_joined(2));
  server.begin(0, "half");
  ASSERT_TRUE(probe.collect([&](auto& all) { return all[restarting].text() == "half"; }));
  server.cut(0);
  ASSERT_TRUE(server.wait_for(2));
  server.begin(1, "whole");
  server.finish(1);
  ASSERT_TRUE(probe.collect_ended(3));
  EXPECT_EQ(probe.all[leader].failure(), ErrorKind::stream_interrupted);
  EXPECT_EQ(probe.all[raising].failure(), ErrorKind::stream_interrupted);
  EXPECT_EQ(probe.all[raising].text(), "half");
  EXPECT_EQ(probe.all[restarting].text(), "whole");  // the probe heard the restart
  EXPECT_EQ(decision_of(probe, restarting).status, DecisionStatus::ok);
  EXPECT_EQ(decision_of(probe, restarting).restarts, 1U);
  EXPECT_EQ(decision_of(probe, restarting).cache.status, CacheStatus::miss);
}

TEST(Flights, ARestartOfTheLeaderIsOnesOwnOnlyWhereThatWasAsked) {
  HoldingServer server;
  CacheProbe probe(
      cached(config_for({{"a", server.url()}, {"b", server.url()}}, R"("attempts":3)")));
  auto leading = named("leader", true);
  leading->options.on_interrupt = OnInterrupt::restart;
  const Ticket leader = probe.submit(leading);
  ASSERT_TRUE(server.wait_for(1));
  const Ticket raising = probe.submit(named("raising", true));
  const Ticket restarting = probe.submit(leading);
  ASSERT_TRUE(probe.wait_joined(2));
  server.begin(0, "half");
  ASSERT_TRUE(probe.collect([&](auto& all) { return all[restarting].text() == "half"; }));
  server.cut(0);
  ASSERT_TRUE(server.wait_for(2));
  server.begin(1, "whole");
  server.finish(1);
  ASSERT_TRUE(probe.collect_ended(3));
  EXPECT_EQ(probe.all[raising].failure(), ErrorKind::stream_interrupted);
  for (const Ticket ticket : {leader, restarting}) {
    EXPECT_EQ(probe.all[ticket].text(), "whole");
    EXPECT_EQ(decision_of(probe, ticket).restarts, 1U);
  }
  EXPECT_EQ(decision_of(probe, restarting).cache.status, CacheStatus::joined);
  // What is kept begins after the restart.
  const Gathered hit = probe.run(named("later", true));
  EXPECT_EQ(hit.last.decision->cache.status, CacheStatus::hit);
  EXPECT_EQ(hit.text(), "whole");
}

TEST(Flights, ALeaderThatDoesNotReadHoldsUpNobody) {
  HoldingServer server;
  ExactCacheSpec spec;
  spec.max_bytes = 512U << 20U;
  CacheProbe probe(one(server, spec));
  const auto idle = std::make_shared<CompletionQueue>();
  probe.router->submit(named("leader", true), idle);  // nobody says that it was read
  ASSERT_TRUE(server.wait_for(1));
  const std::string piece(100'000, 'x');
  server.begin(0, piece);
  for (int i = 1; i < 30; ++i) server.write(0, piece);
  const Ticket follower = probe.submit(named("follower", true));
  ASSERT_TRUE(probe.wait_joined(1));
  server.finish(0);
  ASSERT_TRUE(probe.collect_ended(1));
  EXPECT_EQ(probe.all[follower].text().size(), 30 * piece.size());
}

TEST(Flights, CloseEndsFollowersToo) {
  HoldingServer server;
  CacheProbe probe(one(server));
  probe.submit(named("leader"));
  ASSERT_TRUE(server.wait_for(1));
  for (int i = 0; i < 3; ++i) probe.submit(named("follower"));
  ASSERT_TRUE(probe.wait_joined(3));
  probe.router->close();
  ASSERT_TRUE(probe.collect_ended(4));
  for (const auto& [ticket, got] : probe.all) EXPECT_EQ(got.failure(), ErrorKind::closed);
  EXPECT_EQ(probe.router->in_flight(), 0U);
  EXPECT_EQ(server.held.get().size(), 1U);
}

TEST(Flights, AFlightOfTheOldConfigurationIsNotJoined) {
  HoldingServer before, after;
  CacheProbe probe(one(before));
  const Ticket old = probe.submit(named("old"));
  ASSERT_TRUE(before.wait_for(1));
  ASSERT_TRUE(probe.router->configure(one(after)));
  const Ticket fresh = probe.submit(named("fresh"));
  ASSERT_TRUE(after.wait_for(1));
  after.reply(0, "new");
  before.reply(0, "old");
  ASSERT_TRUE(probe.collect_ended(2));
  EXPECT_EQ(probe.all[old].last.reply->body, whole_reply("old"));
  EXPECT_EQ(probe.all[fresh].last.reply->body, whole_reply("new"));
  EXPECT_EQ(probe.run(named("later")).last.reply->body, whole_reply("new"));
}

}  // namespace
}  // namespace llmroute::runtime
