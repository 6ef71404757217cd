// What is promised is a rate of errors over many runs, so most of this is simulation: fixed seeds,
// few by default. LLMROUTE_SEEDS=2000 makes the long run; every rate is printed.
#include "llmroute/policy/sequential.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <limits>
#include <utility>
#include <vector>

#include "llmroute/base/random.h"

namespace llmroute::policy {
namespace {

constexpr double kAlpha = 0.05;
constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
constexpr double kInf = std::numeric_limits<double>::infinity();

int seeds() {
  const char* wanted = std::getenv("LLMROUTE_SEEDS");
  return wanted != nullptr ? std::atoi(wanted) : 60;
}
// The short run is for sanitizers, where twenty thousand observations of each seed take long.
int horizon() { return seeds() >= 1'000 ? 20'000 : 2'000; }

// Draws from a large sample of a distribution, which is cheaper than drawing from it.
class Draw {
 public:
  explicit Draw(std::vector<double> sample) : sample_(std::move(sample)) {}
  double operator()(Random& random) const {
    return sample_[static_cast<std::size_t>(random.unit() * static_cast<double>(sample_.size()))];
  }
  Draw plus(double more) const {
    std::vector<double> sample = sample_;
    for (double& x : sample) x += more;
    return Draw(std::move(sample));
  }

 private:
  std::vector<double> sample_;
};

// By the inverse of the distribution function at evenly spaced places.
template <class Inverse>
Draw sample_of(const Inverse& inverse) {
  constexpr int kSize = 1 << 14;
  std::vector<double> sample;
  for (int i = 0; i < kSize; ++i) sample.push_back(inverse((i + 0.5) / kSize));
  return Draw(std::move(sample));
}

Draw errors(double rate) {
  return sample_of([rate](double u) { return u < rate ? 1.0 : 0.0; });
}
// Median and spread of what latencies look like: p95 is exp(1.645 spread) times the median.
Draw log_normal(double median, double spread) {
  Random random(1);
  std::vector<double> sample;
  for (int i = 0; i < 1 << 14; ++i) sample.push_back(median * std::exp(spread * random.normal()));
  return Draw(std::move(sample));
}
// A heavy tail: no third moment.
Draw pareto(double least, double power) {
  return sample_of([=](double u) { return least * std::pow(1 - u, -1 / power); });
}

struct Run {
  double share;  // of the traffic on the arm
  Draw control, arm;
  int most;  // observations of the arm
};

// The share of the seeds in which `test` says "worse" at any time.
template <class Test, class Worse>
double rate(const Run& run, const Test& fresh, const Worse& worse) {
  int said = 0;
  for (int seed = 0; seed < seeds(); ++seed) {
    Random random(mix64(static_cast<std::uint64_t>(seed)));
    Test test = fresh;
    for (int seen = 0; seen < run.most;) {
      if (random.unit() >= run.share) {
        test.add_control(run.control(random));
        continue;
      }
      test.add_arm(run.arm(random));
      ++seen;
      if (worse(test)) {
        ++said;
        break;
      }
    }
  }
  return static_cast<double>(said) / seeds();
}

double mean_rate(const Run& run, double worse_by) {
  return rate(run, Difference(),
              [=](const Difference& test) { return test.surely_worse(worse_by, kAlpha); });
}

double p95_rate(const Run& run, double worse_by) {
  return rate(run, QuantileDifference(0.95, worse_by),
              [](const QuantileDifference& test) { return test.surely_worse(kAlpha); });
}

void expect_most(const char* what, double rate, double most) {
  std::printf("  %-66s %.4f\n", what, rate);
  // Few seeds: within three deviations of what may be.
  EXPECT_LE(rate, seeds() >= 1'000 ? most : most + 3 * std::sqrt(most * (1 - most) / seeds()))
      << what;
}
void expect_least(const char* what, double rate, double least) {
  std::printf("  %-66s %.4f\n", what, rate);
  EXPECT_GE(rate, least) << what;
}

TEST(Difference, FindsErrorsSoon) {
  expect_least("errors 2 % and 10 %, by 0.02, within 600",
               mean_rate({0.1, errors(0.02), errors(0.10), 600}, 0.02), 0.95);
  expect_least("errors 2 % and 10 %, by 0.02, half of the traffic, within 600",
               mean_rate({0.5, errors(0.02), errors(0.10), 600}, 0.02), 0.9);
  expect_least("errors 0 % and 100 %, within 60",
               mean_rate({0.5, errors(0.00), errors(1.00), 60}, 0.02), 1.0);
}

TEST(Difference, RarelyAccusesAnEqualArm) {
  const int most = horizon();
  expect_most("errors 2 % and 2 %, by 0.02",
              mean_rate({0.1, errors(0.02), errors(0.02), most}, 0.02), 0.05);
  expect_most("errors 10 % and 10 %, by 0.02",
              mean_rate({0.1, errors(0.10), errors(0.10), most}, 0.02), 0.05);
  // The hardest truth that is not worse: exactly at the bar.
  expect_most("errors 2 % and 2 %, by 0", mean_rate({0.1, errors(0.02), errors(0.02), most}, 0),
              0.05);
  expect_most("errors 10 % and 10 %, by 0, half of the traffic",
              mean_rate({0.5, errors(0.10), errors(0.10), most}, 0), 0.05);
  expect_most("errors 0.3 % and 0.3 %, by 0",
              mean_rate({0.1, errors(0.003), errors(0.003), most}, 0), 0.05);
  expect_most("errors 2 % and 4 %, by 0.02",
              mean_rate({0.1, errors(0.02), errors(0.04), most}, 0.02), 0.05);
  expect_most("errors 2 % and 2 %, by 0, the arm has most of the traffic",
              mean_rate({0.9, errors(0.02), errors(0.02), most}, 0), 0.05);
}

TEST(Difference, TellsLatencies) {
  const int most = horizon();
  const Draw control = log_normal(300, 0.8);
  expect_least("latency 300 and 600 ms, by 50, within 600",
               mean_rate({0.1, control, log_normal(600, 0.8), 600}, 50), 0.95);
  expect_most("latency equal, by 50", mean_rate({0.1, control, control, most}, 50), 0.05);
  expect_most("latency equal, by 0", mean_rate({0.1, control, control, most}, 0), 0.05);
  expect_most("latency exactly 50 ms worse, by 50",
              mean_rate({0.1, control, control.plus(50), most}, 50), 0.05);
  expect_most("latency of a heavy tail, equal, by 0",
              mean_rate({0.1, pareto(100, 2.5), pareto(100, 2.5), most}, 0), 0.05);
  expect_most("latency of a heavy tail, by 0, half of the traffic",
              mean_rate({0.5, pareto(100, 2.5), pareto(100, 2.5), most}, 0), 0.05);
}

TEST(QuantileDifference, FindsAWorseTail) {
  const Draw control = log_normal(300, 0.8);  // p95 1,118 ms
  expect_least("p95 1,118 and 2,237 ms, by 200, within 600",
               p95_rate({0.1, control, log_normal(600, 0.8), 600}, 200), 0.95);
  // Nine in ten as before, one in ten very slow: the mean says little, the tail all.
  const Draw tail = sample_of([](double u) { return u < 0.12 ? 4'000 : 300 + u; });
  expect_least("p95 of a tail that 12 % have, by 200, within 1,000",
               p95_rate({0.1, control, tail, 1'000}, 200), 0.95);
}

TEST(QuantileDifference, RarelyAccusesAnEqualArm) {
  const int most = horizon();
  const Draw control = log_normal(300, 0.8);
  expect_most("p95 equal, by 200", p95_rate({0.1, control, control, most}, 200), 0.05);
  expect_most("p95 equal, by 0", p95_rate({0.1, control, control, most}, 0), 0.05);
  expect_most("p95 exactly 200 ms worse, by 200",
              p95_rate({0.1, control, control.plus(200), most}, 200), 0.05);
  expect_most("p95 equal, by 0, half of the traffic", p95_rate({0.5, control, control, most}, 0),
              0.05);
  expect_most("p95 of a heavy tail, equal, by 0",
              p95_rate({0.1, pareto(100, 1.5), pareto(100, 1.5), most}, 0), 0.05);
  // All of control equal: a tail of 3 % is no worse p95.
  const Draw flat = errors(0).plus(100);
  const Draw spikes = sample_of([](double u) { return u < 0.03 ? 9'000.0 : 100.0; });
  expect_most("p95 of a flat control and an arm with 3 % spikes",
              p95_rate({0.1, flat, spikes, most}, 20), 0.05);
}

TEST(QuantileDifference, LetsTheTrafficDrift) {
  // Both become three times slower, slowly, and fast again.
  int said = 0;
  for (int seed = 0; seed < seeds(); ++seed) {
    Random random(mix64(static_cast<std::uint64_t>(seed)));
    QuantileDifference test(0.95, 50);
    bool worse = false;
    const Draw draw = log_normal(300, 0.8);
    for (int i = 0; i < 10 * horizon() && !worse; ++i) {
      const double slow = 2 - std::cos(i * 0.0005);
      const double value = slow * draw(random);
      if (random.unit() < 0.1) {
        test.add_arm(value);
        worse = test.surely_worse(kAlpha);
      } else {
        test.add_control(value);
      }
    }
    said += worse ? 1 : 0;
  }
  expect_most("p95 equal, by 50, under drift", static_cast<double>(said) / seeds(), 0.05);
}

TEST(Difference, SaysNothingOfFew) {
  Difference test;
  EXPECT_FALSE(test.surely_worse(0, kAlpha));
  EXPECT_EQ(test.bounds(kAlpha).estimate, 0);
  EXPECT_EQ(test.bounds(kAlpha).lower, -kInf);
  for (std::uint64_t i = 1; i < kFewest; ++i) {
    test.add_arm(1'000);
    test.add_control(0);
    test.add_control(1);
    EXPECT_FALSE(test.surely_worse(0, kAlpha));
  }
  EXPECT_EQ(test.bounds(kAlpha).upper, kInf);
  EXPECT_DOUBLE_EQ(test.bounds(kAlpha).estimate, 999.5);
  test.add_arm(1'000);
  EXPECT_TRUE(test.surely_worse(0, kAlpha));
  EXPECT_FALSE(test.surely_worse(1'000, kAlpha));
}

TEST(Difference, HasTheMomentsOfItsStreams) {
  Difference test;
  for (const double x : {1.0, 2.0, 3.0, 4.0, kNaN, kInf, -kInf}) test.add_arm(x);
  test.add_control(1e9);
  test.add_control(1e9 + 2);
  EXPECT_EQ(test.arm().count(), 4U) << "what is not finite is passed over";
  EXPECT_DOUBLE_EQ(test.arm().mean(), 2.5);
  EXPECT_DOUBLE_EQ(test.arm().squares(), 5.0);
  EXPECT_DOUBLE_EQ(test.control().squares(), 2.0) << "no cancellation";
}

TEST(Difference, BoundsTightenAndHoldTheTruth) {
  int outside = 0;
  for (int seed = 0; seed < seeds(); ++seed) {
    Random random(static_cast<std::uint64_t>(seed));
    Difference test;
    bool out = false;
    double width = kInf;
    for (int i = 0; i < 4'000; ++i) {
      test.add_control(random.normal());
      test.add_arm(random.normal() + 0.5);
      const Bounds bounds = test.bounds(kAlpha);
      out = out || bounds.lower > 0.5 || bounds.upper < 0.5;
      if (i % 1'000 == 999) {
        EXPECT_LT(bounds.upper - bounds.lower, width);
        width = bounds.upper - bounds.lower;
      }
    }
    EXPECT_LT(width, 0.2);
    outside += out ? 1 : 0;
  }
  expect_most("bounds that once left out the truth", static_cast<double>(outside) / seeds(),
              kAlpha);
}

TEST(Difference, ASmallerAlphaAsksForMore) {
  Random random(3);
  Difference test;
  int at_five = 0, at_one = 0;
  for (int i = 1; i < 2'000 && at_one == 0; ++i) {
    test.add_control(random.normal());
    test.add_arm(random.normal() + 0.5);
    if (at_five == 0 && test.surely_worse(0, 0.05)) at_five = i;
    if (test.surely_worse(0, 0.001)) at_one = i;
  }
  EXPECT_GT(at_five, 0);
  EXPECT_GT(at_one, at_five);
}

TEST(StreamQuantile, ComesCloseToTheQuantile) {
  struct Case {
    const char* name;
    Draw draw;
    double share, truth, off;  // off: at most, as a share of the truth
  };
  const std::vector<Case> cases = {
      {"uniform", sample_of([](double u) { return u; }), 0.95, 0.95, 0.01},
      {"uniform, median", sample_of([](double u) { return u; }), 0.5, 0.5, 0.03},
      {"log-normal", log_normal(300, 0.8), 0.95, 300 * std::exp(0.8 * 1.6449), 0.06},
      {"exponential", sample_of([](double u) { return -100 * std::log(1 - u); }), 0.99,
       100 * std::log(100), 0.08},
      {"constant", errors(0).plus(7), 0.95, 7, 0},
  };
  for (const Case& c : cases) {
    Random random(5);
    StreamQuantile quantile(c.share);
    for (int i = 0; i < 20'000; ++i) quantile.add(c.draw(random));
    EXPECT_NEAR(quantile.value(), c.truth, c.off * c.truth) << c.name;
    EXPECT_EQ(quantile.count(), 20'000U);
  }
}

TEST(StreamQuantile, IsExactForTheFirst) {
  StreamQuantile median(0.5);
  EXPECT_EQ(median.value(), 0);
  const std::vector<std::pair<double, double>> steps = {{9, 9}, {1, 9}, {5, 5}, {7, 7}, {3, 5}};
  for (const auto& [value, expected] : steps) {
    median.add(value);
    median.add(kNaN);
    EXPECT_EQ(median.value(), expected) << median.count();
  }
  EXPECT_EQ(median.count(), 5U);
}

TEST(QuantileDifference, ReportsWhatItSaw) {
  Random random(9);
  QuantileDifference test(0.95, 100);
  EXPECT_EQ(test.share_above(kAlpha).lower, -kInf);
  EXPECT_FALSE(test.surely_worse(kAlpha));
  test.add_control(kNaN);
  test.add_arm(kInf);
  EXPECT_EQ(test.control_count() + test.arm_count(), 0U);
  for (int i = 0; i < 4'000; ++i) {
    test.add_control(1'000 * random.unit());
    test.add_arm(2'000 * random.unit());
  }
  EXPECT_EQ(test.control_count(), 4'000U);
  EXPECT_EQ(test.arm_count(), 4'000U);
  EXPECT_NEAR(test.control_quantile(), 950, 15);
  EXPECT_NEAR(test.arm_quantile(), 1'900, 30);
  const Bounds share = test.share_above(kAlpha);
  EXPECT_NEAR(share.estimate, 1 - 1'050.0 / 2'000, 0.03);
  EXPECT_LT(share.lower, share.estimate);
  EXPECT_GT(share.lower, 0.4);
  EXPECT_LT(share.upper, 0.55);
  EXPECT_TRUE(test.surely_worse(kAlpha));
}

// Units are assigned by chance with `truth`; the share of seeds in which a mismatch is seen.
double ratio_rate(const std::vector<double>& intended, const std::vector<double>& truth,
                  int units) {
  int said = 0;
  for (int seed = 0; seed < seeds(); ++seed) {
    Random random(mix64(static_cast<std::uint64_t>(seed) + 77));
    RatioCheck check(intended);
    for (int i = 0; i < units && !check.mismatch(kAlpha); ++i) {
      double left = random.unit();
      std::size_t arm = 0;
      while (arm + 1 < truth.size() && left >= truth[arm]) left -= truth[arm++];
      check.add(arm);
    }
    said += check.mismatch(kAlpha) ? 1 : 0;
  }
  return static_cast<double>(said) / seeds();
}

TEST(RatioCheck, RarelyAccusesARightSplit) {
  const int units = 10 * horizon();
  expect_most("split 10/90 as intended", ratio_rate({0.1, 0.9}, {0.1, 0.9}, units), kAlpha);
  expect_most("split 50/50 as intended", ratio_rate({0.5, 0.5}, {0.5, 0.5}, units), kAlpha);
  expect_most("split 5/15/80 as intended", ratio_rate({0.05, 0.15, 0.8}, {0.05, 0.15, 0.8}, units),
              kAlpha);
  expect_most("split 1/99 as intended", ratio_rate({0.01, 0.99}, {0.01, 0.99}, units), kAlpha);
}

TEST(RatioCheck, FindsAWrongSplit) {
  expect_least("split 10/90 that is 13/87, within 4,000",
               ratio_rate({0.1, 0.9}, {0.13, 0.87}, 4'000), 0.95);
  expect_least("split 50/50 that is 55/45, within 4,000",
               ratio_rate({0.5, 0.5}, {0.55, 0.45}, 4'000), 0.95);
  expect_least("split 10/90 of which a third of the first is lost, within 4,000",
               ratio_rate({0.1, 0.9}, {0.069, 0.931}, 4'000), 0.95);
}

TEST(RatioCheck, CountsAndReports) {
  RatioCheck check(std::vector<double>{1, 3});
  EXPECT_EQ(check.p_value(), 1);
  EXPECT_FALSE(check.mismatch(kAlpha));
  check.add(0);
  check.add(1);
  check.add(1);
  check.add(2);  // there is none
  EXPECT_EQ(check.counts()[0], 1U);
  EXPECT_EQ(check.counts()[1], 2U);
  double before = 1;
  for (int i = 0; i < 500; ++i) {
    check.add(0);
    EXPECT_LE(check.p_value(), before);
    before = check.p_value();
  }
  EXPECT_LT(before, 1e-50);
  EXPECT_TRUE(check.mismatch(kAlpha));
  for (int i = 0; i < 1'500; ++i) check.add(1);
  EXPECT_TRUE(check.mismatch(kAlpha)) << "once said it stays";
}

TEST(RatioCheck, AnArmWithoutShareThatIsSeenIsAMismatch) {
  RatioCheck check(std::vector<double>{0, 1});
  for (int i = 0; i < 100; ++i) check.add(1);
  EXPECT_EQ(check.p_value(), 1);
  check.add(0);
  check.add(1);
  EXPECT_EQ(check.p_value(), 0);
  EXPECT_TRUE(check.mismatch(1e-300));
}

}  // namespace
}  // namespace llmroute::policy
