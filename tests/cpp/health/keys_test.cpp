// Pools of keys: limited ones and dead ones, alone and on the board.
#include "llmroute/health/keys.h"

#include <gtest/gtest.h>

#include "llmroute/health/board.h"
#include "llmroute/model/defaults.h"

namespace llmroute::health {
namespace {

const Instant kStart{seconds(500)};

Deployment pool(const std::string& name, std::initializer_list<const char*> sources) {
  Deployment d;
  d.name = name;
  d.provider = "p";
  d.base_url = "http://127.0.0.1:1";
  for (const char* source : sources) d.keys.push_back(parse_secret(source));
  return d;
}

Failure failure(ErrorKind kind, std::optional<Duration> retry_after = {},
                Cause cause = Cause::plain) {
  Failure out = make_failure(kind, "");
  out.retry_after = retry_after;
  out.cause = cause;
  return out;
}

struct Attempts {
  explicit Attempts(std::vector<Deployment> deployments) {
    inventory.deployments = std::move(deployments);
    board.configure(inventory);
  }
  void end(DeploymentIndex d, std::uint16_t key, const Outcome& outcome) {
    Work work;
    board.on_start(d, now, work);
    board.on_outcome(d, key, now, outcome, work);
  }
  void fail(DeploymentIndex d, std::uint16_t key, Failure said) {
    Outcome outcome;
    outcome.failure = std::move(said);
    end(d, key, outcome);
  }
  Reason reason(DeploymentIndex d) const { return board.admit(d, now).reason; }
  Inventory inventory;
  Board board;
  Instant now = kStart;
};

TEST(KeysSignal, ALimitedKeyCoolsLongerEachTime) {
  Keys keys;
  keys.configure(pool("a", {"one", "two"}), {});
  Instant now = kStart;
  Duration last = Duration::zero();
  for (int i = 0; i < 8; ++i) {
    keys.cool(0, now, failure(ErrorKind::rate_limit));
    keys.cool(1, kNever);
    const Duration wait = keys.next_change(now) - now;
    EXPECT_GE(wait, last);
    last = wait;
    now += wait;
  }
  EXPECT_EQ(last, Duration(defaults::kCooldownMax));
  keys.on_success(0, now);
  keys.cool(0, now, failure(ErrorKind::rate_limit));
  EXPECT_EQ(keys.next_change(now) - now, Duration(defaults::kCooldown)) << "it begins anew";
}

TEST(KeysSignal, ASuccessMakesAKeyFreshAgainButNotOneThatCools) {
  Keys keys;
  keys.configure(pool("a", {"env:A", "env:B"}), {});
  keys.refuse(0, kStart, kForever);
  EXPECT_FALSE(keys.all_fresh());
  keys.on_success(0, kStart + seconds(1));  // of an attempt that began before
  EXPECT_EQ(keys.dead(), 1U);
  keys.on_success(0, kStart + defaults::kRefusedKeyPark);
  EXPECT_EQ(keys.dead(), 0U);
  EXPECT_TRUE(keys.all_fresh());
}

TEST(KeysSignal, OnlyAKeyThatCannotChangeIsDeadForGood) {
  Keys keys;
  keys.configure(pool("a", {"literal", "env:A", "file:b", "callable:c"}), {});
  for (std::uint16_t key = 0; key < 4; ++key) keys.refuse(key, kStart, kForever);
  EXPECT_FALSE(keys.usable(kStart));
  EXPECT_EQ(keys.next_change(kStart), kNever) << "nobody knows when";
  const Instant later = kStart + defaults::kRefusedKeyPark;
  EXPECT_EQ(keys.pick(later), 1);
  EXPECT_EQ(keys.pick(later), 2);
  EXPECT_EQ(keys.pick(later), 3);
  EXPECT_EQ(keys.pick(later), 1) << "the literal stays dead";
}

TEST(KeysSignal, AnotherValueIsAsGoodAsNew) {
  Keys keys;
  keys.configure(pool("a", {"env:A", "env:B"}), {});
  keys.refuse(0, kStart, kForever);
  keys.cool(1, kNever);
  keys.renew(7);
  EXPECT_FALSE(keys.usable(kStart));
  keys.renew(0);
  EXPECT_EQ(keys.pick(kStart), 0);
  EXPECT_EQ(keys.dead(), 0U);
  keys.refuse(0, kStart, kForever);
  EXPECT_FALSE(keys.usable(kStart));
  EXPECT_EQ(keys.pick(kStart + defaults::kRefusedKeyPark), 0) << "it may change once more";
}

TEST(Board, ARenewedKeyOpensItsDeployment) {
  Attempts a({pool("a", {"env:A"})});
  a.fail(0, 0, failure(ErrorKind::authentication));
  EXPECT_NE(a.reason(0), Reason::kept);
  a.board.renew_key({7, 0}, a.now);
  EXPECT_NE(a.reason(0), Reason::kept);
  a.board.renew_key({0, 0}, a.now);
  EXPECT_EQ(a.reason(0), Reason::kept);
}

TEST(Board, ALimitedKeyLeavesTheOthersAlone) {
  Attempts a({pool("a", {"one", "two", "three"})});
  a.fail(0, 1, failure(ErrorKind::rate_limit, seconds(9)));
  EXPECT_EQ(a.reason(0), Reason::kept);
  for (int i = 0; i < 6; ++i) EXPECT_NE(a.board.pick_key(0, a.now), 1);
  a.fail(0, 0, failure(ErrorKind::rate_limit, seconds(4)));
  a.fail(0, 2, failure(ErrorKind::authentication));
  const Admission verdict = a.board.admit(0, a.now);
  EXPECT_EQ(verdict.reason, Reason::cooling_down);
  EXPECT_EQ(verdict.a, 4000);
  EXPECT_EQ(a.board.next_change(0, a.now), a.now + seconds(4));
  EXPECT_EQ(a.board.pick_key(0, a.now), 0) << "if one must be used, never the dead one";
  EXPECT_EQ(a.board.pick_key(0, a.now), 0);
  a.now += seconds(4);
  EXPECT_EQ(a.board.pick_key(0, a.now), 0);
}

TEST(Board, WhatOneKeyHasUsedUpIsNoReasonToLeaveTheOthers) {
  Outcome outcome;
  AnnouncedWindow& window = *outcome.limits.add(LimitUnit::requests);
  window.limit = 100;
  window.remaining = 0;
  window.reset = seconds(8);
  Attempts many({pool("a", {"one", "two"})}), single({pool("a", {"one"})});
  many.end(0, 0, outcome);
  single.end(0, 0, outcome);
  EXPECT_EQ(single.reason(0), Reason::rate_limit_exhausted);
  EXPECT_EQ(many.reason(0), Reason::kept);
  EXPECT_EQ(many.board.pick_key(0, many.now), 1);
  EXPECT_EQ(many.board.pick_key(0, many.now), 1);
  many.end(0, 1, outcome);
  EXPECT_EQ(many.reason(0), Reason::cooling_down);
}

TEST(Board, AnAccountIsOneAtEveryDeploymentOfItsProvider) {
  Deployment elsewhere = pool("c", {"env:SHARED"});
  elsewhere.base_url = "http://127.0.0.1:2";
  Attempts a({pool("a", {"env:SHARED", "env:OWN"}), pool("b", {"env:SHARED"}), elsewhere,
              pool("d", {"literal"}), pool("e", {"literal"}), pool("f", {"another"})});
  a.fail(0, 0, failure(ErrorKind::quota_exhausted));
  EXPECT_EQ(a.reason(0), Reason::kept) << "it has a key of its own";
  EXPECT_EQ(a.reason(1), Reason::no_usable_key);
  EXPECT_EQ(a.reason(2), Reason::kept) << "another address, perhaps another account";
  a.fail(3, 0, failure(ErrorKind::authentication));
  EXPECT_EQ(a.reason(4), Reason::no_usable_key) << "the same secret";
  EXPECT_EQ(a.reason(5), Reason::kept);
  a.now += defaults::kQuotaPark;
  EXPECT_EQ(a.reason(1), Reason::kept);
  EXPECT_EQ(a.reason(4), Reason::no_usable_key);
}

TEST(Board, ARequestThatAsksForTooMuchParksNobody) {
  Attempts a({pool("a", {"one"})});
  a.fail(0, 0, failure(ErrorKind::quota_exhausted, {}, Cause::beyond_credit));
  a.fail(0, 0, failure(ErrorKind::permission_denied));
  a.fail(0, 0, failure(ErrorKind::permission_denied, {}, Cause::before_provider));
  a.fail(0, 0, failure(ErrorKind::capability_mismatch));
  a.fail(0, 0, failure(ErrorKind::server_error, {}, Cause::tool_generation));
  EXPECT_EQ(a.reason(0), Reason::kept);
  a.fail(0, 0, failure(ErrorKind::permission_denied, {}, Cause::key_refused));
  EXPECT_EQ(a.reason(0), Reason::no_usable_key);
  a.now += defaults::kRefusedKeyPark;
  EXPECT_EQ(a.reason(0), Reason::kept);
}

TEST(Board, WithoutAPoolADeploymentCoolsAsItsKeyWould) {
  for (const bool keyed : {true, false}) {
    Attempts a({keyed ? pool("a", {"one"}) : pool("a", {})});
    a.fail(0, 0, failure(ErrorKind::rate_limit, {}, Cause::daily_quota));
    EXPECT_EQ(a.board.admit(0, a.now).reason, Reason::cooling_down);
    EXPECT_EQ(a.board.admit(0, a.now).a, 3'600'000);
    Attempts b({keyed ? pool("a", {"one"}) : pool("a", {})});
    b.fail(0, 0, failure(ErrorKind::rate_limit, {}, Cause::ramp));
    EXPECT_EQ(b.board.admit(0, b.now).a, 10'000);
  }
  Attempts none({pool("a", {})});
  none.fail(0, 0, failure(ErrorKind::authentication));
  EXPECT_EQ(none.reason(0), Reason::cooling_down) << "no key to call dead";
}

}  // namespace
}  // namespace llmroute::health
