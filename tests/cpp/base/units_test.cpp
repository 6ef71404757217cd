#include "llmroute/base/units.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace llmroute {
namespace {

constexpr std::int64_t kMax = std::numeric_limits<std::int64_t>::max();
constexpr std::int64_t kMin = std::numeric_limits<std::int64_t>::min();

TEST(Units, UsdIsExactInPicodollars) {
  struct Case {
    double value;
    std::int64_t pico;
  };
  const Case cases[] = {
      {0, 0},
      {1, 1'000'000'000'000},
      {0.15, 150'000'000'000},
      {-0.000001, -1'000'000},
      {1e-12, 1},
      {4e-13, 0},
  };
  for (const Case& c : cases) EXPECT_EQ(usd(c.value).pico, c.pico) << c.value;
  EXPECT_DOUBLE_EQ(usd(0.15).value(), 0.15);
}

TEST(Units, UsdSaturates) {
  EXPECT_EQ(usd(1e300).pico, kMax);
  EXPECT_EQ(usd(-1e300).pico, kMin);
  EXPECT_EQ(usd(std::nan("")).pico, 0);
  EXPECT_EQ((Usd{kMax} + Usd{1}).pico, kMax);
  EXPECT_EQ((Usd{kMin} + Usd{-1}).pico, kMin);
  EXPECT_EQ((Usd{kMax} + Usd{-1}).pico, kMax - 1);
}

TEST(Units, SumsDoNotDrift) {
  Usd sum;
  for (int i = 0; i < 1'000'000; ++i) sum = sum + usd(0.000001);
  EXPECT_EQ(sum, usd(1));
}

TEST(Units, TokensAddAndCompare) {
  EXPECT_EQ(Tokens{3} + Tokens{4}, Tokens{7});
  EXPECT_EQ(Tokens{3} - Tokens{4}, Tokens{-1});
  EXPECT_LT(Tokens{3}, Tokens{4});
  EXPECT_LT(Usd{1}, Usd{2});
}

}  // namespace
}  // namespace llmroute
