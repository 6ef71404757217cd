#include "llmroute/limits/budgets.h"

#include <gtest/gtest.h>

#include <cmath>
#include <map>

namespace llmroute::limits {
namespace {

const Instant kNow{seconds(1000)};
const WallTime kWall{seconds(1'767'225'600)};  // 2026-01-01T00:00:00Z

BudgetRule requests(std::int64_t limit, CountedBy by = {}) {
  BudgetRule rule;
  rule.name = "b";
  rule.unit = BudgetUnit::requests;
  rule.limit = limit;
  rule.by = std::move(by);
  rule.every_group = true;
  return rule;
}

// Budgets with a store that answers when the test says so: a plain map, written for this test.
struct Desk {
  explicit Desk(BudgetRule rule) { configure(std::move(rule)); }
  void configure(BudgetRule rule) {
    Inventory inventory;
    inventory.budgets.push_back(std::move(rule));
    budgets.configure(inventory);
  }
  PurseId hold(const std::string& tenant = {}, Instant now = kNow) {
    RequestOptions options;
    if (!tenant.empty()) options.metadata = {{"tenant", tenant}};
    return budgets.hold(0, options, now, kWall + (now - kNow)).value().at(0);
  }
  int answer(Instant now = kNow) {
    int answered = 0;
    for (const Budgets::Ask& ask : budgets.take_asks()) {
      ++answered;
      if (down) {
        budgets.on_lease(ask.number, make_error(ErrorKind::capacity, "disk full"), now);
        continue;
      }
      std::int64_t& sum = taken[ask.wish.key];
      sum += ask.wish.owed;
      const std::int64_t granted =
          std::max<std::int64_t>(std::min(ask.wish.want, ask.wish.limit - sum), 0);
      sum += granted;
      budgets.on_lease(ask.number, store::Grant{granted, sum}, now);
    }
    return answered;
  }
  // Spends one at a time until nothing may come any more.
  int spend_all(PurseId purse, Instant now = kNow) {
    int spent = 0;
    for (;;) {
      if (budgets.left(purse) >= 1) {
        budgets.settle(budgets.reserve(purse, 1, now), 1, now);
        ++spent;
      } else if (!budgets.may_come(purse, 1, now)) {
        return spent;
      }
      answer(now);
    }
  }
  Budgets budgets;
  std::map<std::string, std::int64_t> taken;
  bool down = false;
};

TEST(Budgets, SpendExactlyTheirLimit) {
  for (const std::int64_t limit : {1, 7, 49, 50, 1'000}) {
    Desk desk(requests(limit));
    EXPECT_EQ(desk.spend_all(desk.hold()), limit);
    EXPECT_EQ(desk.taken.begin()->second, limit);
    EXPECT_DOUBLE_EQ(desk.budgets.share_spent(desk.hold()), 1.0);
  }
}

TEST(Budgets, NothingIsKnownBeforeTheStoreSpoke) {
  Desk desk(requests(100));
  const PurseId purse = desk.hold();
  EXPECT_TRUE(std::isnan(desk.budgets.share_spent(purse)));
  EXPECT_FALSE(desk.budgets.ready(purse, kNow));
  EXPECT_FALSE(desk.budgets.ready(purse, kNow));
  EXPECT_EQ(desk.answer(), 1) << "asked once";
  EXPECT_TRUE(desk.budgets.ready(purse, kNow));
  EXPECT_DOUBLE_EQ(desk.budgets.share_spent(purse), 0.0) << "a lease is not spent yet";
}

TEST(Budgets, SeeWhatOthersTook) {
  Desk desk(requests(100));
  desk.taken["budget/b/requests//2026-01-01"] = 90;
  const PurseId purse = desk.hold();
  desk.budgets.ready(purse, kNow);
  desk.answer();
  EXPECT_DOUBLE_EQ(desk.budgets.share_spent(purse), 0.9);
  EXPECT_EQ(desk.spend_all(purse), 10);
}

TEST(Budgets, EveryValueHasItsPurse) {
  Desk desk(requests(10, {Scope::metadata, "tenant"}));
  EXPECT_EQ(desk.spend_all(desk.hold("acme")), 10);
  EXPECT_EQ(desk.spend_all(desk.hold("zeta")), 10);
  EXPECT_EQ(desk.budgets.who(desk.hold("zeta")), "zeta");
  EXPECT_EQ(desk.spend_all(desk.hold()), 10) << "those without share one";
}

TEST(Budgets, LeasesAreAskedForAhead) {
  Desk desk(requests(1'000));
  const PurseId purse = desk.hold();
  desk.budgets.ready(purse, kNow);
  desk.answer();
  int asked = 0, waited = 0;
  for (int i = 0; i < 500; ++i) {
    if (desk.budgets.left(purse) < 1) ++waited;
    desk.budgets.settle(desk.budgets.reserve(purse, 1, kNow), 1, kNow);
    asked += desk.answer();
  }
  EXPECT_EQ(waited, 0);
  EXPECT_LE(asked, 60);
}

TEST(Budgets, WhatWasReservedComesBack) {
  Desk desk(requests(1'000));
  const PurseId purse = desk.hold();
  desk.budgets.ready(purse, kNow);
  desk.answer();
  const std::int64_t before = desk.budgets.left(purse);
  const Reservation reservation = desk.budgets.reserve(purse, 15, kNow);
  EXPECT_EQ(desk.budgets.left(purse), before - 15);
  desk.budgets.settle(reservation, 4, kNow);
  EXPECT_EQ(desk.budgets.left(purse), before - 4);
}

TEST(Budgets, WhatIsOwedIsTakenFromTheStore) {
  Desk desk(requests(100));
  const PurseId purse = desk.hold();
  desk.budgets.ready(purse, kNow);
  desk.answer();
  desk.budgets.settle(desk.budgets.reserve(purse, 1, kNow), 300, kNow);
  desk.answer();
  EXPECT_GE(desk.taken.begin()->second, 300) << "nothing of it is lost";
  EXPECT_GT(desk.budgets.share_spent(purse), 2.9);
  EXPECT_EQ(desk.spend_all(purse), 0);
}

TEST(Budgets, ANewPeriodBeginsAnewAndLateSpendingGoesToTheOldOne) {
  BudgetRule rule = requests(10);
  rule.per = BudgetPeriod::hour;
  Desk desk(rule);
  const PurseId purse = desk.hold();
  desk.budgets.ready(purse, kNow);
  desk.answer();
  const Reservation late = desk.budgets.reserve(purse, 1, kNow);
  EXPECT_EQ(desk.spend_all(purse), 9);
  const Instant next = kNow + std::chrono::hours(1);
  EXPECT_EQ(desk.budgets.renewed_at(purse), next);
  EXPECT_EQ(desk.hold({}, next), purse);
  EXPECT_EQ(desk.spend_all(purse, next), 10);
  desk.budgets.settle(late, 3, next);  // two more than reserved
  desk.answer(next);
  EXPECT_EQ(desk.taken["budget/b/requests//2026-01-01T00"], 12);
  EXPECT_EQ(desk.taken["budget/b/requests//2026-01-01T01"], 10);
}

TEST(Budgets, AStoreThatFailsIsAskedAgainMoreAndMoreSlowly) {
  Desk desk(requests(100));
  desk.down = true;
  const PurseId purse = desk.hold();
  EXPECT_FALSE(desk.budgets.ready(purse, kNow));
  desk.answer();
  EXPECT_TRUE(desk.budgets.ready(purse, kNow)) << "as ready as it will be";
  EXPECT_TRUE(desk.budgets.store_is_down(purse));
  EXPECT_FALSE(desk.budgets.may_come(purse, 1, kNow));
  int asks = 0;
  for (int s = 0; s < 120; ++s) {
    const Instant now = kNow + seconds(s);
    if (desk.budgets.may_come(purse, 1, now)) asks += desk.answer(now);
  }
  EXPECT_GE(asks, 4);
  EXPECT_LE(asks, 8);
  desk.down = false;
  const Instant later = kNow + seconds(200);
  EXPECT_TRUE(desk.budgets.may_come(purse, 1, later));
  desk.answer(later);
  EXPECT_FALSE(desk.budgets.store_is_down(purse));
  EXPECT_EQ(desk.spend_all(purse, later), 100);
}

TEST(Budgets, GrantedLeasesAreServedWhileTheStoreIsDown) {
  Desk desk(requests(1'000));
  const PurseId purse = desk.hold();
  desk.budgets.ready(purse, kNow);
  desk.answer();
  desk.down = true;
  EXPECT_EQ(desk.spend_all(purse), 20) << "one lease";
}

TEST(Budgets, WhatIsLeftGoesBack) {
  Desk desk(requests(1'000));
  const PurseId purse = desk.hold();
  desk.budgets.ready(purse, kNow);
  desk.answer();
  const auto unspent = desk.budgets.take_unspent();
  ASSERT_EQ(unspent.size(), 1U);
  EXPECT_EQ(unspent[0].first, "budget/b/requests//2026-01-01");
  EXPECT_EQ(unspent[0].second, 20);
  EXPECT_TRUE(desk.budgets.take_unspent().empty());
}

TEST(Budgets, ALeaseThatComesInTheNextPeriodGoesBack) {
  BudgetRule rule = requests(10);
  rule.per = BudgetPeriod::hour;
  Desk desk(rule);
  const PurseId purse = desk.hold();
  desk.budgets.ready(purse, kNow);
  desk.hold({}, kNow + std::chrono::hours(1));
  desk.answer(kNow + std::chrono::hours(1));
  const auto unspent = desk.budgets.take_unspent();
  ASSERT_EQ(unspent.size(), 1U);
  EXPECT_EQ(unspent[0].first, "budget/b/requests//2026-01-01T00");
}

TEST(Budgets, LongNamesAreToldApart) {
  Desk desk(requests(10, {Scope::metadata, "tenant"}));
  const std::string a = std::string(500, 'x') + "a", b = std::string(500, 'x') + "b";
  EXPECT_NE(desk.hold(a), desk.hold(b));
  desk.budgets.ready(desk.hold(a), kNow);
  for (const Budgets::Ask& ask : desk.budgets.take_asks()) EXPECT_LT(ask.wish.key.size(), 400U);
}

TEST(Budgets, ApplyByGroupByNameAndToSomeOnly) {
  BudgetRule rule = requests(10, {Scope::metadata, "tenant"});
  rule.every_group = false;
  rule.groups = {1};
  rule.only = {"acme"};
  Inventory inventory;
  inventory.budgets.push_back(rule);
  Budgets budgets;
  budgets.configure(inventory);
  const auto held = [&](GroupIndex group, const char* tenant, const char* budget = "") {
    RequestOptions options;
    options.metadata = {{"tenant", tenant}};
    options.budget = budget;
    return budgets.hold(group, options, kNow, kWall).value().size();
  };
  EXPECT_EQ(held(1, "acme"), 1U);
  EXPECT_EQ(held(0, "acme"), 0U);
  EXPECT_EQ(held(1, "zeta"), 0U);
  EXPECT_EQ(held(0, "acme", "b"), 1U);
  RequestOptions unknown;
  unknown.budget = "bb";
  const auto refused = budgets.hold(0, unknown, kNow, kWall);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind, ErrorKind::invalid_argument);
  EXPECT_EQ(refused.error().nearest, "b");
}

TEST(Budgets, PursesAreBounded) {
  Inventory inventory;
  inventory.budgets.push_back(requests(10, {Scope::metadata, "tenant"}));
  Budgets budgets(5);
  budgets.configure(inventory);
  std::vector<PurseId> held;
  for (int i = 0; i < 20; ++i) {
    RequestOptions options;
    options.metadata = {{"tenant", std::to_string(i)}};
    held.push_back(budgets.hold(0, options, kNow, kWall).value().at(0));
  }
  EXPECT_EQ(held[19], held[18]);
  EXPECT_EQ(budgets.who(held[19]), "(others)");
}

}  // namespace
}  // namespace llmroute::limits
