#include <gtest/gtest.h>

#include "engine/drive.h"

namespace llmroute::engine {
namespace {

ExhaustedStep queue_for(Duration wait) { return {ExhaustedAction::queue, wait, 0}; }

// One deployment "a" that takes one attempt at a time; group main has a line.
Inventory one_at_a_time(std::vector<ExhaustedStep> steps = {queue_for(seconds(10))}) {
  Inventory inventory = make_inventory({"a"});
  inventory.deployments[0].limits.in_flight = 1;
  inventory.groups[0].on_exhausted = std::move(steps);
  return inventory;
}

RequestOptions of(const char* tenant, Priority priority = kStandard) {
  RequestOptions options;
  options.metadata = {{"tenant", tenant}};
  options.priority = priority;
  return options;
}

TEST(Waiting, WithoutALineAFullDeploymentRefuses) {
  Drive d(one_at_a_time({}));
  EXPECT_EQ(d.submit(), "start a; ");
  EXPECT_EQ(d.submit(), "failed capacity; ");
}

TEST(Waiting, InALineTheNextOneFollowsWhenOneEnds) {
  Drive d(one_at_a_time());
  d.submit();
  const RequestId first = d.id();
  EXPECT_EQ(d.submit(), "");
  EXPECT_EQ(d.submit(), "");
  EXPECT_EQ(d.dispatcher().waiting(), 2U);
  d.pass(seconds(2));
  d.focus(first);
  EXPECT_EQ(d.ok(), "ok a; start a; ");
  d.focus(first + 1);
  d.pass(seconds(1));
  EXPECT_EQ(d.ok(), "ok a; start a; ");
  EXPECT_EQ(d.decision().queued, Duration(seconds(2)));
  EXPECT_EQ(d.dispatcher().waiting(), 0U);
}

TEST(Waiting, NobodyPassesThoseWhoWait) {
  Drive d(one_at_a_time());
  d.submit(of("x"));
  const RequestId first = d.id();
  d.submit(of("x"));
  d.focus(first);
  EXPECT_EQ(d.ok(), "ok a; start a; ");
  d.submit(of("x"));
  EXPECT_EQ(d.dispatcher().waiting(), 1U);
}

TEST(Waiting, EndsAfterItsTime) {
  Drive d(one_at_a_time());
  d.submit();
  EXPECT_EQ(d.submit(), "");
  EXPECT_EQ(d.pass(seconds(9)), "");
  EXPECT_EQ(d.pass(seconds(2)), "failed capacity; ");
  EXPECT_EQ(d.decision().queued, Duration(seconds(10)));
  EXPECT_EQ(d.dispatcher().waiting(), 0U);
}

TEST(Waiting, EndsWithItsDeadline) {
  Drive d(one_at_a_time());
  d.submit();
  RequestOptions options;
  options.deadline = seconds(3);
  d.submit(options);
  EXPECT_EQ(d.pass(seconds(4)), "failed deadline_exceeded; ");
  EXPECT_EQ(d.dispatcher().waiting(), 0U);
}

TEST(Waiting, ACallerMayGoAway) {
  Drive d(one_at_a_time());
  d.submit();
  const RequestId first = d.id();
  d.submit();
  EXPECT_EQ(d.cancel(), "failed cancelled; ");
  EXPECT_EQ(d.dispatcher().waiting(), 0U);
  d.focus(first);
  EXPECT_EQ(d.ok(), "ok a; ");
}

TEST(Waiting, UrgentOnesAreServedFirst) {
  Drive d(one_at_a_time());
  d.submit(of("x"));
  const RequestId first = d.id();
  d.submit(of("x", kBatch));
  d.submit(of("x", kInteractive));
  d.focus(first);
  EXPECT_EQ(d.ok(), "ok a; start a; ");
  d.focus(first + 2);
  EXPECT_EQ(d.ok(), "ok a; start a; ") << "the interactive one was under way";
  EXPECT_EQ(d.decision().priority, kInteractive);
}

TEST(Waiting, AFullLineShedsTheLeastUrgent) {
  Inventory inventory = one_at_a_time();
  inventory.queue.max_waiting = 2;
  Drive d(inventory);
  d.submit(of("x"));
  d.submit(of("x", kBatch));
  const RequestId batch = d.id();
  d.submit(of("x", kStandard));
  EXPECT_EQ(d.submit(of("x", kBatch)), "failed capacity; ");
  ASSERT_FALSE(d.decision().notes.empty());
  EXPECT_NE(d.decision().notes[0].find("the line was full"), std::string::npos);
  EXPECT_EQ(d.submit(of("x", kInteractive)), "failed capacity; ") << "the batch one gives way";
  EXPECT_EQ(d.finishes(batch), 1);
  EXPECT_EQ(d.dispatcher().waiting(), 2U);
}

TEST(Waiting, OneWhoseOwnLimitIsReachedLetsOthersPass) {
  Inventory inventory = make_inventory({"a"});
  inventory.deployments[0].limits.in_flight = 2;
  inventory.groups[0].on_exhausted = {queue_for(seconds(10))};
  LimitRule tenants;
  tenants.name = "tenants";
  tenants.by = {Scope::metadata, "tenant"};
  tenants.limits.in_flight = 1;
  inventory.limits.push_back(tenants);
  Drive d(inventory);
  EXPECT_EQ(d.submit(of("x")), "start a; ");
  const RequestId first = d.id();
  EXPECT_EQ(d.submit(of("x")), "");
  EXPECT_EQ(d.submit(of("y")), "start a; ") << "x waits for itself";
  d.focus(first);
  EXPECT_EQ(d.ok(), "ok a; start a; ");
}

TEST(Waiting, ALimitOfItsOwnIsNamed) {
  Inventory inventory = make_inventory({"a"});
  LimitRule tenants;
  tenants.name = "tenants";
  tenants.by = {Scope::metadata, "tenant"};
  tenants.limits.in_flight = 1;
  inventory.limits.push_back(tenants);
  Drive d(inventory);
  d.submit(of("acme"));
  EXPECT_EQ(d.submit(of("acme")), "failed capacity; ");
  const std::string& message = d.decision().failure->message;
  EXPECT_EQ(message.substr(0, 54), "limit \"tenants\" for \"acme\": in_flight is reached; a: l");
  EXPECT_EQ(d.submit(of("zeta")), "start a; ");
}

TEST(Waiting, StepsFollowInOrder) {
  Inventory inventory = make_inventory({"a", "b"});
  const GroupIndex other = split_off(inventory, "other", {"b"});
  inventory.deployments[0].limits.in_flight = 1;
  inventory.groups[0].on_exhausted = {
      queue_for(seconds(1)), {ExhaustedAction::group, {}, other}, {ExhaustedAction::human, {}, 0}};
  Drive d(inventory);
  d.submit();
  EXPECT_EQ(d.submit(), "");
  EXPECT_EQ(d.pass(seconds(1)), "start b; ") << "the line took too long";
  EXPECT_EQ(d.fail(ErrorKind::permission_denied), "failed permission_denied; ");
  EXPECT_TRUE(d.decision().handed_over);
}

TEST(Waiting, APersonIsTheLastResort) {
  Drive d(one_at_a_time({{ExhaustedAction::human, {}, 0}}));
  d.submit();
  EXPECT_EQ(d.submit(), "failed capacity; ");
  EXPECT_TRUE(d.decision().handed_over);
}

TEST(Waiting, RejectEndsTheSteps) {
  Inventory inventory = make_inventory({"a", "b"});
  const GroupIndex other = split_off(inventory, "other", {"b"});
  inventory.deployments[0].limits.in_flight = 1;
  inventory.groups[0].on_exhausted = {{ExhaustedAction::reject, {}, 0},
                                      {ExhaustedAction::group, {}, other}};
  Drive d(inventory);
  d.submit();
  EXPECT_EQ(d.submit(), "failed capacity; ");
}

TEST(Waiting, TheLeastBadIsTriedThoughItCools) {
  Inventory inventory = make_inventory({"a", "b"});
  inventory.groups[0].on_exhausted = {{ExhaustedAction::least_bad, {}, 0}};
  Drive d(inventory);
  d.submit();
  EXPECT_EQ(d.fail(ErrorKind::rate_limit, seconds(50)), "start b; ");
  EXPECT_EQ(d.fail(ErrorKind::rate_limit, seconds(20)), "start b; ") << "it cools for less long";
  EXPECT_EQ(d.ok(), "ok b; ");
  EXPECT_EQ(d.submit(), "start b; ");
  ASSERT_EQ(d.decision().notes.size(), 1U);
}

TEST(Waiting, TheLeastBadRespectsLimits) {
  Drive d(one_at_a_time({{ExhaustedAction::least_bad, {}, 0}}));
  d.submit();
  EXPECT_EQ(d.submit(), "failed capacity; ");
}

TEST(Waiting, ALineIsServedWhenARateFrees) {
  Inventory inventory = make_inventory({"a"});
  inventory.deployments[0].limits.requests_per_minute = 1;
  inventory.groups[0].on_exhausted = {queue_for(seconds(300))};
  Drive d(inventory);
  EXPECT_EQ(d.submit(), "start a; ");
  EXPECT_EQ(d.submit(), "");
  EXPECT_EQ(d.submit(), "");
  EXPECT_EQ(d.pass(seconds(59)), "");
  EXPECT_EQ(d.pass(seconds(2)), "start a; ");
  EXPECT_EQ(d.pass(seconds(60)), "start a; ");
}

// --- budgets --------------------------------------------------------------------------------------

Inventory with_budget(BudgetUnit unit, std::int64_t limit, BudgetEnd end = BudgetEnd::reject) {
  Inventory inventory = make_inventory({"a", "b"});
  BudgetRule rule;
  rule.name = "money";
  rule.unit = unit;
  rule.limit = limit;
  rule.every_group = true;
  rule.on_exhausted = end;
  inventory.budgets.push_back(rule);
  return inventory;
}

TEST(Budgeted, TheFirstRequestWaitsForTheStore) {
  Drive d(with_budget(BudgetUnit::requests, 2));
  EXPECT_EQ(d.submit(), "ask; ");
  EXPECT_EQ(d.answer_store(), "start a; ");
  EXPECT_EQ(d.ok(), "ok a; ");
}

TEST(Budgeted, AReloadWhileItWaitsForTheStoreChangesNothing) {
  Drive d(with_budget(BudgetUnit::requests, 2));
  EXPECT_EQ(d.submit(), "ask; ");
  ASSERT_TRUE(d.dispatcher().configure(std::make_shared<const Inventory>(make_inventory({"c"}))));
  // Drive names indices by the current inventory; the first of its own is what is meant.
  EXPECT_EQ(d.answer_store(), "start c; ");
  EXPECT_EQ(d.ok(), "ok c; ");
  EXPECT_EQ(d.decision().inventory->deployments[*d.decision().chosen].name, "a");
}

TEST(Budgeted, NobodyStandsInLineForAnotherDay) {
  Inventory inventory = with_budget(BudgetUnit::requests, 1);
  inventory.groups[0].on_exhausted = {queue_for(seconds(30))};
  Drive d(inventory);
  d.submit();
  d.answer_store();
  d.ok();
  std::string seen = d.submit();
  for (int turn = 0; turn < 4; ++turn) seen += d.answer_store();
  EXPECT_NE(seen.find("failed budget_exceeded; "), std::string::npos) << seen;
  EXPECT_EQ(d.decision().queued, Duration::zero());
}

TEST(Budgeted, MoneyThatMayComeBackIsWaitedForInLine) {
  Inventory inventory = with_budget(BudgetUnit::tokens, 500);
  inventory.groups[0].on_exhausted = {queue_for(seconds(30))};
  Drive d(inventory);
  std::string seen = d.submit();  // 100 of prompt with its margin, and 256 of answer
  for (int turn = 0; turn < 4; ++turn) seen += d.answer_store();
  EXPECT_NE(seen.find("start a"), std::string::npos) << seen;
  const RequestId first = d.id();
  seen = d.submit();
  for (int turn = 0; turn < 4; ++turn) seen += d.answer_store();
  EXPECT_EQ(seen.find("failed"), std::string::npos) << seen;
  EXPECT_EQ(d.dispatcher().waiting(), 1U);
  d.focus(first);
  EXPECT_NE(d.ok(10, 20).find("start a"), std::string::npos) << "most of it was not used";
}

TEST(Waiting, NobodyStandsInLineForALimitThatFreesLater) {
  Inventory inventory = make_inventory({"a"});
  inventory.groups[0].on_exhausted = {queue_for(seconds(30))};
  LimitRule tenants;
  tenants.name = "tenants";
  tenants.by = {Scope::metadata, "tenant"};
  tenants.limits.requests_per_day = 1;
  inventory.limits.push_back(tenants);
  Drive d(inventory);
  d.submit(of("x"));
  EXPECT_EQ(d.submit(of("x")), "failed capacity; ") << "not for another day";
  EXPECT_EQ(d.submit(of("y")), "start a; ");
}

TEST(Budgeted, EndsInBudgetExceededWithWhoAndWhen) {
  Inventory inventory = with_budget(BudgetUnit::requests, 2);
  inventory.budgets[0].by = {Scope::metadata, "tenant"};
  Drive d(inventory);
  int answered = 0;
  std::string last;
  for (int i = 0; i < 5; ++i) {
    last = d.submit(of("acme"));
    for (int turn = 0; turn < 4; ++turn) last += d.answer_store();
    if (last.find("start") == std::string::npos) break;
    d.ok();
    ++answered;
  }
  EXPECT_EQ(answered, 2);
  EXPECT_NE(last.find("failed budget_exceeded; "), std::string::npos) << last;
  const Failure& failure = *d.decision().failure;
  EXPECT_EQ(failure.message.find("budget \"money\" for \"acme\" is spent"), 0U) << failure.message;
  ASSERT_TRUE(failure.retry_after);
  EXPECT_GT(*failure.retry_after, Duration(seconds(3'600)));
  ASSERT_EQ(d.decision().budgets.size(), 1U);
  EXPECT_DOUBLE_EQ(d.decision().budgets[0].share, 1.0);
}

TEST(Budgeted, MoneyIsReservedAtItsMostAndSettledAsItWas) {
  // 100 prompt tokens at 1 USD a million with a margin of a quarter, 1,000 output at 2: 2,125 microdollars.
  Inventory inventory = with_budget(BudgetUnit::usd, usd(0.004).pico);
  Drive d(inventory);
  const auto request = [&] {
    auto chat = std::make_shared<ChatRequest>();
    chat->options.model = "main";
    chat->facts.prompt_tokens = Tokens{100};
    chat->facts.max_output_tokens = Tokens{1'000};
    return chat;
  };
  const auto submit = [&] {
    Actions actions;
    const RequestId id = d.dispatcher().submit(request(), d.now(), WallTime{seconds(1)}, actions);
    d.focus(id);
    std::string seen = d.take(actions);
    for (int i = 0; i < 4; ++i) seen += d.answer_store();
    return seen;
  };
  EXPECT_NE(submit().find("start a"), std::string::npos);
  const RequestId first = d.id();
  EXPECT_NE(submit().find("failed budget_exceeded"), std::string::npos)
      << "two at their most would be too much";
  d.focus(first);
  d.ok(100, 50);  // 200 microdollars
  d.pass(seconds(40));
  EXPECT_NE(submit().find("start a"), std::string::npos) << "what was not spent is there again";
}

TEST(Budgeted, AnUnknownPriceCannotBeCounted) {
  Inventory inventory = with_budget(BudgetUnit::usd, usd(100).pico);
  inventory.deployments[0].price = {};
  Drive d(inventory);
  d.submit();
  EXPECT_EQ(d.answer_store(), "start b; ");
  EXPECT_EQ(d.ok(), "ok b; ");
  EXPECT_EQ(d.decision().candidates[0].reason, Reason::price_unknown);
}

TEST(Budgeted, ASoftOnePassesAndSaysSo) {
  Drive d(with_budget(BudgetUnit::requests, 1, BudgetEnd::allow));
  d.submit();
  d.answer_store();
  d.ok();
  EXPECT_FALSE(d.decision().budgets[0].passed);
  const std::string seen = d.submit();
  EXPECT_NE(seen.find("start a; "), std::string::npos) << seen;
  d.ok();
  EXPECT_TRUE(d.decision().budgets[0].passed);
}

TEST(Budgeted, StepsDownBeforeItBlocks) {
  Inventory inventory = make_inventory({"a", "b"});
  const GroupIndex cheap = split_off(inventory, "cheap", {"b"});
  BudgetRule rule;
  rule.name = "money";
  rule.unit = BudgetUnit::requests;
  rule.limit = 10;
  rule.every_group = true;
  rule.at = {{0.8, cheap}};
  inventory.budgets.push_back(rule);
  Drive d(inventory);
  std::string chosen;
  for (int i = 0; i < 11; ++i) {
    std::string seen = d.submit();
    for (int turn = 0; turn < 4; ++turn) seen += d.answer_store();
    if (seen.find("failed") != std::string::npos) {
      chosen += "!";
      continue;
    }
    chosen += seen.find("start a") != std::string::npos ? "a" : "b";
    d.ok();
  }
  EXPECT_EQ(chosen, "aaaaaaaabb!");
  EXPECT_EQ(d.decision().group, "cheap");
}

TEST(Budgeted, AStepTakesTheRequestsOwnListAway) {
  Inventory inventory = make_inventory({"a", "b"});
  const GroupIndex cheap = split_off(inventory, "cheap", {"b"});
  BudgetRule rule;
  rule.name = "money";
  rule.unit = BudgetUnit::requests;
  rule.limit = 10;
  rule.every_group = true;
  rule.at = {{0.5, cheap}};
  inventory.budgets.push_back(rule);
  Drive d(inventory);
  RequestOptions options;
  options.model = "cheap";  // where the step leads too
  options.fallbacks = {"main"};
  std::size_t reached[8] = {};
  for (std::size_t& one : reached) {
    d.submit(options);
    for (int turn = 0; turn < 4; ++turn) d.answer_store();
    d.ok();
    one = d.decision().candidates.size();
  }
  EXPECT_EQ(reached[0], 2U);
  EXPECT_EQ(reached[7], 1U);
  EXPECT_EQ(d.decision().notes.back(),
            "fallbacks: a budget sends it to \"cheap\", so those of the request do not count");
}

TEST(Budgeted, WithoutAStoreHardOnesRefuseAndSoftOnesPass) {
  for (const BudgetEnd end : {BudgetEnd::reject, BudgetEnd::allow}) {
    Drive d(with_budget(BudgetUnit::requests, 10, end));
    d.submit();
    const std::string seen = d.answer_store(false);
    EXPECT_EQ(seen, end == BudgetEnd::allow ? "start a; " : "failed budget_exceeded; ");
  }
}

TEST(Budgeted, AStoreThatSaysNothingIsNotWaitedForLong) {
  Drive d(with_budget(BudgetUnit::requests, 10));
  EXPECT_EQ(d.submit(), "ask; ");
  EXPECT_EQ(d.pass(milliseconds(1'900)), "");
  EXPECT_EQ(d.pass(milliseconds(200)), "failed budget_exceeded; ");
  ASSERT_FALSE(d.decision().notes.empty());
  EXPECT_EQ(d.submit(), "") << "it is still asked";
  EXPECT_EQ(d.answer_store(), "start a; ");
}

TEST(Budgeted, AnUnknownBudgetIsTheCallersMistake) {
  Drive d(with_budget(BudgetUnit::requests, 10));
  RequestOptions options;
  options.budget = "monye";
  EXPECT_EQ(d.submit(options), "failed invalid_argument; ");
  EXPECT_NE(d.decision().failure->message.find("did you mean \"money\"?"), std::string::npos);
}

TEST(Budgeted, NothingIsAskedByExplaining) {
  Drive d(with_budget(BudgetUnit::requests, 10));
  ChatRequest request;
  request.options.model = "main";
  const DecisionPtr decision = d.dispatcher().explain(request, d.now(), WallTime{});
  EXPECT_EQ(decision->budgets.size(), 1U);
  EXPECT_EQ(d.submit(), "ask; ");
}

TEST(Budgeted, EverythingUnspentGoesBack) {
  Drive d(with_budget(BudgetUnit::requests, 1'000));
  d.submit();
  d.answer_store();
  d.ok();
  const auto unspent = d.dispatcher().take_unspent();
  ASSERT_EQ(unspent.size(), 1U);
  EXPECT_EQ(d.taken.begin()->second - unspent[0].second, 1) << "one was spent";
}

}  // namespace
}  // namespace llmroute::engine
