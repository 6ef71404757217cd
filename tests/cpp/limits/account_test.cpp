#include "llmroute/limits/account.h"

#include <gtest/gtest.h>

namespace llmroute::limits {
namespace {

const Instant kNow{seconds(1000)};

LimitsSpec slow(std::int64_t most, Duration length) {
  LimitsSpec spec;
  spec.in_flight = most;
  spec.slow_start = length;
  return spec;
}

// How many more it takes at once now.
int room(Account& account, Instant now) {
  int taken = 0;
  while (taken < 1'000 && !account.shortage(now, {})) {
    account.reserve(now, {});
    ++taken;
  }
  for (int i = 0; i < taken; ++i) account.settle(now, {}, std::nullopt);
  return taken;
}

TEST(Account, TokensAreSettledByWhatTheyWere) {
  LimitsSpec spec;
  spec.tokens_per_minute = 1'000;
  Account account(spec);
  account.reserve(kNow, Tokens{800});
  auto shortage = account.shortage(kNow, Tokens{50});
  ASSERT_TRUE(shortage);
  EXPECT_EQ(shortage->limit, Limit::tokens_per_minute);
  EXPECT_GT(shortage->free_at, kNow + seconds(40));
  account.settle(kNow, Tokens{800}, Tokens{20});
  EXPECT_FALSE(account.shortage(kNow, Tokens{50}));
  account.reserve(kNow, Tokens{50});
  account.settle(kNow, Tokens{50}, Tokens{5'000});  // far more than was thought
  shortage = account.shortage(kNow, Tokens{1});
  ASSERT_TRUE(shortage);
  EXPECT_GT(shortage->free_at, kNow + seconds(200));
}

TEST(Account, TheScarcestLimitIsNamed) {
  LimitsSpec spec;
  spec.requests_per_minute = 600;
  spec.requests_per_day = 10;
  Account account(spec);
  account.reserve(kNow, {});
  const auto shortage = account.shortage(kNow, {});
  ASSERT_TRUE(shortage);
  EXPECT_EQ(shortage->limit, Limit::requests_per_day);
}

TEST(Account, StartsSlowlyAfterIdleness) {
  Account account(slow(100, seconds(10)));
  Instant now = kNow;
  account.reserve(now, {});  // one stays under way all the time
  EXPECT_EQ(room(account, now), 9) << "a tenth, of which one is taken";
  now += seconds(5);
  EXPECT_EQ(room(account, now), 54) << "0.1 + 0.9 / 2";
  now += seconds(5);
  EXPECT_EQ(room(account, now), 99);
  account.settle(now, {}, std::nullopt);
  now += seconds(9);
  account.reserve(now, {});
  EXPECT_EQ(room(account, now), 99) << "a short pause is no idleness";
  account.settle(now, {}, std::nullopt);
  now += seconds(10);
  account.reserve(now, {});
  EXPECT_EQ(room(account, now), 9) << "a long one is";
}

TEST(Account, SaysWhenASlowStartHasRoom) {
  Account account(slow(100, seconds(10)));
  for (int i = 0; i < 10; ++i) account.reserve(kNow, {});
  const auto shortage = account.shortage(kNow, {});
  ASSERT_TRUE(shortage);
  EXPECT_EQ(shortage->limit, Limit::in_flight);
  ASSERT_NE(shortage->free_at, kNever);
  EXPECT_GT(shortage->free_at, kNow + milliseconds(50));
  EXPECT_LT(shortage->free_at, kNow + milliseconds(200));
  EXPECT_FALSE(account.shortage(shortage->free_at, {})) << "and keeps its word";
}

TEST(Account, AlwaysLetsOneThrough) {
  Account account(slow(3, seconds(10)));
  EXPECT_FALSE(account.shortage(kNow, {}));
  account.reserve(kNow, {});
  EXPECT_TRUE(account.shortage(kNow, {}));
}

TEST(Account, IsIdleOnceItIsAsGoodAsNew) {
  LimitsSpec spec;
  spec.requests_per_minute = 60;
  Account account(spec);
  EXPECT_TRUE(account.idle(kNow));
  account.reserve(kNow, {});
  EXPECT_FALSE(account.idle(kNow + seconds(600))) << "under way";
  account.settle(kNow, {}, std::nullopt);
  EXPECT_FALSE(account.idle(kNow)) << "it remembers";
  EXPECT_TRUE(account.idle(kNow + seconds(2)));
}

TEST(Account, OtherLimitsBeginAnewButWhatIsUnderWayStays) {
  LimitsSpec spec;
  spec.requests_per_minute = 1;
  Account account(spec);
  account.reserve(kNow, {});
  EXPECT_TRUE(account.shortage(kNow, {}));
  LimitsSpec other;
  other.in_flight = 1;
  account.set(other);
  const auto shortage = account.shortage(kNow, {});
  ASSERT_TRUE(shortage);
  EXPECT_EQ(shortage->limit, Limit::in_flight);
}

TEST(Account, IsUsedAsFarAsTheLimitNearestToItsEnd) {
  const Instant now{seconds(5'000)};
  LimitsSpec spec;
  EXPECT_EQ(Account(spec).used(now), 0) << "without limits";
  spec.in_flight = 4;
  spec.tokens_per_minute = 1'000;  // a hundred at once
  Account account(spec);
  account.reserve(now, Tokens{10});
  EXPECT_NEAR(account.used(now), 0.25, 1e-6);
  account.reserve(now, Tokens{70});
  EXPECT_NEAR(account.used(now), 0.8, 1e-6);
  for (int i = 0; i < 2; ++i) account.settle(now, Tokens{40}, Tokens{0});
  EXPECT_NEAR(account.used(now), 0, 1e-6) << "given back";
}

}  // namespace
}  // namespace llmroute::limits
