// Limits, lines, priorities and budgets, shown on simulated traffic with fixed seeds.
#include <cmath>
#include <map>
#include <string>
#include <vector>

#include "sim/random_world.h"

namespace llmroute::sim {
namespace {

// Two deployments that take four at a time each: 200 ms, then 100 tokens a second.
constexpr int kPlaces = 8;
const char* const kWorld = R"({"default": {"ttft_ms": 200, "tokens_per_second": 100}})";
constexpr double kServiceMs = 200 + 10 * 207;               // on average: e^(0.8^2/2) * 150 tokens
constexpr double kCapacity = kPlaces * 1'000 / kServiceMs;  // requests a second

struct Line {
  Duration wait = seconds(100'000);
  std::size_t most = 1'000'000;
};

std::shared_ptr<Inventory> with_line(Line line, const std::string& more = {}) {
  auto inventory = std::make_shared<Inventory>(*fleet(2, "least_in_flight", more));
  for (Deployment& deployment : inventory->deployments) deployment.limits.in_flight = kPlaces / 2;
  inventory->groups[*inventory->find_group("g")].on_exhausted = {
      {ExhaustedAction::queue, line.wait, 0}, {ExhaustedAction::reject, {}, 0}};
  inventory->queue.max_waiting = line.most;
  return inventory;
}

// Poisson, as the generator makes it, until `seconds`; several of them are merged by time.
struct Demand {
  std::string tenant;
  double per_second;
  Priority priority = kStandard;
  double from_s = 0, to_s = 200;
};

Traffic traffic_from(const std::vector<Demand>& demands) {
  Traffic all;
  all.models = {"g"};
  std::uint64_t seed = 1;
  for (const Demand& demand : demands) {
    const double many = demand.per_second * (demand.to_s - demand.from_s);
    const Traffic part =
        traffic_of(R"({"requests": )" + std::to_string(std::lround(many)) +
                       R"(, "rate_per_second": )" + std::to_string(demand.per_second) + "}",
                   ++seed);
    all.labels.push_back({{"tenant", demand.tenant}});
    for (TrafficRow row : part.rows) {
      row.at += from_ms(demand.from_s * 1000);
      row.labels = static_cast<std::uint32_t>(all.labels.size() - 1);
      row.priority = demand.priority;
      all.rows.push_back(row);
    }
  }
  std::stable_sort(all.rows.begin(), all.rows.end(),
                   [](const TrafficRow& a, const TrafficRow& b) { return a.at < b.at; });
  return all;
}

Report simulated(const InventoryPtr& inventory, const Traffic& traffic,
                 const std::string& world = kWorld) {
  Oracle oracle(*inventory, traffic, true);
  const auto report = simulate(inventory, world_of(world, inventory), traffic, 1, oracle.hooks());
  EXPECT_TRUE(report);
  EXPECT_EQ(oracle.faults(*report), std::vector<std::string>{});
  return *report;
}

// What was answered in [from_s, to_s).
struct Answered {
  std::map<std::string, double> tokens;
  double busy = 0;  // share of the places
  double share(const std::string& tenant) const {
    double all = 0;
    for (const auto& [name, count] : tokens) all += count;
    const auto found = tokens.find(tenant);
    return found == tokens.end() ? 0 : found->second / all;
  }
};

Answered answered_in(const Report& report, double from_s, double to_s) {
  Answered out;
  const Columns& c = report.columns;
  for (std::size_t i = 0; i < c.size(); ++i) {
    const double at_s = (c.at_ms[i] + c.total_ms[i]) / 1000;
    if (c.ok[i] == 0 || at_s < from_s || at_s >= to_s) continue;
    out.tokens[report.tenants.at(static_cast<std::size_t>(c.tenant[i]))] +=
        c.input_tokens[i] + c.output_tokens[i];
    out.busy += (0.2 + 0.01 * c.output_tokens[i]) / (kPlaces * (to_s - from_s));
  }
  return out;
}

// Of the answered requests of that priority.
std::vector<double> times_of(const Report& report, Priority priority,
                             const std::vector<double>& column) {
  std::vector<double> times;
  for (std::size_t i = 0; i < column.size(); ++i) {
    if (report.columns.ok[i] == 1 && report.columns.priority[i] == priority) {
      times.push_back(column[i]);
    }
  }
  return times;
}

double failed_share(const Report& report, Priority priority) {
  double all = 0, failed = 0;
  for (std::size_t i = 0; i < report.columns.size(); ++i) {
    if (report.columns.priority[i] != priority) continue;
    ++all;
    failed += report.columns.ok[i] == 0 ? 1 : 0;
  }
  return failed / all;
}

// What the same places reach when everybody is let through to the providers, who have lines of their
// own: the most there is.
double busy_without_a_line(const Traffic& traffic) {
  const InventoryPtr inventory = fleet(2, "least_in_flight");
  return answered_in(simulated(inventory, traffic,
                               R"({"default": {"ttft_ms": 200, "tokens_per_second": 100,
                                               "in_flight": 4, "queue": 1000000}})"),
                     40, 200)
      .busy;
}

// --- tenants ----------------------------------------------------------------------------------------

TEST(Fairness, TwoTenantsShareByTokens) {
  const Traffic traffic = traffic_from({{"small", 0.7 * kCapacity}, {"big", 7 * kCapacity}});
  const Answered got = answered_in(simulated(with_line({}), traffic), 40, 200);
  EXPECT_NEAR(got.share("small"), 0.5, 0.05);
  EXPECT_GE(got.busy, 0.98 * busy_without_a_line(traffic));
}

// The line is bounded and nobody waits for ever: the big one must not keep the small one out of it.
TEST(Fairness, AFullLineIsSharedToo) {
  const Traffic traffic = traffic_from({{"small", 0.9 * kCapacity}, {"big", 9 * kCapacity}});
  const Answered got = answered_in(simulated(with_line({seconds(20), 60}), traffic), 40, 200);
  EXPECT_NEAR(got.share("small"), 0.5, 0.05);
  EXPECT_GE(got.busy, 0.98 * busy_without_a_line(traffic));
}

TEST(Fairness, WeightsAreShares) {
  const auto inventory = with_line({});
  inventory->queue.weights = {{"gold", 3.0}};
  const Traffic traffic = traffic_from({{"gold", 2 * kCapacity}, {"free", 2 * kCapacity}});
  EXPECT_NEAR(answered_in(simulated(inventory, traffic), 40, 200).share("gold"), 0.75, 0.05);
}

TEST(Fairness, WhoeverIsAloneGetsEverything) {
  const Traffic traffic =
      traffic_from({{"big", 2 * kCapacity}, {"small", 2 * kCapacity, kStandard, 90, 110}});
  const Report report = simulated(with_line({}), traffic);
  const Answered before = answered_in(report, 10, 85), beside = answered_in(report, 95, 125);
  EXPECT_EQ(before.share("big"), 1.0);
  EXPECT_GE(before.busy, 0.96);
  EXPECT_NEAR(beside.share("small"), 0.5, 0.07) << "nothing is owed for the time before";
  EXPECT_GE(answered_in(report, 10, 200).busy, 0.98);
}

TEST(Fairness, LimitsOfOneTenantLeaveTheOthersAlone) {
  const auto inventory = with_line({});
  LimitRule& rule = inventory->limits.emplace_back();
  rule.name = "tenants";
  rule.by = {Scope::metadata, "tenant"};
  rule.limits.in_flight = 3;
  const Traffic traffic = traffic_from({{"big", 4 * kCapacity}, {"small", 0.3 * kCapacity}});
  const Report report = simulated(inventory, traffic);  // the oracle counts them
  std::vector<double> small;
  for (std::size_t i = 0; i < report.columns.size(); ++i) {
    if (report.tenants[static_cast<std::size_t>(report.columns.tenant[i])] == "small") {
      small.push_back(report.columns.queued_ms[i]);
    }
  }
  EXPECT_LT(percentile_of(small, 0.5), 1'000) << "three places of eight are always its own";
  EXPECT_NEAR(answered_in(report, 40, 190).busy, 3.0 / 8 + 0.3, 0.06);
}

// --- priorities -------------------------------------------------------------------------------------

TEST(Priorities, InteractiveRequestsHardlyWait) {
  const std::vector<Demand> interactive = {{"a", 0.4 * kCapacity, kInteractive}};
  std::vector<Demand> both = interactive;
  both.push_back({"b", 2 * kCapacity, kBatch});
  const Report alone = simulated(with_line({}), traffic_from(interactive));
  const Report beside = simulated(with_line({}), traffic_from(both));
  const double usual = percentile_of(times_of(alone, kInteractive, alone.columns.total_ms), 0.95);
  EXPECT_LE(percentile_of(times_of(beside, kInteractive, beside.columns.total_ms), 0.95),
            1.2 * usual);
  EXPECT_GT(percentile_of(times_of(beside, kBatch, beside.columns.queued_ms), 0.5), 20'000);
}

TEST(Priorities, SheddingHitsTheLowestClassFirst) {
  const Traffic traffic = traffic_from({{"a", 0.4 * kCapacity, kInteractive},
                                        {"a", 0.4 * kCapacity, kStandard},
                                        {"a", 1.0 * kCapacity, kBatch}});
  const Report report = simulated(with_line({seconds(30), 20}), traffic);
  EXPECT_LE(failed_share(report, kInteractive), 0.001);
  EXPECT_LE(failed_share(report, kStandard), 0.02);
  EXPECT_GE(failed_share(report, kBatch), 0.5);
}

TEST(Priorities, MembersServeTheirOwn) {
  const auto inventory = with_line({});
  Group& group = inventory->groups[*inventory->find_group("g")];
  group.members[0].priorities.set(kBatch);
  group.members[1].priorities.set(kInteractive);
  const Report report = simulated(inventory, traffic_from({{"a", 0.3 * kCapacity, kInteractive},
                                                           {"b", 0.3 * kCapacity, kBatch}}));
  const Columns& c = report.columns;
  for (std::size_t i = 0; i < c.size(); ++i) {
    ASSERT_EQ(c.deployment[i], c.priority[i] == kBatch ? 0 : 1);
  }
}

// --- slow start ---------------------------------------------------------------------------------------

TEST(SlowStart, AFallbackIsNotStampeded) {
  auto inventory = std::make_shared<Inventory>(*fleet(
      2, "ordered", R"(, "resilience": {"attempts": 2, "breaker": {"cooldown_ms": 120000}})"));
  inventory->groups[*inventory->find_group("g")].on_exhausted = {
      {ExhaustedAction::queue, seconds(60), 0}};
  inventory->deployments[1].limits.in_flight = 40;
  inventory->deployments[1].limits.slow_start = seconds(20);
  const Traffic traffic = traffic_from({{"a", 10, kStandard, 0, 90}});
  Oracle oracle(*inventory, traffic, true);
  Hooks hooks = oracle.hooks();
  int running = 0, most_late = 0;
  Duration began = Duration::max();
  std::map<std::pair<engine::RequestId, engine::AttemptId>, bool> there;
  const auto stop = [&](engine::RequestId request, engine::AttemptId attempt) {
    running -= static_cast<int>(there.erase({request, attempt}));
  };
  hooks.on_action = [&, watch = hooks.on_action](const engine::Action& action, Duration at) {
    watch(action, at);
    if (const auto* cancel = std::get_if<engine::CancelAttempt>(&action)) {
      stop(cancel->request, cancel->attempt);
    }
    const auto* start = std::get_if<engine::StartAttempt>(&action);
    if (start == nullptr || start->deployment != 1) return;
    began = std::min(began, at);
    there[{start->request, start->attempt}] = true;
    const double allowed = 40 * std::min(1.0, 0.1 + 0.9 * to_seconds(at - began) / 20);
    EXPECT_LE(++running, std::max(1.0, std::ceil(allowed))) << to_seconds(at - began) << " s";
    if (at - began > seconds(20)) most_late = std::max(most_late, running);
  };
  hooks.on_outcome = [&, watch = hooks.on_outcome](engine::RequestId request,
                                                   engine::AttemptId attempt, Duration at) {
    watch(request, attempt, at);
    stop(request, attempt);
  };
  const World world = world_of(
      R"({"default": {"ttft_ms": 200, "tokens_per_second": 100},
          "deployments": {"d0": {"troubles": [{"kind": "server_error", "from_s": 30}]}}})",
      inventory);
  const auto report = simulate(inventory, world, traffic, 1, hooks);
  ASSERT_TRUE(report);
  EXPECT_EQ(oracle.faults(*report), std::vector<std::string>{});
  EXPECT_GE(began, Duration(seconds(30)));
  EXPECT_GT(most_late, 20) << "and all of it is used in the end";
}

// --- budgets ------------------------------------------------------------------------------------------

BudgetRule daily(BudgetUnit unit, std::int64_t limit) {
  BudgetRule rule;
  rule.name = "daily";
  rule.unit = unit;
  rule.limit = limit;
  rule.every_group = true;
  return rule;
}

Traffic bounded_traffic(const std::string& more = {}) {
  return traffic_of(R"({"requests": 4000, "rate_per_second": 20, "max_output_tokens": 300,
                        "tenants": {"a": 1, "b": 3})" +
                    more + "}");
}

