// What the router promises under load and fault, shown on simulated traffic with fixed seeds.
#include "sim/sim_probe.h"

namespace llmroute::sim {
namespace {

std::vector<std::string> all_policies() {
  std::vector<std::string> names;
  for (const policy::PolicyEntry& entry : policy::policies()) names.emplace_back(entry.name);
  return names;
}

// 100 servers of one place each, exponential service of 100 ms, offered 0.9 of what they can do.
double p99_at_load(const std::string& policy) {
  const Report report = run(fleet(100, policy, R"(, "resilience": {"attempts": 1})"),
                            R"({"default": {"spread": "exponential", "ttft_ms": 100,
                                            "in_flight": 1, "queue": 100000}})",
                            R"({"requests": 30000, "rate_per_second": 900, "stream": false})");
  return percentile_of(report.columns.total_ms, 0.99);
}

TEST(Promise, LoadAwarePoliciesKeepTheTailShort) {
  const double round_robin = p99_at_load("round_robin");
  EXPECT_LE(p99_at_load("least_in_flight"), 0.25 * round_robin) << round_robin;
  EXPECT_LE(p99_at_load("power_of_two"), 0.40 * round_robin) << round_robin;
}

TEST(Promise, NobodyIsLuredByQuickRefusals) {
  for (const std::string& policy : all_policies()) {
    for (const std::string wait : {"", R"(, "retry_after_s": 1)"}) {
      SCOPED_TRACE(policy + wait);
      const Report report =
          run(fleet(4, policy),
              R"({"default": {"ttft_ms": 400, "ttft_p95_ms": 900}, "deployments": {"d0":
                  {"troubles": [{"kind": "rate_limit", "after_ms": 20)" +
                  wait + "}]}}}",
              R"({"requests": 6000, "rate_per_second": 100, "stream": false})");
      const Window later = window(report, 10, 1e9);
      EXPECT_LT(later.first_failed, 0.01 * later.requests);
      EXPECT_EQ(later.ok, later.requests);
    }
  }
}

TEST(Promise, ASlowOneIsLeftAloneAndComesBack) {
  const Report report =
      run(fleet(10, "least_latency"),
          R"({"default": {"ttft_ms": 50, "ttft_p95_ms": 80},
              "deployments": {"d3": {"troubles": [
                  {"kind": "slow", "factor": 10, "from_s": 15, "to_s": 25}]}}})",
          R"({"requests": 35000, "rate_per_second": 500, "stream": false, "output_sigma": 0})");
  EXPECT_GT(window(report, 5, 15).share(3), 0.05) << "one of ten before";
  EXPECT_LT(window(report, 16, 25).share(3), 0.03) << "within a second";
  const double decay_s = to_seconds(defaults::kLatencyDecay);
  EXPECT_GT(window(report, 25 + 3 * decay_s, 1e9).share(3), 0.05) << "within three decay times";
}

TEST(Promise, LongRequestsDoNotMakeADeploymentLookSlow) {
  const auto p99 = [](const std::string& policy) {
    const Report report =
        run(fleet(10, policy, R"(, "resilience": {"attempts": 1})"),
            R"({"default": {"ttft_ms": 50, "ttft_p95_ms": 80, "tokens_per_second": 500,
                        "in_flight": 4, "queue": 100000}})",
            R"({"requests": 20000, "rate_per_second": 60, "stream": false, "output_tokens": 100,
            "output_sigma": 1.2})");
    return percentile_of(report.columns.total_ms, 0.99);
  };
  EXPECT_LE(p99("least_latency"), 1.1 * p99("power_of_two"));
}

TEST(Promise, AnOutageOfAllIsNotMultiplied) {
  const std::string config =
      R"({"deployments": {"a": {"base_url": "http://127.0.0.1:1/v1", "model": "m"},
                          "b": {"base_url": "http://127.0.0.1:1/v1", "model": "m"},
                          "c": {"base_url": "http://127.0.0.1:1/v1", "model": "m"}},
          "groups": {"g": {"deployments": ["a"], "fallbacks": ["h", "i"]},
                     "h": {"deployments": ["b"]}, "i": {"deployments": ["c"]}}})";
  auto inventory = parse_config(config, R"({"providers": {}})", policy::policy_schema_json());
  ASSERT_TRUE(inventory);
  const Report report =
      run(std::make_shared<const Inventory>(std::move(*inventory)),
          R"({"default": {"ttft_ms": 200, "ttft_p95_ms": 500, "troubles": [
                  {"kind": "server_error", "from_s": 30, "to_s": 90, "after_ms": 100}]}})",
          R"({"requests": 12000, "rate_per_second": 100, "model": "g", "stream": false})");
  const Window outage = window(report, 30, 90);
  EXPECT_LE(outage.attempts, 1.25 * outage.requests);
  const Window after = window(report, 100, 1e9);
  EXPECT_GE(after.ok, 0.95 * after.requests);
}

