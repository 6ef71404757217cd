// Announced limits: what blocks, for how long, and what of it comes back.
#include "llmroute/health/rate_limits.h"

#include <gtest/gtest.h>

#include <map>
#include <string>
#include <vector>

#include "llmroute/health/board.h"

namespace llmroute::health {
namespace {

const Instant kStart{seconds(100)};

AnnouncedWindow window(LimitUnit unit, std::int64_t remaining, std::optional<Duration> reset,
                       std::optional<std::int64_t> limit = {}, Refill refill = Refill::unstated,
                       LimitPeriod period = LimitPeriod::unstated) {
  AnnouncedWindow out;
  out.unit = unit;
  out.period = period;
  out.refill = refill;
  out.limit = limit;
  out.remaining = remaining;
  out.reset = reset;
  return out;
}

Outcome saying(std::vector<AnnouncedWindow> windows) {
  Outcome outcome;
  outcome.limits.windows = std::move(windows);
  return outcome;
}

struct Numbers final : NumberSink {
  std::map<std::string, double> all;
  void number(std::string_view name, double value) override { all[std::string(name)] = value; }
};

TEST(RateLimitsSignal, BlocksWhatIsUsedUpUntilItComesBack) {
  using U = LimitUnit;
  struct Case {
    const char* what;
    AnnouncedWindow said;
    double blocked_ms;
  };
  const Case cases[] = {
      {"something left", window(U::requests, 1, seconds(5)), 0},
      {"nothing left", window(U::requests, 0, seconds(5)), 5'000},
      {"output tokens", window(U::output_tokens, 0, seconds(5)), 5'000},
      {"no reset: nobody knows for how long", window(U::tokens, 0, {}), 0},
      {"a distant reset may be the end of a slow refill",
       window(U::requests, 0, seconds(86'000), 1'000), 0},
      {"a day's, all at once",
       window(U::requests, 0, seconds(80'000), 1'000, Refill::at_once, LimitPeriod::day),
       80'000'000},
      {"a day's, evenly: one in 8.64 s",
       window(U::requests, 0, seconds(86'400), 10'000, Refill::gradual, LimitPeriod::day), 8'640},
      {"evenly, of unknown size", window(U::requests, 0, seconds(50), {}, Refill::gradual), 50'000},
      {"tokens for one more like the last: 100 of 6,000 a minute",
       window(U::input_tokens, 0, seconds(60), 6'000, Refill::gradual), 1'000},
      {"a period, no reset", window(U::tokens, 0, {}, 9, Refill::unstated, LimitPeriod::minute), 0},
  };
  for (const Case& c : cases) {
    RateLimits limits;
    limits.on_outcome(kStart, saying({c.said}), Work{Tokens{100}, Tokens{10}});
    const Duration blocked = std::max(limits.exhausted_until() - kStart, Duration::zero());
    EXPECT_NEAR(to_ms(blocked), c.blocked_ms, 1e-3) << c.what;
  }
}

TEST(RateLimitsSignal, CountsItsOwnDispatches) {
  RateLimits limits;
  limits.on_outcome(kStart,
                    saying({window(LimitUnit::requests, 2, seconds(5)),
                            window(LimitUnit::input_tokens, 1'000, seconds(7)),
                            window(LimitUnit::output_tokens, 1'000, seconds(9))}),
                    {});
  Work work{Tokens{10}, Tokens{600}};
  limits.on_start(kStart, work);
  EXPECT_LE(limits.exhausted_until(), kStart);
  limits.on_start(kStart, work);
  EXPECT_EQ(limits.exhausted_until(), kStart + seconds(9)) << "the last of two to come back";
  EXPECT_EQ(window_name(limits.exhausted_window()), "output_tokens");
}

TEST(RateLimitsSignal, LetsGraduallyComeBackWhatWasSpent) {
  RateLimits limits;
  const Outcome outcome = saying(
      {window(LimitUnit::requests, 1, seconds(9), 10, Refill::gradual, LimitPeriod::minute)});
  limits.on_outcome(kStart, outcome, {});
  Work work;
  limits.on_start(kStart, work);
  EXPECT_EQ(limits.exhausted_until(), kStart + seconds(1)) << "9 in 9 s";
  limits.on_start(kStart + milliseconds(3'500), work);
  EXPECT_EQ(limits.exhausted_until(), kStart + seconds(1)) << "2.5 are left";
  EXPECT_NEAR(limits.used(kStart + milliseconds(3'500)), 0.75, 1e-9);
}

TEST(RateLimitsSignal, ForgetsWhatANewerAnswerContradicts) {
  RateLimits limits;
  limits.on_outcome(kStart, saying({window(LimitUnit::requests, 0, seconds(5))}), {});
  limits.on_outcome(kStart, {}, {});
  EXPECT_EQ(limits.exhausted_until(), kStart + seconds(5)) << "silence is no contradiction";
  limits.on_outcome(kStart, saying({window(LimitUnit::requests, 4, seconds(5))}), {});
  EXPECT_LE(limits.exhausted_until(), kStart);
}

TEST(RateLimitsSignal, BlocksNobodyForOneKeyOfMany) {
  Deployment d;
  d.keys = {parse_secret("a"), parse_secret("b")};
  RateLimits limits;
  limits.configure(d, {});
  limits.on_outcome(kStart, saying({window(LimitUnit::requests, 0, seconds(5), 10)}), {});
  EXPECT_LE(limits.exhausted_until(), kStart);
  EXPECT_EQ(limits.used(kStart), 1) << "but it is told";
}

TEST(RateLimitsSignal, SaysWhatShareIsUsedUp) {
  RateLimits limits;
  EXPECT_EQ(limits.used(kStart), 0);
  limits.on_outcome(kStart, saying({window(LimitUnit::requests, 40, seconds(5))}), {});
  EXPECT_EQ(limits.used(kStart), 0) << "of how many, it did not say";
  limits.on_outcome(kStart,
                    saying({window(LimitUnit::requests, 40, seconds(5), 50),
                            window(LimitUnit::tokens, 300, seconds(2), 1'000)}),
                    {});
  EXPECT_NEAR(limits.used(kStart), 0.7, 1e-9) << "the scarcer of the two";
  EXPECT_NEAR(limits.used(kStart + seconds(3)), 0.2, 1e-9);
  EXPECT_EQ(limits.used(kStart + seconds(6)), 0);
  limits.on_outcome(
      kStart, saying({window(LimitUnit::tokens, 1, {}, 10, Refill::unstated, LimitPeriod::minute)}),
      {});
  EXPECT_NEAR(limits.used(kStart + seconds(59)), 0.9, 1e-9) << "no reset: for its period";
  EXPECT_EQ(limits.used(kStart + seconds(60)), 0);
}

TEST(RateLimitsSignal, DescribesTheScarcestWindowOfEachUnit) {
  RateLimits limits;
  limits.on_outcome(
      kStart,
      saying({window(LimitUnit::requests, 40, seconds(50), 50, Refill::at_once, LimitPeriod::day),
              window(LimitUnit::requests, 3, seconds(5), 5, Refill::unstated, LimitPeriod::minute),
              window(LimitUnit::output_tokens, 0, seconds(4))}),
      {});
  Numbers numbers;
  limits.describe(kStart, numbers);
  EXPECT_EQ(numbers.all, (std::map<std::string, double>{{"requests_remaining", 3},
                                                        {"output_tokens_remaining", 0},
                                                        {"limit_reset_ms", 4'000}}));
}

TEST(RateLimitsSignal, NamesItselfInTheReason) {
  Inventory inventory;
  inventory.deployments.emplace_back().name = "a";
  Board board;
  board.configure(inventory);
  Work work;
  board.on_start(0, kStart, work);
  board.on_outcome(0, 0, kStart,
                   saying({window(LimitUnit::requests, 0, seconds(3'600), 50, Refill::at_once,
                                  LimitPeriod::day)}),
                   work);
  const Admission refused = board.admit(0, kStart + seconds(600));
  CandidateRecord record;
  record.reason = refused.reason;
  record.a = refused.a;
  record.b = refused.b;
  EXPECT_EQ(describe(record),
            "rate_limit_exhausted: 0 of its requests_per_day left, resets in 50 min");
  EXPECT_EQ(board.next_change(0, kStart), kStart + seconds(3'600));
  EXPECT_EQ(board.admit(0, kStart + seconds(3'600)).reason, Reason::kept);
}

}  // namespace
}  // namespace llmroute::health
