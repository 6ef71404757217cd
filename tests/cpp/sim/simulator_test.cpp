#include "llmroute/sim/simulator.h"

#include <cmath>
#include <cstdlib>

#include "sim/oracle.h"
#include "sim/random_world.h"
#include "sim/sim_probe.h"

namespace llmroute::sim {
namespace {

const char* const kCalm = R"({"default": {"ttft_ms": 200, "tokens_per_second": 100}})";

TEST(Simulator, AnswersTakeWhatTheWorldSays) {
  const Report report = run(fleet(1, "ordered"), kCalm,
                            R"({"requests": 50, "arrivals": "constant", "rate_per_second": 10,
                                "output_tokens": 30, "output_sigma": 0, "prompt_sigma": 0})");
  const Columns& c = report.columns;
  ASSERT_EQ(c.size(), 50U);
  for (std::size_t i = 0; i < c.size(); ++i) {
    EXPECT_NEAR(c.at_ms[i], 100.0 * static_cast<double>(i), 1e-5);
    EXPECT_EQ(c.ok[i], 1);
    EXPECT_EQ(c.deployment[i], 0);
    EXPECT_EQ(c.attempts[i], 1);
    EXPECT_DOUBLE_EQ(c.ttft_ms[i], 200.0);
    EXPECT_DOUBLE_EQ(c.total_ms[i], 500.0);
    EXPECT_NEAR(c.cost_usd[i], 500e-6 + 60e-6, 1e-12);
  }
}

TEST(Simulator, TheSameSeedGivesTheSameBytes) {
  const std::string world = R"({"default": {"ttft_ms": 300, "ttft_p95_ms": 900, "error_rate": 0.05,
                                "tokens_per_second": 90, "in_flight": 20}})";
  const std::string traffic = R"({"requests": 3000, "rate_per_second": 40})";
  const auto text = [&](std::uint64_t seed) {
    const Report report = run(fleet(3, "least_latency"), world, traffic, seed);
    std::string all = summary_json(report);
    for (const double total : report.columns.total_ms) all += std::to_string(total) + ",";
    return all;
  };
  EXPECT_EQ(text(5), text(5));
  EXPECT_NE(text(5), text(6));
}

TEST(Simulator, TwoPoliciesMeetTheSameTraffic) {
  const std::string traffic = R"({"requests": 500, "rate_per_second": 40})";
  const Report a = run(fleet(3, "ordered"), kCalm, traffic);
  const Report b = run(fleet(3, "round_robin"), kCalm, traffic);
  EXPECT_EQ(a.columns.at_ms, b.columns.at_ms);
  EXPECT_EQ(a.columns.total_ms, b.columns.total_ms) << "and, in a uniform world, the same luck";
  EXPECT_NE(a.columns.deployment, b.columns.deployment);
}

TEST(Simulator, WaitersAreServedInTurn) {
  const Report report = run(fleet(1, "ordered"), R"({"default": {"ttft_ms": 100, "in_flight": 1}})",
                            R"({"requests": 5, "arrivals": "constant", "rate_per_second": 1000,
                                "stream": false})");
  for (std::size_t i = 0; i < 5; ++i) {
    const double place = static_cast<double>(i + 1);
    EXPECT_DOUBLE_EQ(report.columns.total_ms[i], 100.0 * place - static_cast<double>(i));
  }
}

TEST(Simulator, AFullLineIsOverloaded) {
  const Report report =
      run(fleet(1, "ordered", R"(, "resilience": {"attempts": 1})"),
          R"({"default": {"ttft_ms": 1000, "in_flight": 1, "queue": 1}})",
          R"({"requests": 3, "arrivals": "constant", "rate_per_second": 1000, "stream": false})");
  EXPECT_EQ(report.columns.ok, (std::vector<std::uint8_t>{1, 1, 0}));
  EXPECT_EQ(report.columns.error[2], static_cast<std::uint8_t>(ErrorKind::overloaded));
}

