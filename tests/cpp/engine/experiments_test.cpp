#include "llmroute/engine/experiments.h"

#include <gtest/gtest.h>

#include <array>
#include <cstdlib>
#include <functional>

#include "engine/drive.h"

namespace llmroute::engine {
namespace {

Experiment split(double share, std::vector<Guard> guards = {}) {
  Experiment out;
  out.name = out.salt = "small";
  out.arms = {{"control", 1 - share, std::nullopt}, {"v2", share, 1}};
  out.guards = std::move(guards);
  return out;
}

Inventory with(Experiment experiment) {
  Inventory inventory = make_inventory({"a", "b"});
  split_off(inventory, "next", {"b"});
  inventory.experiments = {std::move(experiment)};
  return inventory;
}

policy::RuleBookPtr book_of(Inventory inventory) {
  return *policy::RuleBook::make(std::make_shared<const Inventory>(std::move(inventory)));
}

struct Bench {
  explicit Bench(Inventory inventory) : book(book_of(std::move(inventory))) { all.configure(book); }

  // A request through the book, and how it ended; its arm.
  std::uint32_t end(const std::string& id, const std::function<Decision(std::uint32_t)>& ended) {
    auto asked = std::make_shared<ChatRequest>();
    asked->id = id;
    asked->options.model = "main";
    const auto judged = book->apply(std::move(asked), WallTime{});
    const auto& records = judged->ruling->experiments;
    const std::uint32_t arm = records.empty() ? 0 : records[0].arm;
    Decision decision = ended(arm);
    decision.inventory = book->inventory();
    decision.experiments = records;
    if (all.note(decision)) ++rolled_back;
    return arm;
  }
  policy::RuleBookPtr book;
  Experiments all;
  int rolled_back = 0;
};

Decision good(double ms = 100, double dollars = 0.01) {
  Decision decision;
  decision.status = DecisionStatus::ok;
  decision.total = from_ms(ms);
  decision.cost = Cost{usd(dollars), CostKind::exact};
  AttemptRecord attempt;
  attempt.finished = true;
  attempt.outcome.ttft = from_ms(ms / 2);
  decision.attempts = {attempt};
  return decision;
}

Decision bad(ErrorKind kind = ErrorKind::server_error) {
  Decision decision;
  decision.status = DecisionStatus::failed;
  decision.failure = make_failure(kind, "");
  return decision;
}

// How many canary requests it takes; 0: it was not rolled back.
int until_rolled_back(std::uint64_t seed, double control, double arm, int most) {
  Bench bench(with(split(0.1, {{GuardMetric::error_rate, 0.02}})));
  Random random(mix64(seed));
  int canary = 0;
  for (int i = 0; canary < most; ++i) {
    const std::uint32_t drawn =
        bench.end(std::to_string(seed) + "/" + std::to_string(i), [&](std::uint32_t which) {
          return random.unit() < (which == 1 ? arm : control) ? bad() : good();
        });
    canary += drawn == 1 ? 1 : 0;
    if (bench.rolled_back > 0) return canary;
  }
  return 0;
}

int seeds() {
  const char* wanted = std::getenv("LLMROUTE_EXPERIMENT_SEEDS");
  return wanted != nullptr ? std::atoi(wanted) : 12;
}

TEST(Canary, AWorseArmIsRolledBackSoon) {
  int in_time = 0;
  for (int seed = 0; seed < seeds(); ++seed) {
    in_time += until_rolled_back(static_cast<std::uint64_t>(seed), 0.02, 0.10, 600) > 0 ? 1 : 0;
  }
  EXPECT_GE(in_time, seeds() * 95 / 100);
}

TEST(Canary, AnEqualArmStays) {
  int rolled_back = 0;
  for (int seed = 0; seed < seeds(); ++seed) {
    rolled_back += until_rolled_back(1'000U + static_cast<std::uint64_t>(seed), 0.02, 0.02, 300);
  }
  EXPECT_EQ(rolled_back, 0);
}

TEST(Canary, OnceRolledBackAllGoToTheFirstArm) {
  Bench bench(with(split(0.5, {{GuardMetric::error_rate, 0.02}})));
  int i = 0;
  while (bench.rolled_back == 0 && i < 1'000) {
    bench.end(std::to_string(i++), [](std::uint32_t arm) { return arm == 1 ? bad() : good(); });
  }
  ASSERT_EQ(bench.rolled_back, 1);
  const std::vector<Switched> news = bench.all.take_switched();
  ASSERT_EQ(news.size(), 1U);
  EXPECT_EQ(news[0].experiment, "small");
  EXPECT_NE(news[0].notice.find("experiment small: all requests go to arm control; arm v2 was "
                                "worse: error_rate 1 against 0"),
            std::string::npos)
      << news[0].notice;
  for (int more = 0; more < 50; ++more) {
    EXPECT_EQ(bench.end("x" + std::to_string(more), [](std::uint32_t) { return good(); }), 0U);
  }
  EXPECT_TRUE(bench.all.take_switched().empty());
}

TEST(Canary, EveryMetricGuards) {
  struct Case {
    GuardMetric metric;
    double worse_by;
    Decision control, arm;
  };
  const Case cases[] = {{GuardMetric::ttft_p95_ms, 50, good(100), good(900)},
                        {GuardMetric::total_p95_ms, 100, good(100), good(900)},
                        {GuardMetric::cost_usd, 0.001, good(100, 0.01), good(100, 0.05)}};
  for (const Case& c : cases) {
    for (const bool worse : {true, false}) {
      Bench bench(with(split(0.5, {{c.metric, c.worse_by}})));
      Random noise(7);
      for (int i = 0; i < 1'500 && bench.rolled_back == 0; ++i) {
        bench.end(std::to_string(i), [&](std::uint32_t arm) {
          Decision decision = arm == 1 && worse ? c.arm : c.control;
          decision.total += from_ms(noise.unit() * 10);
          decision.attempts[0].outcome.ttft =
              *decision.attempts[0].outcome.ttft + from_ms(noise.unit());
          return decision;
        });
      }
      EXPECT_EQ(bench.rolled_back, worse ? 1 : 0) << slug(c.metric);
    }
  }
}

TEST(Canary, ScoresComeLater) {
  Bench bench(with(split(0.5, {{GuardMetric::score, 0.1}})));
  for (int i = 0; i < 200; ++i) {
    bench.all.score({{0, static_cast<std::uint32_t>(i % 2), 0.5, true, true}},
                    i % 2 == 1 ? 0.2 : 0.9);
  }
  EXPECT_EQ(bench.all.take_switched().size(), 1U);
  EXPECT_EQ(bench.book->switches().at(0), 0);
}

TEST(Experiments, WhatSaysNothingAboutAnArmIsNotCounted) {
  Bench bench(with(split(0.5)));
  for (const ErrorKind kind : {ErrorKind::bad_request, ErrorKind::cancelled, ErrorKind::rejected,
                               ErrorKind::budget_exceeded, ErrorKind::deadline_exceeded}) {
    bench.end("r", [kind](std::uint32_t) { return bad(kind); });
  }
  bench.end("r", [](std::uint32_t) {
    Decision decision;
    decision.status = DecisionStatus::cancelled;
    return decision;
  });
  EXPECT_EQ(bench.all.json().find("\"requests\":1"), std::string::npos) << bench.all.json();
  bench.end("r", [](std::uint32_t) { return bad(ErrorKind::no_candidate); });
  EXPECT_NE(bench.all.json().find("\"requests\":1,\"failures\":1"), std::string::npos);
}

TEST(Experiments, SwitchesByNameAndBack) {
  Bench bench(with(split(0.5)));
  const auto promoted = bench.all.switch_to("small", "v2", "it is better");
  ASSERT_TRUE(promoted);
  EXPECT_EQ(promoted->notice, "experiment small: all requests go to arm v2; it is better");
  EXPECT_EQ(bench.end("r", [](std::uint32_t) { return good(); }), 1U);
  ASSERT_TRUE(bench.all.switch_to("small", "", "again"));
  EXPECT_EQ(bench.book->switches().at(0), policy::ArmSwitches::kAsDrawn);
  for (const auto& [name, arm, nearest] :
       {std::array<const char*, 3>{"smal", "v2", "small"}, {"small", "v3", "v2"}}) {
    const auto wrong = bench.all.switch_to(name, arm, "");
    ASSERT_TRUE(wrong.has_error());
    EXPECT_EQ(wrong.error().kind, ErrorKind::invalid_argument);
    EXPECT_EQ(wrong.error().nearest, nearest);
  }
}

TEST(Experiments, OutliveAConfigurationThatLeavesThemAsTheyAre) {
  Bench bench(with(split(0.5)));
  bench.end("r", [](std::uint32_t) { return good(); });
  ASSERT_TRUE(bench.all.switch_to("small", "v2", "why"));
  const std::string before = bench.all.json();
  const auto same = book_of(with(split(0.5)));
  bench.all.configure(same);
  EXPECT_EQ(bench.all.json(), before);
  EXPECT_EQ(same->switches().at(0), 1);
  const auto other = book_of(with(split(0.4)));
  bench.all.configure(other);
  EXPECT_EQ(other->switches().at(0), policy::ArmSwitches::kAsDrawn);
  EXPECT_EQ(bench.all.json().find("why"), std::string::npos);
}

TEST(Experiments, AreRestoredByWhatWasRemembered) {
  Bench first(with(split(0.5)));
  const auto remembered = *first.all.switch_to("small", "control", "it was worse");
  Bench second(with(split(0.5)));
  second.all.restore("small", remembered.state);
  EXPECT_EQ(second.book->switches().at(0), 0);
  EXPECT_NE(second.all.json().find("it was worse"), std::string::npos);
  Bench changed(with(split(0.4)));
  changed.all.restore("small", remembered.state);
  EXPECT_EQ(changed.book->switches().at(0), policy::ArmSwitches::kAsDrawn);
  for (const char* broken : {"", "x", "1\n2", "1\nv2\nwhy"}) changed.all.restore("small", broken);
  changed.all.restore("nobody", remembered.state);
  EXPECT_EQ(changed.book->switches().at(0), policy::ArmSwitches::kAsDrawn);
}

TEST(Experiments, AShadowIsComparedWithWhatItMirrors) {
  Experiment shadow = split(1.0);
  shadow.kind = ExperimentKind::shadow;
  Bench bench(with(shadow));
  bench.end("r", [](std::uint32_t) { return good(100); });
  bench.end("r", [](std::uint32_t) {
    Decision copy = bad();
    copy.shadow_of = "r";
    return copy;
  });
  const std::string report = bench.all.json();
  EXPECT_NE(report.find("\"name\":\"control\",\"share\":0,\"requests\":1,\"failures\":0"),
            std::string::npos)
      << report;
  EXPECT_NE(report.find("\"name\":\"v2\",\"share\":1,\"requests\":1,\"failures\":1"),
            std::string::npos)
      << report;
}

TEST(Experiments, UnitsThatAreSplitOtherwiseAreSeen) {
  Experiment experiment = split(0.5);
  experiment.unit = Experiment::Unit::metadata;
  experiment.key = "user";
  Bench bench(with(experiment));
  // One user's many requests are one unit; lost ones of an arm are seen.
  for (int i = 0; i < 3'000; ++i) {
    auto asked = std::make_shared<ChatRequest>();
    asked->options.model = "main";
    asked->options.metadata = {{"user", std::to_string(i / 3)}};
    const auto judged = bench.book->apply(std::move(asked), WallTime{});
    if (judged->ruling->experiments[0].arm == 1 && (i / 3) % 2 == 0) continue;
    Decision decision = good();
    decision.inventory = bench.book->inventory();
    decision.metadata = {{"user", std::to_string(i / 3)}};
    decision.experiments = judged->ruling->experiments;
    bench.all.note(decision);
  }
  EXPECT_NE(bench.all.json().find("\"mismatch\":true"), std::string::npos) << bench.all.json();
}

TEST(EngineCanary, TheDispatcherTellsOfIt) {
  Drive drive(with(split(0.5, {{GuardMetric::error_rate, 0.02}})));
  std::string seen;
  for (int i = 0; i < 400 && seen.find("switched") == std::string::npos; ++i) {
    RequestOptions options;
    options.attempts = 1;
    seen = drive.submit(options);
    if (seen == "start b; ") seen = drive.fail(ErrorKind::server_error);
    if (seen == "start a; ") seen = drive.ok();
  }
  EXPECT_NE(seen.find("switched small; "), std::string::npos);
  for (int i = 0; i < 20; ++i) {
    EXPECT_EQ(drive.submit(), "start a; ");
    drive.ok();
    EXPECT_FALSE(drive.decision().experiments[0].arm == 1);
  }
}

}  // namespace
}  // namespace llmroute::engine
