// The bar of the thompson policy on simulated traffic, where whole requests teach it: within 2 % of the
// best fixed deployment over the first 3,000 requests, and with it within 500 after the best one changed.
// Means over four seeds.
#include <memory>
#include <string>

#include "sim/sim_probe.h"

namespace llmroute::sim {
namespace {

constexpr double kHalfMs = 1'000;
constexpr int kSeeds = 4;
const char* const kTraffic = R"({"requests": 3000, "rate_per_second": 1})";
const char* const kWorld = R"({"default": {"ttft_ms": 400, "ttft_p95_ms": 900},
    "deployments": {"d0": {"ttft_ms": 900, "ttft_p95_ms": 2000, "error_rate": 0.02},
                    "d1": {"ttft_ms": 300, "ttft_p95_ms": 700},
                    "d2": {"ttft_ms": 600, "ttft_p95_ms": 1300}}})";

InventoryPtr learning(std::map<std::string, double> options) {
  auto inventory = std::make_shared<Inventory>(*fleet(3, "thompson"));
  options.emplace("latency_half_ms", kHalfMs);
  inventory->groups[*inventory->find_group("g")].policy.options = std::move(options);
  return inventory;
}

// Only that one, whatever comes.
InventoryPtr fixed(DeploymentIndex d) {
  auto inventory = std::make_shared<Inventory>(*fleet(3, "ordered"));
  inventory->groups[*inventory->find_group("g")].members = {{d, 1.0}};
  return inventory;
}

// What the policy is to make the most of: the time of each whole request, by halves.
double reward(const Report& report) {
  double sum = 0;
  const Columns& c = report.columns;
  for (std::size_t i = 0; i < c.size(); ++i) {
    sum += c.ok[i] == 1 ? 1 / (1 + c.total_ms[i] / kHalfMs) : 0;
  }
  return sum / static_cast<double>(c.size());
}

TEST(LearningBar, IsWithinTwoPercentOfTheBestFixedDeployment) {
  double got = 0, best = 0;
  for (std::uint64_t seed = 1; seed <= kSeeds; ++seed) {
    got += reward(run(learning({{"success", 0}, {"latency", 1}}), kWorld, kTraffic, seed));
    double most = 0;
    for (const DeploymentIndex d : {0U, 1U, 2U}) {
      most = std::max(most, reward(run(fixed(d), kWorld, kTraffic, seed)));
    }
    best += most;
  }
  EXPECT_GE(got, 0.98 * best);
  RecordProperty("share_of_best", std::to_string(got / best));
}

TEST(LearningBar, FollowsTheBestWithinFiveHundredRequests) {
  std::string world = kWorld;
  const std::string was = R"("ttft_p95_ms": 700})";
  const auto at = world.find(was);
  ASSERT_NE(at, std::string::npos);
  world.replace(at, was.size(), R"("ttft_p95_ms": 700,
      "troubles": [{"kind": "slow", "factor": 6, "from_s": 2000}]})");
  double share = 0;
  for (std::uint64_t seed = 1; seed <= kSeeds; ++seed) {
    const Report report = run(learning({{"success", 0}, {"latency", 1}}), world, kTraffic, seed);
    EXPECT_GE(window(report, 1'500, 2'000).share(1), 0.85) << seed;
    share += window(report, 2'400, 2'500).share(2) / kSeeds;
  }
  EXPECT_GE(share, 0.85);
  RecordProperty("share", std::to_string(share));
}

// A change of a price is a change of the configuration: what was learned must outlive it.
TEST(Learning, OutlivesChangesOfPrices) {
  std::string world = kWorld;
  const std::string was = R"("ttft_ms": 300,)";
  world.replace(world.find(was), was.size(),
                R"("ttft_ms": 300, "prices": [{"at_s": 1000, "input_usd_per_million": 1,
                   "output_usd_per_million": 1}],)");
  const Report report = run(learning({{"success", 0}, {"latency", 1}}), world, kTraffic);
  EXPECT_GE(window(report, 1'000, 1'030).share(1), 0.7) << "no beginning from nothing";
}

}  // namespace
}  // namespace llmroute::sim