TEST(Simulator, ARateLimitHoldsAndSaysWhen) {
  const Report report =
      run(fleet(1, "ordered", R"(, "resilience": {"attempts": 1})"),
          R"({"default": {"ttft_ms": 1, "requests_per_minute": 60}})",
          R"({"requests": 1200, "arrivals": "constant", "rate_per_second": 10, "stream": false})");
  const Window all = window(report, 0, 1e9);
  EXPECT_NEAR(all.ok, 60 + 120, 8) << "a minute's worth at once, then one a second";
}

TEST(Simulator, TroublesEndAsTheyShould) {
  struct Case {
    const char* trouble;
    ErrorKind kind;
    double total_ms;
  };
  const std::vector<Case> cases = {
      {R"({"kind": "connect", "after_ms": 7})", ErrorKind::connect, 7},
      {R"({"kind": "server_error", "after_ms": 7})", ErrorKind::server_error, 7},
      {R"({"kind": "overloaded"})", ErrorKind::overloaded, 50},
      {R"({"kind": "rate_limit"})", ErrorKind::rate_limit, 50},
      {R"({"kind": "hang"})", ErrorKind::attempt_timeout, 900},
      {R"({"kind": "slow", "factor": 100})", ErrorKind::attempt_timeout, 900},
      {R"({"kind": "cut"})", ErrorKind::stream_interrupted, 350},
  };
  const std::string limits =
      R"(, "resilience": {"attempts": 1, "timeouts": {"ttft_ms": 900, "attempt_ms": 2000}})";
  for (const Case& c : cases) {
    const Report report = run(fleet(1, "ordered", limits),
                              std::string(R"({"default": {"ttft_ms": 200, "tokens_per_second": 100,
                                              "troubles": [)") +
                                  c.trouble + "]}}",
                              R"({"requests": 1, "output_tokens": 30, "output_sigma": 0})");
    EXPECT_EQ(report.columns.ok[0], 0) << c.trouble;
    EXPECT_EQ(slugs<ErrorKind>()[report.columns.error[0]], slug(c.kind)) << c.trouble;
    EXPECT_DOUBLE_EQ(report.columns.total_ms[0], c.total_ms) << c.trouble;
  }
}

TEST(Simulator, WhatHangsWithoutALimitEndsWithTheSimulation) {
  const std::string limits = R"(, "resilience": {"timeouts": {"ttft_ms": 0, "attempt_ms": 0}})";
  const Report report =
      run(fleet(1, "ordered", limits), R"({"default": {"troubles": [{"kind": "hang"}]}})",
          R"({"requests": 3})");
  EXPECT_EQ(report.columns.ok, (std::vector<std::uint8_t>{0, 0, 0}));
  EXPECT_EQ(report.columns.error[0], static_cast<std::uint8_t>(ErrorKind::cancelled));
}

TEST(Simulator, APriceChangeIsLearnt) {
  const Report report = run(fleet(1, "ordered"),
                            R"({"deployments": {"d0": {"prices": [{"at_s": 10,
                                "input_usd_per_million": 10, "output_usd_per_million": 20}]}}})",
                            R"({"requests": 20, "arrivals": "constant", "rate_per_second": 1,
                                "prompt_sigma": 0, "output_sigma": 0})");
  EXPECT_NEAR(report.columns.cost_usd[5], 500e-6 + 300e-6, 1e-12);
  EXPECT_NEAR(report.columns.cost_usd[15], 5000e-6 + 3000e-6, 1e-12);
}

TEST(Simulator, CanBeInterrupted) {
  const InventoryPtr inventory = fleet(1, "ordered");
  Hooks hooks;
  hooks.keep_going = [] { return false; };
  const auto report =
      simulate(inventory, world_of(kCalm, inventory),
               traffic_of(R"({"requests": 100000, "rate_per_second": 1000})"), 1, hooks);
  ASSERT_FALSE(report);
  EXPECT_EQ(report.error().kind, ErrorKind::cancelled);
}

