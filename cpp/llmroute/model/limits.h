// What a configuration says of amounts: limits, budgets, waiting in line, caching, and where state is
// kept. Data only; part of the immutable inventory.
#pragma once

#include <array>
#include <bitset>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "llmroute/base/enum.h"
#include "llmroute/base/time.h"
#include "llmroute/base/units.h"
#include "llmroute/model/defaults.h"

namespace llmroute {

using GroupIndex = std::uint32_t;

// --- priority -------------------------------------------------------------------------------------

// 0 is served first, 9 last. Three of the numbers have names.
using Priority = std::uint8_t;
inline constexpr std::size_t kPriorities = 10;
inline constexpr Priority kInteractive = 2, kStandard = 5, kBatch = 8;
using PrioritySet = std::bitset<kPriorities>;

// "interactive", "standard", "batch" or a digit; nothing for other words.
std::optional<Priority> priority_from(std::string_view word);
// The name where it has one, else the digit.
std::string_view priority_word(Priority priority);

// --- what is counted, and by what ------------------------------------------------------------------

// Each value of the scope has an account of its own: every deployment, every tenant ...
LLMROUTE_ENUM(Scope, all, deployment, provider, group, key, metadata);
struct CountedBy {
  Scope scope = Scope::all;
  std::string key;  // of metadata
  friend bool operator==(const CountedBy&, const CountedBy&) = default;
};
// "deployment", "metadata.tenant" ...; nothing for other words.
std::optional<CountedBy> counted_by(std::string_view text);
std::string to_text(const CountedBy& by);

// Absent: none.
struct LimitsSpec {
  std::optional<std::int64_t> requests_per_minute, tokens_per_minute;
  std::optional<std::int64_t> requests_per_day, tokens_per_day;
  std::optional<std::int64_t> in_flight;
  std::optional<Duration> slow_start;  // of in_flight: from a tenth to all of it, after idleness
  bool any() const {
    return requests_per_minute || tokens_per_minute || requests_per_day || tokens_per_day ||
           in_flight;
  }
  friend bool operator==(const LimitsSpec&, const LimitsSpec&) = default;
};

// A table under [limits]. Requests without such metadata share one account.
struct LimitRule {
  std::string name;
  CountedBy by;
  std::vector<std::string> only;  // the values it holds for; empty: all
  LimitsSpec limits;
};

// --- budgets ----------------------------------------------------------------------------------------

LLMROUTE_ENUM(BudgetPeriod, hour, day, month);
LLMROUTE_ENUM(BudgetUnit, usd, tokens, requests);
LLMROUTE_ENUM(BudgetEnd, reject, allow);  // allow: passes, and the decision says so

// From this second (since 1970-01-01 UTC) on the zone is so far ahead of UTC.
struct ZoneOffset {
  std::int64_t from_s = 0;
  std::int32_t ahead_s = 0;
};

// From this share of the limit on, requests go to that group instead.
struct BudgetStep {
  double share = 1;
  GroupIndex group = 0;
};

struct BudgetRule {
  std::string name;
  BudgetUnit unit = BudgetUnit::usd;
  std::int64_t limit = 0;  // picodollars, tokens or requests
  BudgetPeriod per = BudgetPeriod::day;
  std::string timezone = "UTC";
  std::vector<ZoneOffset> zone;  // in order; empty: UTC
  CountedBy by;                  // all or metadata
  std::vector<std::string> only;
  std::vector<GroupIndex> groups;  // asked for by the caller; empty: only where `budget` names it
  bool every_group = false;
  std::vector<BudgetStep> at;  // by share, rising
  BudgetEnd on_exhausted = BudgetEnd::reject;
};

// --- waiting in line ----------------------------------------------------------------------------------

LLMROUTE_ENUM(ExhaustedAction, reject, least_bad, queue, group, human);
// One thing to try, in order, when nothing can serve.
struct ExhaustedStep {
  ExhaustedAction action = ExhaustedAction::reject;
  Duration wait{};       // of queue
  GroupIndex group = 0;  // of group
};

struct QueueSpec {
  std::size_t max_waiting = defaults::kMaxWaiting;
  CountedBy by{Scope::metadata, "tenant"};             // the shares are between its values
  std::map<std::string, double, std::less<>> weights;  // by value; others have 1
};

// --- cache --------------------------------------------------------------------------------------------

struct ExactCacheSpec {
  Duration ttl = seconds(3'600);
  std::size_t max_bytes = 256U << 20;
  std::optional<CountedBy>
      by;                     // requests without such metadata are not cached; absent: one for all
  bool single_flight = true;  // identical requests under way at the same time are sent once
  bool persistent = false;    // also in the state file
};

// Where a provider is likely to have the beginning of a prompt in its own cache.
struct AffinitySpec {
  bool conversations = true;  // a conversation stays where it is
  bool prefixes = true;       // a warm prefix counts as money
  Duration ttl = seconds(300);
  Tokens min_prefix{1'024};
};

struct CacheSpec {
  std::optional<ExactCacheSpec> exact;
  std::optional<AffinitySpec> affinity;
};

// --- state --------------------------------------------------------------------------------------------

struct StateSpec {
  std::string path;                     // of the SQLite file; empty: in memory
  Duration busy = milliseconds(1'000);  // longest wait for another process
};

}  // namespace llmroute
