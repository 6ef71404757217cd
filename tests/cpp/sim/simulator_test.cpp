#include "llmroute/sim/simulator.h"

#include <cmath>
#include <cstdlib>

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

// --- random worlds --------------------------------------------------------------------------------

std::string random_world(Random& random, std::size_t size) {
  const auto some = [&random](double most) { return std::to_string(most * random.unit()); };
  std::string out = R"({"default": {"ttft_ms": 100, "ttft_p95_ms": 400}, "deployments": {)";
  for (std::size_t i = 0; i < size; ++i) {
    const char* const kinds[] = {"slow",       "hang",         "connect", "rate_limit",
                                 "overloaded", "server_error", "cut"};
    out += (i == 0 ? "\"d" : ", \"d") + std::to_string(i) + R"(": {"ttft_ms": )" + some(800) +
           R"(, "error_rate": )" + some(0.3) + R"(, "straggler_share": )" + some(0.1) +
           R"(, "in_flight": )" + std::to_string(random.below(6)) + R"(, "queue": )" +
           std::to_string(random.below(20)) + R"(, "requests_per_minute": )" +
           std::to_string(random.below(3) == 0 ? 1 + random.below(600) : 0) +
           R"(, "tokens_per_second": )" + some(200) + R"(, "troubles": [{"kind": ")" +
           kinds[random.below(7)] + R"(", "from_s": )" + some(5) + R"(, "to_s": )" + some(15) +
           R"(, "chance": )" + some(1) + "}]}";
  }
  return out + "}}";
}

std::string random_resilience(Random& random) {
  return R"(, "resilience": {"attempts": )" + std::to_string(1 + random.below(5)) +
         R"(, "deadline_ms": )" + std::to_string(200 + random.below(20'000)) +
         R"(, "timeouts": {"ttft_ms": )" + std::to_string(300 + random.below(3'000)) + "}}";
}

// An oracle of the report alone: it knows what a row may say, and nothing of the engine.
void expect_sound(const Report& report, double deadline_ms, int attempts) {
  const Columns& c = report.columns;
  for (std::size_t i = 0; i < c.size(); ++i) {
    SCOPED_TRACE("request " + std::to_string(i));
    EXPECT_FALSE(std::isnan(c.total_ms[i])) << "it never ended";
    EXPECT_LE(c.total_ms[i], deadline_ms + 1e-6);
    EXPECT_LE(c.attempts[i], attempts);
    EXPECT_EQ(c.ok[i] == 1, c.deployment[i] >= 0);
    EXPECT_EQ(c.attempts[i] == 0, c.first[i] < 0);
    if (c.ok[i] == 1) {
      EXPECT_GT(c.attempts[i], 0);
      EXPECT_LE(c.ttft_ms[i], c.total_ms[i] + 1e-6);
    }
    if (testing::Test::HasFailure()) return;
  }
}

TEST(Simulator, RandomWorldsAreSound) {
  // The seeds of a longer run: LLMROUTE_SIM_WORLDS=10000 test_sim --gtest_filter='*RandomWorlds*'
  const char* const wanted = std::getenv("LLMROUTE_SIM_WORLDS");
  const std::uint64_t worlds = wanted == nullptr ? 150 : std::strtoull(wanted, nullptr, 10);
  for (std::uint64_t seed = 1; seed <= worlds; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Random random(mix64(seed));
    const std::size_t size = 1 + random.below(5);
    const auto& entry = policy::policies()[random.below(policy::policies().size())];
    const std::string hedge = random.below(2) == 0 ? R"(, "hedge": {"extra_load": 0.5})" : "";
    const InventoryPtr inventory =
        fleet(size, std::string(entry.name), random_resilience(random), hedge);
    const Report report = run(inventory, random_world(random, size),
                              R"({"requests": 100, "rate_per_second": 8})", seed);
    expect_sound(report, to_ms(*inventory->resilience.deadline), inventory->resilience.attempts);
    if (HasFailure()) return;
  }
}

}  // namespace
}  // namespace llmroute::sim
