#include "llmroute/model/announced.h"

#include <gtest/gtest.h>

#include <set>

namespace llmroute {
namespace {

TEST(AnnouncedLimits, KeepsEachUnitAndPeriodOnce) {
  AnnouncedLimits limits;
  EXPECT_FALSE(limits.any());
  EXPECT_EQ(limits.find(LimitUnit::requests), nullptr);
  limits.add(LimitUnit::requests, LimitPeriod::day)->remaining = 7;
  limits.add(LimitUnit::requests, LimitPeriod::minute)->remaining = 3;
  limits.add(LimitUnit::requests, LimitPeriod::day)->limit = 9;
  EXPECT_TRUE(limits.any());
  ASSERT_EQ(limits.windows.size(), 2U);
  EXPECT_EQ(limits.find(LimitUnit::requests)->limit, 9) << "the first where none is named";
  EXPECT_EQ(limits.find(LimitUnit::requests, LimitPeriod::minute)->remaining, 3);
  EXPECT_EQ(limits.find(LimitUnit::requests, LimitPeriod::hour), nullptr);
  EXPECT_EQ(limits.find(LimitUnit::tokens), nullptr);
}

TEST(AnnouncedLimits, HasRoomForEightAndNoMore) {
  AnnouncedLimits limits;
  int added = 0;
  for (std::size_t i = 0; i < 24; ++i) {
    const auto unit = static_cast<LimitUnit>(i % 4);
    added += limits.add(unit, static_cast<LimitPeriod>(i / 4)) != nullptr ? 1 : 0;
  }
  EXPECT_EQ(added, 8);
  EXPECT_EQ(limits.windows.size(), AnnouncedLimits::kMost);
  EXPECT_NE(limits.add(LimitUnit::requests), nullptr) << "one that is there";
}

TEST(WindowCode, NamesEveryWindowOnce) {
  EXPECT_EQ(window_name(0), "");
  EXPECT_EQ(window_name(window_code(LimitUnit::requests, LimitPeriod::unstated)), "requests");
  EXPECT_EQ(window_name(window_code(LimitUnit::input_tokens, LimitPeriod::day)),
            "input_tokens_per_day");
  std::set<std::string> names;
  for (std::size_t unit = 0; unit < slugs<LimitUnit>().size(); ++unit) {
    for (std::size_t period = 0; period < slugs<LimitPeriod>().size(); ++period) {
      names.insert(
          window_name(window_code(static_cast<LimitUnit>(unit), static_cast<LimitPeriod>(period))));
    }
  }
  EXPECT_EQ(names.size(), slugs<LimitUnit>().size() * slugs<LimitPeriod>().size());
  EXPECT_EQ(names.count(""), 0U);
}

}  // namespace
}  // namespace llmroute
