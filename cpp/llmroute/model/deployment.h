// Deployments, groups and the immutable inventory that a configuration becomes.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "llmroute/base/error.h"
#include "llmroute/base/secret.h"
#include "llmroute/base/time.h"
#include "llmroute/model/defaults.h"
#include "llmroute/model/limits.h"
#include "llmroute/model/load.h"
#include "llmroute/model/policy_spec.h"
#include "llmroute/model/price.h"
#include "llmroute/model/request.h"
#include "llmroute/model/rules.h"

namespace llmroute {

// Index into Inventory::deployments; the handle of a deployment everywhere in the core.
using DeploymentIndex = std::uint32_t;

// The four timeouts of one attempt. Zero: none.
struct Timeouts {
  Duration connect = defaults::kConnectTimeout;
  Duration ttft = defaults::kTtftTimeout;  // streams: from start to first content
  Duration idle = defaults::kIdleTimeout;  // between chunks
  Duration attempt = defaults::kAttemptTimeout;
};

struct BreakerOptions {
  int failures = defaults::kBreakerFailures;
  double error_rate = defaults::kBreakerErrorRate;
  Duration cooldown = defaults::kBreakerCooldown;
  int probes = defaults::kBreakerProbes;
};

struct Resilience {
  int attempts = defaults::kAttempts;
  Timeouts timeouts;
  BreakerOptions breaker;
  Duration backoff_base = defaults::kBackoffBase;
  Duration backoff_max = defaults::kBackoffMax;
  Duration max_retry_after = defaults::kMaxRetryAfter;
  double retry_share = defaults::kRetryShare;
  std::optional<Duration> deadline;  // default for requests without one
};

// Members of messages, of their parts and of tools that some providers have beside OpenAI's own, and
// that others refuse.
LLMROUTE_ENUM(MessageExtra, thinking_blocks, reasoning, reasoning_content, reasoning_details,
              extra_content, is_error, cache_control);

// How an OpenAI-compatible provider differs, as data (providers.toml `quirks`).
struct Quirks {
  std::string max_tokens_field;          // "max_tokens" | "max_completion_tokens"; empty: as given
  std::string key_header;                // header of the key; empty: the dialect's own
  bool stream_usage = true;              // accepts stream_options.include_usage
  bool developer_role = true;            // false: developer messages are sent as system
  bool requires_terminator = true;       // false: a clean close after finish_reason ends a stream
  std::vector<std::string> unsupported;  // Parameter slugs that this provider refuses
  // Parameter, and what this provider calls it.
  std::vector<std::pair<std::string, std::string>> rename;
  // What it takes beside the members that chat completions have: MessageExtra slugs.
  std::vector<std::string> keeps = {"reasoning", "reasoning_content"};
  // It may take more than OpenAI does: other parameters, pictures in what a tool gave. Asked of requests
  // of other APIs alone; what callers of chat completions say passes in any case.
  bool extras = true;
  std::string reasoning_summary;  // of Responses: what is asked for; empty: none
};

struct Deployment {
  std::string name;                // unique; "provider/model" or the table's name
  std::string provider;            // entry of the provider catalogue
  std::string model;               // the provider's own name
  std::string dialect;             // "openai" | "anthropic" ...
  std::string base_url;            // without trailing slash
  std::vector<SecretSource> keys;  // a pool; empty: no key needed
  std::vector<std::pair<std::string, std::string>> headers;  // extra, already checked
  // Headers of the call that it is sent: names in lower case, sorted. Complete once resolve_dialects
  // has added what its dialect has anyway, unless the configuration gives all of them itself.
  std::vector<std::string> forward_headers;
  bool own_headers_too = true;
  std::string region;
  std::string retention;
  std::optional<bool> training;  // whether prompts are trained on; absent: unknown, the worst
  std::vector<std::string> tags;
  // By task (the metadata of that name), 0..1; "default" for the others. Absent: unknown.
  std::map<std::string, double, std::less<>> quality;
  std::optional<double> wh_per_thousand_tokens;  // energy of a thousand tokens, in and out
  CapabilitySet lacks;    // capabilities stated as missing; unstated is assumed present
  std::string embedding;  // the model of its vectors, where `model` does not say it; empty: `model`
  std::optional<Tokens> context_tokens;
  std::optional<Tokens> max_output_tokens;
  Price price;
  bool price_listed = false;     // from the model catalogue, not from the configuration
  LimitsSpec limits;             // its own, as its provider's contract has them
  std::optional<LoadSpec> load;  // absent: only what is reported
  Quirks quirks;
  ParameterSet unsupported;  // from the dialect and the quirks, filled when the inventory is built
  std::optional<Timeouts> timeouts;
  std::string proxy;    // explicit proxy URL; empty: none
  std::string ca_file;  // explicit CA bundle; empty: the ladder
};

struct Member {
  DeploymentIndex deployment = 0;
  double weight = 1.0;
  PrioritySet priorities = {};  // of the requests it is for; none: all
};

// A second attempt beside a late one; engine/hedge.h has the rule.
struct HedgeSpec {
  double after = defaults::kHedgeAfter;  // quantile, 0..1
  double extra_load = defaults::kHedgeExtraLoad;
  bool tools = false;  // also requests that offer tools
};

struct Group {
  std::string name;
  std::vector<Member> members;
  PolicySpec policy;
  std::optional<HedgeSpec> hedge;
  std::vector<GroupIndex> fallbacks;
  std::vector<GroupIndex> on_context_too_long;
  std::vector<GroupIndex> on_content_filter;
  std::vector<ExhaustedStep>
      on_exhausted;  // in order; empty: wait for whoever says when, else reject
  // Ranked beside the policy; what it would have chosen is recorded.
  std::optional<PolicySpec> observe;
  bool implicit = false;  // made for a deployment's own name, or a rule's chain
};

// What is known of a place; keys of latencies are other regions.
struct Region {
  std::optional<double> carbon_g_per_kwh;
  std::string carbon_date;  // of that number
  std::map<std::string, double, std::less<>> latency_ms;
};

// When a request is handed over to a person and nobody handles it: it is parked.
struct PeopleSpec {
  Duration wait = defaults::kHumanWait;  // longest wait of its caller
  Duration keep = defaults::kHumanKeep;  // how long it can be answered
};

// Immutable once built; shared by reference count between the dispatcher, requests in flight and
// readers on any thread. Never holds a resolved secret apart from literals in `keys`.
struct Inventory {
  std::uint64_t version = 1;
  std::vector<Deployment> deployments;
  std::vector<Group> groups;
  Resilience resilience;
  std::vector<LimitRule> limits;
  std::vector<BudgetRule> budgets;
  QueueSpec queue;
  CacheSpec cache;
  StateSpec state;
  std::vector<Rule> rules;
  std::vector<Constraint> constraints;
  std::vector<Experiment> experiments;
  std::map<std::string, Region, std::less<>> regions;
  PeopleSpec people;
  // Named groups first, then a deployment's own name (every deployment has an implicit group).
  std::optional<GroupIndex> find_group(std::string_view name) const;
  std::optional<DeploymentIndex> find_deployment(std::string_view name) const;

  std::map<std::string, GroupIndex, std::less<>> group_index;
  std::map<std::string, DeploymentIndex, std::less<>> deployment_index;
};
using InventoryPtr = std::shared_ptr<const Inventory>;

// The group that a caller's `model` names; where it names none, the only one there is.
std::optional<GroupIndex> group_asked(const Inventory& inventory, std::string_view model);

// ErrorKind::invalid_argument, with path and the nearest name, where one of the fallbacks that a request
// lists is neither a group nor a deployment, or where there are more than defaults::kMaxFallbacks.
Result<void> check_fallbacks(const Inventory& inventory, const std::vector<std::string>& names);

// Whose vectors a deployment gives: vectors of two models cannot be compared, whatever their length.
std::string_view embedding_model(const Deployment& deployment);
// The same as a number; never 0.
std::uint64_t embedding_id(const Deployment& deployment);
// Whose vectors a request for embeddings asks for when it names `model`: all members that have
// embeddings must agree, or an index would be filled with vectors of several. Members without any
// count only where there are no others. ErrorKind::invalid_argument with the names of those that
// differ; 0 for a group that nobody knows, which is another's error.
Result<std::uint64_t> embedding_asked(const Inventory& inventory, std::string_view model);

}  // namespace llmroute
