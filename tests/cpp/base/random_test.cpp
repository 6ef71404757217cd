#include "llmroute/base/random.h"

#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <cstdint>

namespace llmroute {
namespace {

// Computed by an independent implementation of xoshiro256** over splitmix64.
TEST(Random, GoldenNumbers) {
  struct Case {
    std::uint64_t seed;
    std::array<std::uint64_t, 4> words;
  };
  const Case cases[] = {
      {0,
       {11091344671253066420ULL, 13793997310169335082ULL, 1900383378846508768ULL,
        7684712102626143532ULL}},
      {42,
       {1546998764402558742ULL, 6990951692964543102ULL, 12544586762248559009ULL,
        17057574109182124193ULL}},
      {UINT64_MAX,
       {10328197420357168392ULL, 14156678507024973869ULL, 9357971779955476126ULL,
        13791585006304312367ULL}},
  };
  for (const Case& c : cases) {
    Random random(c.seed);
    for (const std::uint64_t word : c.words) EXPECT_EQ(random.next(), word) << c.seed;
  }
}

TEST(Random, GoldenUnits) {
  Random random(7);
  for (const double value : {0.7005764821796896, 0.2787512294737843, 0.8396274618764198}) {
    EXPECT_DOUBLE_EQ(random.unit(), value);
  }
}

TEST(Random, Mix64IsSplitmix64) {
  EXPECT_EQ(mix64(1234567), 6457827717110365317ULL);
  EXPECT_EQ(mix64(1234567 + 0x9E3779B97F4A7C15ULL), 3203168211198807973ULL);
}

TEST(Random, BelowStaysBelowAndReachesEveryValue) {
  Random random(1);
  EXPECT_EQ(random.below(0), 0U);
  EXPECT_EQ(random.below(1), 0U);
  std::array<int, 6> seen{};
  for (int i = 0; i < 6'000; ++i) ++seen.at(random.below(6));
  for (const int count : seen) {
    EXPECT_GT(count, 850);  // five deviations from 1,000 are about 145
    EXPECT_LT(count, 1'150);
  }
}

TEST(Random, BelowAHugeBound) {
  Random random(2);
  for (int i = 0; i < 100; ++i) EXPECT_LT(random.below(UINT64_MAX), UINT64_MAX);
}

TEST(Random, UnitsAreInRangeWithMeanOneHalf) {
  Random random(3);
  double sum = 0;
  for (int i = 0; i < 10'000; ++i) {
    const double value = random.unit();
    ASSERT_GE(value, 0.0);
    ASSERT_LT(value, 1.0);
    sum += value;
  }
  EXPECT_NEAR(sum / 10'000, 0.5, 0.015);
}

TEST(Random, ExponentialHasItsMean) {
  Random random(4);
  double sum = 0;
  for (int i = 0; i < 20'000; ++i) {
    const double value = random.exponential(250);
    ASSERT_GE(value, 0.0);
    ASSERT_TRUE(std::isfinite(value));
    sum += value;
  }
  EXPECT_NEAR(sum / 20'000, 250, 9);
}

TEST(Random, NormalHasMeanZeroAndDeviationOne) {
  Random random(5);
  double sum = 0;
  double squares = 0;
  for (int i = 0; i < 20'000; ++i) {
    const double value = random.normal();
    ASSERT_TRUE(std::isfinite(value));
    sum += value;
    squares += value * value;
  }
  EXPECT_NEAR(sum / 20'000, 0, 0.04);
  EXPECT_NEAR(squares / 20'000, 1, 0.06);
}

}  // namespace
}  // namespace llmroute
