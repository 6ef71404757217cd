#include "llmroute/net/idle_times.h"

#include <gtest/gtest.h>

namespace llmroute::net {
namespace {

Instant at(int s) { return Instant(seconds(s)); }

TEST(IdleTimes, KnowsHowLongAConnectionWaited) {
  IdleTimes times;
  const auto a = IdleTimes::key(40'000, 443);
  EXPECT_FALSE(times.use(a)) << "new";
  times.release(a, at(3));
  EXPECT_EQ(times.use(a), at(3));
  times.release(a, at(8));
  EXPECT_EQ(times.use(a), at(8));
}

TEST(IdleTimes, ASharedConnectionIsIdleOnlyWhenItsLastUserLeaves) {
  IdleTimes times;
  const auto a = IdleTimes::key(40'000, 443);
  times.use(a);
  EXPECT_FALSE(times.use(a));
  times.release(a, at(1));
  EXPECT_FALSE(times.use(a)) << "the other one is still there";
  times.release(a, at(2));
  times.release(a, at(3));
  EXPECT_EQ(times.use(a), at(3));
}

TEST(IdleTimes, TellsConnectionsApartAndForgets) {
  IdleTimes times;
  const auto a = IdleTimes::key(40'000, 443);
  EXPECT_NE(a, IdleTimes::key(443, 40'000));
  EXPECT_NE(a, IdleTimes::key(40'001, 443));
  times.use(a);
  times.release(a, at(1));
  times.forget(a);
  EXPECT_FALSE(times.use(a));
  times.release(IdleTimes::key(1, 2), at(1));  // unknown: nothing happens
  EXPECT_FALSE(times.use(IdleTimes::key(1, 2)));
}

TEST(IdleTimes, StaysBounded) {
  IdleTimes times;
  for (int port = 1; port <= 40'000; ++port) {
    times.use(IdleTimes::key(port, 80));
    times.release(IdleTimes::key(port, 80), at(port));
  }
  EXPECT_FALSE(times.use(IdleTimes::key(1, 80))) << "long forgotten";
  EXPECT_EQ(times.use(IdleTimes::key(40'000, 80)), at(40'000));
}

}  // namespace
}  // namespace llmroute::net