TEST(Promise, HedgingCutsTheTailOfStragglers) {
  const std::string world =
      R"({"default": {"ttft_ms": 100, "ttft_p95_ms": 120, "straggler_share": 0.02}})";
  const std::string traffic = R"({"requests": 20000, "rate_per_second": 100, "output_sigma": 0})";
  const Report without = run(fleet(3, "power_of_two"), world, traffic);
  const Report with =
      run(fleet(3, "power_of_two", {}, R"(, "hedge": {"after": "p95", "extra_load": 0.05})"), world,
          traffic);
  EXPECT_LE(percentile_of(with.columns.ttft_ms, 0.99),
            0.25 * percentile_of(without.columns.ttft_ms, 0.99));
  EXPECT_LE(window(with, 0, 1e9).attempts, 1.05 * 20000);
}

// A provider with limits never has to refuse where the router knows them.
TEST(Promise, OwnLimitsAreKept) {
  for (const std::string& policy : all_policies()) {
    std::string config = R"({"deployments": {
        "d0": {"base_url": "http://127.0.0.1:1/v1", "model": "m",
               "limits": {"requests_per_minute": 300, "in_flight": 8}},
        "d1": {"base_url": "http://127.0.0.1:1/v1", "model": "m"}},
        "groups": {"g": {"deployments": ["d0", "d1"], "policy": ")" +
                         policy + R"("}}})";
    auto inventory = parse_config(config, R"({"providers": {}})", policy::policy_schema_json());
    ASSERT_TRUE(inventory) << inventory.error().message;
    const Report report = run(std::make_shared<const Inventory>(std::move(*inventory)),
                              R"({"default": {"ttft_ms": 700, "ttft_p95_ms": 2000},
                "deployments": {"d0": {"requests_per_minute": 300, "in_flight": 8, "queue": 0}}})",
                              R"({"requests": 6000, "rate_per_second": 20, "model": "g"})");
    const Window all = window(report, 0, 1e9);
    EXPECT_EQ(all.ok, all.requests) << policy;
    EXPECT_EQ(all.first_failed, 0) << policy;
    EXPECT_EQ(all.attempts, all.requests) << policy;
    // headroom by itself rather goes where there is no limit at all.
    EXPECT_GT(all.first[0], policy == "headroom" ? 100 : 500) << policy << ": and they are used";
  }
}

// Ten thousand at once meet a half-open breaker.
TEST(Promise, AHalfOpenBreakerLetsExactlyItsProbesThrough) {
  for (const int probes : {1, 3}) {
    const InventoryPtr inventory =
        fleet(2, "ordered",
              R"(, "resilience": {"breaker": {"failures": 5, "cooldown_ms": 10000, "probes": )" +
                  std::to_string(probes) + "}}");
    const World world = world_of(
        R"({"default": {"ttft_ms": 1000},
            "deployments": {"d0": {"troubles": [
                {"kind": "server_error", "to_s": 5, "after_ms": 10}]}}})",
        inventory);
    Traffic traffic;
    traffic.models = {"g"};
    traffic.stream = false;
    for (int i = 0; i < 20; ++i) traffic.rows.push_back({milliseconds(20 * i), 0, 10, 10});
    for (int i = 0; i < 10'000; ++i) traffic.rows.push_back({seconds(11), 0, 10, 10});
    const auto report = simulate(inventory, world, traffic, 1);
    ASSERT_TRUE(report);
    const Window burst = window(*report, 10.9, 1e9);
    EXPECT_EQ(burst.first.at(0), probes);
    EXPECT_EQ(burst.ok, 10'000);
  }
}

}  // namespace
}  // namespace llmroute::sim
