#include "llmroute/cache/quick_hash.h"

#include <gtest/gtest.h>

#include <bit>
#include <set>
#include <string>

namespace llmroute::cache {
namespace {

TEST(QuickHash, EveryBitOfATextOfAnyLengthCounts) {
  for (std::size_t size = 1; size < 100; ++size) {
    const std::string text(size, 'a');
    std::set<std::uint64_t> seen = {quick_hash(text, 1)};
    for (std::size_t bit = 0; bit < size * 8; ++bit) {
      std::string other = text;
      other[bit / 8] = static_cast<char>(other[bit / 8] ^ (1 << (bit % 8)));
      seen.insert(quick_hash(other, 1));
    }
    EXPECT_EQ(seen.size(), size * 8 + 1) << size;
  }
}

TEST(QuickHash, LengthAndSeedCount) {
  std::set<std::uint64_t> seen;
  for (std::size_t size = 0; size < 200; ++size) {
    for (std::uint64_t seed = 0; seed < 10; ++seed) {
      seen.insert(quick_hash(std::string(size, '\0'), seed));
    }
  }
  EXPECT_EQ(seen.size(), 2'000U);
}

TEST(QuickHash, BlocksDoNotTradePlaces) {
  const std::string a(32, 'a'), b(32, 'b'), eight(8, 'c'), nine(8, 'd');
  EXPECT_NE(quick_hash(a + b, 1), quick_hash(b + a, 1));
  EXPECT_NE(quick_hash(eight + nine, 1), quick_hash(nine + eight, 1));
  EXPECT_NE(quick_hash(a + eight, 1), quick_hash(eight + a, 1));
}

TEST(QuickHash, DoesNotDependOnWhereTheTextLies) {
  const std::string text = "whatever lies at any address, aligned or not, is the same text";
  std::string shifted = "x" + text;
  EXPECT_EQ(quick_hash(text, 5), quick_hash(std::string_view(shifted).substr(1), 5));
}

TEST(QuickHash, HalfOfTheBitsChange) {
  int changed = 0;
  for (int i = 0; i < 1'000; ++i) {
    const std::string text = "conversation-" + std::to_string(i);
    changed += std::popcount(quick_hash(text, 1) ^ quick_hash(text + "x", 1));
  }
  EXPECT_NEAR(changed / 1'000.0, 32.0, 1.0);
}

}  // namespace
}  // namespace llmroute::cache
