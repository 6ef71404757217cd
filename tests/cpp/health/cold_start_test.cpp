// Cold starts: told apart from slow answers, kept out of the latency, and weighed by idle time.
#include "llmroute/health/cold_start.h"

#include <gtest/gtest.h>

#include <map>
#include <string>

#include "llmroute/health/board.h"

namespace llmroute::health {
namespace {

struct Numbers final : NumberSink {
  std::map<std::string, double> all;
  void number(std::string_view name, double value) override { all[std::string(name)] = value; }
};

// One deployment; every answer costs the same work, so milliseconds compare as they are.
struct Place {
  Board board;
  Instant now{seconds(1'000)};

  Place() {
    Inventory inventory;
    inventory.deployments.emplace_back().name = "a";
    board.configure(inventory);
  }
  void answer(int total_ms, std::optional<Duration> load = {}) {
    Work work{Tokens{0}, Tokens{256}};
    board.on_start(0, now, work);
    now += milliseconds(total_ms);
    Outcome outcome;
    outcome.total = milliseconds(total_ms);
    outcome.load = load;
    board.on_outcome(0, 0, now, outcome, work);
  }
  void stream(int ttft_ms, int total_ms) {
    Work work{Tokens{0}, Tokens{256}};
    board.on_start(0, now, work);
    now += milliseconds(ttft_ms);
    board.on_first_content(0, now, milliseconds(ttft_ms), work);
    now += milliseconds(total_ms - ttft_ms);
    Outcome outcome;
    outcome.total = milliseconds(total_ms);
    outcome.ttft = milliseconds(ttft_ms);
    outcome.content_started = true;
    board.on_outcome(0, 0, now, outcome, work);
  }
  void wait(Duration idle) { now += idle; }
  double average() const { return board.hot(0).total_average_ms; }
  const ColdStart& cold() const { return board.at(0).get<ColdStart>(); }
};

TEST(ColdStartSignal, TellsItFromASlowAnswer) {
  struct Case {
    const char* what;
    Duration idle;
    double ms, expected, extra;
  };
  const Case cases[] = {
      {"as usual", seconds(60), 500, 500, 0},
      {"slow, but busy lately", seconds(29), 9'000, 500, 0},
      {"cold", seconds(30), 9'000, 500, 8'500},
      {"within jitter", seconds(60), 1'500, 500, 0},
      {"three times, but of little", seconds(60), 900, 100, 0},
      {"much longer, but not three times", seconds(60), 20'000, 10'000, 0},
      {"before its first request", Duration::max(), 9'000, 500, 8'500},
  };
  for (const Case& c : cases) {
    EXPECT_NEAR(ColdStart::extra_ms(c.idle, c.ms, c.expected), c.extra, 1e-3) << c.what;
  }
}

TEST(ColdStartSignal, KeepsColdAnswersOutOfTheLatency) {
  Place place;
  place.answer(500);
  place.wait(seconds(300));
  place.answer(12'500);
  EXPECT_NEAR(place.average(), 500, 1e-6) << "it is as quick as it was, once warm";
  EXPECT_TRUE(place.board.hot(0).may_be_cold);
  place.wait(seconds(300));
  EXPECT_NEAR(place.board.cold_extra_ms(0, place.now), 0.5 * 12'000, 1) << "1 of 1 + 1";
  place.wait(-seconds(295));
  EXPECT_EQ(place.board.cold_extra_ms(0, place.now), 0) << "used a moment ago";
}

TEST(ColdStartSignal, JudgesStreamsByTheirFirstContent) {
  Place place;
  place.stream(400, 2'000);
  place.wait(seconds(120));
  place.stream(8'400, 10'000);
  EXPECT_NEAR(place.board.hot(0).ttft_average_ms, 400, 1e-6);
  EXPECT_NEAR(place.average(), 2'000, 1e-6);
  Numbers numbers;
  place.board.describe(0, place.now, numbers);
  EXPECT_NEAR(numbers.all.at("cold_start_ms"), 8'000, 1);
  EXPECT_EQ(numbers.all.at("cold_probability"), 0);
  EXPECT_EQ(numbers.all.at("ttft_p95_ms") < 1'000, true) << "people see it warm as well";
}

TEST(ColdStartSignal, LongAnswersAreNotCold) {
  Place place;
  place.stream(400, 2'000);
  place.wait(seconds(120));
  place.stream(400, 60'000);
  EXPECT_FALSE(place.cold().known());
}

TEST(ColdStartSignal, BelievesTheServer) {
  Place place;
  place.answer(500, milliseconds(20));
  EXPECT_FALSE(place.cold().known());
  place.answer(5'500, milliseconds(5'000));  // loaded another model in between
  EXPECT_TRUE(place.cold().known());
  EXPECT_NEAR(place.average(), 500, 1e-6);
  place.wait(seconds(600));
  place.answer(9'500, milliseconds(15));
  EXPECT_NEAR(place.average(), 9'500, 1) << "slow, but not for loading";
  EXPECT_NEAR(place.cold().probability(seconds(600)), 0, 1e-9) << "it was warm after ten minutes";
}

TEST(ColdStartSignal, UnmasksAFirstAnswerThatWasCold) {
  Place place;
  place.answer(20'000);
  EXPECT_NEAR(place.average(), 20'000, 1e-6) << "nothing to compare it with yet";
  place.answer(500);
  EXPECT_NEAR(place.average(), 500, 1e-6);
  EXPECT_TRUE(place.cold().known());
  Place steady;
  steady.answer(20'000);
  steady.answer(15'000);
  EXPECT_GT(steady.average(), 15'000) << "just slow";
  EXPECT_FALSE(steady.cold().known());
}

TEST(ColdStartSignal, ProbabilityGrowsWithIdleTime) {
  ColdStart signal;
  Instant now{seconds(1'000)};
  const auto sample = [&](Duration idle, float cold_ms) {
    Work work;
    now += idle;
    signal.on_start(now, work);
    work.cold_ms = cold_ms;
    Outcome outcome;
    signal.on_outcome(now, outcome, work);
  };
  sample(seconds(0), 0);
  for (int i = 0; i < 10; ++i) sample(seconds(40), 0);
  for (int i = 0; i < 10; ++i) sample(seconds(700), 5'000);
  EXPECT_EQ(signal.probability(seconds(29)), 0);
  EXPECT_EQ(signal.probability(seconds(45)), 0) << "warm ten times";
  EXPECT_NEAR(signal.probability(seconds(700)), 10.0 / 11, 1e-9);
  EXPECT_NEAR(signal.probability(seconds(100'000)), 10.0 / 11, 1e-9) << "as long, or longer";
  double last = 0;
  for (int s = 1; s < 40'000; s *= 2) {
    EXPECT_GE(signal.probability(seconds(s)), last) << s;
    last = signal.probability(seconds(s));
  }
}

TEST(ColdStartSignal, LearnsThatThePlatformChanged) {
  ColdStart signal;
  Instant now{seconds(1'000)};
  const auto sample = [&](float cold_ms) {
    Work work;
    now += seconds(100);
    signal.on_start(now, work);
    work.cold_ms = cold_ms;
    signal.on_outcome(now, Outcome{}, work);
  };
  for (int i = 0; i < 1'000; ++i) sample(5'000);
  EXPECT_GT(signal.probability(seconds(100)), 0.95);
  for (int i = 0; i < 100; ++i) sample(0);
  EXPECT_LT(signal.probability(seconds(100)), 0.3);
}

TEST(ColdStartSignal, FailuresAndAttemptsAtOnceSayNothing) {
  ColdStart signal;
  const Instant now{seconds(1'000)};
  Work first, second;
  signal.on_start(now, first);
  signal.on_start(now + seconds(100), second);
  EXPECT_EQ(first.idle, Duration::max());
  EXPECT_EQ(second.idle, Duration::zero()) << "it was busy";
  EXPECT_EQ(signal.expected_ms(now), 0);
  Outcome failed;
  failed.failure = make_failure(ErrorKind::server_error, "");
  second.cold_ms = 9'000;
  signal.on_outcome(now, failed, second);
  signal.on_outcome(now, failed, first);
  signal.on_outcome(now, failed, first);  // one too many does not wrap
  EXPECT_FALSE(signal.known());
}

}  // namespace
}  // namespace llmroute::health
