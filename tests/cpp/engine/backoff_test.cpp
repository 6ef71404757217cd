#include "llmroute/engine/backoff.h"

#include <gtest/gtest.h>

#include <limits>

namespace llmroute::engine {
namespace {

TEST(FullJitter, FillsItsRangeAndNoMore) {
  struct Case {
    int round;
    Duration most;
  };
  const Case cases[] = {{-5, milliseconds(100)},   {0, milliseconds(100)}, {1, milliseconds(200)},
                        {2, milliseconds(400)},    {3, milliseconds(800)}, {4, milliseconds(1000)},
                        {1000, milliseconds(1000)}};
  Resilience resilience;
  resilience.backoff_base = milliseconds(100);
  resilience.backoff_max = milliseconds(1000);
  for (const Case& c : cases) {
    Random random(7);
    Duration least = Duration::max(), most{};
    for (int i = 0; i < 2000; ++i) {
      const Duration pause = full_jitter(resilience, c.round, random);
      least = std::min(least, pause);
      most = std::max(most, pause);
    }
    EXPECT_GE(least, Duration::zero());
    EXPECT_LT(least, c.most / 20) << "round " << c.round;
    EXPECT_LE(most, c.most) << "round " << c.round;
    EXPECT_GT(most, c.most * 19 / 20) << "round " << c.round;
  }
}

TEST(FullJitter, NeverOverflowsAndNeverGoesBack) {
  Resilience resilience;
  resilience.backoff_base = Duration::max();
  resilience.backoff_max = Duration::max();
  Random random(1);
  EXPECT_GE(full_jitter(resilience, 20, random), Duration::zero());
  resilience.backoff_max = milliseconds(-1);
  EXPECT_EQ(full_jitter(resilience, 3, random), Duration::zero());
  resilience.backoff_base = Duration::zero();
  EXPECT_EQ(full_jitter(resilience, 3, random), Duration::zero());
}

}  // namespace
}  // namespace llmroute::engine
