// The whole explanation of one request: a value, filled stage by stage, never rebuilt from logs.
//
// Written by the dispatcher on the loop thread, frozen when the request ends, then shared read-only.
// Text exists only when somebody asks: reasons are slugs with numbers until then.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "llmroute/base/error.h"
#include "llmroute/base/time.h"
#include "llmroute/model/deployment.h"
#include "llmroute/model/outcome.h"

namespace llmroute {

// The limits that a configuration can set.
LLMROUTE_ENUM(Limit, in_flight, requests_per_minute, tokens_per_minute, requests_per_day,
              tokens_per_day);

// Why a candidate is in or out. The two numbers mean what the comment says.
LLMROUTE_ENUM(Reason,
              kept,      // no numbers
              excluded,  // by the caller
              tools_not_supported, vision_not_supported, json_schema_not_supported,
              audio_not_supported, files_not_supported, embeddings_not_supported,
              embedding_model_differs,  // its vectors are of another model than those asked for
              parameter_not_supported,  // a: index in Parameter
              context_too_short,        // a: tokens needed, b: tokens there
              output_too_short,         // a: output tokens asked, b: most it gives
              breaker_open,             // a: failures in a row or in window, b: ms to next probe
              breaker_probing,          // a: probes in flight, b: probes allowed
              cooling_down,             // a: ms left
              rate_limit_exhausted,  // a: ms until reset, b: window_code of the limit; 0: unknown
              limit_reached,         // a: index in Limit + kRuleStride * (1 + index in [limits], or
                                     // 0: its own), b: ms until free; 0: nobody knows
              budget_exhausted,      // a: index in [budgets], b: ms until its next period
              price_unknown,         // a: index in [budgets]: it cannot be counted against it
              priority_not_served,   // a: the request's priority
              bound_elsewhere,       // the request continues something that another one holds
              no_usable_key,         // a: keys dead, b: keys in all
              // By a constraint; a: its index in [[constraints]].
              region_not_allowed, retention_not_allowed, training_not_allowed, provider_not_allowed,
              deployment_not_allowed, tag_missing, price_not_allowed, context_not_allowed,
              parameter_required,
              throttled,      // a: ms to the next permitted attempt (last usable one)
              not_in_order);  // a Python policy left it out

// The reason of a deployment that lacks it.
Reason reason_of(Capability capability);

// See limit_reached.
inline constexpr int kRuleStride = 16;

// 48 bytes: a decision among a thousand writes a thousand of them.
struct CandidateRecord {
  DeploymentIndex deployment = 0;
  GroupIndex group = 0;   // the group it comes from (fallbacks bring others)
  float a = 0, b = 0;     // numbers of the reason
  float score = 0;        // the policy's; lower is better; not-a-number: none
  float probability = 1;  // of being first, where chance took part
  // What the policy saw.
  float ttft_p50_ms = 0, ttft_p95_ms = 0;
  std::uint32_t in_flight = 0;
  std::int16_t rank = -1;  // place in the plan, 0 first; -1: dropped
  Reason reason = Reason::kept;
  bool measured : 1 = false;     // false: the latencies are priors
  bool last_usable : 1 = false;  // kept although its breaker is open: throttled, not ejected
  double estimated_usd = 0;      // not-a-number: unknown price
};

struct AttemptRecord {
  std::uint32_t number = 0;  // 1 first
  DeploymentIndex deployment = 0;
  std::uint16_t key = 0;  // index in the pool
  bool charged = true;    // counts against the attempt budget (key rotation does not)
  bool hedge = false;     // sent beside the one before it, which was late
  bool finished = false;
  Duration started{};  // since submission
  Duration waited{};   // backoff or Retry-After before it
  Outcome outcome;
  Cost cost;
  std::vector<std::string> dropped_parameters;
};

// One budget that a request counts against.
struct BudgetRecord {
  std::uint32_t rule = 0;  // index in [budgets]
  std::string who;         // the value it is counted by; empty: all
  double share = 0;        // of the limit, spent before this request; not-a-number: not known yet
  std::optional<GroupIndex> stepped_to;  // the group that its spending led to
  bool passed = false;                   // spent, but allowed to pass
};

LLMROUTE_ENUM(CacheStatus, off, miss, hit, joined);
struct CacheRecord {
  CacheStatus status = CacheStatus::off;
  Duration age{};  // of a hit
  // The request whose answer this is, where it is not its own.
  std::string answered_by;
};

LLMROUTE_ENUM(AffinityKind, none, conversation, prefix, bound);
struct AffinityRecord {
  AffinityKind kind = AffinityKind::none;
  std::optional<DeploymentIndex> deployment;  // that has it warm
  Tokens warm;                                // of the prompt
};

// What a policy that weighs several things looked at, lower is better; policy/score.cpp has units.
// carbon_intensity stands for carbon, first_token for region_latency, where those are not known of all.
LLMROUTE_ENUM(Term, cost, latency, headroom, carbon, carbon_intensity, quality, load,
              region_latency, first_token);
struct TermRecord {
  std::uint32_t candidate = 0;  // index in Decision::candidates
  Term term = Term::cost;
  float raw = 0;     // in its own unit; not-a-number: unknown
  float value = 0;   // normalised over the candidates, 0 best to 1 worst
  float weight = 0;  // its share of the score
};

// What a policy that only observes would have chosen.
struct ObservedChoice {
  std::string policy;
  std::optional<DeploymentIndex> first;
};

LLMROUTE_ENUM(DecisionStatus, pending, ok, failed, cancelled);

struct Decision {
  std::string request_id;
  std::string model_asked;
  std::string group;   // resolved
  std::string policy;  // name or label
  int policy_version = 1;
  std::string policy_failure;  // a Python policy was replaced, and why
  std::uint64_t seed = 0;
  InventoryPtr inventory;  // names of indices; its version is the snapshot version
  WallTime submitted{};
  Facts facts;
  std::vector<CandidateRecord> candidates;  // in the order considered
  std::vector<std::string> order_reasons;   // a Python policy's words, by rank
  std::vector<AttemptRecord> attempts;
  Metadata metadata;
  Priority priority = kStandard;
  std::vector<BudgetRecord> budgets;
  CacheRecord cache;
  AffinityRecord affinity;
  std::vector<RuleRecord> rules;              // that matched; none: no rule fits such requests
  std::vector<ConstraintRecord> constraints;  // that applied
  std::vector<ExperimentRecord> experiments;
  std::vector<TermRecord> terms;
  std::vector<ObservedChoice> observed;
  std::string shadow_of;           // the request that this one mirrors; empty: none
  Duration queued{};               // time spent in line
  bool handed_over = false;        // to a person: nothing else could serve
  std::vector<std::string> notes;  // what else happened on the way, a sentence each
  std::uint32_t restarts = 0;      // streams begun again at the caller's wish
  DecisionStatus status = DecisionStatus::pending;
  std::optional<Failure> failure;  // what the caller sees
  std::optional<DeploymentIndex> chosen;
  Duration planned{};  // time spent in filters and policy
  Duration total{};
  Usage usage;
  Cost cost;  // of all attempts, losers too
};
using DecisionPtr = std::shared_ptr<const Decision>;

// The stable JSON form; schema in docs/decision.schema.json.
std::string to_json(const Decision& decision);
// One short phrase for a candidate's reason, e.g. "breaker_open: 5 failures, next probe in 4.1 s". Limits
// and budgets are named by the inventory, and numbered without one.
std::string describe(const CandidateRecord& candidate, const Inventory* inventory = nullptr);
// One sentence: why this deployment (or any member, for a group) did not answer; or that it did; or
// that it was never a candidate, naming the nearest.
std::string why_not(const Decision& decision, std::string_view deployment);

}  // namespace llmroute