TEST(Simulator, AHookMayChooseTheOrder) {
  const InventoryPtr inventory = fleet(3, "ordered");
  std::size_t seen = 0;
  Hooks hooks;
  hooks.choose = [&seen](const std::shared_ptr<ChatRequest>& request, const InventoryPtr&,
                         std::vector<engine::CandidateView> candidates) {
    seen += candidates.size();
    request->options.order = std::vector<std::string>{"d2", "d0"};
    request->options.policy_label = "mine";
  };
  const auto report =
      simulate(inventory, world_of(kCalm, inventory), traffic_of(R"({"requests": 10})"), 1, hooks);
  ASSERT_TRUE(report);
  EXPECT_EQ(seen, 30U);
  EXPECT_EQ(report->columns.deployment, std::vector<std::int32_t>(10, 2));
}

TEST(Simulator, ARequestSaysWhatItsRowSays) {
  const InventoryPtr inventory = fleet(1, "ordered");
  Traffic traffic;
  traffic.models = {"g"};
  traffic.labels = {{}, {{"task", "code"}, {"tenant", "acme"}}};
  traffic.start = *start_from("2026-03-29");
  TrafficRow row;
  row.at = seconds(60);
  row.prompt_tokens = 100;
  row.output_tokens = 90;
  row.max_output_tokens = 40;
  row.labels = 1;
  row.priority = kBatch;
  traffic.rows = {row};
  Hooks hooks;
  int finished = 0;
  hooks.on_action = [&](const engine::Action& action, Duration) {
    const auto* finish = std::get_if<engine::Finish>(&action);
    if (finish == nullptr) return;
    ++finished;
    EXPECT_EQ(finish->decision->submitted, traffic.start + seconds(60));
    EXPECT_EQ(finish->decision->facts.max_output_tokens, Tokens{40});
  };
  const auto report = simulate(inventory, world_of(kCalm, inventory), traffic, 1, hooks);
  ASSERT_TRUE(report);
  EXPECT_EQ(finished, 1);
  EXPECT_EQ(report->tenants, std::vector<std::string>{"acme"});
  EXPECT_EQ(report->columns.tenant[0], 0);
  EXPECT_EQ(report->columns.input_tokens[0], 100);
  EXPECT_EQ(report->columns.output_tokens[0], 40);
  EXPECT_DOUBLE_EQ(report->columns.total_ms[0], 200.0 + 400.0) << "the answer ends at the most";
}

TEST(Simulator, QualityAndCarbonAreWhatTheWorldSays) {
  const Report report = run(fleet(2, "round_robin"),
                            R"({"deployments": {"d0": {"quality": {"chat": 0.5, "code": 0.9},
                                                       "grams_co2_per_1k_tokens": 2}}})",
                            R"({"requests": 40, "prompt_sigma": 0, "output_sigma": 0,
                                "tasks": {"chat": 1, "code": 1, "poem": 1}})");
  int known = 0;
  for (std::size_t i = 0; i < 40; ++i) {
    if (report.columns.deployment[i] == 1) {
      EXPECT_TRUE(std::isnan(report.columns.quality[i]));
      EXPECT_TRUE(std::isnan(report.columns.carbon_g[i]));
      continue;
    }
    EXPECT_DOUBLE_EQ(report.columns.carbon_g[i], 2.0 * 0.65);
    if (!std::isnan(report.columns.quality[i])) ++known;
  }
  EXPECT_GT(known, 5);
  EXPECT_LT(known, 20) << "of poems nobody knows";
}

