#include "llmroute/base/time.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace llmroute {
namespace {

TEST(Time, MillisecondsBothWays) {
  struct Case {
    double ms;
    Duration duration;
  };
  const Case cases[] = {
      {0, Duration::zero()},        {1, milliseconds(1)},          {0.001, Duration(1'000)},
      {-2.5, Duration(-2'500'000)}, {86'400'000, seconds(86'400)},
  };
  for (const Case& c : cases) {
    EXPECT_EQ(from_ms(c.ms), c.duration) << c.ms;
    EXPECT_DOUBLE_EQ(to_ms(c.duration), c.ms);
  }
  EXPECT_DOUBLE_EQ(to_seconds(milliseconds(1'500)), 1.5);
}

TEST(Time, FromMsSaturates) {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  EXPECT_EQ(from_ms(1e300), Duration::max());
  EXPECT_EQ(from_ms(kInfinity), Duration::max());
  EXPECT_EQ(from_ms(-1e300), Duration::min());
  EXPECT_EQ(from_ms(-kInfinity), Duration::min());
  EXPECT_EQ(from_ms(std::nan("")), Duration::zero());
}

TEST(Time, AddSaturatesAtNever) {
  const Instant start{seconds(10)};
  EXPECT_EQ(add_saturated(start, seconds(5)), Instant(seconds(15)));
  EXPECT_EQ(add_saturated(start, Duration::max()), kNever);
  EXPECT_EQ(add_saturated(kNever, Duration(1)), kNever);
  EXPECT_EQ(add_saturated(kNever, Duration(-1)), kNever - Duration(1));
}

TEST(Time, SystemClockRunsForward) {
  const Clock& clock = system_clock();
  EXPECT_TRUE(clock.runs_by_itself());
  const Instant first = clock.now();
  EXPECT_LE(first, clock.now());
  // 2020-01-01: a wall clock before it means the wrong epoch or unit.
  EXPECT_GT(clock.wall_now(), WallTime(seconds(1'577'836'800)));
  EXPECT_EQ(&clock, &system_clock());
}

}  // namespace
}  // namespace llmroute
