#include <gtest/gtest.h>

#include <fstream>
#include <limits>
#include <memory>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include "llmroute/model/decision.h"
#include "support/sample_decision.h"

namespace llmroute {
namespace {

using Json = nlohmann::json;

Json form(const Decision& decision) { return Json::parse(to_json(decision)); }

TEST(DecisionJson, TheHead) {
  const Json json = form(testing::sample_decision());
  EXPECT_EQ(json["request_id"], "7f3a");
  EXPECT_EQ(json["model"], "fast");
  EXPECT_EQ(json["group"], "fast");
  EXPECT_EQ(json["policy"], Json({{"name", "least_latency"}, {"version", 1}, {"failure", ""}}));
  EXPECT_EQ(json["seed"], 18446744073709551615ULL);
  EXPECT_EQ(json["snapshot_version"], 12);
  EXPECT_EQ(json["submitted_at"], "2026-01-31T12:00:00.250Z");
  EXPECT_EQ(json["status"], "ok");
  EXPECT_EQ(json["chosen"], "local-llama");
  EXPECT_EQ(json["plan"], Json({"haiku-eu", "local-llama"}));
  EXPECT_EQ(json["planned_ms"], 0.002);
  EXPECT_EQ(json["total_ms"], 3600);
  EXPECT_EQ(json["cost"], Json({{"usd", 0.00021}, {"kind", "exact"}, {"price_date", nullptr}}));
  EXPECT_TRUE(json["failure"].is_null());
  EXPECT_EQ(json["facts"]["parameters"], Json({"temperature"}));
  EXPECT_EQ(json["facts"]["needs"], Json({"tools"}));
  EXPECT_EQ(json["facts"]["prompt_tokens"], 20'800);
  EXPECT_TRUE(json["facts"]["max_output_tokens"].is_null());
}

TEST(DecisionJson, Candidates) {
  const Json candidates = form(testing::sample_decision())["candidates"];
  ASSERT_EQ(candidates.size(), 5U);
  const Json& kept = candidates[1];
  EXPECT_EQ(kept["deployment"], "local-llama");
  EXPECT_EQ(kept["group"], "default");
  EXPECT_EQ(kept["status"], "kept");
  EXPECT_EQ(kept["score"], 1.73);  // not 1.7300000190734863
  EXPECT_EQ(kept["rank"], 1);
  EXPECT_EQ(kept["note"], "cheap");
  EXPECT_EQ(kept["ttft_p95_ms"], 800.5);
  EXPECT_EQ(kept["estimated_cost_usd"], 0.00025);
  const Json& dropped = candidates[4];
  EXPECT_EQ(dropped["status"], "dropped");
  EXPECT_EQ(dropped["reason"], "breaker_open");
  EXPECT_EQ(dropped["numbers"], Json({{"failures", 6}, {"next_probe_ms", 4'100}}));
  EXPECT_EQ(dropped["detail"], "breaker_open: 6 failures, next probe in 4.1 s");
  EXPECT_TRUE(dropped["rank"].is_null());
  EXPECT_TRUE(dropped["score"].is_null());
  EXPECT_TRUE(dropped["estimated_cost_usd"].is_null());
  EXPECT_EQ(dropped["note"], "");
}

TEST(DecisionJson, ACauseIsSaidWhereItIsKnown) {
  Decision decision = testing::sample_decision();
  decision.attempts[0].outcome.failure->cause = Cause::daily_quota;
  EXPECT_EQ(form(decision)["attempts"][0]["error"]["cause"], "daily_quota");
}

// The sum's is the oldest of those that count; where one has none, nobody can say.
TEST(DecisionJson, CostsSayWhenTheirPricesWereLookedUp) {
  const auto date_with = [](std::string_view first, std::string_view second, Cost cost) {
    Decision decision = testing::sample_decision();
    auto inventory = std::make_shared<Inventory>(*decision.inventory);
    inventory->deployments[decision.attempts[0].deployment].price.date = first;
    inventory->deployments[decision.attempts[1].deployment].price.date = second;
    decision.inventory = inventory;
    decision.attempts[0].cost = cost;
    const Json json = form(decision);
    EXPECT_EQ(json["attempts"][1]["cost"]["price_date"], second);
    return json["cost"]["price_date"];
  };
  const Cost some{usd(1), CostKind::estimated};
  const Cost nothing{Usd{}, CostKind::exact};
  EXPECT_EQ(date_with("2026-11-01", "2026-07-02", some), "2026-07-02");
  EXPECT_EQ(date_with("2026-07-02", "2026-11-01", some), "2026-07-02");
  EXPECT_EQ(date_with("2026-07-02", "2026-11-01", nothing), "2026-11-01") << "it cost nothing";
  EXPECT_TRUE(date_with("", "2026-11-01", some).is_null());
}

TEST(DecisionJson, Attempts) {
  const Json attempts = form(testing::sample_decision())["attempts"];
  ASSERT_EQ(attempts.size(), 2U);
  EXPECT_EQ(attempts[0]["status"], "failed");
  EXPECT_EQ(attempts[0]["error"], Json({{"kind", "overloaded"},
                                        {"cause", nullptr},
                                        {"message", "Overloaded"},
                                        {"status_code", 529},
                                        {"provider_code", "overloaded_error"},
                                        {"retry_after_ms", 1500},
                                        {"ambiguous", false}}));
  EXPECT_EQ(attempts[0]["cost"],
            Json({{"usd", nullptr}, {"kind", "unknown"}, {"price_date", nullptr}}));
  EXPECT_EQ(attempts[1]["status"], "ok");
  EXPECT_EQ(attempts[1]["waited_ms"], 1.235);
  EXPECT_EQ(attempts[1]["ttft_ms"], 910);
  EXPECT_TRUE(attempts[1]["connect_ms"].is_null());
  EXPECT_TRUE(attempts[1]["error"].is_null());
  EXPECT_EQ(attempts[1]["usage"]["output_tokens"], 240);
  EXPECT_EQ(attempts[1]["finish_reason"], "stop");
  EXPECT_EQ(attempts[1]["dropped_parameters"], Json({"seed"}));
}

TEST(DecisionJson, AttemptStatuses) {
  Decision decision = testing::sample_decision();
  decision.attempts[0].finished = false;
  decision.attempts[1].outcome.cancelled = true;
  const Json attempts = form(decision)["attempts"];
  EXPECT_EQ(attempts[0]["status"], "running");
  EXPECT_EQ(attempts[1]["status"], "cancelled");
}

TEST(DecisionJson, UnknownIsNullNeverZero) {
  Decision decision = testing::sample_decision();
  decision.cost = Cost{};
  decision.candidates[0].score = std::numeric_limits<float>::infinity();
  const Json json = form(decision);
  EXPECT_TRUE(json["cost"]["usd"].is_null());
  EXPECT_EQ(json["cost"]["kind"], "unknown");
  EXPECT_TRUE(json["candidates"][0]["score"].is_null());
}

TEST(DecisionJson, ParameterIsASlug) {
  Decision decision = testing::sample_decision();
  decision.candidates = {testing::candidate(0, Reason::parameter_not_supported,
                                            static_cast<float>(Parameter::seed), 0)};
  const Json json = form(decision)["candidates"][0];
  EXPECT_EQ(json["numbers"], Json({{"parameter", "seed"}}));
  EXPECT_EQ(json["detail"], "parameter_not_supported: seed");
}

TEST(DecisionJson, NumbersNameWhatTheyBelongTo) {
  struct Case {
    Reason reason;
    float a, b;
    Json numbers;
  };
  const Case cases[] = {
      {Reason::limit_reached,
       1,
       0,
       {{"limit", "requests_per_minute"}, {"rule", nullptr}, {"free_in_ms", nullptr}}},
      {Reason::limit_reached,
       kRuleStride,
       1'200,
       {{"limit", "in_flight"}, {"rule", "tenants"}, {"free_in_ms", 1'200}}},
      {Reason::budget_exhausted, 0, 0, {{"budget", "batch"}, {"free_in_ms", nullptr}}},
      {Reason::budget_exhausted, 7, 60, {{"budget", "budgets[7]"}, {"free_in_ms", 60}}},
      {Reason::price_unknown, 0, 0, {{"budget", "batch"}}},
      {Reason::priority_not_served, kInteractive, 0, {{"priority", "interactive"}}},
      {Reason::bound_elsewhere, 0, 0, Json::object()},
  };
  for (const Case& c : cases) {
    Decision decision = testing::sample_decision();
    decision.candidates = {testing::candidate(0, c.reason, c.a, c.b)};
    EXPECT_EQ(form(decision)["candidates"][0]["numbers"], c.numbers) << slug(c.reason);
  }
}

TEST(DecisionJson, Circumstances) {
  const Json json = form(testing::sample_decision());
  EXPECT_EQ(json["metadata"], Json({{"plan", "gold"}, {"tenant", "acme"}}));
  EXPECT_EQ(json["priority"], "batch");
  EXPECT_EQ(json["budgets"], Json::array({{{"budget", "batch"},
                                           {"by", "acme"},
                                           {"share", 0.83},
                                           {"stepped_to", "default"},
                                           {"passed", false}}}));
  EXPECT_EQ(json["cache"],
            Json({{"status", "miss"}, {"age_ms", nullptr}, {"answered_by", nullptr}}));
  EXPECT_EQ(json["affinity"],
            Json({{"kind", "prefix"}, {"deployment", "haiku-eu"}, {"warm_tokens", 12'000}}));
  EXPECT_EQ(json["queued_ms"], 120);
  EXPECT_EQ(json["handed_over"], false);
  EXPECT_EQ(json["notes"].size(), 1U);
}

TEST(DecisionJson, CircumstancesThatAreNotThere) {
  const Json json = form(Decision{});
  EXPECT_EQ(json["metadata"], Json::object());
  EXPECT_EQ(json["priority"], "standard");
  EXPECT_EQ(json["budgets"], Json::array());
  EXPECT_EQ(json["cache"]["status"], "off");
  EXPECT_EQ(json["affinity"],
            Json({{"kind", "none"}, {"deployment", nullptr}, {"warm_tokens", 0}}));
  EXPECT_EQ(json["notes"], Json::array());
}

TEST(DecisionJson, AHitOfTheCacheAndAnUnknownShare) {
  Decision decision = testing::sample_decision();
  decision.cache = {CacheStatus::hit, milliseconds(12'000), "7f39"};
  decision.priority = 7;
  decision.budgets[0].share = std::numeric_limits<double>::quiet_NaN();
  decision.budgets[0].who.clear();
  decision.budgets[0].stepped_to.reset();
  const Json json = form(decision);
  EXPECT_EQ(json["cache"], Json({{"status", "hit"}, {"age_ms", 12'000}, {"answered_by", "7f39"}}));
  EXPECT_EQ(json["priority"], "7");
  EXPECT_TRUE(json["budgets"][0]["share"].is_null());
  EXPECT_TRUE(json["budgets"][0]["by"].is_null());
  EXPECT_TRUE(json["budgets"][0]["stepped_to"].is_null());
}

TEST(DecisionJson, BrokenTextOfAProviderIsReplaced) {
  Decision decision = testing::sample_decision();
  decision.attempts[0].outcome.failure->message = "bad \xFF byte";
  EXPECT_EQ(form(decision)["attempts"][0]["error"]["message"], "bad \xEF\xBF\xBD byte");
}

TEST(DecisionJson, AnEmptyDecisionIsReadable) {
  const Json json = form(Decision{});
  EXPECT_EQ(json["status"], "pending");
  EXPECT_EQ(json["submitted_at"], "1970-01-01T00:00:00.000Z");
  EXPECT_EQ(json["snapshot_version"], 0);
  EXPECT_TRUE(json["candidates"].empty());
  Decision lost = testing::sample_decision();
  lost.inventory = nullptr;
  EXPECT_EQ(form(lost)["chosen"], "unknown");
}

// The same file is checked against docs/decision.schema.json from the Python side.
TEST(DecisionJson, IsTheGoldenOne) {
  std::ifstream file(std::string(LLMROUTE_GOLDEN_DIR) + "/decision/whole.json");
  std::ostringstream golden;
  golden << file.rdbuf();
  EXPECT_EQ(Json::parse(to_json(testing::sample_decision())).dump(2) + "\n", golden.str());
}

TEST(DecisionJson, TheSchemaKnowsEveryWord) {
  std::ifstream file(LLMROUTE_SOURCE_DIR "/docs/decision.schema.json");
  const Json schema = Json::parse(file);
  const auto expect_words = [](const Json& words, const auto& slugs) {
    EXPECT_EQ(words["enum"], Json(std::vector<std::string_view>(slugs.begin(), slugs.end())));
  };
  expect_words(schema["$defs"]["candidate"]["properties"]["reason"], slugs<Reason>());
  expect_words(schema["$defs"]["failure"]["properties"]["kind"], slugs<ErrorKind>());
  expect_words(schema["$defs"]["cost"]["properties"]["kind"], slugs<CostKind>());
  expect_words(schema["properties"]["status"], slugs<DecisionStatus>());
  expect_words(schema["properties"]["cache"]["properties"]["status"], slugs<CacheStatus>());
  expect_words(schema["properties"]["affinity"]["properties"]["kind"], slugs<AffinityKind>());
  const Json& facts = schema["properties"]["facts"]["properties"];
  expect_words(facts["parameters"]["items"], slugs<Parameter>());
  expect_words(facts["needs"]["items"], slugs<Capability>());
}

TEST(DecisionJson, IsStable) {
  EXPECT_EQ(to_json(testing::sample_decision()), to_json(testing::sample_decision()));
}

}  // namespace
}  // namespace llmroute
