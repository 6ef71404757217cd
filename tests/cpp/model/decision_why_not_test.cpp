#include <gtest/gtest.h>

#include <functional>

#include "llmroute/model/decision.h"
#include "support/sample_decision.h"

namespace llmroute {
namespace {

using testing::sample_decision;

TEST(WhyNot, OfARequestThatWasAnswered) {
  const Decision decision = sample_decision();
  struct Case {
    const char* name;
    const char* sentence;
  };
  const Case cases[] = {
      {"local-llama", "local-llama answered, after 1 other attempt."},
      {"haiku-eu", "haiku-eu was tried as attempt 1, and failed: overloaded (529) after 212 ms."},
      {"openai/gpt-4o-mini", "openai/gpt-4o-mini was excluded by the caller."},
      {"openai/gpt-3.5-turbo",
       "openai/gpt-3.5-turbo was dropped: context_too_short: needs about 20,800 tokens, has "
       "16,385."},
      {"mistral-eu", "mistral-eu was dropped: breaker_open: 6 failures, next probe in 4.1 s."},
      {"unused",
       "unused was never a candidate: neither group \"fast\" nor the groups behind it hold it."},
      {"local-lama",
       "\"local-lama\" was never a candidate: no deployment or group has that name; the nearest is "
       "\"local-llama\"."},
      {"banana", "\"banana\" was never a candidate: no deployment or group has that name."},
      {"default", "Its member local-llama answered, after 1 other attempt."},
  };
  for (const Case& c : cases) EXPECT_EQ(why_not(decision, c.name), c.sentence);
}

TEST(WhyNot, NamesACause) {
  Decision decision = sample_decision();
  Failure& failure = *decision.attempts[0].outcome.failure;
  failure.kind = ErrorKind::rate_limit;
  failure.cause = Cause::daily_quota;
  failure.status = 429;
  EXPECT_EQ(why_not(decision, "haiku-eu"),
            "haiku-eu was tried as attempt 1, and failed: rate_limit, daily_quota (429) after 212 "
            "ms.");
}

TEST(WhyNot, AGroupSaysItOfEveryMember) {
  EXPECT_EQ(why_not(sample_decision(), "fast"),
            "No member of group \"fast\" answered: haiku-eu was tried as attempt 1, and failed: "
            "overloaded (529) after 212 ms; openai/gpt-4o-mini was excluded by the caller; "
            "openai/gpt-3.5-turbo was dropped: context_too_short: needs about 20,800 tokens, has "
            "16,385; mistral-eu was dropped: breaker_open: 6 failures, next probe in 4.1 s.");
}

TEST(WhyNot, AnsweredAtOnce) {
  Decision decision = sample_decision();
  decision.attempts.erase(decision.attempts.begin());
  EXPECT_EQ(why_not(decision, "local-llama"), "local-llama answered, at the first attempt.");
  EXPECT_EQ(why_not(decision, "haiku-eu"),
            "haiku-eu was ranked 1st by least_latency (score 0.42), behind local-llama, which "
            "answered.");
}

TEST(WhyNot, RankedBehind) {
  Decision decision = sample_decision();
  decision.attempts = {};
  decision.chosen = 0;
  EXPECT_EQ(why_not(decision, "local-llama"),
            "local-llama was ranked 2nd by least_latency (score 1.73), behind haiku-eu, which "
            "answered.");
}

TEST(WhyNot, TheRequestEndedBeforeItsTurn) {
  Decision decision = sample_decision();
  decision.attempts.pop_back();
  decision.chosen.reset();
  decision.status = DecisionStatus::failed;
  decision.failure = make_failure(ErrorKind::deadline_exceeded, "8 s passed");
  EXPECT_EQ(why_not(decision, "local-llama"),
            "local-llama was ranked 2nd by least_latency (score 1.73); the request ended in "
            "deadline_exceeded before its turn.");
  decision.failure.reset();
  decision.status = DecisionStatus::cancelled;
  EXPECT_EQ(why_not(decision, "local-llama"),
            "local-llama was ranked 2nd by least_latency (score 1.73); the request ended before "
            "its turn.");
}

TEST(WhyNot, WhatAPlanWouldDo) {
  Decision decision = sample_decision();
  decision.attempts = {};
  decision.chosen.reset();
  decision.status = DecisionStatus::pending;
  EXPECT_EQ(why_not(decision, "haiku-eu"), "haiku-eu would be tried first (score 0.42).");
  EXPECT_EQ(why_not(decision, "local-llama"),
            "local-llama would be tried 2nd (score 1.73), behind haiku-eu (score 0.42).");
}

TEST(WhyNot, Attempts) {
  struct Case {
    std::function<void(Decision&)> change;
    const char* sentence;
  };
  const Case cases[] = {
      {[](Decision& d) { d.attempts[0].finished = false; },
       "haiku-eu is being tried now, as attempt 1."},
      {[](Decision& d) { d.attempts[0].outcome.cancelled = true; },
       "haiku-eu was tried as attempt 1, and cancelled after 212 ms."},
      {[](Decision& d) { d.attempts[0].outcome.failure.reset(); },
       "haiku-eu was tried as attempt 1, and answered after 212 ms."},
      {[](Decision& d) {
         d.attempts[1].deployment = 0;
         d.attempts[1].outcome.failure = make_failure(ErrorKind::connect, "refused");
       },
       "haiku-eu was tried 2 times, last as attempt 2, and failed: connect after 3.4 s."},
  };
  for (const Case& c : cases) {
    Decision decision = sample_decision();
    c.change(decision);
    EXPECT_EQ(why_not(decision, "haiku-eu"), c.sentence);
  }
}

TEST(WhyNot, EveryReasonMakesASentence) {
  for (std::size_t i = 0; i < slugs<Reason>().size(); ++i) {
    Decision decision = sample_decision();
    decision.candidates = {testing::candidate(5, static_cast<Reason>(i), 2, 3)};
    const std::string sentence = why_not(decision, "unused");
    EXPECT_EQ(sentence.rfind("unused ", 0), 0U) << sentence;
    EXPECT_EQ(sentence.back(), '.') << sentence;
    EXPECT_EQ(sentence.find("  "), std::string::npos) << sentence;
  }
}

TEST(WhyNot, NamesRulesBudgetsAndPriorities) {
  struct Case {
    Reason reason;
    float a, b;
    const char* clause;
  };
  const Case cases[] = {
      {Reason::limit_reached, kRuleStride + 1, 1'200,
       "was dropped: limit_reached: requests_per_minute of \"tenants\", free in 1.2 s."},
      {Reason::budget_exhausted, 0, 7.2e6F,
       "was dropped: budget_exhausted: \"batch\", free in 2.0 h."},
      {Reason::price_unknown, 0, 0,
       "was dropped because its price is unknown, so that budget \"batch\" cannot count it."},
      {Reason::priority_not_served, kBatch, 0,
       "was dropped because its group keeps it for other priorities than batch."},
      {Reason::bound_elsewhere, 0, 0,
       "was dropped because the request continues something that another deployment holds."},
  };
  for (const Case& c : cases) {
    Decision decision = sample_decision();
    decision.candidates = {testing::candidate(5, c.reason, c.a, c.b)};
    EXPECT_EQ(why_not(decision, "unused"), std::string("unused ") + c.clause);
  }
}

TEST(WhyNot, SaysWhoHoldsWhatTheRequestContinues) {
  Decision decision = sample_decision();
  decision.candidates = {testing::candidate(5, Reason::bound_elsewhere, 0, 0)};
  decision.affinity = {AffinityKind::bound, 0, {}};
  EXPECT_EQ(why_not(decision, "unused"),
            "unused was dropped because the request continues something that haiku-eu holds.");
}

TEST(WhyNot, TheBestOfSeveralRecordsCounts) {
  Decision decision = sample_decision();
  decision.attempts = {};
  decision.chosen = 0;
  decision.candidates = {testing::candidate(4, Reason::throttled, 5, 0), testing::kept(4, 2, 3),
                         testing::kept(4, 1, 2)};
  EXPECT_NE(why_not(decision, "local-llama").find("ranked 2nd"), std::string::npos);
}

TEST(WhyNot, WithoutAnInventory) {
  EXPECT_EQ(why_not(Decision{}, "x"),
            "\"x\" was never a candidate: no deployment or group has that name.");
}

}  // namespace
}  // namespace llmroute
