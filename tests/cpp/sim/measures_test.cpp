#include "llmroute/sim/measures.h"

#include <gtest/gtest.h>

#include <cmath>

namespace llmroute::sim {
namespace {

class MeasuresTest : public testing::Test {
 protected:
  MeasuresTest() {
    deployments_.resize(2);
    deployments_[0].name = "a";
    deployments_[1].name = "b";
    world_.deployments["a"].quality = 0.8;
    world_.deployments["a"].grams_co2_per_1k_tokens = 3.0;
  }

  static AttemptRecord attempt(DeploymentIndex deployment, std::int64_t in, std::int64_t out) {
    AttemptRecord record;
    record.deployment = deployment;
    record.outcome.usage.input = Tokens{in};
    record.outcome.usage.output = Tokens{out};
    return record;
  }

  World world_;
  std::vector<Deployment> deployments_;
};

TEST_F(MeasuresTest, QualityIsThatOfTheOneThatAnswered) {
  const Measures measures(world_, deployments_);
  Decision decision;
  decision.status = DecisionStatus::ok;
  EXPECT_TRUE(std::isnan(measures.quality(decision, ""))) << "nobody did";
  decision.chosen = 0;
  EXPECT_EQ(measures.quality(decision, "code"), 0.8);
  decision.chosen = 1;
  EXPECT_TRUE(std::isnan(measures.quality(decision, "code"))) << "nobody knows";
  decision.chosen = 0;
  decision.status = DecisionStatus::failed;
  EXPECT_TRUE(std::isnan(measures.quality(decision, "code")));
}

TEST_F(MeasuresTest, CarbonCountsEveryAttempt) {
  const Measures measures(world_, deployments_);
  Decision decision;
  EXPECT_EQ(measures.carbon_g(decision), 0) << "nothing was sent";
  decision.attempts = {attempt(0, 500, 500), attempt(0, 200, 0)};
  EXPECT_NEAR(measures.carbon_g(decision), 3.6, 1e-12);
  decision.attempts.push_back(attempt(1, 0, 0));
  EXPECT_NEAR(measures.carbon_g(decision), 3.6, 1e-12) << "it refused at the door";
  decision.attempts.push_back(attempt(1, 1, 0));
  EXPECT_TRUE(std::isnan(measures.carbon_g(decision)));
}

}  // namespace
}  // namespace llmroute::sim
