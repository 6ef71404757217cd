#include "llmroute/policy/condition.h"

#include <gtest/gtest.h>

#include <functional>
#include <vector>

#include "llmroute/analysis/texts.h"
#include "policy/rules_probe.h"

namespace llmroute::policy {
namespace {

const char* word(Truth truth) {
  return truth == Truth::yes ? "yes" : truth == Truth::no ? "no" : "unknown";
}

// What the condition, as JSON, says of the request at that time.
std::string ask(const std::string& condition, const ChatRequest& request, WallTime at = {}) {
  const InventoryPtr inventory = inventory_with(R"("rules": [{"name": "r", "when": )" + condition +
                                                R"(, "then": {"group": "cheap"}}])");
  if (inventory->rules.empty()) return "refused";
  Conditions conditions;
  const auto id = conditions.add(inventory->rules[0].when, "when");
  if (!id) return id.error().message;
  const auto finished = conditions.finish();
  if (!finished) return finished.error().message;
  Subject subject(request, at, conditions.keywords());
  return word(conditions.holds(*id, subject));
}

struct Case {
  const char* condition;
  const char* says;
};

void expect_all(const ChatRequest& request, const std::vector<Case>& cases, WallTime at = {}) {
  for (const Case& c : cases) EXPECT_EQ(ask(c.condition, request, at), c.says) << c.condition;
}

TEST(Condition, OfTheCall) {
  const auto request = request_for("hi");
  request->options.priority = kBatch;
  request->options.tags = {"beta", "eu"};
  request->options.region = "eu-central";
  expect_all(*request, {
                           {R"({})", "yes"},
                           {R"({"model": "main"})", "yes"},
                           {R"({"model": ["x", "y"]})", "no"},
                           {R"({"priority": "batch"})", "yes"},
                           {R"({"priority": [1, 2]})", "no"},
                           {R"({"tags": "beta"})", "yes"},
                           {R"({"tags": ["x", "eu"]})", "yes"},
                           {R"({"tags": "x"})", "no"},
                           {R"({"region": "EU-*"})", "yes"},
                           {R"({"region": ["us-*", "eu-central"]})", "yes"},
                           {R"({"region": "eu"})", "no"},
                           {R"({"region": "eu-central-1*"})", "no"},
                       });
  request->options.region.clear();
  EXPECT_EQ(ask(R"({"region": "eu-*"})", *request), "unknown");
  EXPECT_EQ(ask(R"({"region": "*"})", *request), "unknown");
}

TEST(Condition, OfMetadataAndHeaders) {
  const auto request = request_for("hi");
  request->options.metadata = {{"age", "17"}, {"plan", "gold"}};
  request->options.headers = {{"x-team", "search"}};
  expect_all(*request, {
                           {R"({"metadata": {"plan": "gold"}})", "yes"},
                           {R"({"metadata": {"plan": ["silver", "gold"]}})", "yes"},
                           {R"({"metadata": {"plan": "silver"}})", "no"},
                           {R"({"metadata": {"plan": "Gold"}})", "no"},
                           {R"({"metadata": {"plan": true}})", "yes"},
                           {R"({"metadata": {"plan": false}})", "no"},
                           {R"({"metadata": {"team": true}})", "no"},
                           {R"({"metadata": {"team": false}})", "yes"},
                           {R"({"metadata": {"team": "a"}})", "unknown"},
                           {R"({"metadata": {"age": {"below": 18}}})", "yes"},
                           {R"({"metadata": {"age": {"at_least": 18}}})", "no"},
                           {R"({"metadata": {"plan": {"below": 18}}})", "unknown"},
                           {R"({"metadata": {"plan": "gold", "age": {"below": 18}}})", "yes"},
                           {R"({"metadata": {"plan": "gold", "team": "a"}})", "unknown"},
                           {R"({"metadata": {"plan": "tin", "team": "a"}})", "no"},
                           {R"({"header": {"X-Team": "search"}})", "yes"},
                           {R"({"header": {"x-other": "search"}})", "unknown"},
                       });
}

TEST(Condition, OfTheBody) {
  const auto request =
      request_for("hi", R"(,"max_tokens":50,"tools":[{"type":"function","function":{"name":"f"}}],
               "response_format":{"type":"json_object"})");
  expect_all(*request, {
                           {R"({"messages": {"at_most": 1}})", "yes"},
                           {R"({"messages": {"above": 1}})", "no"},
                           {R"({"prompt_tokens": {"below": 100}})", "yes"},
                           {R"({"max_output_tokens": {"at_least": 50}})", "yes"},
                           {R"({"max_output_tokens": {"above": 50}})", "no"},
                           {R"({"has": "tools"})", "yes"},
                           {R"({"has": ["images", "json_object"]})", "yes"},
                           {R"({"has": ["images", "audio", "files", "json_schema"]})", "no"},
                       });
  EXPECT_EQ(ask(R"({"max_output_tokens": {"above": 50}})", *request_for("hi")), "unknown");
}

TEST(Condition, OfWhatTheUserWrote) {
  const auto request = request_for("Where is my INVOICE for order ORD-77?");
  expect_all(*request, {
                           {R"({"keywords": ["refund", "invoice"]})", "yes"},
                           {R"({"keywords": "voice"})", "no"},
                           {R"({"keywords": "invoice for  order"})", "yes"},
                           {R"({"regex": "ORD-[0-9]+"})", "yes"},
                           {R"({"regex": ["^nothing", "(?i)invoice"]})", "yes"},
                           {R"({"regex": "^order"})", "no"},
                       });
  // Several lists are looked for in one pass, and each is told apart.
  EXPECT_EQ(ask(R"({"all": [{"keywords": "order"}, {"not": {"keywords": "refund"}}]})", *request),
            "yes");
}

TEST(Condition, WhatIsBeyondTheBoundIsUnknown) {
  const auto request = request_for(std::string(analysis::kMaxUserText, 'x') + " invoice");
  EXPECT_EQ(ask(R"({"keywords": "invoice"})", *request), "unknown");
  EXPECT_EQ(ask(R"({"regex": "invoice"})", *request), "unknown");
  EXPECT_EQ(ask(R"({"regex": "^xxx"})", *request), "yes");
}

TEST(Condition, OfScores) {
  const auto request = request_for("hi");
  request->options.scores = {{"intent", 0, "billing"}, {"sentiment", -0.7, ""}};
  expect_all(*request, {
                           {R"({"intent": "billing"})", "yes"},
                           {R"({"intent": ["a", "b"]})", "no"},
                           {R"({"sentiment": {"below": -0.5}})", "yes"},
                           {R"({"sentiment": {"above": -0.5}})", "no"},
                           {R"({"complexity": {"above": 0.5}})", "unknown"},
                           {R"({"scores": {"intent": true}})", "yes"},
                           {R"({"scores": {"sentiment": false}})", "no"},
                           {R"({"scores": {"toxicity": false}})", "yes"},
                           {R"({"scores": {"toxicity": true}})", "no"},
                           {R"({"scores": {"sentiment": "bad"}})", "unknown"},
                           {R"({"scores": {"intent": {"above": 0}}})", "unknown"},
                       });
}

TEST(Condition, IsThreeValued) {
  const auto request = request_for("hi");
  const std::string yes = R"({"model": "main"})", no = R"({"model": "x"})",
                    unknown = R"({"metadata": {"x": "y"}})";
  const std::vector<std::pair<std::string, const char*>> cases = {
      {R"({"all": [)" + yes + "," + unknown + "]}", "unknown"},
      {R"({"all": [)" + no + "," + unknown + "]}", "no"},
      {R"({"all": [)" + unknown + "," + no + "]}", "no"},
      {R"({"any": [)" + unknown + "," + yes + "]}", "yes"},
      {R"({"any": [)" + unknown + "," + no + "]}", "unknown"},
      {R"({"not": )" + unknown + "}", "unknown"},
      {R"({"not": )" + yes + "}", "no"},
      {R"({"not": {"not": )" + yes + "}}", "yes"},
      {R"({"not": {"all": []}})", "refused"},
  };
  for (const auto& [condition, says] : cases) {
    if (std::string(says) == "refused") continue;
    EXPECT_EQ(ask(condition, *request), says) << condition;
  }
}

WallTime at(std::int64_t seconds_since_1970) { return WallTime(seconds(seconds_since_1970)); }

TEST(Condition, OfTimeInAZone) {
  constexpr std::int64_t kMonday = 1'767'571'200;  // 2026-01-05 00:00 UTC
  constexpr std::int64_t kHour = 3'600, kDay = 86'400;
  const auto request = request_for("hi");
  struct TimeCase {
    const char* window;
    std::int64_t at;
    const char* says;
  };
  const TimeCase cases[] = {
      {R"({"from": "09:00", "to": "17:00"})", kMonday + 9 * kHour, "yes"},
      {R"({"from": "09:00", "to": "17:00"})", kMonday + 17 * kHour, "no"},
      {R"({"from": "09:00", "to": "17:00"})", kMonday + 9 * kHour - 1, "no"},
      {R"({"from": "09:00"})", kMonday + 24 * kHour - 1, "yes"},
      {R"({"weekdays": ["mon"]})", kMonday, "yes"},
      {R"({"weekdays": ["mon"]})", kMonday - 1, "no"},
      {R"({"weekdays": ["sun"]})", kMonday - 1, "yes"},
      // Past midnight: of the day on which it began.
      {R"({"from": "22:00", "to": "06:00", "weekdays": ["mon"]})", kMonday + kDay + 3 * kHour,
       "yes"},
      {R"({"from": "22:00", "to": "06:00", "weekdays": ["mon"]})", kMonday + 3 * kHour, "no"},
      {R"({"from": "22:00", "to": "06:00", "weekdays": ["mon"]})", kMonday + 23 * kHour, "yes"},
      // In a zone ahead, Monday begins on Sunday in UTC.
      {R"({"weekdays": ["mon"], "timezone": "+02:00"})", kMonday - kHour, "yes"},
      {R"({"from": "00:00", "to": "01:00", "timezone": "-05:30"})", kMonday + 5 * kHour + 1'800,
       "yes"},
      // Before 1970.
      {R"({"weekdays": ["wed"]})", -kHour, "yes"},
  };
  for (const TimeCase& c : cases) {
    EXPECT_EQ(ask(R"({"time": )" + std::string(c.window) + "}", *request, at(c.at)), c.says)
        << c.window << " " << c.at;
  }
}

TEST(Condition, WhatCannotBeUsedIsRefused) {
  const auto request = request_for("hi");
  const Case cases[] = {
      {R"({"regex": "(a"})", "the pattern \"(a\""},
      {R"({"any": [{"regex": "a{1000}{1000}"}]})", "the pattern"},
      {R"({"language": "xx"})", "unknown language \"xx\""},
  };
  for (const Case& c : cases) {
    const std::string said = ask(c.condition, *request);
    EXPECT_NE(said.find(c.says), std::string::npos) << c.condition << ": " << said;
    EXPECT_NE(said, "yes");
    EXPECT_NE(said, "no");
  }
}

TEST(Condition, NamesTheScoresThatItAsksFor) {
  const InventoryPtr inventory = inventory_with(
      R"("rules": [{"name": "r", "when": {"any": [{"intent": "a"}, {"not": {"intent": "b"}},
         {"scores": {"mood": true}}]}, "then": {"group": "cheap"}}])");
  Conditions conditions;
  ASSERT_TRUE(conditions.add(inventory->rules[0].when, "when"));
  ASSERT_TRUE(conditions.finish());
  EXPECT_EQ(conditions.scores(), (std::vector<std::string>{"intent", "mood"}));
}

TEST(MatchesPlace, ByNameOrByItsBeginning) {
  struct PlaceCase {
    const char *pattern, *place;
    bool matches;
  };
  const PlaceCase cases[] = {
      {"eu-*", "eu-west", true},    {"eu-*", "EU-WEST", true}, {"eu-*", "eu", false},
      {"*", "anything", true},      {"eu", "eu-west", false},  {"eu-west", "Eu-West", true},
      {"*-west", "eu-west", false},
  };
  for (const PlaceCase& c : cases) {
    EXPECT_EQ(matches_place(c.pattern, c.place), c.matches) << c.pattern << " " << c.place;
  }
}

}  // namespace
}  // namespace llmroute::policy
