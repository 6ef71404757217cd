// The oracle must see what it is there for.
#include "sim/oracle.h"

#include <gtest/gtest.h>

#include <functional>
#include <memory>

namespace llmroute::sim {
namespace {

struct Stage {
  Inventory inventory;
  Traffic traffic;
  Report report;

  Stage() {
    Deployment& deployment = inventory.deployments.emplace_back();
    deployment.name = "d0";
    deployment.limits.in_flight = 1;
    inventory.resilience.attempts = 2;
    inventory.resilience.deadline = seconds(10);
    inventory.limits.push_back({"t", {Scope::metadata, "tenant"}, {}, {}});
    inventory.limits.back().limits.requests_per_minute = 1;
    traffic.labels = {{}, {{"tenant", "a"}}};
    traffic.rows.resize(2);
    traffic.rows[1].labels = 1;
    report.columns.resize(2);
    report.columns.total_ms = {1, 1};
    report.columns.attempts = {1, 1};
    report.columns.first = {0, 0};
  }
};

// Plays both requests as they should be, but for what `spoil` does.
struct Play {
  explicit Play(Hooks the_hooks) : hooks(std::move(the_hooks)) {}
  Hooks hooks;

  void start(engine::RequestId request, engine::AttemptId attempt, Duration at) {
    hooks.on_action(engine::StartAttempt{request, attempt, 0, 0, {}}, at);
  }
  void finish(engine::RequestId request, Duration at,
              DecisionStatus status = DecisionStatus::failed) {
    auto decision = std::make_shared<Decision>();
    decision->status = status;
    if (status == DecisionStatus::failed) decision->failure.emplace();
    hooks.on_action(engine::Finish{request, decision, 0}, at);
  }
};

TEST(Oracle, SeesWhatMayNotHappen) {
  struct Case {
    const char* fault;  // part of the only sentence; empty: none
    std::function<void(Play&, Stage&)> instead;
  };
  const auto good = [](Play& play, engine::RequestId request, int at_s) {
    play.start(request, 1, seconds(at_s));
    play.hooks.on_outcome(request, 1, seconds(at_s + 1));
    play.finish(request, seconds(at_s + 1));
  };
  const std::vector<Case> cases = {
      {"", [&](Play& p, Stage&) { good(p, 2, 1); }},
      {"request 2 at 0.000000 ms: it never ended",
       [](Play&, Stage& s) {
         s.report.columns.attempts[1] = 0;
         s.report.columns.first[1] = -1;
       }},
      {"after its end",
       [&](Play& p, Stage&) {
         good(p, 2, 1);
         p.hooks.on_action(engine::EmitRestart{2}, seconds(3));
       }},
      {"it ends before its attempts",
       [](Play& p, Stage&) {
         p.start(2, 1, seconds(1));
         p.finish(2, seconds(1));
         p.hooks.on_outcome(2, 1, seconds(2));
       }},
      {"an attempt after the deadline",
       [](Play& p, Stage&) {
         p.start(2, 1, seconds(11));
         p.hooks.on_outcome(2, 1, seconds(11));
         p.finish(2, seconds(9));
       }},
      {"it ends after its deadline",
       [](Play& p, Stage&) {
         p.start(2, 1, seconds(1));
         p.hooks.on_outcome(2, 1, seconds(2));
         p.finish(2, seconds(11));
       }},
      {"more attempts than its budget",
       [](Play& p, Stage& s) {
         for (engine::AttemptId attempt = 1; attempt <= 3; ++attempt) {
           p.start(2, attempt, seconds(1));
           p.hooks.on_action(engine::CancelAttempt{2, attempt}, seconds(2));
         }
         p.finish(2, seconds(3));
         s.report.columns.attempts[1] = 3;
       }},
      {"d0 is over its limit",
       [](Play& p, Stage& s) {
         p.start(2, 1, seconds(1));
         p.start(2, 2, seconds(1));
         p.hooks.on_outcome(2, 1, seconds(2));
         p.hooks.on_outcome(2, 2, seconds(2));
         p.finish(2, seconds(3));
         s.report.columns.attempts[1] = 2;
       }},
      {"numbered in order",
       [](Play& p, Stage&) {
         p.start(2, 2, seconds(1));
         p.hooks.on_outcome(2, 2, seconds(2));
         p.finish(2, seconds(2));
       }},
      {"did not run has ended",
       [&](Play& p, Stage&) {
         p.hooks.on_outcome(2, 1, seconds(1));
         good(p, 2, 1);
       }},
      {"without a state",
       [](Play& p, Stage&) {
         p.start(2, 1, seconds(1));
         p.hooks.on_outcome(2, 1, seconds(2));
         p.finish(2, seconds(2), DecisionStatus::pending);
       }},
      {"a gauge did not return",
       [&](Play& p, Stage& s) {
         good(p, 2, 1);
         s.report.left_in_flight = 1;
       }},
      {"left in line",
       [&](Play& p, Stage& s) {
         good(p, 2, 1);
         s.report.left_waiting = 1;
       }},
      {"answered by nobody",
       [&](Play& p, Stage& s) {
         good(p, 2, 1);
         s.report.columns.ok[1] = 1;
         s.report.columns.ttft_ms[1] = 1;
       }},
  };
  for (const Case& c : cases) {
    Stage stage;
    Oracle oracle(stage.inventory, stage.traffic);
    Play play(oracle.hooks());
    good(play, 1, 0);
    c.instead(play, stage);
    const std::vector<std::string> faults = oracle.faults(stage.report);
    const std::string told = faults.empty() ? "" : faults.front();
    EXPECT_EQ(faults.size(), *c.fault == '\0' ? 0U : 1U) << c.fault << " / " << told;
    EXPECT_NE(told.find(c.fault), std::string::npos) << c.fault << " / " << told;
  }
}

TEST(Oracle, CountsByTenantWhereItShould) {
  for (const bool scoped : {false, true}) {
    Stage stage;
    stage.traffic.rows[0].labels = 1;
    Oracle oracle(stage.inventory, stage.traffic, scoped);
    Play play(oracle.hooks());
    for (engine::RequestId request = 1; request <= 2; ++request) {
      const Duration at = seconds(static_cast<int>(request));
      play.start(request, 1, at);
      play.hooks.on_outcome(request, 1, at);
      play.finish(request, at);
    }
    const std::vector<std::string> faults = oracle.faults(stage.report);
    ASSERT_EQ(faults.size(), scoped ? 1U : 0U);
    if (scoped) {
      EXPECT_NE(faults[0].find("0/metadata/a is passed"), std::string::npos) << faults[0];
    }
  }
}

TEST(Oracle, ItsBucketsRefill) {
  LimitsSpec spec;
  spec.requests_per_minute = 2;
  Tally tally(spec);
  EXPECT_TRUE(tally.start(seconds(0)));
  EXPECT_TRUE(tally.start(seconds(0)));
  EXPECT_TRUE(tally.start(seconds(30))) << "one in half a minute";
  EXPECT_FALSE(tally.start(seconds(59)));
}

}  // namespace
}  // namespace llmroute::sim
