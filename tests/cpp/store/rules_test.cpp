#include "llmroute/store/rules.h"

#include <gtest/gtest.h>

#include <limits>

namespace llmroute::store {
namespace {

constexpr std::int64_t kMost = std::numeric_limits<std::int64_t>::max();

TEST(Rules, ALeaseTakesWhatTheLimitLeavesAndWhatIsOwed) {
  struct Case {
    std::int64_t taken, limit, want, owed, granted, after;
  };
  const Case cases[] = {
      {0, 10, 4, 0, 4, 4},
      {8, 10, 4, 0, 2, 10},
      {10, 10, 4, 0, 0, 10},
      {12, 10, 4, 0, 0, 12},
      {8, 10, 4, 1, 1, 10},
      {8, 10, 4, 5, 0, 13},
      {0, 0, 4, 0, 0, 0},
      {0, kMost, kMost, 0, kMost, kMost},
      {kMost, kMost, 1, 1, 0, kMost},
      {kMost - 1, kMost, 5, 0, 1, kMost},
      {5, kMost, kMost, kMost, 0, kMost},
  };
  for (const Case& c : cases) {
    const Grant got = decide(c.taken, {"k", c.limit, c.want, c.owed, {}});
    EXPECT_EQ(got.granted, c.granted) << c.taken << " " << c.limit << " " << c.want;
    EXPECT_EQ(got.taken, c.after) << c.taken << " " << c.limit << " " << c.want;
  }
}

TEST(Rules, BehindAPrefixNothingBeginsWithIt) {
  struct Case {
    std::string prefix, behind;
  };
  const Case cases[] = {{"", ""},         {"a", "b"},         {"a/", "a0"},
                        {"a\xff", "b"},   {"a\xff\xff", "b"}, {"\xff", ""},
                        {"\xff\xff", ""}, {"\x7f", "\x80"},   {std::string("a\0", 2), "a\x01"}};
  for (const auto& [prefix, expected] : cases) EXPECT_EQ(behind(prefix), expected) << prefix;
}

TEST(Rules, WhatLastsUntilNowIsGone) {
  EXPECT_FALSE(has_expired(WallTime(seconds(5)), WallTime(seconds(4))));
  EXPECT_TRUE(has_expired(WallTime(seconds(5)), WallTime(seconds(5))));
}

TEST(Rules, TheBoundIsInTheMessage) {
  const auto longer = check_key(std::string(600, 'k'));
  ASSERT_FALSE(longer.has_value());
  EXPECT_NE(longer.error().message.find("600"), std::string::npos);
  EXPECT_NE(longer.error().message.find("512"), std::string::npos);
  EXPECT_FALSE(check_key("").has_value());
  EXPECT_TRUE(check_prefix("").has_value());
  EXPECT_FALSE(check_prefix(std::string(513, 'k')).has_value());
  EXPECT_TRUE(check_wish({"k", 0, 0, 0, {}}).has_value());
  EXPECT_FALSE(check_wish({"k", 0, -3, 0, {}}).has_value());
}

TEST(Rules, AnEighthIsForLeases) {
  EXPECT_EQ(room_for_values(800), 700U);
  EXPECT_EQ(room_for_values(0), 0U);
}

}  // namespace
}  // namespace llmroute::store
