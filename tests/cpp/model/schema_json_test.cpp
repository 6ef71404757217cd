#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>

#include "llmroute/model/config.h"
#include "support/config_texts.h"

namespace llmroute {
namespace {

using Json = nlohmann::json;

Json generated() { return Json::parse(config_json_schema(testing::kPolicies)); }

TEST(ConfigJsonSchema, IsOfTheRightDraft) {
  const Json json = generated();
  EXPECT_EQ(json["$schema"], "https://json-schema.org/draft/2020-12/schema");
  EXPECT_EQ(json["additionalProperties"], false);
  for (const char* key : {"version", "groups", "deployments", "resilience", "providers"}) {
    EXPECT_TRUE(json["properties"].contains(key)) << key;
  }
}

TEST(ConfigJsonSchema, CarriesDefaultsUnitsAndBounds) {
  const Json json = generated();
  const Json& resilience = json["properties"]["resilience"]["properties"];
  EXPECT_EQ(resilience["attempts"]["default"], 4);
  EXPECT_EQ(resilience["attempts"]["type"], "integer");
  EXPECT_EQ(resilience["attempts"]["maximum"], 100);
  const Json& ttft = resilience["timeouts"]["properties"]["ttft_ms"];
  EXPECT_EQ(ttft["default"], 60'000);
  EXPECT_NE(ttft["description"].get<std::string>().find("(ms)"), std::string::npos);
  EXPECT_EQ(resilience["retry_share"]["default"], 0.2);
}

TEST(ConfigJsonSchema, NamesPoliciesWithTheirOptions) {
  const Json policy = generated()["$defs"]["policy"]["anyOf"];
  EXPECT_EQ(policy[0]["enum"], Json({"ordered", "weighted", "least_latency"}));
  ASSERT_EQ(policy.size(), 4U);
  EXPECT_EQ(policy[3]["properties"]["name"]["const"], "least_latency");
  EXPECT_EQ(policy[3]["properties"]["jitter"]["maximum"], 1);
}

TEST(ConfigJsonSchema, KeepsSecretsOutOfEditorsStores) {
  const Json deployment = generated()["properties"]["deployments"]["additionalProperties"];
  EXPECT_EQ(deployment["properties"]["api_key"]["writeOnly"], true);
  EXPECT_EQ(deployment["properties"]["lacks"]["items"]["enum"][1], "vision");
}

TEST(ConfigJsonSchema, KnowsTheTablesOfAmountsAndHidesWhatTheFaceWrites) {
  const Json root = generated()["properties"];
  const Json budget = root["budgets"]["additionalProperties"]["properties"];
  EXPECT_EQ(budget["per"]["enum"], Json({"hour", "day", "month"}));
  EXPECT_TRUE(budget.contains("timezone"));
  EXPECT_FALSE(budget.contains("timezone_offsets"));
  EXPECT_EQ(root["limits"]["additionalProperties"]["properties"]["in_flight"]["maximum"].dump(),
            "1000000000000000");
  EXPECT_EQ(root["cache"]["properties"]["exact"]["properties"]["max_mb"]["default"], 256);
  EXPECT_EQ(root["state"]["required"], Json({"path"}));
}

TEST(ConfigJsonSchema, SurvivesAnEmptyPolicySchema) {
  for (const char* policies : {"", "{}", "[]", "3"}) {
    EXPECT_FALSE(Json::parse(config_json_schema(policies)).empty()) << policies;
  }
}

}  // namespace
}  // namespace llmroute
