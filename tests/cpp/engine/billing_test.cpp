#include "llmroute/engine/billing.h"

#include <gtest/gtest.h>

namespace llmroute::engine {
namespace {

struct Case {
  const char* what;
  Outcome outcome;
  CostKind kind;
  double usd;
};

Outcome failed(bool ambiguous) {
  Outcome outcome;
  outcome.failure = make_failure(ErrorKind::server_error, "");
  outcome.failure->ambiguous = ambiguous;
  return outcome;
}

Usage used(std::int64_t input, std::int64_t output, bool reported) {
  Usage usage;
  usage.input = Tokens{input};
  usage.output = Tokens{output};
  usage.reported = reported;
  return usage;
}

std::vector<Case> cases() {
  std::vector<Case> all;
  Outcome good;
  good.usage = used(10, 20, true);
  all.push_back({"an answer with usage", good, CostKind::exact, 50e-6});
  good.usage.reported = false;
  all.push_back({"an answer without", good, CostKind::estimated, 50e-6});
  all.push_back({"a refusal", failed(false), CostKind::exact, 0});
  all.push_back({"no answer", failed(true), CostKind::estimated, 100e-6});
  Outcome cut = failed(false);
  cut.content_started = true;
  cut.usage = used(100, 7, false);
  all.push_back({"a stream cut after content", cut, CostKind::estimated, 114e-6});
  Outcome counted = failed(false);
  counted.usage = used(90, 1, true);
  all.push_back({"a failure that had counted tokens", counted, CostKind::exact, 92e-6});
  Outcome nothing = failed(false);
  nothing.usage.reported = true;
  all.push_back({"a failure that counted none", nothing, CostKind::exact, 0});
  Outcome stopped;
  stopped.cancelled = true;
  all.push_back({"stopped before content", stopped, CostKind::estimated, 100e-6});
  stopped.content_started = true;
  stopped.usage = used(100, 3, false);
  all.push_back({"stopped after content", stopped, CostKind::estimated, 106e-6});
  return all;
}

TEST(AttemptCost, IsNeverZeroWhereItIsUnknown) {
  Deployment priced;
  priced.price.input_usd_per_million = 1.0;
  priced.price.output_usd_per_million = 2.0;
  Facts facts;
  facts.prompt_tokens = Tokens{100};
  for (const Case& c : cases()) {
    const Cost cost = attempt_cost(c.outcome, priced, facts, {});
    EXPECT_EQ(cost.kind, c.kind) << c.what;
    EXPECT_NEAR(cost.usd.value(), c.usd, 1e-12) << c.what;
    const Cost unpriced = attempt_cost(c.outcome, Deployment{}, facts, {});
    EXPECT_EQ(unpriced.kind, c.usd > 0 ? CostKind::unknown : CostKind::exact) << c.what;
  }
}

TEST(AttemptCost, ByTheHourItIsTheShareHoweverItEnded) {
  Deployment hourly;
  hourly.price.usd_per_hour = 6.0;
  Charge charge;
  charge.busy_hours = 0.5;
  for (const Case& c : cases()) {
    const Cost cost = attempt_cost(c.outcome, hourly, {}, charge);
    EXPECT_EQ(cost.kind, CostKind::estimated) << c.what;
    EXPECT_NEAR(cost.usd.value(), 3.0, 1e-12) << c.what;
    EXPECT_EQ(attempt_cost(c.outcome, hourly, {}, {}).kind, CostKind::unknown) << c.what;
  }
}

TEST(MostCost, IsNeverBelowWhatAnythingCosts) {
  Price price;
  EXPECT_FALSE(most_cost(used(100, 50, false), price, ServiceTier::standard));
  price.input_usd_per_million = 2;
  price.output_usd_per_million = 8;
  const auto most = [&](std::int64_t input, ServiceTier tier = ServiceTier::standard) {
    return most_cost(used(input, 1'000'000, false), price, tier).value_or(Usd{}).value();
  };
  EXPECT_DOUBLE_EQ(most(1'000'000), 10);
  price.cached_input_usd_per_million = 0.1;
  EXPECT_DOUBLE_EQ(most(1'000'000), 10) << "nothing is taken to be cached";
  price.cache_write_usd_per_million = 2.5;
  price.cache_write_hour_usd_per_million = 4;
  EXPECT_DOUBLE_EQ(most(1'000'000), 12);
  price.reasoning_usd_per_million = 9;
  EXPECT_DOUBLE_EQ(most(1'000'000), 13);
  price.windows = {{0, 60, {{}, 0.5}}, {60, 120, {{}, 3}}};
  EXPECT_DOUBLE_EQ(most(1'000'000), 39) << "it may last into any window";
  price.windows.clear();
  price.tiers = {{{500'000}, {{}, 2}}};
  EXPECT_DOUBLE_EQ(most(1'000'000), 26);
  EXPECT_DOUBLE_EQ(most(500'000), 2 + 9);
  price.service_tiers = {{ServiceTier::priority, {{}, 2}}};
  EXPECT_DOUBLE_EQ(most(1'000'000, ServiceTier::priority), 52);
}

TEST(UsageWhenStopped, GrowsWithTimeUpToWhatWasExpected) {
  Facts facts;
  facts.prompt_tokens = Tokens{100};
  facts.max_output_tokens = Tokens{50};
  EXPECT_EQ(usage_when_stopped(facts, Duration::zero()).output.count, 1);
  EXPECT_EQ(usage_when_stopped(facts, milliseconds(150)).output.count, 10);
  EXPECT_EQ(usage_when_stopped(facts, seconds(3600)).output.count, 50);
  EXPECT_EQ(usage_when_stopped(facts, milliseconds(-5)).output.count, 1);
  EXPECT_EQ(usage_when_stopped(facts, Duration::zero()).input.count, 100);
  EXPECT_FALSE(usage_when_stopped(facts, Duration::zero()).reported);
  facts.max_output_tokens = Tokens{0};
  EXPECT_EQ(usage_when_stopped(facts, seconds(1)).output.count, 1) << "some content was seen";
}

}  // namespace
}  // namespace llmroute::engine
