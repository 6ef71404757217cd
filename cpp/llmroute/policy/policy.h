// Ranking what the filters left.
//
// A policy instance belongs to one group of one inventory and is used under the dispatcher's lock;
// it may keep state (a round-robin place). It sees numbers only and gives a score per candidate and
// an order; it never sees HTTP, and it allocates nothing in steady state. Adding one touches its
// .cpp, one line in registry.cpp and its test; options, docs and the command line follow from the
// schema of its registry entry.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
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

class Policy {
 public:
  virtual ~Policy() = default;
  // Reorders `candidates`, best first (see order_by_score): the rest are the fallbacks.
  virtual void rank(const RankContext& context, std::span<Ranked> candidates) = 0;
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
