#include "llmroute/engine/hedge.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "engine/drive.h"
#include "engine/world.h"

namespace llmroute::engine {
namespace {

TEST(HedgeBudget, GivesTheShareOfRequestsThatItWasPromised) {
  HedgeBudget budget;
  int given = 0;
  for (int i = 0; i < 1000; ++i) {
    budget.on_request(0.05);
    if (budget.can_pay()) {
      budget.pay();
      ++given;
    }
  }
  EXPECT_GE(given, 49);
  EXPECT_LE(given, 50);
}

TEST(HedgeBudget, SavesUpNoMoreThanABurst) {
  HedgeBudget budget;
  for (int i = 0; i < 10'000; ++i) budget.on_request(0.05);
  int given = 0;
  for (; budget.can_pay(); ++given) budget.pay();
  EXPECT_EQ(given, static_cast<int>(defaults::kHedgeBurst));
}

Inventory hedged(const std::vector<std::string>& names, HedgeSpec spec = {}) {
  Inventory inventory = make_inventory(names);
  inventory.groups[0].hedge = spec;
  return inventory;
}

// Enough answers of 100 ms for a quantile, and enough requests for one hedge.
void warm_up(Drive& d) {
  for (int i = 0; i < defaults::kHedgeSamples; ++i) {
    d.submit();
    d.pass(milliseconds(100));
    d.ok();
  }
}
const Duration kLate = milliseconds(116);  // 100 ms, or up to 15 % later

TEST(Hedge, TheQuickerOneAnswersAndTheOtherIsPaidFor) {
  Drive d(hedged({"a", "b"}));
  warm_up(d);
  EXPECT_EQ(d.submit(), "start a; ");
  EXPECT_EQ(d.pass(milliseconds(100)), "");
  EXPECT_EQ(d.pass(kLate - milliseconds(100)), "start b; ");
  d.pass(milliseconds(30));
  EXPECT_EQ(d.ok(), "stop; ok b; ");
  const Decision& decision = d.decision();
  ASSERT_EQ(decision.attempts.size(), 2U);
  EXPECT_FALSE(decision.attempts[0].hedge);
  EXPECT_TRUE(decision.attempts[1].hedge);
  EXPECT_TRUE(decision.attempts[0].outcome.cancelled);
  EXPECT_EQ(decision.attempts[1].waited, Duration::zero());
  EXPECT_NEAR(decision.attempts[0].cost.usd.value(), 100e-6, 1e-12) << "its prompt may be billed";
  EXPECT_NEAR(decision.cost.usd.value(), 100e-6 + 50e-6, 1e-12);
  EXPECT_EQ(decision.cost.kind, CostKind::estimated);
  EXPECT_EQ(d.in_flight(0) + d.in_flight(1), 0U);
}

TEST(Hedge, TheLateOneMayStillWin) {
  Drive d(hedged({"a", "b"}));
  warm_up(d);
  d.submit();
  d.pass(kLate);
  d.focus_attempt(1);
  EXPECT_EQ(d.ok(), "stop; ok a; ");
  EXPECT_TRUE(d.decision().attempts[1].outcome.cancelled);
}

TEST(Hedge, ContentEndsTheRace) {
  Drive d(hedged({"a", "b"}));
  warm_up(d);
  d.submit();
  d.content();
  EXPECT_EQ(d.pass(seconds(5)), "") << "never after content";
  d.ok();
  warm_up(d);
  d.submit();
  EXPECT_EQ(d.pass(seconds(6)), "start b; ");
  EXPECT_EQ(d.content(), "stop; ") << "the first content wins";
  EXPECT_EQ(d.ok(), "ok b; ");
}

TEST(Hedge, WhatIsLeftIsLeftToRun) {
  Drive d(hedged({"a", "b", "c"}));
  warm_up(d);
  d.submit();
  d.pass(kLate);
  EXPECT_EQ(d.fail(ErrorKind::server_error), "") << "the first may still answer";
  d.focus_attempt(1);
  EXPECT_EQ(d.fail(ErrorKind::server_error), "start c; ");
  d.focus_attempt(3);
  EXPECT_EQ(d.ok(), "ok c; ");
}

TEST(Hedge, AFaultOfTheRequestEndsBoth) {
  Drive d(hedged({"a", "b"}));
  warm_up(d);
  d.submit();
  d.pass(kLate);
  EXPECT_EQ(d.fail(ErrorKind::bad_request), "stop; failed bad_request; ");
}

TEST(Hedge, CancelAndDeadlineEndBoth) {
  Drive d(hedged({"a", "b"}));
  warm_up(d);
  d.submit();
  d.pass(kLate);
  EXPECT_EQ(d.cancel(), "stop; stop; failed cancelled; ");
  warm_up(d);
  RequestOptions options;
  options.deadline = milliseconds(300);
  d.submit(options);
  EXPECT_EQ(d.pass(seconds(1)), "start b; stop; stop; failed deadline_exceeded; ");
}

TEST(Hedge, KeepsToItsBounds) {
  Drive cold(hedged({"a", "b"}));
  cold.submit();
  EXPECT_EQ(cold.pass(seconds(30)), "") << "nothing is known";
  Drive d(hedged({"a", "b"}));
  warm_up(d);
  RequestOptions one;
  one.attempts = 1;
  d.submit(one);
  EXPECT_EQ(d.pass(seconds(1)), "") << "one budget for retry, fallback and hedge";
  d.ok();
  d.submit();
  EXPECT_EQ(d.pass(seconds(1)), "start b; ");
  d.ok();
  d.submit();
  EXPECT_EQ(d.pass(seconds(30)), "") << "five of a hundred, no more";
}

TEST(Hedge, AsksBeforeItRepeatsTools) {
  CapabilitySet tools;
  tools.set(static_cast<std::size_t>(Capability::tools));
  for (const bool allowed : {false, true}) {
    Drive d(hedged({"a", "b"}, HedgeSpec{0.95, 0.05, allowed}));
    warm_up(d);
    d.submit({}, 100, tools);
    EXPECT_EQ(d.pass(kLate), allowed ? "start b; " : "");
  }
}

TEST(Hedge, StaysWithinTheGroup) {
  Inventory inventory = hedged({"a", "b"});
  const GroupIndex spare = split_off(inventory, "spare", {"b"});
  inventory.groups[0].fallbacks = {spare};
  Drive d(inventory);
  warm_up(d);
  d.submit();
  EXPECT_EQ(d.pass(seconds(30)), "");
}

struct Straggling {
  double p99_ms;
  double attempts;  // per request
};

// 2 % of the answers take twenty times as long.
Straggling straggle(std::optional<HedgeSpec> hedge) {
  Inventory inventory = make_inventory({"a", "b", "c"}, "power_of_two");
  inventory.groups[0].hedge = hedge;
  World world(inventory, 11, [](DeploymentIndex, Instant, Random& random) {
    const double slow = random.unit() < 0.02 ? 20.0 : 1.0;
    return answers_well(from_ms(slow * (90 + 20 * random.unit())));
  });
  world.traffic(milliseconds(10), seconds(200));
  world.run_to_the_end();
  world.expect_rest();
  std::vector<double> totals;
  for (const Life& life : world.lives()) totals.push_back(to_ms(life.ended - life.submitted));
  std::sort(totals.begin(), totals.end());
  return {totals[totals.size() * 99 / 100], world.sum(Instant{}, kNever).amplification()};
}

TEST(Hedge, CutsTheTailOfStragglers) {
  const Straggling without = straggle(std::nullopt);
  const Straggling with = straggle(HedgeSpec{});
  EXPECT_LE(with.p99_ms, 0.25 * without.p99_ms) << with.p99_ms << " of " << without.p99_ms;
  EXPECT_LE(with.attempts, 1.05);
  EXPECT_GT(with.attempts, 1.01);
}

}  // namespace
}  // namespace llmroute::engine
