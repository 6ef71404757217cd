#include "llmroute/model/usage.h"

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

TEST(CostOf, PricesEachShareOfTheInputOnce) {
  const Price price{2.0, 8.0, 0.5, 2.5};
  const Price no_cache_prices{2.0, 8.0, {}, {}};
  struct Case {
    const char* what;
    Usage usage;
    Price price;
    double usd;
  };
  const Case cases[] = {
      {"nothing", used(0, 0), price, 0},
      {"plain", used(1'000'000, 1'000'000), price, 10},
      {"cached", used(1'000'000, 0, 400'000), price, 1.2 + 0.2},
      {"written", used(1'000'000, 0, 0, 400'000), price, 1.2 + 1.0},
      {"all three", used(1'000'000, 0, 200'000, 300'000), price, 1.0 + 0.1 + 0.75},
      {"cached at the input price", used(1'000'000, 0, 500'000, 100'000), no_cache_prices, 2},
      {"more cached than input", used(100, 0, 500), price, 100 * 0.5 / 1e6},
      {"more cached and written than input", used(100, 0, 60, 80), price,
       (60 * 0.5 + 40 * 2.5) / 1e6},
      {"free", used(1'000, 1'000), Price{0.0, 0.0, {}, {}}, 0},
  };
  for (const Case& c : cases) {
    const Cost cost = cost_of(c.usage, c.price);
    EXPECT_EQ(cost.kind, CostKind::exact) << c.what;
    EXPECT_DOUBLE_EQ(cost.usd.value(), c.usd) << c.what;
  }
}

TEST(CostOf, UnknownPriceIsNeverZero) {
  const Usage usage = used(1'000, 1'000);
  for (const Price& price : {Price{}, Price{1.0, {}, {}, {}}, Price{{}, 1.0, {}, {}}}) {
    EXPECT_EQ(cost_of(usage, price).kind, CostKind::unknown);
  }
}

TEST(CostOf, EstimatedUsageGivesAnEstimatedCost) {
  Usage usage = used(1'000'000, 0);
  usage.reported = false;
  const Cost cost = cost_of(usage, Price{1.0, 1.0, {}, {}});
  EXPECT_EQ(cost.kind, CostKind::estimated);
  EXPECT_DOUBLE_EQ(cost.usd.value(), 1.0);
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

TEST(CostOf, WithoutOutputItsPriceIsNoMatter) {
  const Cost cost = cost_of(used(1'000'000, 0), Price{0.02, {}, {}, {}});
  EXPECT_EQ(cost.kind, CostKind::exact);
  EXPECT_DOUBLE_EQ(cost.usd.value(), 0.02);
  EXPECT_EQ(cost_of(used(0, 0), Price{{}, 1.0, {}, {}}).kind, CostKind::unknown);
}

}  // namespace
}  // namespace llmroute