TEST(Simulator, APriceChangeKeepsLimits) {
  auto inventory = std::make_shared<Inventory>(*fleet(1, "ordered"));
  inventory->deployments[0].limits.in_flight = 3;
  inventory->deployments[0].limits.requests_per_minute = 30;
  inventory->limits.push_back({"all", {Scope::all, {}}, {}, {}});
  inventory->budgets.emplace_back().name = "b";
  const World world = world_of(
      R"({"default": {"ttft_ms": 3000, "prices": [
          {"at_s": 5, "input_usd_per_million": 1, "output_usd_per_million": 1},
          {"at_s": 6, "input_usd_per_million": 2, "output_usd_per_million": 2}]}})",
      inventory);
  const Traffic traffic = traffic_of(R"({"requests": 200, "rate_per_second": 10})");
  Oracle oracle(*inventory, traffic);
  Hooks hooks = oracle.hooks();
  std::uint64_t newest = 0;
  hooks.on_action = [&, watch = hooks.on_action](const engine::Action& action, Duration at) {
    watch(action, at);
    const auto* finish = std::get_if<engine::Finish>(&action);
    if (finish == nullptr) return;
    const Inventory& used = *finish->decision->inventory;
    newest = std::max(newest, used.version);
    EXPECT_EQ(used.limits.size(), 1U);
    EXPECT_EQ(used.budgets.size(), 1U);
  };
  const auto report = simulate(inventory, world, traffic, 1, hooks);
  ASSERT_TRUE(report);
  EXPECT_EQ(oracle.faults(*report), std::vector<std::string>{});
  EXPECT_EQ(newest, 3U);
}

// --- random worlds --------------------------------------------------------------------------------

// A longer run: LLMROUTE_SIM_WORLDS=10000 test_sim --gtest_filter='*RandomWorlds*'
TEST(Simulator, ACanaryIsRolledBackAsItWouldBe) {
  const auto inventory = fleet(2, "ordered", R"(, "resilience": {"attempts": 1},
      "experiments": {"x": {"group": "g",
        "arms": [{"name": "control", "share": 0.8}, {"name": "v2", "share": 0.2, "group": "d1"}],
        "guard": {"error_rate": {"worse_by": 0.02}}}})");
  const Report report = run(inventory, R"({"deployments": {"d1": {"error_rate": 0.25}}})",
                            R"({"model": "g", "requests": 4000, "rate_per_second": 20})");
  EXPECT_NE(report.experiments.find("\"all_to\":\"control\""), std::string::npos)
      << report.experiments;
  EXPECT_NE(summary_json(report).find("\"experiments\":{\"x\":"), std::string::npos);
  EXPECT_LT(window(report, 100, 200).share(1), 0.01);
}

TEST(Simulator, AShadowChangesNothingForAnybody) {
  const std::string traffic = R"({"model": "g", "requests": 500, "rate_per_second": 20})";
  const std::string world = R"({"deployments": {"d1": {"error_rate": 1}}})";
  const Report without = run(fleet(2, "ordered"), world, traffic);
  const auto shadowed = fleet(2, "ordered", R"(, "experiments": {"x": {"kind": "shadow",
      "group": "g", "share": 1, "to": "d1"}})");
  const Report report = run(shadowed, world, traffic);
  EXPECT_EQ(report.columns.total_ms, without.columns.total_ms);
  EXPECT_EQ(report.columns.ok, without.columns.ok);
  EXPECT_NE(report.experiments.find("\"name\":\"shadow\",\"share\":1,\"requests\":500,"
                                    "\"failures\":500"),
            std::string::npos)
      << report.experiments;
}

TEST(Simulator, RandomWorldsAreSound) {
  const std::uint64_t first = number_from("LLMROUTE_SIM_SEED", 1);
  const std::uint64_t worlds = number_from("LLMROUTE_SIM_WORLDS", 150);
  for (std::uint64_t seed = first; seed < first + worlds; ++seed) {
    const std::vector<std::string> faults = RandomWorld(seed).run(false);
    EXPECT_EQ(faults, std::vector<std::string>{})
        << "to repeat it: LLMROUTE_SIM_SEED=" << seed
        << " LLMROUTE_SIM_WORLDS=1 test_sim --gtest_filter='*RandomWorlds*'";
    if (HasFailure()) return;
  }
}

}  // namespace
}  // namespace llmroute::sim
