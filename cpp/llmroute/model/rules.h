// What a configuration says of rules, constraints and experiments. Data only; part of the immutable
// inventory. How conditions are evaluated: policy/condition.h; what becomes of them: policy/rule_book.h.
#pragma once

#include <bitset>
#include <cstdint>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "llmroute/base/enum.h"
#include "llmroute/base/time.h"
#include "llmroute/base/units.h"
#include "llmroute/model/limits.h"
#include "llmroute/model/policy_spec.h"
#include "llmroute/model/request.h"

namespace llmroute {

// --- conditions -------------------------------------------------------------------------------------

struct NumberRange {
  double above = -std::numeric_limits<double>::infinity();  // itself not included
  double at_least = -std::numeric_limits<double>::infinity();
  double below = std::numeric_limits<double>::infinity();  // itself not included
  double at_most = std::numeric_limits<double>::infinity();
  bool holds(double value) const {
    return value > above && value >= at_least && value < below && value <= at_most;
  }
};

// What a value is asked to be: one of some words, a number in a range, there, or not there.
struct ValueMatch {
  enum class Kind : std::uint8_t { words, range, present, absent };
  Kind kind = Kind::words;
  std::vector<std::string> words;
  NumberRange range;
};

// What a request holds or asks for.
LLMROUTE_ENUM(Feature, tools, images, audio, files, json_schema, json_object);
using FeatureSet = std::bitset<slugs<Feature>().size()>;

struct TimeWindow {
  std::int32_t from_s = 0, to_s = 86'400;  // of the day, in the zone; to before from: past midnight
  std::bitset<7> weekdays = 0x7F;          // Monday first; of the day on which the window began
  std::string timezone = "UTC";
  std::vector<ZoneOffset> zone;  // in order; empty: UTC
};

LLMROUTE_ENUM(ConditionKind, all, any, negation, model, keywords, regex, language, messages,
              prompt_tokens, max_output_tokens, has, header, metadata, tags, time, region, priority,
              score);

// A tree; the parts that its kind does not use are empty.
struct Condition {
  ConditionKind kind = ConditionKind::all;
  std::vector<Condition> parts;  // of all, any; one of negation
  std::string key;               // of header (lower case), metadata, score
  ValueMatch match;  // words of model, keywords, regex, language, tags, region; values of keys
  FeatureSet features;
  PrioritySet priorities;
  TimeWindow time;
};

// --- rules ------------------------------------------------------------------------------------------

// apply: it counts. observe: what it would have done is recorded. off: not looked at.
LLMROUTE_ENUM(RuleMode, apply, observe, off);

// What a rule may set; the first that matches and sets it wins. `route` is where the request goes: a
// group, a chain, one deployment, nowhere (reject), or to a person.
LLMROUTE_ENUM(Effect, route, policy, budget, deadline, priority, defaults);
using EffectSet = std::bitset<slugs<Effect>().size()>;

struct Destination {
  enum class Kind : std::uint8_t { group, reject, human };
  Kind kind = Kind::group;
  GroupIndex group = 0;  // a chain and a pin are groups too
  std::string message;   // of reject
};

// A parameter that a request gets where its caller gave none.
struct SamplingDefault {
  Parameter parameter = Parameter::temperature;
  std::string json;  // its value as JSON
};

struct Rule {
  std::string name;
  RuleMode mode = RuleMode::apply;
  Condition when;  // no parts: always
  std::optional<Destination> route;
  std::optional<PolicySpec> policy;
  std::string budget;  // empty: none
  std::optional<Duration> deadline;
  std::optional<Priority> priority;
  std::vector<SamplingDefault> defaults;
  EffectSet effects() const;
};

// --- constraints ------------------------------------------------------------------------------------

// What holds for every place a request may go to; empty or absent: anything.
struct Requirement {
  std::vector<std::string> regions, retentions;  // one of them; a region may end in *
  bool no_training = false;
  std::vector<std::string> providers, providers_denied;  // names
  std::vector<std::string> deployments, deployments_denied;
  std::vector<std::string> tags;  // all of them
  std::optional<double> max_usd_per_request;
  std::optional<double> max_input_usd_per_million, max_output_usd_per_million;
  std::optional<Tokens> min_context;
  ParameterSet parameters;  // that it must be able to carry
};

// Applies unless `when` is surely false or `unless` surely true: missing data opens no door.
struct Constraint {
  std::string name;
  std::optional<Condition> when, unless;
  Requirement require;
};

// --- experiments ------------------------------------------------------------------------------------

// split: arms by share. shadow: a share is sent a second time, elsewhere, and its answer dropped.
LLMROUTE_ENUM(ExperimentKind, split, shadow);
LLMROUTE_ENUM(GuardMetric, error_rate, ttft_p95_ms, total_p95_ms, cost_usd, score);

struct Arm {
  std::string name;
  double share = 0;
  std::optional<GroupIndex> group;  // absent: as without the experiment
};

// An arm that is surely worse than the first by more than this loses its requests to the first.
struct Guard {
  GuardMetric metric = GuardMetric::error_rate;
  double worse_by = 0;  // a share, milliseconds, dollars or a score
};

struct Experiment {
  std::string name;
  ExperimentKind kind = ExperimentKind::split;
  RuleMode mode = RuleMode::apply;
  GroupIndex group = 0;  // whose requests take part
  enum class Unit : std::uint8_t { request, conversation, metadata };
  Unit unit = Unit::request;  // what stays in one arm
  std::string key;            // of metadata
  std::string salt;
  std::vector<Arm> arms;  // shares add up to 1; the first is the control
  std::vector<Guard> guards;
};

// --- what was decided by them, for the decision -------------------------------------------------------

struct RuleRecord {
  std::uint32_t rule = 0;  // index in [[rules]]
  EffectSet effects;       // that it decided; of an observed one: that it would have
  bool observed = false;
};

struct ConstraintRecord {
  std::uint32_t constraint = 0;  // index in [[constraints]]
  bool unknown = false;          // applied because data was missing
};

struct ExperimentRecord {
  std::uint32_t experiment = 0;  // index in [experiments]
  std::uint32_t arm = 0;
  double probability = 1;  // of this arm, as configured
  bool acted_on = true;    // false: observed only, rolled back or switched
  bool intended = true;    // false: another arm was drawn, this one took its place
};

}  // namespace llmroute
