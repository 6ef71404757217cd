#include "llmroute/health/breaker.h"

#include <gtest/gtest.h>

#include "llmroute/base/random.h"

namespace llmroute::health {
namespace {

Outcome success() { return {}; }
Outcome failure(ErrorKind kind = ErrorKind::server_error) {
  Outcome outcome;
  outcome.failure = make_failure(kind, "");
  return outcome;
}
Outcome cancelled() {
  Outcome outcome;
  outcome.cancelled = true;
  return outcome;
}

class BreakerTest : public testing::Test {
 protected:
  BreakerTest() { configure({}); }
  void configure(BreakerOptions options) {
    Resilience resilience;
    resilience.breaker = options;
    breaker.configure(Deployment(), resilience);
  }
  Work start() {
    Work work;
    breaker.on_start(now, work);
    return work;
  }
  void attempt(const Outcome& outcome) { breaker.on_outcome(now, outcome, start()); }
  Reason reason() {
    float a = 0, b = 0;
    return breaker.admits(now, a, b);
  }
  void open() {
    for (int i = 0; i < defaults::kBreakerFailures; ++i) attempt(failure());
    ASSERT_EQ(breaker.status(), BreakerStatus::open);
  }

  Breaker breaker;
  Instant now{seconds(100)};
};

TEST_F(BreakerTest, OpensAfterFailuresInARow) {
  for (int i = 1; i < defaults::kBreakerFailures; ++i) attempt(failure());
  EXPECT_EQ(reason(), Reason::kept);
  attempt(failure());
  float a = 0, b = 0;
  EXPECT_EQ(breaker.admits(now, a, b), Reason::breaker_open);
  EXPECT_EQ(a, defaults::kBreakerFailures);
  EXPECT_EQ(b, to_ms(defaults::kBreakerCooldown));
}

TEST_F(BreakerTest, ASuccessEndsTheRow) {
  for (int i = 0; i < 30; ++i) attempt(i % 3 == 2 ? failure() : success());
  EXPECT_EQ(reason(), Reason::kept) << "a third fails, never many in a row";
}

TEST_F(BreakerTest, OpensByShareInTheWindow) {
  configure({1000, 0.5, seconds(10), 1});
  for (int i = 0; i < defaults::kBreakerMinRequests - 1; ++i)
    attempt(i % 2 ? success() : failure());
  EXPECT_EQ(reason(), Reason::kept) << "too few to tell";
  attempt(failure());
  EXPECT_EQ(reason(), Reason::breaker_open);
}

TEST_F(BreakerTest, FaultsOfTheRequestAndOfKeysDoNotCount) {
  for (ErrorKind kind :
       {ErrorKind::bad_request, ErrorKind::context_length, ErrorKind::content_filter,
        ErrorKind::authentication, ErrorKind::quota_exhausted, ErrorKind::rate_limit,
        ErrorKind::invalid_argument}) {
    for (int i = 0; i < 20; ++i) attempt(failure(kind));
    EXPECT_EQ(reason(), Reason::kept) << slug(kind);
  }
  for (int i = 0; i < 20; ++i) attempt(cancelled());
  EXPECT_EQ(reason(), Reason::kept);
}

TEST_F(BreakerTest, LetsExactlyKProbesThrough) {
  for (int probes : {1, 3}) {
    configure({5, 0.5, seconds(10), probes});
    open();
    now += seconds(10);
    int let_through = 0;
    for (int waiting = 0; waiting < 10'000; ++waiting) {
      if (reason() != Reason::kept) continue;
      start();
      ++let_through;
    }
    EXPECT_EQ(let_through, probes);
    EXPECT_EQ(reason(), Reason::breaker_probing);
    breaker = Breaker();
  }
}

TEST_F(BreakerTest, AProbesSuccessClosesWithASlowStart) {
  open();
  now += defaults::kBreakerCooldown;
  attempt(success());
  EXPECT_EQ(breaker.status(), BreakerStatus::closed);
  EXPECT_NEAR(breaker.ramp(now), 0.1, 1e-9);
  now += defaults::kSlowStart / 2;
  EXPECT_NEAR(breaker.ramp(now), 0.5, 1e-9);
  now += defaults::kSlowStart;
  EXPECT_EQ(breaker.ramp(now), 1.0);
}

TEST_F(BreakerTest, AProbesFailureDoublesTheCooldownUpToItsMost) {
  open();
  Duration expected = defaults::kBreakerCooldown;
  for (int round = 0; round < 8; ++round) {
    EXPECT_EQ(breaker.next_change(now), now + expected);
    now += expected;
    attempt(failure());
    expected = std::min<Duration>(expected * 2, defaults::kBreakerCooldownMax);
    EXPECT_EQ(reason(), Reason::breaker_open);
  }
}

TEST_F(BreakerTest, ACancelledProbeGivesItsPlaceBack) {
  open();
  now += defaults::kBreakerCooldown;
  attempt(cancelled());
  EXPECT_EQ(reason(), Reason::kept);
  attempt(failure(ErrorKind::bad_request));
  EXPECT_EQ(reason(), Reason::kept) << "nor does a bad request tell anything";
}

TEST_F(BreakerTest, OutcomesOfAnEarlierTimeAreIgnored) {
  std::vector<Work> old;
  for (int i = 0; i < 50; ++i) old.push_back(start());
  open();
  now += defaults::kBreakerCooldown;
  const Work probe = start();
  for (const Work& work : old) breaker.on_outcome(now, failure(), work);
  EXPECT_EQ(breaker.status(), BreakerStatus::half_open);
  breaker.on_outcome(now, success(), probe);
  EXPECT_EQ(breaker.status(), BreakerStatus::closed);
  for (const Work& work : old) breaker.on_outcome(now, failure(), work);
  EXPECT_EQ(breaker.status(), BreakerStatus::closed) << "they began before it was open";
}

TEST_F(BreakerTest, IsNeverStuckWhateverHappens) {
  Random random(4);
  for (int round = 0; round < 200; ++round) {
    std::vector<Work> running;
    for (int step = 0; step < 100; ++step) {
      now += milliseconds(static_cast<std::int64_t>(random.below(3000)));
      if (reason() == Reason::kept && random.below(2) == 0) running.push_back(start());
      if (running.empty() || random.below(2) == 0) continue;
      const Outcome outcome = random.below(3) == 0   ? success()
                              : random.below(2) == 0 ? failure()
                                                     : cancelled();
      breaker.on_outcome(now, outcome, running.back());
      running.pop_back();
    }
    for (const Work& work : running) breaker.on_outcome(now, cancelled(), work);
    now += defaults::kBreakerCooldownMax;
    ASSERT_EQ(reason(), Reason::kept) << "round " << round;
  }
}

}  // namespace
}  // namespace llmroute::health
