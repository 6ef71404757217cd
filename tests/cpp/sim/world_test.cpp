#include "llmroute/sim/world.h"

#include <gtest/gtest.h>

namespace llmroute::sim {
namespace {

TEST(World, OwnTablesSayOnlyWhatIsDifferent) {
  const auto world = parse_world(
      R"({"default": {"ttft_ms": 100, "ttft_p95_ms": 200, "error_rate": 0.1},
          "deployments": {"a": {"error_rate": 0.2,
              "troubles": [{"kind": "slow", "from_s": 1, "to_s": 2.5, "factor": 3}]}}})",
      {"a", "b"});
  ASSERT_TRUE(world) << world.error().message;
  const ProviderModel& a = world->of("a");
  EXPECT_EQ(a.ttft_ms, 100);
  EXPECT_NEAR(a.ttft_sigma, 0.4214, 1e-4);
  EXPECT_EQ(a.error_rate, 0.2);
  ASSERT_EQ(a.troubles.size(), 1U);
  EXPECT_EQ(a.troubles[0].kind, Trouble::slow);
  EXPECT_EQ(a.troubles[0].to, Duration(milliseconds(2'500)));
  EXPECT_EQ(world->of("b").error_rate, 0.1);
}

TEST(World, KnowsQualityAndCarbonOrDoesNot) {
  const auto world = parse_world(
      R"({"default": {"quality": 0.7}, "store_ms": 5,
          "deployments": {"a": {"grams_co2_per_1k_tokens": 0.4},
                          "b": {"quality": {"code": 0.9}}}})",
      {"a", "b"});
  ASSERT_TRUE(world) << world.error().message;
  EXPECT_EQ(world->of("a").quality_of("code"), 0.7);
  EXPECT_EQ(world->of("a").grams_co2_per_1k_tokens, 0.4);
  EXPECT_EQ(world->of("b").quality_of("code"), 0.9);
  EXPECT_EQ(world->of("b").quality_of("chat"), std::nullopt) << "its table is another";
  EXPECT_EQ(world->of("b").grams_co2_per_1k_tokens, std::nullopt);
  EXPECT_EQ(world->store, Duration(milliseconds(5)));
}

TEST(World, SaysWhatIsWrongAndWhere) {
  struct Case {
    const char* json;
    const char* path;
    const char* nearest;
  };
  const std::vector<Case> cases = {
      {R"({"default": {"tfft_ms": 1}})", "world.default.tfft_ms", "ttft_ms"},
      {R"({"deployments": {"beta": {}}})", "world.deployments.beta", "bets"},
      {R"({"default": {"quality": 2}})", "world.default.quality", ""},
      {R"({"default": {"quality": {"code": 2}}})", "world.default.quality.code", ""},
      {R"({"default": {"quality": "good"}})", "world.default.quality", ""},
      {R"({"default": {"grams_co2_per_1k_tokens": -1}})", "world.default.grams_co2_per_1k_tokens",
       ""},
      {R"({"store_ms": -1})", "world.store_ms", ""},
      {R"({"default": {"error_rate": 2}})", "world.default.error_rate", ""},
      {R"({"default": {"troubles": [{"kind": "slwo"}]}})", "world.default.troubles[0].kind",
       "slow"},
      {R"({"default": {"troubles": [{}]}})", "world.default.troubles[0].kind", ""},
      {R"({"deployments": {"bets": {"in_flight": -1}}})", "world.deployments.bets.in_flight", ""},
      {R"({"default": {"in_flight": 1.5}})", "world.default.in_flight", ""},
  };
  for (const Case& c : cases) {
    const auto world = parse_world(c.json, {"bets"});
    ASSERT_FALSE(world) << c.json;
    EXPECT_EQ(world.error().kind, ErrorKind::config);
    EXPECT_EQ(world.error().path, c.path) << world.error().message;
    EXPECT_EQ(world.error().nearest, c.nearest) << world.error().message;
  }
}

}  // namespace
}  // namespace llmroute::sim
