#include "llmroute/engine/route.h"

#include <gtest/gtest.h>

#include "engine/drive.h"
#include "engine/scene.h"

namespace llmroute::engine {
namespace {

constexpr Instant kNow{seconds(100)};

// Deployments a..d, planned in that order.
struct Fixture {
  Fixture() : inventory(make_inventory({"a", "b", "c", "d"})), scene(inventory) {}
  Standing standing(Duration later = {}) { return scene.at(inventory, kNow + later); }
  void plan(const std::vector<Reason>& reasons) {
    std::vector<policy::PlanStep> steps;
    const std::size_t known = records.size();
    for (std::size_t i = 0; i < reasons.size(); ++i) {
      CandidateRecord& record = records.emplace_back();
      record.deployment = static_cast<DeploymentIndex>(i);
      record.reason = reasons[i];
      if (reasons[i] != Reason::kept) continue;
      steps.push_back({record.deployment, 0, static_cast<std::uint32_t>(records.size() - 1)});
    }
    route.add(steps, records, known, [](const CandidateRecord&) { return false; });
  }
  // Name of the place chosen, "-" for none.
  std::string next(const RetryBudget* budget = nullptr, Duration later = {}) {
    const auto choice = route.choose(standing(later), budget);
    if (!choice.go) return "-";
    return inventory.deployments[route[*choice.go].deployment].name;
  }
  void tried(DeploymentIndex d) {
    for (std::size_t slot = 0; slot < 4; ++slot) {
      if (route[slot].deployment != d) continue;
      ++route[slot].tries;
      return;
    }
  }
  void fail(DeploymentIndex d, ErrorKind kind, std::optional<Duration> retry_after = {}) {
    health::Work work;
    Outcome outcome;
    outcome.failure = make_failure(kind, "");
    outcome.failure->retry_after = retry_after;
    board.on_start(d, kNow, work);
    board.on_outcome(d, 0, kNow, outcome, work);
  }
  Inventory inventory;
  Scene scene;
  health::Board& board = scene.board;
  Proofs& proofs = scene.proofs;
  std::vector<CandidateRecord> records;
  Route route;
};

const std::vector<Reason> kAll = {Reason::kept, Reason::kept, Reason::kept, Reason::kept};

TEST(Route, GoesAroundInOrder) {
  Fixture f;
  f.plan(kAll);
  std::string seen;
  for (int i = 0; i < 9; ++i) {
    const std::string name = f.next();
    seen += name;
    f.tried(*f.inventory.find_deployment(name));
  }
  EXPECT_EQ(seen, "abcdabcda");
}

TEST(Route, ReasonsThatPassMakeAReserve) {
  for (const std::string_view name : slugs<Reason>()) {
    const Reason reason = *from_slug<Reason>(name);
    Fixture f;
    f.plan({reason, Reason::kept});
    f.tried(1);
    const bool comes_back = is_temporary(reason) || reason == Reason::kept;
    EXPECT_EQ(f.next(), comes_back ? "a" : "b") << name;
    EXPECT_EQ(f.route.ranked(), reason == Reason::kept ? 2U : 1U) << name;
    EXPECT_TRUE(is_temporary(reason) || !is_worth_waiting(reason)) << name;
  }
}

TEST(Route, ThePlanComesBeforeTheReserve) {
  Fixture f;
  f.plan({Reason::breaker_open, Reason::kept, Reason::cooling_down, Reason::kept});
  std::string seen;
  for (int i = 0; i < 4; ++i) {
    seen += f.next();
    f.tried(*f.inventory.find_deployment(f.next()));
  }
  EXPECT_EQ(seen, "bdac");
}

TEST(Route, APlannedPlaceTakesThatOfAnUntriedReserve) {
  Fixture f;
  f.plan({Reason::cooling_down, Reason::kept});
  f.plan({Reason::kept});
  EXPECT_EQ(f.route.ranked(), 2U);
  f.plan({Reason::cooling_down, Reason::cooling_down});
  f.tried(0);
  f.tried(1);
  EXPECT_EQ(f.route[1].tries, 1) << "each place once";
  EXPECT_EQ(f.next(), "b") << "in the order they came";
}

TEST(Route, SaysWhenTheFirstWorthWaitingForIsBack) {
  Fixture f;
  f.plan(kAll);
  f.fail(0, ErrorKind::rate_limit, seconds(5));
  f.fail(1, ErrorKind::overloaded, seconds(2));
  for (int i = 0; i < 5; ++i) f.fail(2, ErrorKind::connect);
  EXPECT_EQ(f.next(), "d");
  f.route[3].closed = true;
  f.tried(1);
  const auto choice = f.route.choose(f.standing(), nullptr);
  EXPECT_FALSE(choice.go);
  EXPECT_FALSE(choice.unaffordable);
  EXPECT_EQ(choice.back, kNow + seconds(2));
  EXPECT_EQ(choice.back_tries, 1);
  EXPECT_EQ(f.next(nullptr, seconds(5)), "a");
  f.route.close_all();
  EXPECT_EQ(f.route.choose(f.standing(), nullptr).back, kNever);
  EXPECT_FALSE(f.route.any_open());
}

TEST(Route, PassesOverWhatTheBudgetDoesNotGive) {
  Fixture f;
  f.plan(kAll);
  RetryBudget empty;
  while (empty.can_pay()) empty.pay();
  EXPECT_EQ(f.next(&empty), "a") << "on loan";
  EXPECT_TRUE(f.route.choose(f.standing(), &empty).on_loan);
  f.tried(0);
  EXPECT_EQ(f.next(&empty), "b");
  for (DeploymentIndex d : {1U, 2U, 3U}) f.tried(d);
  EXPECT_EQ(f.next(&empty), "-") << "a second try is never on loan";
  EXPECT_TRUE(f.route.choose(f.standing(), &empty).unaffordable);
  EXPECT_FALSE(f.route.choose(f.standing(), &empty).promising);
  RetryBudget full;
  EXPECT_EQ(f.next(&full), "a");
  EXPECT_FALSE(f.route.choose(f.standing(), &full).on_loan);
}

TEST(Route, InDebtOnlyTheProvenAreLentTo) {
  Fixture f;
  f.plan(kAll);
  RetryBudget debt;
  for (int i = 0; i < 20; ++i) debt.lend();
  for (int i = 0; i < 20; ++i) debt.settle(RetryBudget::Loan::lost);
  EXPECT_EQ(f.next(&debt), "-");
  EXPECT_TRUE(f.route.choose(f.standing(), &debt).promising);
  f.proofs[2] = kNow;
  EXPECT_EQ(f.next(&debt), "c");
  EXPECT_EQ(f.next(), "a") << "a first attempt asks no budget";
}

TEST(Route, KeepsOnlyKnownLargerWindows) {
  Fixture f;
  f.inventory.deployments[0].context_tokens = Tokens{8'000};
  f.inventory.deployments[1].context_tokens = Tokens{8'001};
  f.inventory.deployments[2].context_tokens = Tokens{7'999};
  f.plan(kAll);
  f.route.keep_larger_windows(f.inventory, Tokens{8'000});
  EXPECT_EQ(f.next(), "b");
  f.tried(1);
  EXPECT_EQ(f.next(), "b") << "d's is unknown";
  f.route.close_all();
  Group group;
  group.members = {{2, 1.0}, {3, 1.0}, {1, 1.0}};
  f.route.reopen(group, f.inventory, Tokens{8'000});
  EXPECT_EQ(f.next(), "d") << "named by the group; c is known to be too small, b was tried";
}

}  // namespace
}  // namespace llmroute::engine
