#include "llmroute/cache/recent.h"

#include <gtest/gtest.h>

#include <map>

#include "llmroute/base/random.h"

namespace llmroute::cache {
namespace {

TEST(Recent, ForgetsWhatWasTouchedLongestAgo) {
  Recent<int> table(3);
  for (const int i : {1, 2, 3}) table.touch(static_cast<std::uint64_t>(i)) = i * 10;
  EXPECT_EQ(*table.find(1), 10) << "looking is no touching";
  table.touch(2);
  table.touch(4) = 40;
  EXPECT_EQ(table.find(1), nullptr);
  EXPECT_EQ(*table.find(2), 20);
  EXPECT_EQ(*table.find(3), 30);
  EXPECT_EQ(*table.find(4), 40);
  EXPECT_EQ(table.size(), 3U);
}

TEST(Recent, ANewEntryNeverShowsWhatItsPlaceHeldBefore) {
  Recent<int> table(1);
  table.touch(1) = 7;
  EXPECT_EQ(table.touch(2), 0);
  table.clear();
  EXPECT_EQ(table.size(), 0U);
  EXPECT_EQ(table.find(2), nullptr);
}

TEST(Recent, HoldsAtLeastOne) {
  Recent<int> table(0);
  table.touch(1) = 7;
  EXPECT_EQ(*table.find(1), 7);
  table.touch(2);
  EXPECT_EQ(table.size(), 1U);
}

TEST(Recent, DoesAsASlowOneWould) {
  constexpr std::size_t kMost = 16;
  Recent<int> table(kMost);
  std::map<std::uint64_t, std::pair<int, int>> slow;  // value, last touch
  Random random(1);
  for (int step = 1; step < 20'000; ++step) {
    const std::uint64_t key = random.below(40);
    table.touch(key) = step;
    if (slow.count(key) == 0 && slow.size() == kMost) {
      auto oldest = slow.begin();
      for (auto it = slow.begin(); it != slow.end(); ++it) {
        if (it->second.second < oldest->second.second) oldest = it;
      }
      slow.erase(oldest);
    }
    slow[key] = {step, step};
    const std::uint64_t asked = random.below(40);
    const auto expected = slow.find(asked);
    const int* found = table.find(asked);
    ASSERT_EQ(found != nullptr, expected != slow.end()) << step;
    if (found != nullptr) {
      ASSERT_EQ(*found, expected->second.first);
    }
  }
}

}  // namespace
}  // namespace llmroute::cache
