#include "policy/fleet.h"

namespace llmroute::policy {
namespace {

Decision decision_of(const SmallFleet& fleet) {
  Decision decision;
  decision.inventory = fleet.inventory;
  decision.group = "g";
  decision.candidates = fleet.records;
  return decision;
}

void attempt(Decision& decision, DeploymentIndex d, std::optional<ErrorKind> failure = {}) {
  AttemptRecord& record = decision.attempts.emplace_back();
  record.number = static_cast<std::uint32_t>(decision.attempts.size());
  record.deployment = d;
  record.finished = true;
  record.outcome.total = milliseconds(100);
  if (failure) record.outcome.failure = make_failure(*failure, "");
}

double share_of(SmallFleet& fleet, DeploymentIndex d, int requests = 300) {
  int firsts = 0;
  for (int i = 0; i < requests; ++i) firsts += fleet.first() == d ? 1 : 0;
  return static_cast<double>(firsts) / requests;
}

// As often as it takes.
void repeat(SmallFleet& fleet, const Decision& decision, int times = 60) {
  for (int i = 0; i < times; ++i) fleet.planner.learn(decision);
}

struct Learner : ::testing::Test {
  Learner() {
    fleet.configure();
    fleet.plan();
  }
  SmallFleet fleet{3, "thompson"};
};

TEST_F(Learner, EveryAttemptTeachesItsOwnDeployment) {
  Decision decision = decision_of(fleet);
  attempt(decision, 0, ErrorKind::server_error);
  attempt(decision, 1, ErrorKind::rate_limit);
  attempt(decision, 2);
  repeat(fleet, decision);
  EXPECT_GT(share_of(fleet, 2), 0.95);
}

TEST_F(Learner, WhatIsNotTheDeploymentsFaultTeachesNothing) {
  Decision decision = decision_of(fleet);
  attempt(decision, 0, ErrorKind::bad_request);
  attempt(decision, 0, ErrorKind::content_filter);
  attempt(decision, 0);
  decision.attempts.back().outcome.cancelled = true;
  attempt(decision, 0, ErrorKind::server_error);
  decision.attempts.back().finished = false;
  repeat(fleet, decision);
  EXPECT_NEAR(share_of(fleet, 0, 3'000), 1.0 / 3, 0.05);
}

TEST_F(Learner, AnotherInventoryIsMatchedByName) {
  Decision decision = decision_of(fleet);
  attempt(decision, 0, ErrorKind::server_error);
  attempt(decision, 1, ErrorKind::server_error);
  attempt(decision, 2);
  auto next = std::make_shared<Inventory>(*fleet.inventory);
  std::swap(next->deployments[0], next->deployments[2]);  // the same ones in another order
  next->deployment_index = {{"d2", 0}, {"d1", 1}, {"d0", 2}};
  fleet.inventory = next;
  fleet.configure();
  repeat(fleet, decision);
  EXPECT_GT(share_of(fleet, 0), 0.9) << "the first one is d2 now";
}

TEST_F(Learner, LearnsWhereAnotherPolicyPlanned) {
  fleet.inventory = std::make_shared<Inventory>(*fleet.inventory);
  fleet.inventory->groups[0].policy = PolicySpec{};
  fleet.configure();
  fleet.request.options.policy = "thompson";
  fleet.plan();
  Decision decision = decision_of(fleet);
  attempt(decision, 1);
  attempt(decision, 0, ErrorKind::server_error);
  attempt(decision, 2, ErrorKind::server_error);
  repeat(fleet, decision);
  EXPECT_GT(share_of(fleet, 1), 0.9);
}

TEST(PlannerLearning, ObserversLearnToo) {
  SmallFleet fleet(2, "ordered");
  fleet.inventory->groups[0].observe = PolicySpec{"thompson", {}, false, "weighted"};
  fleet.configure();
  fleet.plan();
  Decision decision = decision_of(fleet);
  attempt(decision, 0, ErrorKind::server_error);
  attempt(decision, 1);
  repeat(fleet, decision);
  int second = 0;
  for (int i = 0; i < 100; ++i) {
    EXPECT_EQ(fleet.first(), 0U);
    second += fleet.planner.observed().at(0).first == 1U ? 1 : 0;
  }
  EXPECT_GT(second, 95);
}

TEST(PlannerLearning, NobodyLearnsNothingHappens) {
  SmallFleet fleet(2, "weighted");
  fleet.configure();
  fleet.plan();
  Decision decision = decision_of(fleet);
  attempt(decision, 0);
  repeat(fleet, decision, 1);
  fleet.planner.learn(Decision{});
}

// --- over a change of the configuration -------------------------------------------------------------

struct Reload : ::testing::Test {
  Reload() {
    fleet.configure();
    fleet.plan();
    Decision decision = decision_of(fleet);
    attempt(decision, 0, ErrorKind::server_error);
    attempt(decision, 1);
    attempt(decision, 2, ErrorKind::server_error);
    repeat(fleet, decision);
  }
  Inventory& change() {
    fleet.inventory = std::make_shared<Inventory>(*fleet.inventory);
    return *fleet.inventory;
  }
  SmallFleet fleet{3, "thompson"};
};

TEST_F(Reload, KeepsWhatWasLearned) {
  change().deployments[0].price.input_usd_per_million = 1;
  fleet.configure();
  EXPECT_GT(share_of(fleet, 1), 0.95);
}

TEST_F(Reload, KeepsItWithOtherWeightsButNotWithOtherMeasures) {
  change().groups[0].policy.options = {{"half_life", 50}};
  fleet.configure();
  EXPECT_GT(share_of(fleet, 1), 0.95);
  change().groups[0].policy.options = {{"latency_half_ms", 50}};
  fleet.configure();
  EXPECT_NEAR(share_of(fleet, 1, 2'000), 1.0 / 3, 0.06);
}

TEST_F(Reload, FollowsADeploymentToItsNewPlace) {
  Inventory& next = change();
  std::swap(next.deployments[0], next.deployments[1]);
  next.deployment_index = {{"d1", 0}, {"d0", 1}, {"d2", 2}};
  fleet.configure();
  EXPECT_GT(share_of(fleet, 0), 0.95);
}

TEST_F(Reload, ForgetsWhoIsAnotherOneNow) {
  change().deployments[1].model = "new";
  fleet.configure();
  const double share = share_of(fleet, 1, 2'000);
  EXPECT_GT(share, 0.6) << "nothing is known of it, and the others are bad";
  EXPECT_LT(share, 0.99);
}

TEST_F(Reload, ForgetsWithTheGroupOrThePolicy) {
  change().groups[0].name = "other";
  fleet.inventory->group_index = {{"other", 0}};
  fleet.configure();
  EXPECT_NEAR(share_of(fleet, 1, 2'000), 1.0 / 3, 0.06);
}

TEST_F(Reload, KeepsPoliciesOfCalls) {
  change().groups[0].policy = PolicySpec{};
  fleet.configure();
  fleet.request.options.policy = "thompson";
  fleet.plan();
  Decision decision = decision_of(fleet);
  attempt(decision, 2);
  attempt(decision, 0, ErrorKind::server_error);
  attempt(decision, 1, ErrorKind::server_error);
  repeat(fleet, decision);
  change().deployments[0].region = "x";
  fleet.configure();
  EXPECT_GT(share_of(fleet, 2), 0.95);
}

TEST(Traits, AreReadFromTheFacts) {
  Facts facts;
  facts.prompt_tokens = Tokens{7};
  EXPECT_FALSE(traits_of(facts).tools || traits_of(facts).images);
  facts.images = 1;
  facts.needs.set(static_cast<std::size_t>(Capability::tools));
  EXPECT_TRUE(traits_of(facts).tools && traits_of(facts).images);
  EXPECT_EQ(traits_of(facts).prompt_tokens.count, 7);
}

}  // namespace
}  // namespace llmroute::policy
