#include "llmroute/serve/sim_plan.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <vector>

namespace llmroute::serve {
namespace {

SimOptions options_with(std::vector<Fault> faults, double sigma = 0.5) {
  SimOptions options;
  options.seed = 42;
  options.ttft_ms = 100;
  options.ttft_sigma = sigma;
  options.faults = std::move(faults);
  return options;
}

Fault fault(FaultKind kind, double chance = 1.0) {
  Fault out;
  out.kind = kind;
  out.chance = chance;
  return out;
}

SimPlan plan(const SimOptions& options, std::uint64_t number, Duration elapsed = {}) {
  return plan_request(options, options.faults, number, number, elapsed);
}

TEST(SimPlan, OneSeedIsOneHistory) {
  const SimOptions options = options_with({fault(FaultKind::cut, 0.5)});
  for (std::uint64_t n = 1; n < 50; ++n) {
    EXPECT_EQ(plan(options, n).ttft, plan(options, n).ttft);
    EXPECT_EQ(plan(options, n).fault.has_value(), plan(options, n).fault.has_value());
  }
  SimOptions other = options;
  other.seed = 43;
  EXPECT_NE(plan(options, 1).ttft, plan(other, 1).ttft);
  EXPECT_NE(plan(options, 1).text_seed, plan(options, 2).text_seed);
}

TEST(SimPlan, LatencyIsLogNormalAroundItsMedian) {
  const SimOptions options = options_with({});
  std::vector<double> ms;
  for (std::uint64_t n = 1; n <= 4'001; ++n) ms.push_back(to_ms(plan(options, n).ttft));
  std::sort(ms.begin(), ms.end());
  EXPECT_NEAR(ms[2'000], 100, 5);                            // the median
  EXPECT_NEAR(ms[3'366], 100 * std::exp(0.5), 10);           // one deviation above: 84.1 %
  EXPECT_EQ(to_ms(plan(options_with({}, 0), 9).ttft), 100);  // no spread: always the median
}

TEST(SimPlan, ChancesAreKept) {
  const SimOptions options = options_with({fault(FaultKind::cut, 0.25)});
  int struck = 0;
  for (std::uint64_t n = 1; n <= 4'000; ++n) struck += plan(options, n).fault ? 1 : 0;
  EXPECT_NEAR(struck, 1'000, 110);  // four deviations
}

TEST(SimPlan, WindowsOfRequestsAndTime) {
  Fault by_number = fault(FaultKind::cut);
  by_number.from_request = 3;
  by_number.to_request = 4;
  Fault by_time = fault(FaultKind::reset);
  by_time.from = milliseconds(10);
  by_time.to = milliseconds(20);
  const SimOptions options = options_with({by_number, by_time});
  struct Case {
    std::uint64_t number;
    int elapsed_ms;
    std::optional<FaultKind> kind;
  };
  const Case cases[] = {
      {2, 0, std::nullopt},      {3, 0, FaultKind::cut}, {4, 0, FaultKind::cut},
      {5, 0, std::nullopt},      {5, 9, std::nullopt},   {5, 10, FaultKind::reset},
      {5, 20, FaultKind::reset}, {5, 21, std::nullopt},  {3, 15, FaultKind::cut},
  };
  for (const Case& c : cases) {
    const SimPlan got = plan(options, c.number, milliseconds(c.elapsed_ms));
    ASSERT_EQ(got.fault.has_value(), c.kind.has_value()) << c.number << ' ' << c.elapsed_ms;
    if (c.kind) {
      EXPECT_EQ(got.fault->kind, *c.kind);
    }
  }
}

TEST(SimPlan, FaultsNeverMoveLatenciesOrOtherChances) {
  const SimOptions plain = options_with({fault(FaultKind::cut, 0.5)});
  Fault closed = fault(FaultKind::reset, 0.5);
  closed.from_request = 1'000;
  SimOptions with_closed = options_with({fault(FaultKind::cut, 0.5), closed});
  for (std::uint64_t n = 1; n < 100; ++n) {
    EXPECT_EQ(plan(plain, n).ttft, plan(options_with({}), n).ttft);
    EXPECT_EQ(plan(plain, n).fault.has_value(), plan(with_closed, n).fault.has_value());
  }
}

TEST(SimPlan, SlowFirstByteAddsItsDelay) {
  Fault slow = fault(FaultKind::slow_first_byte);
  slow.delay = seconds(3);
  EXPECT_EQ(plan(options_with({slow}, 0), 1).ttft, milliseconds(3'100));
}

}  // namespace
}  // namespace llmroute::serve
