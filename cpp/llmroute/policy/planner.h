// From a request to a frozen order, with every candidate's record.
//
// Runs filters over a group, then its policy, then the same for its fallbacks in order; each
// deployment appears once, where it first occurs. Reused scratch: no allocation in steady state
// apart from growth of the caller's vectors. One planner per dispatcher, under its lock.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "llmroute/base/error.h"
#include "llmroute/cache/affinity.h"
#include "llmroute/model/ruling.h"
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
  // Builds one policy instance per group. ErrorKind::config for an unknown policy or option. What was
  // learned is kept where a group keeps its name and its policy, for deployments that are the same.
  Result<void> configure(InventoryPtr inventory);
  // For policies that look at limits; outlives the planner.
  void use(const limits::Ledger& ledger) { ledger_ = &ledger; }

  // Every attempt of a request that has ended teaches the policies of its group. Nothing where none
  // learns.
  void learn(const Decision& decision);
  // What else is known of an answer in a group of the current inventory.
  void learn(GroupIndex group, const Lesson& lesson);

  // Appends to `records` and `steps`. `options.order` (a Python policy's plan) replaces the ranking
  // of the first group; `options.policy` replaces its policy for this call. Where nothing at all is
  // left and breakers are among the reasons, the least bad of those is kept as last usable
  // (Board::admit_last): throttled, never ejected.
  //
  // `preference`: of a bound request all others are dropped (bound_elsewhere). What is warm lowers the
  // estimated cost by the price of cached input, where both prices are known. Then the place that
  // holds the conversation moves to the front of the whole plan, scores and all as they are, unless a
  // Python policy gave the order or attempts there fail at present. What of it holds for the plan's
  // first place is returned.
  //
  // Behind the group come its fallbacks, or those that the request lists (`options.fallbacks`).
  //
  // Where the request has a ruling of this inventory, what its constraints are against is dropped
  // before anything else, and the policy of its rule ranks unless the call names one.
  //
  // `utc_minute`: of the day, for prices that depend on it.
  AffinityRecord plan(GroupIndex group, const ChatRequest& request, const health::Board& board,
                      Instant now, Random& random, std::vector<CandidateRecord>& records,
                      std::vector<PlanStep>& steps, const cache::Preference& preference = {},
                      int utc_minute = Charge::kSomeTime);

  // Of the last plan: what a policy that weighs several things looked at, and what those that only
  // observe would have chosen.
  const std::vector<TermRecord>& terms() const { return terms_; }
  const std::vector<ObservedChoice>& observed() const { return observed_; }

  // The same for one group alone, without its fallbacks, skipping deployments already in `records`
  // as kept: used for on_context_too_long and on_content_filter. Conversations move nothing here.
  void extend(GroupIndex group, const ChatRequest& request, const health::Board& board, Instant now,
              Random& random, std::vector<CandidateRecord>& records, std::vector<PlanStep>& steps,
              const cache::Preference& preference = {}, int utc_minute = Charge::kSomeTime);

 private:
  void consider(GroupIndex group, const ChatRequest& request, const health::Board& board,
                Instant now, const cache::Preference& preference,
                std::vector<CandidateRecord>& records);
  health::Admission judge(DeploymentIndex d, const ChatRequest& request,
                          const cache::Preference& preference, float token_ratio) const;
  void credit(const cache::Preference& preference, const health::Board& board,
              std::vector<CandidateRecord>& records);
  AffinityRecord stay(const ChatRequest& request, const health::Board& board, Instant now,
                      const cache::Preference& preference, std::vector<CandidateRecord>& records,
                      std::vector<PlanStep>& steps);
  void rank_kept(GroupIndex group, const ChatRequest& request, const health::Board& board,
                 Instant now, Random& random, std::vector<CandidateRecord>& records,
                 std::vector<PlanStep>& steps);
  bool follow_order(const RequestOptions& options, std::vector<CandidateRecord>& records);
  void rescue_last(const health::Board& board, Instant now, std::vector<CandidateRecord>& records,
                   std::vector<PlanStep>& steps);
  Policy& policy_for(GroupIndex group, const ChatRequest& request);
  using Policies = std::vector<std::unique_ptr<Policy>>;
  using Overrides = std::map<std::pair<GroupIndex, std::string>, std::unique_ptr<Policy>>;
  Overrides hand_over(const Inventory& next, Policies& by_group, Policies& observers) const;
  std::optional<std::string> override_there(const std::string& key, const Inventory& next) const;
  const Ruling* ruling_of(const ChatRequest& request) const;
  void observe(GroupIndex group, const RankContext& context);
  void mark_seen(const std::vector<CandidateRecord>& records);
  // Valid until it is asked again.
  std::span<const GroupIndex> behind(GroupIndex group, const RequestOptions& options);

  struct Place {  // a member of a group, side by side in memory
    DeploymentIndex deployment;
    float weight, load_factor;
    PrioritySet priorities;  // of the requests it is for; none: all
  };

  InventoryPtr inventory_;
  std::vector<std::vector<Place>> places_;  // by group
  std::vector<Fitness> fitness_;            // by deployment
  std::vector<double> savings_;             // parallel; USD per input token that is warm
  Policies by_group_;
  Overrides overrides_;  // by group and policy, or "#" and the rule that names it
  Policies observers_;   // by group; null: none
  bool any_learns_ = false;
  const limits::Ledger* ledger_ = nullptr;
  std::vector<Ranked> ranked_, watched_;  // scratch
  std::vector<GroupIndex> listed_;        // scratch: the request's own fallbacks
  std::vector<TermRecord> terms_;
  std::vector<ObservedChoice> observed_;
  std::vector<std::uint32_t> seen_;  // scratch: stamp of the plan that has seen a deployment
  std::uint32_t stamp_ = 0;
  int utc_minute_ = Charge::kSomeTime;  // of the plan at hand
};

}  // namespace llmroute::policy
