#include "llmroute/engine/request.h"

#include <gtest/gtest.h>

#include "engine/drive.h"

namespace llmroute::engine {
namespace {

RequestOptions with_attempts(int attempts) {
  RequestOptions options;
  options.attempts = attempts;
  return options;
}

RequestOptions with_deadline(Duration deadline) {
  RequestOptions options;
  options.deadline = deadline;
  return options;
}

TEST(RequestMachine, AnswersFromTheFirst) {
  Drive d(make_inventory({"a", "b"}));
  EXPECT_EQ(d.submit(), "start a; ");
  d.pass(milliseconds(40));
  EXPECT_EQ(d.ok(), "ok a; ");
  const Decision& decision = d.decision();
  EXPECT_EQ(decision.attempts.size(), 1U);
  EXPECT_EQ(decision.total, milliseconds(40));
  EXPECT_EQ(decision.cost.kind, CostKind::exact);
  EXPECT_NEAR(decision.cost.usd.value(), 10e-6 + 40e-6, 1e-12);
  EXPECT_EQ(decision.usage.output.count, 20);
  EXPECT_EQ(d.dispatcher().in_flight(), 0U);
}

TEST(RequestMachine, MovesOnForFaultsOfTheDeployment) {
  for (ErrorKind kind :
       {ErrorKind::connect, ErrorKind::protocol, ErrorKind::attempt_timeout, ErrorKind::overloaded,
        ErrorKind::server_error, ErrorKind::rate_limit, ErrorKind::stream_interrupted,
        ErrorKind::permission_denied, ErrorKind::not_found, ErrorKind::authentication,
        ErrorKind::quota_exhausted}) {
    Drive d(make_inventory({"a", "b"}));
    d.submit();
    EXPECT_EQ(d.fail(kind), "start b; ") << slug(kind);
    EXPECT_EQ(d.ok(), "ok b; ") << slug(kind);
    EXPECT_EQ(d.decision().attempts[0].outcome.failure->kind, kind);
  }
}

TEST(RequestMachine, NeverTriesAgainForFaultsOfTheRequest) {
  for (ErrorKind kind : {ErrorKind::bad_request, ErrorKind::invalid_argument,
                         ErrorKind::context_length, ErrorKind::content_filter}) {
    Drive d(make_inventory({"a", "b"}));
    d.submit();
    EXPECT_EQ(d.fail(kind), "failed " + std::string(slug(kind)) + "; ");
  }
}

TEST(RequestMachine, GoesAroundAgainAfterABackoff) {
  Drive d(make_inventory({"a", "b"}));
  d.submit();
  EXPECT_EQ(d.fail(ErrorKind::server_error), "start b; ");
  EXPECT_EQ(d.fail(ErrorKind::server_error), "") << "all were tried: wait first";
  EXPECT_TRUE(d.has_timer());
  EXPECT_EQ(d.pass(defaults::kBackoffBase), "start a; ") << "full jitter: at most the base";
  EXPECT_EQ(d.ok(), "ok a; ");
  EXPECT_GT(d.decision().attempts[2].waited, Duration::zero());
}

TEST(RequestMachine, SpendsOneBudgetOfAttempts) {
  Drive d(make_inventory({"a", "b", "c", "d"}));
  d.submit(with_attempts(3));
  EXPECT_EQ(d.fail(ErrorKind::server_error), "start b; ");
  EXPECT_EQ(d.fail(ErrorKind::connect), "start c; ");
  EXPECT_EQ(d.fail(ErrorKind::overloaded), "failed all_attempts_failed; ");
  EXPECT_NE(d.decision().failure->message.find("3 attempts failed"), std::string::npos);
  EXPECT_NE(d.decision().failure->message.find("overloaded: said so"), std::string::npos);
}

TEST(RequestMachine, ASingleAttemptFailsAsWhatItWas) {
  Drive d(make_inventory({"a"}));
  d.submit(with_attempts(1));
  EXPECT_EQ(d.fail(ErrorKind::overloaded), "failed overloaded; ");
}

TEST(RequestMachine, FallsBackToOtherGroupsInOrder) {
  Inventory inventory = make_inventory({"a", "b", "c"});
  const GroupIndex second = split_off(inventory, "second", {"b"});
  const GroupIndex third = split_off(inventory, "third", {"c", "b"});
  inventory.groups[0].fallbacks = {second, third};
  Drive d(inventory);
  EXPECT_EQ(d.submit(), "start a; ");
  EXPECT_EQ(d.fail(ErrorKind::server_error), "start b; ");
  EXPECT_EQ(d.fail(ErrorKind::server_error), "start c; ");
  EXPECT_EQ(d.ok(), "ok c; ");
  EXPECT_EQ(d.decision().candidates.size(), 3U) << "each deployment once";
}

TEST(RequestMachine, WaitsAsLongAsARateLimitSays) {
  Drive d(make_inventory({"a"}));
  d.submit();
  EXPECT_EQ(d.fail(ErrorKind::rate_limit, seconds(2)), "");
  EXPECT_EQ(d.pass(milliseconds(1999)), "");
  d.pass(milliseconds(1));
  EXPECT_EQ(d.pass(defaults::kBackoffBase), "start a; ");
  EXPECT_EQ(d.ok(), "ok a; ");
}

TEST(RequestMachine, DoesNotWaitLongerThanAllowedOrPastTheDeadline) {
  Drive d(make_inventory({"a"}));
  d.submit();
  EXPECT_EQ(d.fail(ErrorKind::rate_limit, seconds(61)), "failed rate_limit; ");
  EXPECT_EQ(d.decision().failure->retry_after, Duration(seconds(61)));
  Drive e(make_inventory({"a"}));
  e.submit(with_deadline(seconds(1)));
  EXPECT_EQ(e.fail(ErrorKind::rate_limit, seconds(2)), "failed rate_limit; ");
}

TEST(RequestMachine, WaitsAtTheStartWhereAllAreOnlyCooling) {
  Drive d(make_inventory({"a"}));
  d.submit(with_attempts(1));
  d.fail(ErrorKind::rate_limit, seconds(2));
  EXPECT_EQ(d.submit(), "") << "cooling: wait";
  EXPECT_EQ(d.pass(milliseconds(1999)), "");
  EXPECT_EQ(d.pass(milliseconds(1) + defaults::kBackoffBase), "start a; ");
  EXPECT_EQ(d.ok(), "ok a; ");
  d.submit(with_attempts(1));
  d.fail(ErrorKind::rate_limit, seconds(2));
  EXPECT_EQ(d.submit(with_deadline(seconds(1))), "failed no_candidate; ");
  EXPECT_EQ(d.decision().failure->retry_after, Duration(seconds(2)));
  EXPECT_NE(d.decision().failure->message.find("a: "), std::string::npos);
}

TEST(RequestMachine, FindsThoseAgainThatWereOnlyCoolingAtPlanning) {
  Drive d(make_inventory({"a", "b"}));
  RequestOptions once;
  once.attempts = 1;
  once.exclude = {"b"};
  d.submit(once);
  d.fail(ErrorKind::rate_limit, seconds(2));
  EXPECT_EQ(d.submit(), "start b; ");
  for (int i = 0; i < 4; ++i) {  // b dies: its breaker opens during the request
    d.submit();
    d.fail(ErrorKind::connect);
    d.cancel();
  }
  EXPECT_EQ(d.submit(), "start b; ");
  EXPECT_EQ(d.fail(ErrorKind::connect), "") << "a is only cooling: wait for it";
  EXPECT_EQ(d.pass(seconds(2) + defaults::kBackoffBase), "start a; ");
  EXPECT_EQ(d.ok(), "ok a; ");
}

TEST(RequestMachine, RotatesKeysWithoutChargingForIt) {
  Inventory inventory = make_inventory({"a", "b"});
  for (int i = 0; i < 20; ++i) inventory.deployments[0].keys.push_back(parse_secret("k"));
  Drive d(inventory);
  std::string seen = d.submit(with_attempts(1));
  for (int dead = 0; dead < 19; ++dead) seen += d.fail(ErrorKind::authentication);
  EXPECT_EQ(seen.substr(seen.size() - 12), "start a/19; ");
  EXPECT_EQ(d.ok(), "ok a; ");
  EXPECT_EQ(d.decision().attempts.size(), 20U);
  EXPECT_TRUE(d.decision().attempts[0].charged);
  EXPECT_FALSE(d.decision().attempts[19].charged);
  EXPECT_EQ(d.submit(), "start a/19; ") << "the dead stay dead";
  EXPECT_EQ(d.fail(ErrorKind::quota_exhausted), "start b; ");
}

TEST(RequestMachine, ATooLongPromptGoesOnlyToLargerWindows) {
  Inventory inventory = make_inventory({"a", "b", "c", "d"});
  inventory.deployments[0].context_tokens = Tokens{8000};
  inventory.deployments[1].context_tokens = Tokens{8000};
  inventory.deployments[2].context_tokens = Tokens{32000};
  const GroupIndex big = split_off(inventory, "long", {"d"});
  inventory.groups[0].on_context_too_long = {big};
  Drive d(inventory);
  d.submit();
  EXPECT_EQ(d.fail(ErrorKind::context_length), "start c; ") << "b is as small";
  EXPECT_EQ(d.fail(ErrorKind::context_length), "start d; ") << "as the group says";
  EXPECT_EQ(d.fail(ErrorKind::context_length), "failed context_length; ");
}

TEST(RequestMachine, ATooLongPromptGoesWhereTheGroupSays) {
  Inventory inventory = make_inventory({"a", "d"});
  const GroupIndex big = split_off(inventory, "long", {"d"});
  inventory.groups[0].on_context_too_long = {big};
  Drive d(inventory);
  d.submit();
  EXPECT_EQ(d.fail(ErrorKind::context_length), "start d; ");
  EXPECT_EQ(d.ok(), "ok d; ");
  // Known beforehand: nothing is sent to the small one.
  inventory.deployments[0].context_tokens = Tokens{50};
  Drive e(inventory);
  EXPECT_EQ(e.submit(), "start d; ");
}

TEST(RequestMachine, AFilteredPromptGoesOnlyWhereTheGroupSays) {
  Inventory inventory = make_inventory({"a", "b", "c"});
  const GroupIndex lenient = split_off(inventory, "lenient", {"c"});
  inventory.groups[0].on_content_filter = {lenient};
  Drive d(inventory);
  d.submit();
  EXPECT_EQ(d.fail(ErrorKind::content_filter), "start c; ");
  EXPECT_EQ(d.fail(ErrorKind::content_filter), "failed content_filter; ");
}

TEST(RequestMachine, AfterContentNothingIsTriedAgain) {
  Drive d(make_inventory({"a", "b"}));
  RequestOptions options;
  options.stream = true;
  d.submit(options);
  d.content();
  EXPECT_EQ(d.fail(ErrorKind::stream_interrupted), "failed stream_interrupted; ");
  EXPECT_EQ(d.decision().attempts[0].cost.kind, CostKind::estimated);
}

TEST(RequestMachine, UnlessTheCallerAskedToBeginAgain) {
  Drive d(make_inventory({"a", "b"}));
  RequestOptions options;
  options.stream = true;
  options.on_interrupt = OnInterrupt::restart;
  d.submit(options);
  d.content();
  EXPECT_EQ(d.fail(ErrorKind::stream_interrupted), "restart; start b; ");
  d.content();
  EXPECT_EQ(d.ok(), "ok b; ");
  EXPECT_EQ(d.decision().restarts, 1U);
}

TEST(RequestMachine, TheDeadlineStopsARunningAttemptExactlyOnce) {
  Drive d(make_inventory({"a", "b"}));
  d.submit(with_deadline(milliseconds(500)));
  EXPECT_EQ(d.pass(milliseconds(499)), "");
  EXPECT_EQ(d.pass(milliseconds(1)), "stop; failed deadline_exceeded; ");
  EXPECT_EQ(d.in_flight(0), 0U);
  EXPECT_TRUE(d.decision().attempts[0].outcome.cancelled);
  EXPECT_EQ(d.ok(), "") << "a late outcome changes nothing";
  EXPECT_EQ(d.pass(seconds(10)), "");
  EXPECT_EQ(d.finishes(d.id()), 1);
}

TEST(RequestMachine, NoAttemptStartsAfterTheDeadline) {
  Drive d(make_inventory({"a", "b"}));
  EXPECT_EQ(d.submit(with_deadline(Duration::zero())), "failed deadline_exceeded; ");
  d.submit(with_deadline(milliseconds(10)));
  d.fail(ErrorKind::server_error);
  EXPECT_EQ(d.pass(milliseconds(10)), "stop; failed deadline_exceeded; ");
}

TEST(RequestMachine, ABackoffThatWouldPassTheDeadlineFailsAtOnce) {
  Inventory inventory = make_inventory({"a"});
  inventory.resilience.backoff_base = seconds(100);
  inventory.resilience.backoff_max = seconds(100);
  Drive d(inventory);
  d.submit(with_deadline(milliseconds(5)));
  EXPECT_EQ(d.fail(ErrorKind::server_error), "failed all_attempts_failed; ");
  EXPECT_NE(d.decision().failure->message.find("no time was left"), std::string::npos);
}

TEST(RequestMachine, CancelStopsTheAttempt) {
  Drive d(make_inventory({"a"}));
  d.submit();
  EXPECT_EQ(d.cancel(), "stop; failed cancelled; ");
  EXPECT_EQ(d.decision().status, DecisionStatus::cancelled);
  EXPECT_EQ(d.in_flight(0), 0U);
  EXPECT_EQ(d.cancel(), "");
  d.submit();
  EXPECT_EQ(d.fail(ErrorKind::rate_limit, seconds(1)), "");
  EXPECT_EQ(d.cancel(), "failed cancelled; ") << "while waiting nothing runs";
}

TEST(RequestMachine, CostsOfAllAttemptsAddUp) {
  Drive d(make_inventory({"a", "b"}));
  d.submit();
  Outcome lost;
  lost.failure = make_failure(ErrorKind::attempt_timeout, "");
  lost.failure->ambiguous = true;
  d.end(lost);
  d.ok();
  const Decision& decision = d.decision();
  EXPECT_NEAR(decision.attempts[0].cost.usd.value(), 100e-6, 1e-12) << "the prompt may be billed";
  EXPECT_EQ(decision.cost.kind, CostKind::estimated);
  EXPECT_NEAR(decision.cost.usd.value(), 150e-6, 1e-12);
}

TEST(RequestMachine, AnUnknownPriceIsNeverZero) {
  Inventory inventory = make_inventory({"a"});
  inventory.deployments[0].price = {};
  Drive d(inventory);
  d.submit();
  d.ok();
  EXPECT_EQ(d.decision().cost.kind, CostKind::unknown);
}

TEST(RequestMachine, ByTheHourRequestsShareTheTimeOfTheirServer) {
  Inventory inventory = make_inventory({"a"});
  inventory.deployments[0].price = {};
  inventory.deployments[0].price.usd_per_hour = 3.6;
  Drive d(inventory);
  d.submit();
  d.pass(seconds(10));
  d.ok();
  EXPECT_EQ(d.decision().cost.kind, CostKind::estimated);
  EXPECT_NEAR(d.decision().cost.usd.value(), 0.01, 1e-9);
}

TEST(RequestMachine, FollowsAPythonOrder) {
  Drive d(make_inventory({"a", "b", "c"}));
  RequestOptions options;
  options.order = std::vector<std::string>{"c", "a", "gone"};
  options.policy_label = "mine";
  EXPECT_EQ(d.submit(options), "start c; ");
  EXPECT_EQ(d.fail(ErrorKind::server_error), "start a; ");
  d.ok();
  EXPECT_EQ(d.decision().policy, "mine");
  EXPECT_EQ(d.decision().candidates[1].reason, Reason::not_in_order);
}

TEST(RequestMachine, BacksOffOncePerRound) {
  Drive d(make_inventory({"a", "b"}));
  d.submit();
  d.fail(ErrorKind::server_error);
  d.fail(ErrorKind::server_error);
  EXPECT_EQ(d.pass(defaults::kBackoffBase), "start a; ");
  EXPECT_EQ(d.fail(ErrorKind::server_error), "start b; ") << "the round has been paid for";
}

TEST(RequestMachine, ARateLimitedPlaceIsNotWaitedForWhereAnotherServes) {
  Drive d(make_inventory({"a", "b"}));
  d.submit();
  EXPECT_EQ(d.fail(ErrorKind::rate_limit, seconds(30)), "start b; ");
  EXPECT_EQ(d.fail(ErrorKind::server_error), "");
  EXPECT_EQ(d.pass(defaults::kBackoffBase), "start b; ");
}

TEST(RequestMachine, NeverIdlesLongerThanMaxRetryAfter) {
  Inventory inventory = make_inventory({"a"});
  inventory.resilience.max_retry_after = seconds(5);
  Drive d(inventory);
  d.submit(with_attempts(1));
  const RequestId one = d.id();
  d.submit(with_attempts(1));
  const RequestId other = d.id();
  d.focus(one);
  d.fail(ErrorKind::rate_limit, seconds(4));
  EXPECT_EQ(d.submit(), "") << "four seconds are allowed";
  EXPECT_EQ(d.pass(seconds(3)), "");
  d.focus(other);
  d.fail(ErrorKind::rate_limit, seconds(4));
  EXPECT_EQ(d.pass(seconds(2)), "failed no_candidate; ") << "seven would be too many";
  EXPECT_LE(d.decision().total, seconds(4) + defaults::kBackoffBase);
  EXPECT_GT(d.decision().failure->retry_after, Duration(seconds(2)));
}

TEST(RequestMachine, PlansAnewAfterWaitingBeforeTheFirstAttempt) {
  Drive d(make_inventory({"a", "b"}, "least_cost"));
  RequestOptions only_a = with_attempts(1);
  only_a.exclude = {"b"};
  RequestOptions only_b = with_attempts(1);
  only_b.exclude = {"a"};
  d.submit(only_a);
  d.fail(ErrorKind::rate_limit, seconds(2));
  d.submit(only_b);
  d.fail(ErrorKind::rate_limit, seconds(3));
  EXPECT_EQ(d.submit(), "");
  EXPECT_EQ(d.pass(seconds(2) + defaults::kBackoffBase), "start a; ");
  d.ok();
  ASSERT_EQ(d.decision().candidates.size(), 2U);
  EXPECT_EQ(d.decision().candidates[0].reason, Reason::kept);
  EXPECT_GE(d.decision().attempts[0].waited, Duration(seconds(2)));
}

TEST(RequestMachine, AWaitOutlivesAChangeOfConfiguration) {
  Drive d(make_inventory({"a", "b"}));
  RequestOptions only_b = with_attempts(2);
  only_b.exclude = {"a"};
  d.submit(only_b);
  const std::string waits = d.fail(ErrorKind::rate_limit, seconds(2));
  EXPECT_EQ(waits, "");
  const RequestId first = d.id();
  EXPECT_EQ(d.submit(only_b), "") << "this one waits before its first attempt";
  Inventory next = make_inventory({"b"});  // other indices, and a is gone
  next.version = 2;
  ASSERT_TRUE(d.dispatcher().configure(std::make_shared<const Inventory>(next)));
  // The trace names by the current inventory, where b is 0; the requests say 1.
  int starts = 0;
  Actions actions;
  for (const RequestId id : {first, d.id()}) {
    d.dispatcher().on_timer(id, d.now() + seconds(3), actions);
  }
  for (const Action& action : actions) {
    if (const auto* start = std::get_if<StartAttempt>(&action)) {
      EXPECT_EQ(start->deployment, 1U);
      ++starts;
    }
  }
  EXPECT_EQ(starts, 2);
}

TEST(RequestMachine, KeyRotationEndsAlsoWhereTheConfigurationHasChanged) {
  Inventory inventory = make_inventory({"a"});
  for (int i = 0; i < 3; ++i) inventory.deployments[0].keys.push_back(parse_secret("old"));
  Drive d(inventory);
  d.submit(with_attempts(1));
  inventory.deployments[0].keys = {parse_secret("new")};
  ASSERT_TRUE(d.dispatcher().configure(std::make_shared<const Inventory>(inventory)));
  EXPECT_EQ(d.fail(ErrorKind::authentication), "start a/1; ");
  EXPECT_EQ(d.fail(ErrorKind::authentication), "start a/2; ");
  EXPECT_EQ(d.fail(ErrorKind::authentication), "failed all_attempts_failed; ");
  EXPECT_EQ(d.submit(), "start a; ") << "the new key has not failed";
}

TEST(RequestMachine, ARestartIsToldOnlyWhereAnAttemptFollows) {
  RequestOptions options = with_attempts(1);
  options.stream = true;
  options.on_interrupt = OnInterrupt::restart;
  Drive d(make_inventory({"a", "b"}));
  d.submit(options);
  d.content();
  EXPECT_EQ(d.fail(ErrorKind::stream_interrupted), "failed stream_interrupted; ");
  EXPECT_EQ(d.decision().restarts, 0U);
  options.attempts = 3;
  Drive e(make_inventory({"a"}));
  e.submit(options);
  e.content();
  EXPECT_EQ(e.fail(ErrorKind::stream_interrupted), "") << "not before the pause is over";
  EXPECT_EQ(e.pass(defaults::kBackoffBase), "restart; start a; ");
}

TEST(RequestMachine, AnAttemptCancelledByOthersIsNoAnswer) {
  Drive d(make_inventory({"a", "b"}));
  d.submit();
  Outcome outcome;
  outcome.cancelled = true;
  EXPECT_EQ(d.end(outcome), "failed cancelled; ");
}

TEST(RequestMachine, AFallbackOfTheGroupThatIsAlsoItsLenientOneStillCounts) {
  Inventory inventory = make_inventory({"a", "b"});
  const GroupIndex second = split_off(inventory, "second", {"b"});
  inventory.groups[0].fallbacks = {second};
  inventory.groups[0].on_content_filter = {second};
  inventory.groups[0].on_context_too_long = {second};
  for (const ErrorKind kind : {ErrorKind::content_filter, ErrorKind::context_length}) {
    Drive d(inventory);
    d.submit();
    EXPECT_EQ(d.fail(kind), "start b; ") << slug(kind);
    EXPECT_EQ(d.fail(kind), "failed " + std::string(slug(kind)) + "; ");
  }
}

TEST(RequestMachine, ADoubtfulRetryEndsWithTheBudget) {
  Inventory inventory = make_inventory({"a"});
  inventory.resilience.retry_share = 0;
  inventory.resilience.breaker.failures = 1000;
  inventory.resilience.breaker.error_rate = 2;
  Drive d(inventory);
  for (int i = 0; i < 10; ++i) {
    d.submit(with_attempts(2));
    d.fail(ErrorKind::server_error);
    EXPECT_EQ(d.pass(defaults::kBackoffBase), "start a; ") << i;
    EXPECT_EQ(d.fail(ErrorKind::server_error), "failed all_attempts_failed; ");
  }
  d.submit(with_attempts(2));
  EXPECT_EQ(d.fail(ErrorKind::server_error), "failed all_attempts_failed; ");
  EXPECT_NE(d.decision().failure->message.find("retry budget is exhausted"), std::string::npos);
}

TEST(RequestMachine, TheEmptyBudgetPassesOverTheDoubtful) {
  Inventory inventory = make_inventory({"a", "b", "c"});
  inventory.resilience.retry_share = 0;
  inventory.resilience.breaker.failures = 1000;
  inventory.resilience.breaker.error_rate = 2;
  Drive d(inventory);
  RequestOptions only_b = with_attempts(2);
  only_b.exclude = {"a", "c"};
  while (d.dispatcher().retry_budget().can_pay()) {  // b fails, and that uses up the budget
    d.submit(only_b);
    d.fail(ErrorKind::server_error);
    d.pass(defaults::kBackoffBase);
    d.fail(ErrorKind::server_error);
  }
  EXPECT_EQ(d.submit(), "start a; ");
  EXPECT_EQ(d.fail(ErrorKind::server_error), "start c; ");
  EXPECT_EQ(d.ok(), "ok c; ");
}

TEST(RequestMachine, TheLastUsableIsThrottledNotEjected) {
  Drive d(make_inventory({"a"}));
  for (int i = 0; i < 5; ++i) {
    d.submit(with_attempts(1));
    d.fail(ErrorKind::connect);
  }
  EXPECT_EQ(d.submit(), "start a; ") << "its breaker is open, but there is no other";
  EXPECT_TRUE(d.decision().candidates.empty() || !d.decision().candidates[0].last_usable);
  d.fail(ErrorKind::connect);
  EXPECT_TRUE(d.decision().candidates[0].last_usable);
  EXPECT_EQ(d.submit(), "failed no_candidate; ");
  EXPECT_EQ(d.decision().failure->retry_after, Duration(defaults::kThrottleEvery));
  EXPECT_EQ(d.decision().candidates[0].reason, Reason::throttled);
  d.pass(defaults::kThrottleEvery);
  EXPECT_EQ(d.submit(), "start a; ");
  EXPECT_EQ(d.ok(), "ok a; ");
}

}  // namespace
}  // namespace llmroute::engine
