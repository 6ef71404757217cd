#include "llmroute/engine/verdict.h"

#include <gtest/gtest.h>

#include "engine/drive.h"
#include "engine/scene.h"

namespace llmroute::engine {
namespace {

Decision after(const std::vector<ErrorKind>& kinds) {
  Decision decision;
  for (const ErrorKind kind : kinds) {
    AttemptRecord& attempt = decision.attempts.emplace_back();
    attempt.outcome.failure = make_failure(kind, "no luck");
    attempt.outcome.failure->status = 500;
    attempt.outcome.failure->retry_after = seconds(3);
  }
  return decision;
}

TEST(AttemptsFailed, OneFailsAsWhatItWas) {
  const Failure one = attempts_failed(after({ErrorKind::overloaded}), "");
  EXPECT_EQ(one.kind, ErrorKind::overloaded);
  EXPECT_EQ(one.message, "no luck");
}

TEST(AttemptsFailed, SeveralFailTogether) {
  const Failure all = attempts_failed(after({ErrorKind::connect, ErrorKind::server_error}), "");
  EXPECT_EQ(all.kind, ErrorKind::all_attempts_failed);
  EXPECT_EQ(all.message, "2 attempts failed; the last one: server_error: no luck");
  EXPECT_EQ(all.status, 500);
  EXPECT_EQ(all.retry_after, Duration(seconds(3)));
}

TEST(AttemptsFailed, ANoteSaysWhyNoOtherFollowed) {
  Decision decision = after({ErrorKind::connect});
  decision.attempts[0].outcome.failure->message.clear();
  const Failure noted = attempts_failed(decision, "no time was left");
  EXPECT_EQ(noted.kind, ErrorKind::all_attempts_failed);
  EXPECT_EQ(noted.message, "1 attempt failed; no time was left; the last one: connect");
}

struct Asked {
  explicit Asked(std::size_t size) {
    std::vector<std::string> names;
    for (std::size_t i = 0; i < size; ++i) names.push_back("deployment-" + std::to_string(i));
    inventory = make_inventory(names);
    scene.emplace(inventory);
    decision.group = "main";
    for (DeploymentIndex d = 0; d < size; ++d) {
      decision.candidates.emplace_back().deployment = d;
      decision.candidates.back().reason = Reason::excluded;
    }
  }
  void cool(DeploymentIndex d, Duration how_long, Reason reason) {
    health::Work work;
    Outcome outcome;
    outcome.failure = make_failure(ErrorKind::rate_limit, "");
    outcome.failure->retry_after = how_long;
    scene->board.on_start(d, now, work);
    scene->board.on_outcome(d, 0, now, outcome, work);
    decision.candidates[d].reason = reason;
  }
  Failure answer() { return no_candidate(decision, scene->at(inventory, now)); }
  Inventory inventory;
  std::optional<Scene> scene;
  Decision decision;
  Instant now{seconds(100)};
};

TEST(NoCandidate, NamesEachWithItsReason) {
  Asked asked(2);
  const Failure failure = asked.answer();
  EXPECT_EQ(failure.kind, ErrorKind::no_candidate);
  EXPECT_NE(failure.message.find("\"main\""), std::string::npos);
  EXPECT_NE(failure.message.find("deployment-0: "), std::string::npos);
  EXPECT_NE(failure.message.find("deployment-1: "), std::string::npos);
  EXPECT_FALSE(failure.retry_after) << "nothing that passes by itself";
}

TEST(NoCandidate, TellsTheSmallestWaitOfThoseThatComeBack) {
  Asked asked(4);
  asked.cool(1, seconds(9), Reason::cooling_down);
  asked.cool(2, seconds(4), Reason::cooling_down);
  asked.cool(3, seconds(1), Reason::tools_not_supported);
  EXPECT_EQ(asked.answer().retry_after, Duration(seconds(4))) << "3 will never take it";
}

TEST(NoCandidate, StaysShortAndStillKnowsTheWait) {
  Asked asked(1000);
  asked.cool(999, seconds(2), Reason::cooling_down);
  const Failure failure = asked.answer();
  EXPECT_LT(failure.message.size(), 800U);
  EXPECT_EQ(failure.message.substr(failure.message.size() - 5), "; ...");
  EXPECT_EQ(failure.retry_after, Duration(seconds(2)));
}

}  // namespace
}  // namespace llmroute::engine
