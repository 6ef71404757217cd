#include "llmroute/base/stable_hash.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <string>

namespace llmroute {
namespace {

// Arms of experiments are drawn by these numbers: another one would move users.
TEST(StableHash, NeverChanges) {
  EXPECT_EQ(stable_hash(""), mix64(0xcbf29ce484222325U));
  EXPECT_EQ(stable_hash("a"), mix64((0xcbf29ce484222325U ^ 0x61U) * 0x100000001b3U));
  EXPECT_NE(stable_hash("a", 1), stable_hash("a", 2));
}

TEST(StableHash, TellsNeighboursApartAndFillsTheUnit) {
  std::set<std::uint64_t> seen;
  double sum = 0, least = 1, most = 0;
  constexpr int kMany = 20'000;
  for (int i = 0; i < kMany; ++i) {
    const std::uint64_t hash = stable_hash("user-" + std::to_string(i));
    EXPECT_TRUE(seen.insert(hash).second);
    const double unit = fraction_of(hash);
    sum += unit;
    least = std::min(least, unit);
    most = std::max(most, unit);
  }
  EXPECT_NEAR(sum / kMany, 0.5, 0.01);
  EXPECT_GE(least, 0);
  EXPECT_LT(most, 1);
}

}  // namespace
}  // namespace llmroute
