#include "llmroute/model/price.h"

#include <gtest/gtest.h>

namespace llmroute {
namespace {

Usage used(std::int64_t input, std::int64_t output, std::int64_t cached = 0,
           std::int64_t written = 0) {
  Usage usage;
  usage.input = {input};
  usage.output = {output};
  usage.cached_input = {cached};
  usage.cache_write = {written};
  usage.reported = true;
  return usage;
}

Price by_token(double input, double output) {
  Price price;
  price.input_usd_per_million = input;
  price.output_usd_per_million = output;
  return price;
}

PriceChange times(double factor) { return {{}, factor}; }

PriceChange instead(double input, double output) { return {by_token(input, output), 1.0}; }

// Every kind of token has a price of its own.
Price detailed() {
  Price price = by_token(2.0, 8.0);
  price.cached_input_usd_per_million = 0.5;
  price.cache_write_usd_per_million = 2.5;
  price.cache_write_hour_usd_per_million = 4.0;
  price.reasoning_usd_per_million = 10.0;
  price.audio_input_usd_per_million = 32.0;
  price.audio_output_usd_per_million = 64.0;
  price.image_input_usd_per_million = 3.0;
  price.image_output_usd_per_million = 30.0;
  return price;
}

TEST(CostOf, PricesEachShareOfTheInputOnce) {
  const Price price = detailed();
  struct Case {
    const char* what;
    Usage usage;
    double usd;
  };
  const Case cases[] = {
      {"nothing", used(0, 0), 0},
      {"plain", used(1'000'000, 1'000'000), 10},
      {"cached", used(1'000'000, 0, 400'000), 1.2 + 0.2},
      {"written", used(1'000'000, 0, 0, 400'000), 1.2 + 1.0},
      {"all three", used(1'000'000, 0, 200'000, 300'000), 1.0 + 0.1 + 0.75},
      {"more cached than input", used(100, 0, 500), 100 * 0.5 / 1e6},
      {"more cached and written than input", used(100, 0, 60, 80), (60 * 0.5 + 40 * 2.5) / 1e6},
      {"less than nothing cached", used(100, 0, -50), 100 * 2.0 / 1e6},
  };
  for (const Case& c : cases) {
    const Cost cost = cost_of(c.usage, price);
    EXPECT_EQ(cost.kind, CostKind::exact) << c.what;
    EXPECT_DOUBLE_EQ(cost.usd.value(), c.usd) << c.what;
  }
}

TEST(CostOf, KindsOfTokensHaveTheirOwnRates) {
  struct Case {
    const char* what;
    Tokens Usage::*kind;
    bool output;
    double usd;      // of a million such tokens
    double without;  // where they have no rate of their own
    CostKind without_kind;
  };
  const Case cases[] = {
      {"cached", &Usage::cached_input, false, 0.5, 2.0, CostKind::estimated},
      {"written", &Usage::cache_write, false, 2.5, 2.0, CostKind::estimated},
      {"reasoning", &Usage::reasoning, true, 10.0, 8.0, CostKind::exact},
      {"sound in", &Usage::audio_input, false, 32.0, 2.0, CostKind::estimated},
      {"sound out", &Usage::audio_output, true, 64.0, 8.0, CostKind::estimated},
      {"images in", &Usage::image_input, false, 3.0, 2.0, CostKind::exact},
      {"images out", &Usage::image_output, true, 30.0, 8.0, CostKind::estimated},
  };
  for (const Case& c : cases) {
    Usage usage = c.output ? used(0, 1'000'000) : used(1'000'000, 0);
    usage.*c.kind = Tokens{1'000'000};
    EXPECT_DOUBLE_EQ(cost_of(usage, detailed()).usd.value(), c.usd) << c.what;
    EXPECT_EQ(cost_of(usage, detailed()).kind, CostKind::exact) << c.what;
    EXPECT_DOUBLE_EQ(cost_of(usage, by_token(2, 8)).usd.value(), c.without) << c.what;
    EXPECT_EQ(cost_of(usage, by_token(2, 8)).kind, c.without_kind) << c.what;
  }
}

TEST(CostOf, AnHourInTheCacheIsPartOfWhatWasWritten) {
  Usage usage = used(1'000'000, 0, 0, 400'000);
  usage.cache_write_hour = {300'000};
  EXPECT_DOUBLE_EQ(cost_of(usage, detailed()).usd.value(), 1.2 + 0.25 + 1.2);
  usage.cache_write_hour = {900'000};  // more than was written: all of that
  EXPECT_DOUBLE_EQ(cost_of(usage, detailed()).usd.value(), 1.2 + 1.6);
  Price price = by_token(2, 8);
  price.cache_write_usd_per_million = 2.5;
  EXPECT_DOUBLE_EQ(cost_of(usage, price).usd.value(), 1.2 + 1.0) << "no price of its own";
  EXPECT_EQ(cost_of(usage, price).kind, CostKind::estimated);
}

TEST(CostOf, UnknownPriceIsNeverZero) {
  const Usage usage = used(1'000, 1'000);
  Price input, output;
  input.input_usd_per_million = 1.0;
  output.output_usd_per_million = 1.0;
  for (const Price& price : {Price{}, input, output}) {
    EXPECT_FALSE(price.known());
    EXPECT_EQ(cost_of(usage, price).kind, CostKind::unknown);
  }
  EXPECT_EQ(cost_of(usage, by_token(0, 0)).kind, CostKind::exact) << "free is known";
}

TEST(CostOf, WithoutOutputItsPriceIsNoMatter) {
  Price input;
  input.input_usd_per_million = 0.02;
  const Cost cost = cost_of(used(1'000'000, 0), input);
  EXPECT_EQ(cost.kind, CostKind::exact);
  EXPECT_DOUBLE_EQ(cost.usd.value(), 0.02);
}

TEST(CostOf, EstimatedUsageGivesAnEstimatedCost) {
  Usage usage = used(1'000'000, 0);
  usage.reported = false;
  const Cost cost = cost_of(usage, by_token(1, 1));
  EXPECT_EQ(cost.kind, CostKind::estimated);
  EXPECT_DOUBLE_EQ(cost.usd.value(), 1.0);
}

TEST(CostOf, ALongPromptIsPricedByItsTier) {
  Price price = by_token(1, 10);
  price.cached_input_usd_per_million = 0.1;
  price.tiers = {{{200'000}, instead(2, 15)}, {{500'000}, times(4)}};
  struct Case {
    std::int64_t input;
    double usd;
  };
  const Case cases[] = {
      {200'000, 0.2 + 10},
      {200'001, 2 * 0.200'001 + 15},
      {500'000, 1.0 + 15},
      {600'000, 2.4 + 40},
  };
  for (const Case& c : cases) {
    const Cost cost = cost_of(used(c.input, 1'000'000), price);
    EXPECT_DOUBLE_EQ(cost.usd.value(), c.usd) << c.input;
    EXPECT_EQ(cost.kind, CostKind::exact);
  }
  EXPECT_DOUBLE_EQ(cost_of(used(300'000, 0, 300'000), price).usd.value(), 0.03)
      << "what a tier does not state stays";
}

TEST(CostOf, TheServiceTierChangesThePrice) {
  Price price = by_token(2, 8);
  price.service_tiers = {{ServiceTier::flex, times(0.5)}, {ServiceTier::priority, instead(5, 20)}};
  struct Case {
    ServiceTier tier;
    double usd;
    CostKind kind;
  };
  const Case cases[] = {
      {ServiceTier::standard, 10, CostKind::exact},
      {ServiceTier::flex, 5, CostKind::exact},
      {ServiceTier::priority, 25, CostKind::exact},
      {ServiceTier::batch, 10, CostKind::estimated},  // not stated: a guess
      {ServiceTier::other, 10, CostKind::estimated},
  };
  for (const Case& c : cases) {
    Charge charge;
    charge.tier = c.tier;
    const Cost cost = cost_of(used(1'000'000, 1'000'000), price, charge);
    EXPECT_DOUBLE_EQ(cost.usd.value(), c.usd) << slug(c.tier);
    EXPECT_EQ(cost.kind, c.kind) << slug(c.tier);
  }
}

TEST(CostOf, WindowsHoldBetweenTwoTimesOfDay) {
  Price price = by_token(2, 8);
  price.windows = {{16 * 60 + 30, 30, times(0.5)}, {8 * 60, 9 * 60, instead(3, 3)}};
  struct Case {
    int minute;
    double usd;
    CostKind kind;
  };
  const Case cases[] = {
      {16 * 60 + 29, 10, CostKind::exact},
      {16 * 60 + 30, 5, CostKind::exact},
      {23 * 60 + 59, 5, CostKind::exact},
      {0, 5, CostKind::exact},
      {29, 5, CostKind::exact},
      {30, 10, CostKind::exact},
      {8 * 60, 6, CostKind::exact},
      {9 * 60, 10, CostKind::exact},
      {Charge::kSomeTime, 10, CostKind::estimated},
  };
  for (const Case& c : cases) {
    Charge charge;
    charge.utc_minute = c.minute;
    const Cost cost = cost_of(used(1'000'000, 1'000'000), price, charge);
    EXPECT_DOUBLE_EQ(cost.usd.value(), c.usd) << c.minute;
    EXPECT_EQ(cost.kind, c.kind) << c.minute;
  }
}

TEST(CostOf, ChangesApplyOneAfterTheOther) {
  Price price = by_token(1, 1);
  price.tiers = {{{10}, times(2)}};
  price.service_tiers = {{ServiceTier::flex, times(0.5)}};
  price.windows = {{0, 60, times(0.1)}};
  const Charge charge{ServiceTier::flex, 30, {}};
  EXPECT_DOUBLE_EQ(cost_of(used(1'000'000, 0), price, charge).usd.value(), 0.1);
}

TEST(CostOf, ByTheHourItIsAShareOfTheTime) {
  Price price;
  price.usd_per_hour = 3.0;
  EXPECT_TRUE(price.known());
  EXPECT_FALSE(price.plain());
  EXPECT_EQ(cost_of(used(10, 10), price).kind, CostKind::unknown) << "no share is known";
  Charge charge;
  charge.busy_hours = 0.25;
  const Cost cost = cost_of(used(10, 10), price, charge);
  EXPECT_EQ(cost.kind, CostKind::estimated);
  EXPECT_DOUBLE_EQ(cost.usd.value(), 0.75);
}

TEST(HighestRates, LooksAtTiersAndWindowsTogether) {
  Price price = by_token(1, 10);
  EXPECT_EQ(highest_rates(price), static_cast<const Rates&>(price));
  price.tiers = {{{100}, times(2)}};
  price.windows = {{0, 60, times(3)}, {60, 120, times(0.5)}};
  price.service_tiers = {{ServiceTier::priority, times(100)}};  // the caller's own wish
  EXPECT_EQ(highest_rates(price).input_usd_per_million, 6);
  EXPECT_EQ(highest_rates(price).output_usd_per_million, 60);
  EXPECT_FALSE(highest_rates(Price{}).input_usd_per_million);
}

TEST(ServiceTierOf, KnowsTheWordsOfProviders) {
  const std::pair<const char*, ServiceTier> cases[] = {
      {"auto", ServiceTier::standard},
      {"default", ServiceTier::standard},
      {"standard_only", ServiceTier::standard},
      {"on_demand", ServiceTier::standard},
      {"flex", ServiceTier::flex},
      {"priority", ServiceTier::priority},
      {"batch", ServiceTier::batch},
      {"FLEX", ServiceTier::other},
      {"", ServiceTier::other},
  };
  for (const auto& [word, tier] : cases) EXPECT_EQ(service_tier_of(word), tier) << word;
}

TEST(UtcMinuteOf, IsOfTheDay) {
  const auto at = [](std::int64_t s) { return utc_minute_of(WallTime(seconds(s))); };
  EXPECT_EQ(at(0), 0);
  EXPECT_EQ(at(59), 0);
  EXPECT_EQ(at(86'399), 1'439);
  EXPECT_EQ(at(86'400 * 20'000LL + 3'660), 61);
  EXPECT_EQ(at(-1), 1'439);
}

TEST(CostSum, IsAsGoodAsItsWorstPart) {
  const Cost exact{usd(1), CostKind::exact};
  const Cost estimated{usd(2), CostKind::estimated};
  const Cost unknown{};
  struct Case {
    Cost a, b;
    CostKind kind;
    double usd;
  };
  const Case cases[] = {
      {exact, exact, CostKind::exact, 2},         {exact, estimated, CostKind::estimated, 3},
      {estimated, exact, CostKind::estimated, 3}, {exact, unknown, CostKind::unknown, 1},
      {unknown, estimated, CostKind::unknown, 2},
  };
  for (const Case& c : cases) {
    EXPECT_EQ((c.a + c.b).kind, c.kind);
    EXPECT_DOUBLE_EQ((c.a + c.b).usd.value(), c.usd);
  }
}

}  // namespace
}  // namespace llmroute
