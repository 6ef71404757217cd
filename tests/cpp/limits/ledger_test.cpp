#include "llmroute/limits/ledger.h"

#include <gtest/gtest.h>

#include <utility>

namespace llmroute::limits {
namespace {

const Instant kNow{seconds(1000)};
constexpr GroupIndex kFast = 0, kSlow = 1;

LimitsSpec in_flight(std::int64_t most) {
  LimitsSpec spec;
  spec.in_flight = most;
  return spec;
}

LimitRule rule(const char* name, CountedBy by, LimitsSpec limits,
               std::vector<std::string> only = {}) {
  return {name, std::move(by), std::move(only), limits};
}

// Deployments "a" and "b" of one provider, "c" of another; each with two keys, the first the same one.
Inventory inventory_with(std::vector<LimitRule> rules, LimitsSpec own = {}) {
  Inventory inventory;
  for (const char* name : {"a", "b", "c"}) {
    Deployment deployment;
    deployment.name = name;
    deployment.provider = *name == 'c' ? "other" : "acme";
    deployment.base_url = "http://127.0.0.1:1";
    deployment.keys = {parse_secret("env:SHARED"), parse_secret(std::string("env:") + name)};
    inventory.deployments.push_back(std::move(deployment));
  }
  inventory.deployments[0].limits = own;
  for (const char* name : {"fast", "slow"}) {
    Group group;
    group.name = name;
    inventory.groups.push_back(std::move(group));
  }
  inventory.limits = std::move(rules);
  return inventory;
}

struct Desk {
  explicit Desk(const Inventory& inventory) { ledger.configure(inventory); }
  AccountIds take(DeploymentIndex d, GroupIndex g = kFast, std::uint16_t key = 0) {
    AccountIds ids = ledger.of_place(d, g, key);
    ledger.reserve(ids, kNow, {});
    return ids;
  }
  bool full(DeploymentIndex d, GroupIndex g = kFast) {
    return ledger.shortage(d, g, kNow, {}).has_value();
  }
  Ledger ledger;
};

TEST(Ledger, WithoutLimitsNothingIsShort) {
  Desk desk(inventory_with({}));
  EXPECT_FALSE(desk.ledger.any());
  for (int i = 0; i < 1000; ++i) desk.take(0);
  EXPECT_FALSE(desk.full(0));
  EXPECT_TRUE(desk.ledger.hold({{"tenant", "x"}}, kNow).empty());
}

TEST(Ledger, InFlightCountsAtOnceAndComesBack) {
  Desk desk(inventory_with({}, in_flight(2)));
  desk.take(0);
  EXPECT_FALSE(desk.full(0));
  const AccountIds second = desk.take(0);
  const auto shortage = desk.ledger.shortage(0, kFast, kNow, {});
  ASSERT_TRUE(shortage);
  EXPECT_EQ(shortage->limit, Limit::in_flight);
  EXPECT_EQ(shortage->free_at, kNever);
  EXPECT_EQ(shortage->rule, 0U) << "its own";
  EXPECT_FALSE(desk.full(1)) << "the other has none";
  desk.ledger.settle(second, kNow, {}, std::nullopt);
  EXPECT_FALSE(desk.full(0));
}

TEST(Ledger, EachScopeHasItsOwnAccounts) {
  struct Case {
    CountedBy by;
    std::vector<DeploymentIndex> full_after_a;  // in group fast, once "a" of fast is taken
    bool full_in_slow;                          // "a" in group slow
  };
  const Case cases[] = {
      {{Scope::deployment, {}}, {0}, true},
      {{Scope::provider, {}}, {0, 1}, true},
      {{Scope::group, {}}, {0, 1, 2}, false},
  };
  for (const Case& c : cases) {
    Desk desk(inventory_with({rule("r", c.by, in_flight(1))}));
    desk.take(0);
    for (DeploymentIndex d = 0; d < 3; ++d) {
      const bool expected =
          std::find(c.full_after_a.begin(), c.full_after_a.end(), d) != c.full_after_a.end();
      EXPECT_EQ(desk.full(d), expected) << to_text(c.by) << ", deployment " << d;
    }
    EXPECT_EQ(desk.full(0, kSlow), c.full_in_slow) << to_text(c.by);
    EXPECT_EQ(desk.ledger.shortage(0, kFast, kNow, {})->rule, 1U);
  }
}

TEST(Ledger, ARuleMayHoldForSomeValuesOnly) {
  Desk desk(inventory_with({rule("r", {Scope::provider, {}}, in_flight(1), {"other"})}));
  desk.take(0);
  EXPECT_FALSE(desk.full(0));
  desk.take(2);
  EXPECT_TRUE(desk.full(2));
}

TEST(Ledger, KeysAreTheSameWhereverTheyAreUsed) {
  Desk desk(inventory_with({rule("keys", {Scope::key, {}}, in_flight(1))}));
  desk.take(0, kFast, 0);
  EXPECT_FALSE(desk.ledger.key_has_room(1, 0, kNow, {})) << "b shares the first key";
  EXPECT_TRUE(desk.ledger.key_has_room(0, 1, kNow, {}));
  EXPECT_FALSE(desk.full(0)) << "its second key has room";
  desk.take(0, kFast, 1);
  EXPECT_TRUE(desk.full(0));
  EXPECT_FALSE(desk.full(1)) << "b has a key that a has not";
}

TEST(Ledger, RequestsHoldAccountsOfTheirOwn) {
  Desk desk(inventory_with(
      {rule("all", {}, in_flight(3)), rule("tenants", {Scope::metadata, "tenant"}, in_flight(1))}));
  const AccountIds acme = desk.ledger.hold({{"tenant", "acme"}}, kNow);
  const AccountIds zeta = desk.ledger.hold({{"tenant", "zeta"}}, kNow);
  const AccountIds nobody = desk.ledger.hold({}, kNow);
  ASSERT_EQ(acme.size(), 2U);
  EXPECT_EQ(acme[0], zeta[0]) << "all share one";
  EXPECT_NE(acme[1], zeta[1]);
  EXPECT_NE(acme[1], nobody[1]);
  EXPECT_EQ(desk.ledger.who(acme[1]), "acme");
  EXPECT_EQ(desk.ledger.hold({}, kNow), nobody) << "those without a tenant share one";
  desk.ledger.reserve(acme, kNow, {});
  const auto shortage = desk.ledger.shortage(acme, kNow, {});
  ASSERT_TRUE(shortage);
  EXPECT_EQ(shortage->rule, 2U);
  EXPECT_FALSE(desk.ledger.shortage(zeta, kNow, {}));
}

TEST(Ledger, AReloadForgetsNothingButWhatChanged) {
  LimitsSpec spec;
  spec.requests_per_minute = 1;
  Desk desk(inventory_with({}, spec));
  desk.take(0);
  desk.ledger.configure(inventory_with({}, spec));
  EXPECT_TRUE(desk.full(0)) << "the same limits go on";
  desk.ledger.configure(inventory_with({}, in_flight(1)));
  const auto shortage = desk.ledger.shortage(0, kFast, kNow, {});
  ASSERT_TRUE(shortage) << "what is under way still counts";
  EXPECT_EQ(shortage->limit, Limit::in_flight);
  Inventory moved = inventory_with({}, in_flight(1));
  moved.deployments[0].base_url = "http://127.0.0.1:2";
  desk.ledger.configure(moved);
  EXPECT_FALSE(desk.full(0)) << "another place";
}

TEST(Ledger, AnAttemptIsSettledWhereItBeganAlsoAfterAReload) {
  const auto tenants = rule("tenants", {Scope::metadata, "tenant"}, in_flight(1));
  Desk desk(inventory_with({tenants}));
  const AccountIds acme = desk.ledger.hold({{"tenant", "acme"}}, kNow);
  desk.ledger.reserve(acme, kNow, {});
  desk.ledger.configure(inventory_with({}));
  desk.ledger.configure(inventory_with({tenants}));
  EXPECT_EQ(desk.ledger.hold({{"tenant", "acme"}}, kNow), acme);
  EXPECT_TRUE(desk.ledger.shortage(acme, kNow, {}));
  desk.ledger.settle(acme, kNow, {}, std::nullopt);
  EXPECT_FALSE(desk.ledger.shortage(acme, kNow, {}));
}

TEST(Ledger, ValuesWithoutEndShareAnAccount) {
  Ledger ledger(10);
  ledger.configure(inventory_with({rule("users", {Scope::metadata, "user"}, in_flight(1))}));
  const std::size_t fixed = ledger.accounts();
  std::vector<AccountIds> held;
  for (int i = 0; i < 100; ++i) {
    held.push_back(ledger.hold({{"user", std::to_string(i)}}, kNow));
  }
  EXPECT_LE(ledger.accounts(), 11U) << "ten, and the one for the others";
  EXPECT_EQ(held[99], held[98]);
  EXPECT_EQ(ledger.who(held[99][0]), "(others)");
  EXPECT_NE(held[0], held[1]);
  for (const AccountIds& ids : held) ledger.release(ids);
  ledger.hold({{"user", "new"}}, kNow + seconds(10));
  EXPECT_LE(ledger.accounts(), fixed + 1) << "nobody holds the others any more";
}

TEST(Ledger, SaysWhatShareIsUsedUp) {
  Desk none(inventory_with({}));
  EXPECT_EQ(none.ledger.used(0, kNow), 0);
  Desk desk(inventory_with({rule("by provider", {Scope::provider, {}}, in_flight(10)),
                            rule("by group", {Scope::group, {}}, in_flight(2))},
                           in_flight(4)));
  desk.take(0);
  EXPECT_NEAR(desk.ledger.used(0, kNow), 0.25, 1e-9) << "its own";
  EXPECT_NEAR(desk.ledger.used(1, kNow), 0.1, 1e-9) << "its provider's";
  EXPECT_EQ(desk.ledger.used(2, kNow), 0) << "a group's limit is everybody's";
  EXPECT_EQ(desk.ledger.used(99, kNow), 0);
}

}  // namespace
}  // namespace llmroute::limits
