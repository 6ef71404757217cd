// A group of equal deployments, planned for without an engine.
#pragma once

#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "llmroute/limits/ledger.h"
#include "llmroute/policy/planner.h"

namespace llmroute::policy {

using Options = std::map<std::string, double>;

struct SmallFleet {
  explicit SmallFleet(std::size_t size, const std::string& policy, const Options& options = {},
                      std::uint64_t seed = 1)
      : inventory(std::make_shared<Inventory>()), random(seed) {
    Group group;
    group.name = "g";
    group.policy.name = policy;
    group.policy.options = options;
    for (std::size_t i = 0; i < size; ++i) {
      Deployment d;
      d.name = "d" + std::to_string(i);
      inventory->deployment_index[d.name] = static_cast<DeploymentIndex>(i);
      inventory->deployments.push_back(d);
      group.members.push_back({static_cast<DeploymentIndex>(i), 1.0});
    }
    inventory->groups.push_back(group);
    inventory->group_index["g"] = 0;
  }
  Deployment& operator[](std::size_t i) { return inventory->deployments[i]; }

  // After the inventory was set up; again after it was replaced.
  void configure() {
    ASSERT_TRUE(planner.configure(inventory));
    board.configure(*inventory);
    ledger.configure(*inventory);
    planner.use(ledger);
  }
  const std::vector<DeploymentIndex>& plan() {
    records.clear();
    steps.clear();
    order.clear();
    planner.plan(0, request, board, now, random, records, steps);
    for (const PlanStep& step : steps) order.push_back(step.deployment);
    return order;
  }
  DeploymentIndex first() { return plan().at(0); }

  void measure(DeploymentIndex d, int ms) {
    Outcome outcome;
    outcome.total = milliseconds(ms);
    outcome.ttft = milliseconds(ms);
    health::Work work{Tokens{}, Tokens{256}};
    board.on_start(d, now, work);
    board.on_first_content(d, now, milliseconds(ms), work);
    board.on_outcome(d, 0, now, outcome, work);
  }
  // Of the last plan; null where the term was not looked at.
  const TermRecord* term(DeploymentIndex d, Term which) const {
    for (const TermRecord& record : planner.terms()) {
      if (record.term == which && records[record.candidate].deployment == d) return &record;
    }
    return nullptr;
  }
  float value(DeploymentIndex d, Term which) const {
    const TermRecord* found = term(d, which);
    EXPECT_NE(found, nullptr) << slug(which);
    return found == nullptr ? -1 : found->value;
  }

  std::shared_ptr<Inventory> inventory;
  health::Board board;
  limits::Ledger ledger;
  Planner planner;
  Random random;
  Instant now{seconds(1000)};
  ChatRequest request;
  std::vector<CandidateRecord> records;
  std::vector<PlanStep> steps;
  std::vector<DeploymentIndex> order;
};

}  // namespace llmroute::policy
