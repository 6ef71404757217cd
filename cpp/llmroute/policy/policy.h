// Ranking what the filters left.
//
// A policy instance belongs to one group of one inventory and is used under the dispatcher's lock;
// it may keep state (a round-robin place). It sees numbers only and gives a score per candidate and
// an order; it never sees HTTP, and it allocates nothing in steady state. Adding one touches its
// .cpp, one line in registry.cpp and its test; options, docs and the command line follow from the
// schema of its registry entry.
#pragma once

#include <cstdint>
#include <limits>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "llmroute/base/error.h"
#include "llmroute/base/random.h"
#include "llmroute/base/time.h"
#include "llmroute/health/board.h"
#include "llmroute/model/decision.h"
#include "llmroute/model/deployment.h"
#include "llmroute/model/request.h"

namespace llmroute::limits {
class Ledger;
}

namespace llmroute::policy {

// Everything a ranking may look at. Views live during the call only.
struct RankContext {
  const Inventory& inventory;
  const health::Board& board;
  const Facts& facts;
  Instant now;
  Random& random;
  const ChatRequest* request = nullptr;  // null: nothing is known of it but its facts
  // Where a policy that weighs several things writes them down; null: nobody looks.
  std::vector<TermRecord>* terms = nullptr;
  const limits::Ledger* ledger = nullptr;  // null: nothing is known of limits
};

// One candidate that the filters kept. The policy fills `score` (lower is better) and
// `probability`; the order of the span after rank() is the plan.
struct Ranked {
  DeploymentIndex deployment = 0;
  std::uint32_t record = 0;  // index in Decision::candidates
  float weight = 1;          // of the member in its group, divided by its penalty
  float load_factor = 1;     // 1 / weight: multiplies a load or a latency
  float usd = 0;             // estimated cost of this request; not-a-number: unknown price
  float probability = 1;     // of being first, where chance took part
  double score = 0;
  double tie = 0;  // breaks equal scores, smaller first
};

// Puts the best kExactlyRanked candidates in front by (score, tie); those behind them follow in no
// particular but repeatable order, which saves sorting hundreds that no attempt budget reaches.
inline constexpr std::size_t kExactlyRanked = 6;
void order_by_score(std::span<Ranked> candidates);

// What of a request tells it from others, as far as those who learn distinguish.
struct RequestTraits {
  Tokens prompt_tokens;
  bool tools = false, images = false;
};
RequestTraits traits_of(const Facts& facts);

// What one attempt, or a word about its answer, teaches of a deployment. Not-a-number: unknown.
struct Lesson {
  static constexpr double kUnknown = std::numeric_limits<double>::quiet_NaN();

  DeploymentIndex deployment = 0;
  RequestTraits request;
  std::optional<bool> answered;  // absent: it says nothing of that, nor of time and money
  double total_ms = kUnknown;
  double usd = kUnknown;
  std::optional<double> feedback;  // 0..1
  std::optional<double> replaced;  // the feedback that it takes the place of
};

class Policy {
 public:
  virtual ~Policy() = default;
  // Reorders `candidates`, best first (see order_by_score): the rest are the fallbacks.
  virtual void rank(const RankContext& context, std::span<Ranked> candidates) = 0;

  // One that learns hears of every attempt in its group, whoever planned it.
  virtual bool learns() const { return false; }
  virtual void learn(const Lesson&) {}
  // Before its first use: what is known by the one it replaces, of the same name. `now_at` says, by
  // the earlier index, where a deployment is now; nowhere: it is gone.
  virtual void take_over(const Policy&,
                         std::span<const std::optional<DeploymentIndex>> /*now_at*/) {}
};

struct OptionSchema {
  std::string_view name;
  double fallback;  // default
  double min, max;
  std::string_view unit;
  std::string_view meaning;
};

struct PolicyEntry {
  std::string_view name;
  int version;               // raised when decisions change for the same input
  std::string_view summary;  // one sentence
  std::span<const OptionSchema> options;
  std::unique_ptr<Policy> (*make)(const Group& group, const std::map<std::string, double>& options);
};

std::span<const PolicyEntry> policies();
const PolicyEntry* find_policy(std::string_view name);
// {"name": {"summary": ..., "version": ..., "options": {...}}}, what parse_config checks against.
std::string policy_schema_json();

}  // namespace llmroute::policy
