// From a request to a frozen order, with every candidate's record.
//
// Runs filters over a group, then its policy, then the same for its fallbacks in order; each
// deployment appears once, where it first occurs. Reused scratch: no allocation in steady state
// apart from growth of the caller's vectors. One planner per dispatcher, under its lock.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "llmroute/base/error.h"
#include "llmroute/policy/filter.h"
#include "llmroute/policy/policy.h"

namespace llmroute::policy {

// One place of the plan.
struct PlanStep {
  DeploymentIndex deployment = 0;
  GroupIndex group = 0;
  std::uint32_t record = 0;  // index in Decision::candidates
};

class Planner {
 public:
  // Builds one policy instance per group. ErrorKind::config for an unknown policy or option.
  Result<void> configure(InventoryPtr inventory);

  // Appends to `records` and `steps`. `options.order` (a Python policy's plan) replaces the ranking
  // of the first group; `options.policy` replaces its policy for this call. Where nothing at all is
  // left and breakers are among the reasons, the least bad of those is kept as last usable
  // (Board::admit_last): throttled, never ejected.
  void plan(GroupIndex group, const ChatRequest& request, const health::Board& board, Instant now,
            Random& random, std::vector<CandidateRecord>& records, std::vector<PlanStep>& steps);

  // The same for one group alone, without its fallbacks, skipping deployments already in `records`
  // as kept: used for on_context_too_long and on_content_filter.
  void extend(GroupIndex group, const ChatRequest& request, const health::Board& board, Instant now,
              Random& random, std::vector<CandidateRecord>& records, std::vector<PlanStep>& steps);

 private:
  void consider(GroupIndex group, const ChatRequest& request, const health::Board& board,
                Instant now, std::vector<CandidateRecord>& records);
  health::Admission judge(DeploymentIndex d, const ChatRequest& request) const;
  void rank_kept(GroupIndex group, const ChatRequest& request, const health::Board& board,
                 Instant now, Random& random, std::vector<CandidateRecord>& records,
                 std::vector<PlanStep>& steps);
  bool follow_order(const RequestOptions& options, std::vector<CandidateRecord>& records);
  void rescue_last(const health::Board& board, Instant now, std::vector<CandidateRecord>& records,
                   std::vector<PlanStep>& steps);
  Policy& policy_for(GroupIndex group, const RequestOptions& options);
  void mark_seen(const std::vector<CandidateRecord>& records);

  struct Place {  // a member of a group, side by side in memory
    DeploymentIndex deployment;
    float weight, load_factor;
  };

  InventoryPtr inventory_;
  std::vector<std::vector<Place>> places_;  // by group
  std::vector<Fitness> fitness_;            // by deployment
  std::vector<std::unique_ptr<Policy>> by_group_;
  std::map<std::pair<GroupIndex, std::string>, std::unique_ptr<Policy>> overrides_;
  std::vector<Ranked> ranked_;       // scratch
  std::vector<std::uint32_t> seen_;  // scratch: stamp of the plan that has seen a deployment
  std::uint32_t stamp_ = 0;
};

}  // namespace llmroute::policy
