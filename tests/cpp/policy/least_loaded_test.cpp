// least_loaded: by the servers' own word where it is fresh, by own attempts where it is not.
#include <gtest/gtest.h>

#include <map>
#include <vector>

#include "policy/fleet.h"

namespace llmroute::policy {
namespace {

using G = LoadGauge;
using Values = std::map<LoadGauge, double>;
using Order = std::vector<DeploymentIndex>;

void tell(SmallFleet& fleet, DeploymentIndex d, const Values& values,
          Duration valid = seconds(10)) {
  LoadReading reading;
  for (const auto& [gauge, value] : values) reading[gauge] = value;
  fleet.board.report_load(d, fleet.now, reading, valid);
}

void start(SmallFleet& fleet, DeploymentIndex d, int attempts) {
  health::Work work;
  for (int i = 0; i < attempts; ++i) fleet.board.on_start(d, fleet.now, work);
}

TEST(LeastLoaded, TakesTheServersWord) {
  struct Case {
    const char* what;
    std::vector<Values> told;
    Order expected;
  };
  const Case cases[] = {
      {"the shortest queue", {{{G::queue, 9}}, {{G::queue, 1}}, {{G::queue, 4}}}, {1, 2, 0}},
      {"the fewest running", {{{G::running, 3}}, {{G::running, 2}}, {{G::running, 9}}}, {1, 0, 2}},
      {"one waiting outweighs three running",
       {{{G::queue, 1}, {G::running, 4}}, {{G::queue, 0}, {G::running, 7}}},
       {1, 0}},
      {"but not five",
       {{{G::queue, 1}, {G::running, 4}}, {{G::queue, 0}, {G::running, 9}}},
       {0, 1}},
      {"a cache that is nearly full",
       {{{G::running, 4}, {G::kv_cache, 0.9}}, {{G::running, 12}, {G::kv_cache, 0.1}}},
       {1, 0}},
      {"the processor, where nothing else is known",
       {{{G::utilisation, 0.9}}, {{G::utilisation, 0.2}}},
       {1, 0}},
  };
  for (const Case& c : cases) {
    SmallFleet fleet(c.told.size(), "least_loaded");
    fleet.configure();
    for (std::size_t i = 0; i < c.told.size(); ++i) {
      tell(fleet, static_cast<DeploymentIndex>(i), c.told[i]);
    }
    EXPECT_EQ(fleet.plan(), c.expected) << c.what;
  }
}

TEST(LeastLoaded, CountsOwnAttemptsWhereNothingIsKnown) {
  SmallFleet fleet(2, "least_loaded");
  fleet.configure();
  start(fleet, 0, 2);
  start(fleet, 1, 1);
  EXPECT_EQ(fleet.first(), 1U);
  EXPECT_NEAR(fleet.records[0].score, 3, 1e-6);
}

TEST(LeastLoaded, CreditsWhatItSentSinceTheLastReading) {
  SmallFleet fleet(2, "least_loaded");
  fleet.configure();
  tell(fleet, 0, {{G::running, 2}, {G::queue, 0}});
  tell(fleet, 1, {{G::running, 5}, {G::queue, 0}});
  std::map<DeploymentIndex, int> sent;
  for (int i = 0; i < 11; ++i) {
    const DeploymentIndex first = fleet.first();
    start(fleet, first, 1);
    ++sent[first];
  }
  EXPECT_EQ(sent[0], 7) << "levelled at nine, none in a herd";
  EXPECT_EQ(sent[1], 4);
}

TEST(LeastLoaded, ForgetsAnOldWord) {
  SmallFleet fleet(2, "least_loaded");
  fleet.configure();
  tell(fleet, 0, {{G::queue, 50}}, seconds(3));
  start(fleet, 1, 1);
  EXPECT_EQ(fleet.first(), 1U);
  fleet.now += seconds(3);
  EXPECT_EQ(fleet.first(), 0U) << "nobody knows of its queue any more";
}

TEST(LeastLoaded, WeighsTheQueueByItsOption) {
  SmallFleet fleet(2, "least_loaded", {{"queue_weight", 1.0}});
  fleet.configure();
  tell(fleet, 0, {{G::queue, 2}, {G::running, 2}});
  tell(fleet, 1, {{G::queue, 0}, {G::running, 5}});
  EXPECT_EQ(fleet.first(), 0U) << "4 are fewer than 5";
}

TEST(LeastLoaded, SpreadsAnIdleFleetByChanceAndHeedsWeights) {
  SmallFleet fleet(4, "least_loaded");
  fleet.configure();
  std::map<DeploymentIndex, int> seen;
  for (int i = 0; i < 400; ++i) ++seen[fleet.first()];
  EXPECT_EQ(seen.size(), 4U);
  SmallFleet unequal(2, "least_loaded");
  unequal.inventory->groups[0].members[1].weight = 4;
  unequal.configure();
  tell(unequal, 0, {{G::running, 2}});
  tell(unequal, 1, {{G::running, 9}});
  EXPECT_EQ(unequal.first(), 1U) << "10 / 4 is less than 3";
}

TEST(LeastLatency, ExpectsColdStartsOfWhatWasIdle) {
  SmallFleet fleet(2, "least_latency", {{"jitter", 0.0}});
  fleet.configure();
  const auto answer = [&](DeploymentIndex d, int ms) {
    health::Work work{Tokens{}, Tokens{256}};
    fleet.board.on_start(d, fleet.now, work);
    Outcome outcome;
    outcome.total = milliseconds(ms);
    fleet.board.on_outcome(d, 0, fleet.now, outcome, work);
  };
  answer(0, 800);  // quick, but scales to zero
  answer(1, 1'200);
  fleet.now += seconds(300);
  answer(0, 15'000);
  answer(1, 1'200);
  EXPECT_EQ(fleet.first(), 0U) << "warm now";
  fleet.now += seconds(300);
  EXPECT_EQ(fleet.first(), 1U) << "cold again, most likely";
  start(fleet, 0, 1);
  start(fleet, 1, 2);
  EXPECT_EQ(fleet.first(), 0U) << "it is being woken";
}

}  // namespace
}  // namespace llmroute::policy
