#include "llmroute/health/token_ratio.h"

#include <gtest/gtest.h>

#include "llmroute/model/defaults.h"

namespace llmroute::health {
namespace {

Outcome counted(std::int64_t tokens, bool reported = true) {
  Outcome outcome;
  outcome.usage.input = Tokens{tokens};
  outcome.usage.reported = reported;
  return outcome;
}

void answer(TokenRatio& ratio, std::int64_t reported, std::int64_t estimated, int times = 1) {
  for (int i = 0; i < times; ++i) {
    ratio.on_outcome(Instant{}, counted(reported), Work{Tokens{estimated}, Tokens{1}});
  }
}

TEST(TokenRatio, IsOneUntilEnoughIsKnown) {
  TokenRatio ratio;
  EXPECT_EQ(ratio.ratio(), 1.0);
  answer(ratio, 130, 100, defaults::kTokenRatioAnswers - 1);
  EXPECT_EQ(ratio.ratio(), 1.0);
  answer(ratio, 130, 100);
  EXPECT_NEAR(ratio.ratio(), 1.3, 1e-9);
}

TEST(TokenRatio, LongPromptsWeighMore) {
  TokenRatio ratio;
  for (int i = 0; i < 100; ++i) {
    answer(ratio, 15'000, 10'000);
    answer(ratio, 50, 100);
  }
  EXPECT_NEAR(ratio.ratio(), 1.49, 0.01);
}

TEST(TokenRatio, FollowsAChange) {
  TokenRatio ratio;
  answer(ratio, 100, 100, 500);
  answer(ratio, 150, 100, 34);
  EXPECT_NEAR(ratio.ratio(), 1.25, 0.01);
  answer(ratio, 150, 100, 500);
  EXPECT_NEAR(ratio.ratio(), 1.5, 0.001);
}

TEST(TokenRatio, StaysWithinItsBounds) {
  TokenRatio many, few;
  answer(many, 1'000'000, 100, 50);
  EXPECT_EQ(many.ratio(), 2.0);
  answer(few, 1, 100, 50);
  EXPECT_EQ(few.ratio(), 0.5);
  TokenRatio once;
  answer(once, 100, 100, 50);
  answer(once, 1'000'000, 100);  // an image, say
  EXPECT_LT(once.ratio(), 1.1);
}

TEST(TokenRatio, HearsOnlyWhatWasCounted) {
  TokenRatio ratio;
  Outcome failed = counted(300);
  failed.failure = make_failure(ErrorKind::server_error, "");
  Outcome cancelled = counted(300);
  cancelled.cancelled = true;
  const Work work{Tokens{100}, Tokens{1}};
  for (int i = 0; i < 20; ++i) {
    for (const Outcome& outcome : {failed, cancelled, counted(300, false), counted(0)}) {
      ratio.on_outcome(Instant{}, outcome, work);
    }
    ratio.on_outcome(Instant{}, counted(300), Work{});
  }
  EXPECT_EQ(ratio.ratio(), 1.0);
}

}  // namespace
}  // namespace llmroute::health
