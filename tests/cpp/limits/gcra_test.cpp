#include "llmroute/limits/gcra.h"

#include <gtest/gtest.h>

#include <deque>

#include "llmroute/base/random.h"

namespace llmroute::limits {
namespace {

constexpr Duration kMinute = std::chrono::minutes(1);

TEST(Gcra, NoWindowEverHoldsMoreThanTheLimit) {
  for (const std::int64_t limit : {1, 2, 5, 10, 60, 601}) {
    Gcra gcra(limit, kMinute);
    Random random(static_cast<std::uint64_t>(limit));
    std::deque<Instant> taken;
    std::size_t most = 0;
    Instant now{seconds(100)};
    for (int i = 0; i < 20'000; ++i) {
      now += milliseconds(
          static_cast<std::int64_t>(random.below(random.below(3'000) == 0 ? 40'000 : 60)));
      if (gcra.free_at(1) > now) continue;
      gcra.take(now, 1);
      taken.push_back(now);
      while (now - taken.front() >= kMinute) taken.pop_front();
      most = std::max(most, taken.size());
    }
    EXPECT_LE(most, static_cast<std::size_t>(limit));
    EXPECT_GE(most, static_cast<std::size_t>(limit) * 8 / 10) << "and the limit can be used";
  }
}

TEST(Gcra, ABigOneWaitsForAWholeBurstAndIsPaidFor) {
  Gcra gcra(1'000, kMinute);  // a hundred at once, then one per 66.7 ms
  const Instant now{seconds(100)};
  EXPECT_LE(gcra.free_at(900), now);
  gcra.take(now, 900);
  EXPECT_NEAR(to_ms(gcra.free_at(1) - now), 60'000.0 * (900 - 99) / 900, 1);
  gcra.give_back(850);
  EXPECT_LE(gcra.free_at(1), now);
}

TEST(Gcra, SaysWhatShareOfItsBurstIsTaken) {
  const Instant now{seconds(100)};
  Gcra gcra(100, kMinute);  // ten at once
  EXPECT_EQ(gcra.used(now), 0);
  gcra.take(now, 4);
  EXPECT_NEAR(gcra.used(now), 0.4, 1e-6);
  EXPECT_LT(gcra.used(now + seconds(1)), 0.4);
  gcra.take(now, 60);
  EXPECT_EQ(gcra.used(now), 1) << "never more than all";
  EXPECT_EQ(gcra.used(now + kMinute), 0);
}

}  // namespace
}  // namespace llmroute::limits
