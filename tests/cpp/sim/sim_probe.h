// Simulations from texts, for tests.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "llmroute/model/config.h"
#include "llmroute/policy/policy.h"
#include "llmroute/sim/simulator.h"

namespace llmroute::sim {

// Deployments "d0", "d1", ... in group "g"; `more` are members of the document behind the groups.
inline InventoryPtr fleet(std::size_t size, const std::string& policy, const std::string& more = {},
                          const std::string& group_more = {}) {
  std::string deployments, members;
  for (std::size_t i = 0; i < size; ++i) {
    const std::string name = "\"d" + std::to_string(i) + "\"";
    const std::string comma = i == 0 ? "" : ", ";
    deployments += comma + name + R"(: {"base_url": "http://127.0.0.1:1/v1", "model": "m",
        "price": {"input_usd_per_million": 1, "output_usd_per_million": 2}})";
    members += comma + name;
  }
  const std::string config = R"({"deployments": {)" + deployments +
                             R"(}, "groups": {"g": {"deployments": [)" + members +
                             R"(], "policy": ")" + policy + "\"" + group_more + "}}" + more + "}";
  auto inventory = parse_config(config, R"({"providers": {}})", policy::policy_schema_json());
  EXPECT_TRUE(inventory) << inventory.error().path << ": " << inventory.error().message;
  return std::make_shared<const Inventory>(std::move(*inventory));
}

inline World world_of(const std::string& json, const InventoryPtr& inventory) {
  std::vector<std::string_view> names;
  for (const Deployment& deployment : inventory->deployments) names.emplace_back(deployment.name);
  auto world = parse_world(json, names);
  EXPECT_TRUE(world) << world.error().path << ": " << world.error().message;
  return std::move(*world);
}

inline Traffic traffic_of(const std::string& json, std::uint64_t seed = 1) {
  auto traffic = make_traffic(json, seed);
  EXPECT_TRUE(traffic) << traffic.error().path << ": " << traffic.error().message;
  return std::move(*traffic);
}

inline Report run(const InventoryPtr& inventory, const std::string& world,
                  const std::string& traffic, std::uint64_t seed = 1) {
  auto report = simulate(inventory, world_of(world, inventory), traffic_of(traffic, seed), seed);
  EXPECT_TRUE(report);
  return std::move(*report);
}

inline double percentile_of(std::vector<double> values, double q) {
  std::sort(values.begin(), values.end());
  return values.at(static_cast<std::size_t>(q * static_cast<double>(values.size() - 1)));
}

// Of the requests submitted in [from_s, to_s).
struct Window {
  int requests = 0, ok = 0, attempts = 0, first_failed = 0;
  std::vector<int> first;  // by deployment
  double share(std::size_t deployment) const {
    return static_cast<double>(first.at(deployment)) / std::max(requests, 1);
  }
};

inline Window window(const Report& report, double from_s, double to_s) {
  Window w;
  w.first.resize(report.deployments.size());
  const Columns& c = report.columns;
  for (std::size_t i = 0; i < c.size(); ++i) {
    if (c.at_ms[i] < from_s * 1000 || c.at_ms[i] >= to_s * 1000) continue;
    ++w.requests;
    w.ok += c.ok[i];
    w.attempts += c.attempts[i];
    if (c.first[i] < 0) continue;
    ++w.first[static_cast<std::size_t>(c.first[i])];
    w.first_failed += c.first_ok[i] == 0 ? 1 : 0;
  }
  return w;
}

}  // namespace llmroute::sim