std::map<std::string, double> spent_by_tenant(const Report& report) {
  std::map<std::string, double> spent;
  for (std::size_t i = 0; i < report.columns.size(); ++i) {
    spent[report.tenants.at(static_cast<std::size_t>(report.columns.tenant[i]))] +=
        report.columns.cost_usd[i];
  }
  return spent;
}

TEST(Budgets, AreNeverPassedWhereMaxTokensAreKnown) {
  constexpr double kUsd = 0.25;
  for (const char* const store_ms : {"0", "40"}) {
    auto inventory = std::make_shared<Inventory>(*fleet(2, "round_robin"));
    inventory->budgets = {daily(BudgetUnit::usd, static_cast<std::int64_t>(kUsd * 1e12))};
    inventory->budgets[0].by = {Scope::metadata, "tenant"};
    const Report report =
        simulated(inventory, bounded_traffic(),
                  R"({"default": {"ttft_ms": 900, "ttft_p95_ms": 2000, "error_rate": 0.05,
                                  "straggler_share": 0.02},
                      "store_ms": )" +
                      std::string(store_ms) + "}");
    const auto spent = spent_by_tenant(report);
    ASSERT_EQ(spent.size(), 2U);
    for (const auto& [tenant, usd] : spent) {
      EXPECT_LE(usd, kUsd) << tenant;
      EXPECT_GE(usd, 0.98 * kUsd) << tenant << ": and it is used";
    }
    const auto refused = static_cast<std::uint8_t>(ErrorKind::budget_exceeded);
    for (std::size_t i = 0; i < report.columns.size(); ++i) {
      if (report.columns.ok[i] == 0) {
        ASSERT_EQ(report.columns.error[i], refused);
      }
    }
  }
}

