// The smaller signals: each is told events by hand.
#include "llmroute/health/signals.h"

#include <gtest/gtest.h>

#include <set>
#include <string>

#include "llmroute/base/random.h"

namespace llmroute::health {
namespace {

Outcome failed(ErrorKind kind, std::optional<Duration> retry_after = std::nullopt) {
  Outcome outcome;
  outcome.failure = make_failure(kind, "");
  outcome.failure->retry_after = retry_after;
  return outcome;
}

const Instant kStart{seconds(100)};

TEST(InFlightSignal, CountsAttemptsAndTokensAndNeverWraps) {
  InFlight signal;
  Work work{Tokens{10}, Tokens{5}};
  signal.on_start(kStart, work);
  signal.on_start(kStart, work);
  EXPECT_EQ(signal.attempts(), 2U);
  EXPECT_EQ(signal.tokens().count, 30);
  for (int i = 0; i < 5; ++i) signal.on_outcome(kStart, {}, work);
  EXPECT_EQ(signal.attempts(), 0U);
  EXPECT_EQ(signal.tokens().count, 0);
}

TEST(WindowOfOutcomes, ForgetsBucketByBucket) {
  Window window;
  for (int i = 0; i < 10; ++i) window.add(kStart + seconds(3 * i), i % 2 == 0);
  EXPECT_EQ(window.counts(kStart + seconds(27)).total(), 10U);
  EXPECT_EQ(window.counts(kStart + seconds(27)).failure_share(), 0.5);
  EXPECT_EQ(window.counts(kStart + seconds(42)).total(), 5U);
  EXPECT_EQ(window.counts(kStart + seconds(100)).total(), 0U);
  EXPECT_EQ(window.counts(kStart + seconds(100)).failure_share(), 0.0);
  window.add(kStart + seconds(1000), false);
  EXPECT_EQ(window.counts(kStart + seconds(1000)).total(), 1U);
  window.add(kStart, true);  // a step back must not lose or resurrect anything
  EXPECT_EQ(window.counts(kStart + seconds(1000)).total(), 2U);
}

TEST(SketchOfLatencies, IsOffByAtMostItsBound) {
  for (double center : {3.0, 120.0, 4'000.0, 90'000.0}) {
    Sketch sketch;
    Random random(2);
    std::vector<double> values;
    for (int i = 0; i < 400; ++i) {
      values.push_back(center * (0.5 + random.unit()));
      sketch.add(values.back());
    }
    std::sort(values.begin(), values.end());
    for (double share : {0.1, 0.5, 0.95}) {
      const double exact = values[static_cast<std::size_t>(share * 399)];
      EXPECT_NEAR(sketch.quantile(share) / exact, 1.0, 0.09) << center << " " << share;
      EXPECT_GE(sketch.upper_bound(share), exact) << center << " " << share;
      EXPECT_LE(sketch.upper_bound(share), exact * 1.16) << center << " " << share;
    }
  }
}

TEST(SketchOfLatencies, LetsThePastFade) {
  Sketch sketch;
  EXPECT_EQ(sketch.quantile(0.5), 0.0);
  for (int i = 0; i < 500; ++i) sketch.add(1000);
  for (int i = 0; i < 1500; ++i) sketch.add(10);
  EXPECT_LT(sketch.quantile(0.95), 12);
  sketch.add(-5);
  sketch.add(1e300);
  EXPECT_GT(sketch.quantile(1.0), 1e5);
}

TEST(LatencySignal, HasAPriorUntilMeasured) {
  Latency latency;
  EXPECT_FALSE(latency.measured());
  EXPECT_EQ(latency.ttft_p50_ms(), defaults::kPriorTtftMs);
  EXPECT_GT(latency.ttft_p95_ms(), latency.ttft_p50_ms());
  latency.on_first_content(kStart, milliseconds(100), {});
  EXPECT_TRUE(latency.measured());
  EXPECT_NEAR(latency.ttft_p50_ms(), 100, 8);
}

TEST(LatencySignal, JumpsUpAtOnceAndComesDownWithTime) {
  Latency latency;
  latency.on_first_content(kStart, milliseconds(100), {});
  latency.on_first_content(kStart, milliseconds(1000), {});
  EXPECT_NEAR(latency.ttft_average_ms(), 1000, 1);
  latency.on_first_content(kStart + defaults::kLatencyDecay, milliseconds(100), {});
  EXPECT_NEAR(latency.ttft_average_ms(), 100 + 900 / 2.718281828, 1);
  latency.on_first_content(kStart + 4 * defaults::kLatencyDecay, milliseconds(100), {});
  EXPECT_LT(latency.ttft_average_ms(), 125);
}

TEST(LatencySignal, FailuresNeverLookQuick) {
  Latency latency;
  latency.on_first_content(kStart, milliseconds(100), {});
  Outcome quick = failed(ErrorKind::rate_limit);
  quick.total = milliseconds(1);
  for (int i = 0; i < 100; ++i) latency.on_outcome(kStart + seconds(i), quick, {});
  EXPECT_NEAR(latency.ttft_average_ms(), 100, 1e-9);
  EXPECT_EQ(latency.total_p50_ms(), defaults::kPriorTotalMs);
}

TEST(LatencySignal, LongWorkDoesNotLookSlow) {
  Latency small, large;
  Outcome outcome;
  outcome.total = milliseconds(400);
  small.on_outcome(kStart, outcome, {Tokens{}, Tokens{20}});
  outcome.total = milliseconds(400 * 51);
  large.on_outcome(kStart, outcome, {Tokens{}, Tokens{2020}});
  EXPECT_NEAR(small.total_average_ms(), large.total_average_ms(), 1e-6);
  outcome.usage.reported = true;
  outcome.usage.output = Tokens{20};
  large.on_outcome(kStart, outcome, {Tokens{}, Tokens{2020}});
  EXPECT_GT(large.total_average_ms(), 51 * small.total_average_ms() * 0.99)
      << "what the provider counted beats the estimate";
}

TEST(ErrorRateSignal, CountsFaultsOfDeploymentAndKeys) {
  ErrorRate rate;
  rate.on_outcome(kStart, {}, {});
  rate.on_outcome(kStart, failed(ErrorKind::rate_limit), {});
  rate.on_outcome(kStart, failed(ErrorKind::connect), {});
  rate.on_outcome(kStart, failed(ErrorKind::bad_request), {});
  Outcome cancelled;
  cancelled.cancelled = true;
  rate.on_outcome(kStart, cancelled, {});
  EXPECT_EQ(rate.counts(kStart).total(), 3U);
  EXPECT_EQ(rate.counts(kStart).failed, 2U);
}

TEST(CooldownSignal, BelievesRetryAfterAndElseDoubles) {
  Cooldown cooldown;
  cooldown.on_outcome(kStart, failed(ErrorKind::overloaded, seconds(7)), {});
  EXPECT_EQ(cooldown.until(), kStart + seconds(7));
  cooldown.on_outcome(kStart, failed(ErrorKind::overloaded, seconds(1)), {});
  EXPECT_EQ(cooldown.until(), kStart + seconds(7)) << "no answer shortens another's";
  Cooldown doubling;
  Instant now = kStart;
  Duration last = Duration::zero();
  for (int i = 0; i < 10; ++i) {
    doubling.on_outcome(now, failed(ErrorKind::overloaded), {});
    EXPECT_GE(doubling.until() - now, last);
    last = doubling.until() - now;
    now = doubling.until();
  }
  EXPECT_EQ(last, defaults::kCooldownMax);
  doubling.on_outcome(now, {}, {});
  doubling.on_outcome(now, failed(ErrorKind::overloaded), {});
  EXPECT_EQ(doubling.until() - now, defaults::kCooldown);
  Cooldown other;
  other.on_outcome(kStart, failed(ErrorKind::server_error, seconds(7)), {});
  EXPECT_LE(other.until(), kStart);
}

TEST(CooldownSignal, WaitsLongerForOneThatAsksForTooLittle) {
  Cooldown cooldown;
  Instant now = kStart;
  for (const Duration expected : {milliseconds(1'000), milliseconds(3'000), milliseconds(6'000)}) {
    cooldown.cool(now, *failed(ErrorKind::rate_limit, seconds(1)).failure);
    EXPECT_EQ(cooldown.until() - now, expected);
    now = cooldown.until();
  }
  cooldown.cool(now, *failed(ErrorKind::rate_limit, seconds(30)).failure);
  EXPECT_EQ(cooldown.until() - now, seconds(30)) << "what it asks for, where that is more";
}

TEST(CooldownSignal, DoublesOnceForAllThatWereUnderWayTogether) {
  Cooldown cooldown;
  for (int i = 0; i < 20; ++i)
    cooldown.cool(kStart + milliseconds(i), *failed(ErrorKind::rate_limit, std::nullopt).failure);
  EXPECT_EQ(cooldown.until(), kStart + milliseconds(19) + defaults::kCooldown);
}

TEST(KeysSignal, RotatesKillsAndCools) {
  Keys keys;
  Deployment d;
  for (int i = 0; i < 3; ++i) d.keys.push_back(parse_secret("k"));
  keys.configure(d, {});
  EXPECT_EQ(keys.pick(kStart), 0);
  EXPECT_EQ(keys.pick(kStart), 1);
  EXPECT_EQ(keys.pick(kStart), 2);
  EXPECT_EQ(keys.pick(kStart), 0);
  keys.kill(1);
  keys.cool(2, kStart + seconds(3));
  EXPECT_EQ(keys.pick(kStart), 0);
  EXPECT_EQ(keys.pick(kStart), 0);
  keys.kill(0);
  keys.kill(9);
  EXPECT_FALSE(keys.pick(kStart));
  EXPECT_FALSE(keys.usable(kStart));
  EXPECT_EQ(keys.next_change(kStart), kStart + seconds(3));
  EXPECT_EQ(keys.pick(kStart + seconds(3)), 2);
  EXPECT_EQ(keys.dead(), 2U);
  Keys none;
  none.configure(Deployment(), {});
  EXPECT_EQ(none.pick(kStart), 0) << "a provider without keys";
}

TEST(Signals, SayNumbersWithUniqueNames) {
  struct Names : NumberSink {
    void number(std::string_view name, double value) override {
      EXPECT_TRUE(names.insert(std::string(name)).second) << name;
      EXPECT_EQ(value, value) << name << " is not a number";
    }
    std::set<std::string> names;
  } sink;
  const DeploymentHealth health;
  health.each([&](const auto& signal) { signal.describe(kStart, sink); });
  for (const char* name : {"in_flight", "ttft_p50_ms", "ttft_p95_ms", "error_rate",
                           "breaker_status", "cooling_ms", "limit_reset_ms", "keys_usable"}) {
    EXPECT_TRUE(sink.names.count(name)) << name;
  }
}

}  // namespace
}  // namespace llmroute::health
