// What a request does after each class of error: pools of keys, lacks that are learned, bad draws.
#include <gtest/gtest.h>

#include "engine/drive.h"

namespace llmroute::engine {
namespace {

Inventory with_pool(Inventory inventory, std::size_t keys, DeploymentIndex d = 0) {
  for (std::size_t i = 0; i < keys; ++i) {
    inventory.deployments[d].keys.push_back(parse_secret("key-" + std::to_string(i)));
  }
  return inventory;
}

RequestOptions with_attempts(int attempts) {
  RequestOptions options;
  options.attempts = attempts;
  return options;
}

Outcome failed(ErrorKind kind, Cause cause = Cause::plain) {
  Outcome outcome;
  outcome.failure = make_failure(kind, "said so");
  outcome.failure->cause = cause;
  return outcome;
}

CapabilitySet needs(Capability capability) {
  CapabilitySet set;
  set.set(static_cast<std::size_t>(capability));
  return set;
}

// --- pools of keys ------------------------------------------------------------------------------

TEST(RequestErrors, NineteenDeadKeysOfTwentyStillGiveAnAnswerInOnePass) {
  const std::pair<ErrorKind, Cause> deaths[] = {{ErrorKind::authentication, Cause::plain},
                                                {ErrorKind::quota_exhausted, Cause::plain},
                                                {ErrorKind::quota_exhausted, Cause::beyond_credit},
                                                {ErrorKind::permission_denied, Cause::key_refused},
                                                {ErrorKind::permission_denied, Cause::plain}};
  for (const auto& [kind, cause] : deaths) {
    SCOPED_TRACE(std::string(slug(kind)) + "/" + std::string(slug(cause)));
    Drive d(with_pool(make_inventory({"a", "b"}), 20));
    std::string seen = d.submit(with_attempts(1));
    for (int dead = 0; dead < 19; ++dead) seen = d.end(failed(kind, cause));
    EXPECT_EQ(seen, "start a/19; ");
    EXPECT_EQ(d.ok(), "ok a; ");
    const auto& attempts = d.decision().attempts;
    ASSERT_EQ(attempts.size(), 20U);
    for (std::size_t i = 1; i < attempts.size(); ++i) {
      EXPECT_FALSE(attempts[i].charged);
      EXPECT_EQ(attempts[i].waited, Duration::zero());
    }
  }
}

TEST(RequestErrors, NineteenLimitedKeysOfTwentyToo) {
  Drive d(with_pool(make_inventory({"a", "b"}), 20));
  std::string seen = d.submit(with_attempts(1));
  for (int limited = 0; limited < 19; ++limited) seen = d.fail(ErrorKind::rate_limit, seconds(30));
  EXPECT_EQ(seen, "start a/19; ");
  EXPECT_EQ(d.ok(), "ok a; ");
  EXPECT_EQ(d.submit(), "start a/19; ") << "the others cool, this one serves";
  EXPECT_EQ(d.ok(), "ok a; ");
}

TEST(RequestErrors, DeadAndLimitedKeysAreToldApart) {
  Drive d(with_pool(make_inventory({"a"}), 3));
  EXPECT_EQ(d.submit(), "start a; ");
  EXPECT_EQ(d.fail(ErrorKind::authentication), "start a/1; ");
  EXPECT_EQ(d.fail(ErrorKind::rate_limit, seconds(5)), "start a/2; ");
  EXPECT_EQ(d.fail(ErrorKind::quota_exhausted), "") << "the limited one is worth waiting for";
  EXPECT_EQ(d.pass(milliseconds(4999)), "");
  EXPECT_EQ(d.pass(milliseconds(1) + defaults::kBackoffBase), "start a/1; ");
  EXPECT_EQ(d.ok(), "ok a; ");
}

TEST(RequestErrors, WhereAllKeysAreLimitedTheDeploymentCools) {
  Drive d(with_pool(make_inventory({"a", "b"}), 2));
  EXPECT_EQ(d.submit(), "start a; ");
  EXPECT_EQ(d.fail(ErrorKind::rate_limit, seconds(5)), "start a/1; ");
  EXPECT_EQ(d.fail(ErrorKind::rate_limit, seconds(9)), "start b; ") << "not closed, only cooling";
  EXPECT_EQ(d.ok(), "ok b; ");
  EXPECT_EQ(d.submit(), "start b; ");
  EXPECT_EQ(d.ok(), "ok b; ");
  const CandidateRecord& a = d.decision().candidates[0];
  EXPECT_EQ(a.reason, Reason::cooling_down);
  EXPECT_EQ(a.a, 5000) << "until the first of its keys is back";
  d.pass(seconds(5));
  EXPECT_EQ(d.submit(), "start a; ");
}

TEST(RequestErrors, RotationForLimitsEndsEvenWhereNothingCools) {
  Drive d(with_pool(make_inventory({"a", "b"}), 3));
  EXPECT_EQ(d.submit(), "start a; ");
  EXPECT_EQ(d.fail(ErrorKind::rate_limit, Duration::zero()), "start a/1; ");
  EXPECT_EQ(d.fail(ErrorKind::rate_limit, Duration::zero()), "start a/2; ");
  EXPECT_EQ(d.fail(ErrorKind::rate_limit, Duration::zero()), "start b; ");
}

TEST(RequestErrors, ADailyQuotaIsNotWaitedFor) {
  Drive d(make_inventory({"a"}));
  EXPECT_EQ(d.submit(), "start a; ");
  Outcome outcome = failed(ErrorKind::rate_limit, Cause::daily_quota);
  outcome.failure->retry_after = std::chrono::hours(10);
  EXPECT_EQ(d.end(std::move(outcome)), "failed rate_limit; ");
  EXPECT_EQ(d.submit(), "failed no_candidate; ");
  EXPECT_EQ(d.decision().failure->retry_after, Duration(std::chrono::hours(10)));
}

TEST(RequestErrors, AnAccountIsParkedWhereverItsKeyIsUsed) {
  Inventory inventory = make_inventory({"a", "b", "c"});
  for (Deployment& d : inventory.deployments) {
    d.base_url = "http://127.0.0.1:1";
    d.keys = {parse_secret("env:SHARED")};
  }
  inventory.deployments[2].keys = {parse_secret("env:OTHER")};
  Drive d(inventory);
  EXPECT_EQ(d.submit(), "start a; ");
  EXPECT_EQ(d.fail(ErrorKind::quota_exhausted), "start c; ") << "b has the same account";
  EXPECT_EQ(d.ok(), "ok c; ");
  d.submit();
  d.ok();
  EXPECT_EQ(d.decision().candidates[1].reason, Reason::no_usable_key);
  d.pass(defaults::kQuotaPark);
  EXPECT_EQ(d.submit(), "start a; ") << "somebody may have paid";
}

// --- what a model lacks ---------------------------------------------------------------------------

TEST(RequestErrors, WhatAModelLacksIsLearned) {
  Drive d(make_inventory({"a", "b"}));
  Outcome lacking = failed(ErrorKind::capability_mismatch);
  lacking.failure->lack.capability = Capability::tools;
  EXPECT_EQ(d.submit({}, 100, needs(Capability::tools)), "start a; ");
  EXPECT_EQ(d.end(lacking), "start b; ");
  EXPECT_EQ(d.ok(), "ok b; ");
  EXPECT_EQ(d.submit({}, 100, needs(Capability::tools)), "start b; ");
  EXPECT_EQ(d.ok(), "ok b; ");
  EXPECT_EQ(d.decision().candidates[0].reason, Reason::tools_not_supported);
  EXPECT_EQ(d.submit(), "start a; ") << "what needs no tools may go there";
  EXPECT_EQ(d.ok(), "ok a; ");
  d.pass(defaults::kLackKept);
  EXPECT_EQ(d.submit({}, 100, needs(Capability::tools)), "start a; ");
}

TEST(RequestErrors, NothingIsLearnedOfWhatTheRequestDidNotCarry) {
  Drive d(make_inventory({"a", "b"}));
  Outcome lacking = failed(ErrorKind::capability_mismatch);
  lacking.failure->lack.capability = Capability::tools;
  lacking.failure->lack.parameter = Parameter::seed;
  d.submit({}, 100, needs(Capability::vision));
  EXPECT_EQ(d.end(lacking), "start b; ");
  d.ok();
  EXPECT_EQ(d.submit({}, 100, needs(Capability::tools)), "start a; ");
}

TEST(RequestErrors, WhereNobodyHasItTheCallerHearsWhy) {
  Drive d(make_inventory({"a", "b"}));
  d.submit();
  EXPECT_EQ(d.end(failed(ErrorKind::capability_mismatch)), "start b; ");
  EXPECT_EQ(d.end(failed(ErrorKind::capability_mismatch)), "failed capability_mismatch; ");
  for (int i = 0; i < 10; ++i) {
    d.submit(with_attempts(1));
    d.end(failed(ErrorKind::capability_mismatch));
  }
  EXPECT_EQ(d.submit(), "start a; ") << "no request harms a deployment's health";
}

// --- chance ---------------------------------------------------------------------------------------

TEST(RequestErrors, ABadToolCallIsDrawnAgainHereFirst) {
  Drive d(make_inventory({"a", "b"}));
  const Outcome bad = failed(ErrorKind::server_error, Cause::tool_generation);
  EXPECT_EQ(d.submit(with_attempts(3)), "start a; ");
  EXPECT_EQ(d.end(bad), "start a; ");
  EXPECT_EQ(d.end(bad), "start b; ") << "once, not for ever";
  EXPECT_EQ(d.end(bad), "failed all_attempts_failed; ") << "each of them is charged";
  for (int i = 0; i < 10; ++i) {
    d.submit(with_attempts(1));
    d.end(bad);
  }
  EXPECT_EQ(d.submit(), "start a; ") << "no breaker opens for it";
}

TEST(RequestErrors, ADrawIsNotRepeatedWithoutAttempts) {
  Drive d(make_inventory({"a"}));
  d.submit(with_attempts(1));
  EXPECT_EQ(d.end(failed(ErrorKind::server_error, Cause::tool_generation)),
            "failed server_error; ");
}

TEST(RequestErrors, AFirewallInFrontRefusesNoKey) {
  Drive d(with_pool(make_inventory({"a", "b"}), 3));
  EXPECT_EQ(d.submit(), "start a; ");
  EXPECT_EQ(d.end(failed(ErrorKind::permission_denied, Cause::before_provider)), "start b; ");
  EXPECT_EQ(d.ok(), "ok b; ");
  EXPECT_EQ(d.submit(), "start a/1; ");
}

}  // namespace
}  // namespace llmroute::engine
