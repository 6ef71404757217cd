// What rules, constraints and experiments make of one request, under one inventory.
//
// Made once by policy::RuleBook on any thread and immutable from then on; it belongs to the inventory
// it was made for, and a request that meets another one is judged anew.
#pragma once

#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "llmroute/model/deployment.h"
#include "llmroute/model/rules.h"

namespace llmroute {

struct Ruling {
  InventoryPtr inventory;
  std::shared_ptr<const ChatRequest> asked;   // the request as its caller gave it
  std::vector<RuleRecord> rules;              // that matched
  std::vector<ConstraintRecord> constraints;  // that apply
  std::vector<ExperimentRecord> experiments;
  std::optional<GroupIndex> group;     // that was asked for, or a rule or an arm leads to
  const PolicySpec* policy = nullptr;  // of a rule, in the inventory
  std::uint32_t policy_rule = 0;
  const Destination* refusal = nullptr;  // reject or human, in the inventory
  std::uint32_t refused_by = 0;          // rule
  // The shadow arm that it is sent to a second time.
  std::optional<std::uint32_t> shadow;  // index in `experiments`

  // Where it may not go: a bit for each deployment. Empty: anywhere.
  std::vector<std::uint64_t> barred;
  double max_usd = std::numeric_limits<double>::infinity();  // of one attempt; unknown is too much
  std::uint32_t max_usd_constraint = 0;
  ParameterSet parameters;  // that must be carried and not dropped
  std::uint32_t parameters_constraint = 0;

  bool bars(DeploymentIndex d) const {
    return !barred.empty() && ((barred[d / 64] >> (d % 64)) & 1U) != 0;
  }
};

}  // namespace llmroute