TEST(Budgets, StepDownBeforeTheyBlock) {
  constexpr double kUsd = 0.8;
  auto inventory = std::make_shared<Inventory>(*fleet(2, "ordered"));
  inventory->deployments[1].price.input_usd_per_million = 0.1;
  inventory->deployments[1].price.output_usd_per_million = 0.2;
  inventory->budgets = {daily(BudgetUnit::usd, static_cast<std::int64_t>(kUsd * 1e12))};
  inventory->budgets[0].at = {{0.8, *inventory->find_group("d1")}};
  const Report report = simulated(inventory, bounded_traffic());
  double spent = 0, at_the_step = -1;
  std::size_t cheap = 0;
  for (std::size_t i = 0; i < report.columns.size(); ++i) {
    if (report.columns.deployment[i] == 1) {
      if (cheap++ == 0) at_the_step = spent;
    } else if (report.columns.ok[i] == 1) {
      EXPECT_LE(spent, 0.9 * kUsd) << "the dear one is left";
    }
    spent += report.columns.cost_usd[i];
  }
  EXPECT_NEAR(at_the_step, 0.8 * kUsd, 0.06 * kUsd);
  EXPECT_GT(cheap, 200U);
  EXPECT_LE(spent, kUsd);
}

TEST(Budgets, BeginAnewAtMidnightOfTheirZone) {
  auto inventory = std::make_shared<Inventory>(*fleet(1, "ordered"));
  inventory->budgets = {daily(BudgetUnit::requests, 10)};
  inventory->budgets[0].zone = {{0, 3'600}};  // an hour ahead of UTC: midnight is at 23:00
  Traffic traffic;
  traffic.models = {"g"};
  traffic.start = *start_from("2026-03-28T20:00:00Z");
  for (int i = 0; i < 36; ++i) {
    TrafficRow row;
    row.at = seconds(600 * i);
    row.prompt_tokens = row.output_tokens = row.max_output_tokens = 10;
    traffic.rows.push_back(row);
  }
  traffic.labels = {{{"tenant", "a"}}};
  const Report report = simulated(inventory, traffic);
  for (std::size_t i = 0; i < 36; ++i) {
    const std::size_t of_day = i < 18 ? i : i - 18;  // three hours of ten minutes
    EXPECT_EQ(report.columns.ok[i], of_day < 10 ? 1 : 0) << i;
  }
}

TEST(Budgets, ASlowStoreIsNotWaitedForOnceThereAreLeases) {
  const auto times = [](const char* store_ms) {
    auto inventory = std::make_shared<Inventory>(*fleet(1, "ordered"));
    inventory->budgets = {daily(BudgetUnit::tokens, 100'000'000)};
    const Report report =
        simulated(inventory, bounded_traffic(),
                  R"({"default": {"ttft_ms": 300}, "store_ms": )" + std::string(store_ms) + "}");
    EXPECT_EQ(window(report, 0, 1e9).ok, 4'000);
    std::vector<double> later;
    for (std::size_t i = 0; i < report.columns.size(); ++i) {
      if (report.columns.at_ms[i] > 2'000) later.push_back(report.columns.total_ms[i]);
    }
    return later;
  };
  EXPECT_EQ(times("0"), times("400"));
}

// --- random worlds --------------------------------------------------------------------------------------

TEST(Fairness, RandomWorldsKeepTheLimitsOfTenants) {
  const std::uint64_t first = number_from("LLMROUTE_SIM_SEED", 1);
  const std::uint64_t worlds = number_from("LLMROUTE_SIM_WORLDS", 150);
  for (std::uint64_t seed = first; seed < first + worlds; ++seed) {
    EXPECT_EQ(RandomWorld(seed).run(true), std::vector<std::string>{})
        << "to repeat it: LLMROUTE_SIM_SEED=" << seed
        << " LLMROUTE_SIM_WORLDS=1 test_sim --gtest_filter='*RandomWorlds*'";
    if (HasFailure()) return;
  }
}

}  // namespace
}  // namespace llmroute::sim
