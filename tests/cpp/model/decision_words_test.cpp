#include "llmroute/model/decision_words.h"

#include <gtest/gtest.h>

#include <cmath>
#include <set>

#include "support/sample_decision.h"

namespace llmroute {
namespace {

TEST(Words, Durations) {
  struct Case {
    double ms;
    const char* words;
  };
  const Case cases[] = {
      {0, "0 ms"},      {0.3, "under 1 ms"},     {0.97, "1 ms"},     {212.4, "212 ms"},
      {999.9, "1.0 s"}, {4'100, "4.1 s"},        {99'900, "99.9 s"}, {120'000, "2 min"},
      {9e6, "2.5 h"},   {NAN, "an unknown time"}};
  for (const Case& c : cases) EXPECT_EQ(words::duration(c.ms), c.words);
}

TEST(Words, CountsAndOrdinals) {
  EXPECT_EQ(words::count(0), "0");
  EXPECT_EQ(words::count(999), "999");
  EXPECT_EQ(words::count(20'800), "20,800");
  EXPECT_EQ(words::count(-1'234'567), "-1,234,567");
  EXPECT_EQ(words::count(NAN), "0");
  struct Case {
    int value;
    const char* words;
  };
  const Case cases[] = {{1, "1st"},   {2, "2nd"},   {3, "3rd"},   {4, "4th"},     {11, "11th"},
                        {12, "12th"}, {13, "13th"}, {21, "21st"}, {112, "112th"}, {103, "103rd"}};
  for (const Case& c : cases) EXPECT_EQ(words::ordinal(c.value), c.words);
}

TEST(Describe, EveryReasonHasItsWords) {
  struct Case {
    Reason reason;
    float a, b;
    const char* words;
  };
  const Case cases[] = {
      {Reason::kept, 0, 0, "kept"},
      {Reason::excluded, 0, 0, "excluded"},
      {Reason::tools_not_supported, 0, 0, "tools_not_supported"},
      {Reason::vision_not_supported, 0, 0, "vision_not_supported"},
      {Reason::json_schema_not_supported, 0, 0, "json_schema_not_supported"},
      {Reason::audio_not_supported, 0, 0, "audio_not_supported"},
      {Reason::files_not_supported, 0, 0, "files_not_supported"},
      {Reason::embeddings_not_supported, 0, 0, "embeddings_not_supported"},
      {Reason::embedding_model_differs, 0, 0, "embedding_model_differs"},
      {Reason::parameter_not_supported, 1e9F, 0, "parameter_not_supported: other"},
      {Reason::context_too_short, 20'800, 16'385,
       "context_too_short: needs about 20,800 tokens, has 16,385"},
      {Reason::output_too_short, 9'000, 4'096,
       "output_too_short: asked for 9,000 output tokens, gives 4,096"},
      {Reason::breaker_open, 1, 300, "breaker_open: 1 failure, next probe in 300 ms"},
      {Reason::breaker_probing, 1, 2, "breaker_probing: 1 of 2 probes under way"},
      {Reason::cooling_down, 1'500, 0, "cooling_down: 1.5 s left"},
      {Reason::rate_limit_exhausted, 60'000, 0, "rate_limit_exhausted: resets in 60.0 s"},
      {Reason::limit_reached, 1, 1'200, "limit_reached: requests_per_minute, free in 1.2 s"},
      {Reason::limit_reached, 0, 0, "limit_reached: in_flight"},
      {Reason::limit_reached, kRuleStride * 3 + 2, 0,
       "limit_reached: tokens_per_minute of \"limits[2]\""},
      {Reason::budget_exhausted, 0, 5'400'000, "budget_exhausted: \"budgets[0]\", free in 90 min"},
      {Reason::budget_exhausted, 1, 0, "budget_exhausted: \"budgets[1]\""},
      {Reason::price_unknown, 0, 0, "price_unknown: budget \"budgets[0]\" cannot count it"},
      {Reason::priority_not_served, kBatch, 0, "priority_not_served: not for batch"},
      {Reason::priority_not_served, 7, 0, "priority_not_served: not for 7"},
      {Reason::bound_elsewhere, 0, 0,
       "bound_elsewhere: the request continues something that another deployment holds"},
      {Reason::no_usable_key, 2, 2, "no_usable_key: 2 of 2 keys dead"},
      {Reason::throttled, 80, 0, "throttled: next attempt in 80 ms"},
      {Reason::region_not_allowed, 1, 0, "region_not_allowed: constraints[1]"},
      {Reason::retention_not_allowed, 0, 0, "retention_not_allowed: constraints[0]"},
      {Reason::training_not_allowed, 0, 0, "training_not_allowed: constraints[0]"},
      {Reason::provider_not_allowed, 0, 0, "provider_not_allowed: constraints[0]"},
      {Reason::deployment_not_allowed, 0, 0, "deployment_not_allowed: constraints[0]"},
      {Reason::tag_missing, 0, 0, "tag_missing: constraints[0]"},
      {Reason::price_not_allowed, 0, 0, "price_not_allowed: constraints[0]"},
      {Reason::context_not_allowed, 0, 0, "context_not_allowed: constraints[0]"},
      {Reason::parameter_required, 0, 0, "parameter_required: constraints[0]"},
      {Reason::not_in_order, 0, 0, "not_in_order"},
  };
  std::set<Reason> seen;
  for (const Case& c : cases) {
    seen.insert(c.reason);
    EXPECT_EQ(describe(testing::candidate(0, c.reason, c.a, c.b)), c.words);
  }
  EXPECT_EQ(seen.size(), slugs<Reason>().size());
}

TEST(Describe, NamesRulesByTheInventory) {
  struct Case {
    Reason reason;
    float a, b;
    const char* words;
  };
  const Case cases[] = {
      {Reason::limit_reached, 1, 1'200, "limit_reached: requests_per_minute, free in 1.2 s"},
      {Reason::limit_reached, kRuleStride + 1, 1'200,
       "limit_reached: requests_per_minute of \"tenants\", free in 1.2 s"},
      {Reason::limit_reached, kRuleStride * 2, 0, "limit_reached: in_flight of \"limits[1]\""},
      {Reason::budget_exhausted, 0, 1'000, "budget_exhausted: \"batch\", free in 1.0 s"},
      {Reason::price_unknown, 0, 0, "price_unknown: budget \"batch\" cannot count it"},
  };
  const auto inventory = testing::sample_inventory();
  for (const Case& c : cases) {
    EXPECT_EQ(describe(testing::candidate(0, c.reason, c.a, c.b), inventory.get()), c.words);
  }
}

TEST(NumberNames, ExistWhereDescribeSaysMore) {
  for (std::size_t i = 0; i < slugs<Reason>().size(); ++i) {
    const auto reason = static_cast<Reason>(i);
    // Its words need no number.
    if (reason == Reason::bound_elsewhere) continue;
    const bool worded = describe(testing::candidate(0, reason, 1, 1)).size() > slug(reason).size();
    EXPECT_EQ(worded, !words::number_names(reason).a.empty()) << slug(reason);
  }
}

}  // namespace
}  // namespace llmroute
