#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "llmroute/model/config.h"
#include "support/config_texts.h"

namespace llmroute {
namespace {

using Json = nlohmann::json;

TEST(InventoryJson, SaysWhatAConfigurationMeans) {
  const auto inventory =
      parse_config(testing::kWholeConfig, testing::kCatalogue, testing::kPolicies);
  ASSERT_TRUE(inventory.has_value());
  const std::string text = inventory_json(*inventory);
  const Json json = Json::parse(text);
  EXPECT_EQ(json["groups"].size(), 3U);  // the implicit ones go without saying
  EXPECT_EQ(json["groups"]["fast"]["deployments"], Json({"openai/gpt-4o-mini", "local", "eu"}));
  EXPECT_EQ(json["groups"]["fast"]["policy"], "least_latency");
  EXPECT_EQ(json["groups"]["fast"]["fallbacks"], Json({"default"}));
  const Json& eu = json["deployments"]["eu"];
  EXPECT_EQ(eu["keys"], Json({"env:KEY_A", "file:/run/key-b"}));
  EXPECT_EQ(eu["price_known"], true);
  EXPECT_EQ(json["deployments"]["local"]["keys"], Json({"literal"}));
  EXPECT_EQ(text.find("sk-local"), std::string::npos);
}

TEST(InventoryJson, ShowsWhatIsCountedWaitedForAndKept) {
  const auto inventory =
      parse_config(testing::kWholeConfig, testing::kCatalogue, testing::kPolicies);
  ASSERT_TRUE(inventory.has_value());
  const Json json = Json::parse(inventory_json(*inventory));
  EXPECT_EQ(
      json["groups"]["fast"]["on_exhausted"],
      Json::array({{{"queue_ms", 2000}}, "least_bad", {{"group", "default"}}, "human", "reject"}));
  EXPECT_EQ(json["groups"]["long"]["on_exhausted"], Json::array());
  EXPECT_EQ(json["deployments"]["eu"]["limits"],
            Json({{"requests_per_minute", 60}, {"in_flight", 8}, {"slow_start_ms", 5000}}));
  EXPECT_EQ(json["limits"]["account"],
            Json({{"by", "provider"}, {"only", {"anthropic"}}, {"tokens_per_minute", 400'000}}));
  EXPECT_EQ(json["limits"]["tenants"]["by"], "metadata.tenant");
  EXPECT_EQ(json["budgets"]["batch"],
            Json({{"limit_usd", 40.5},
                  {"per", "month"},
                  {"timezone", "Europe/Berlin"},
                  {"by", "metadata.tenant"},
                  {"only", {"acme"}},
                  {"groups", {"fast", "long"}},
                  {"at", Json::array({{{"share", 0.5}, {"group", "long"}},
                                      {{"share", 0.8}, {"group", "ollama/tiny"}}})},
                  {"on_exhausted", "allow"}}));
  EXPECT_EQ(json["budgets"]["all"]["limit_requests"], 1000);
  EXPECT_EQ(json["budgets"]["all"]["groups"], Json({"*"}));
  EXPECT_EQ(json["queue"],
            Json({{"max_waiting", 50}, {"by", "metadata.team"}, {"weights", {{"gold", 3}}}}));
  EXPECT_EQ(json["cache"]["exact"], Json({{"ttl_s", 60},
                                          {"max_mb", 8},
                                          {"by", "metadata.tenant"},
                                          {"single_flight", false},
                                          {"persistent", true}}));
  EXPECT_EQ(json["cache"]["affinity"]["min_prefix_tokens"], 512);
  EXPECT_EQ(json["state"], Json({{"path", "llmroute.state"}, {"busy_ms", 250}}));
}

TEST(InventoryJson, ShowsDefaultsAndWhatIsOff) {
  const auto inventory = parse_config(R"({"groups": {"g": {"deployments": ["openai/a"]}}})",
                                      testing::kCatalogue, testing::kPolicies);
  ASSERT_TRUE(inventory.has_value());
  const Json json = Json::parse(inventory_json(*inventory));
  EXPECT_EQ(json["limits"], Json::object());
  EXPECT_EQ(json["budgets"], Json::object());
  EXPECT_EQ(json["queue"]["by"], "metadata.tenant");
  EXPECT_TRUE(json["cache"]["exact"].is_null());
  EXPECT_TRUE(json["cache"]["affinity"].is_null());
  EXPECT_TRUE(json["state"]["path"].is_null());
}

}  // namespace
}  // namespace llmroute
