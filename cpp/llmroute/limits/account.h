// What one value of one limit may still take: its rates and what it has under way.
//
//   in_flight   at most `in_flight` at once. With slow_start, after idleness of that length:
//               in_flight * min(1, 0.1 + 0.9 * (time since work came again) / slow_start), at least 1
//   rates       GCRA each (gcra.h)
//
// Single-threaded, under the ledger's lock.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "llmroute/limits/gcra.h"
#include "llmroute/model/decision.h"
#include "llmroute/model/limits.h"

namespace llmroute::limits {

// The limit that says no, and when it may say yes; kNever: nobody knows.
struct Shortage {
  Limit limit = Limit::in_flight;
  Instant free_at = kNever;
  std::uint32_t rule = 0;  // 1 + index in Inventory::limits; 0: the deployment's own
};

class Account {
 public:
  explicit Account(const LimitsSpec& spec) { set(spec); }

  const LimitsSpec& spec() const { return spec_; }
  // Begins anew with other limits; what is under way stays.
  void set(const LimitsSpec& spec);

  std::optional<Shortage> shortage(Instant now, Tokens tokens) const;
  void reserve(Instant now, Tokens tokens);
  // Once per reservation. `used`: what it really took; nothing where nobody said.
  void settle(Instant now, Tokens reserved, std::optional<Tokens> used);

  std::int64_t in_flight() const { return in_flight_; }
  // Of the limit that is nearest to its end, the share used up: 0 to 1; 0 without limits.
  double used(Instant now) const;
  // Nothing is under way and nothing is remembered: a new one would be the same.
  bool idle(Instant now) const;

 private:
  struct Rate {
    Limit limit;
    Gcra gcra;
  };
  std::optional<Shortage> too_many_at_once(Instant now) const;

  LimitsSpec spec_;
  std::int64_t in_flight_ = 0;
  Instant idle_since_{};
  std::optional<Instant> busy_since_;  // since it has work again after idleness
  std::vector<Rate> requests_, tokens_;
};

}  // namespace llmroute::limits
