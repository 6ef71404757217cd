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

}  // namespace
}  // namespace llmroute
