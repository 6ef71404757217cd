// The places that a request may go to, in order, and what became of each.
//
// First the plan as the policy ranked it, then the reserve: candidates that planning left out only
// for the moment (cooling, breaker, keys), which may be back by the time the plan is used up. The
// order is frozen; only whether a place may be called is asked again each time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <vector>

#include "llmroute/engine/retry_budget.h"
#include "llmroute/engine/standing.h"
#include "llmroute/model/decision.h"
#include "llmroute/policy/planner.h"

namespace llmroute::engine {

// True where a candidate may come back by time alone.
bool is_temporary(Reason reason);
// True where it is worth waiting for: somebody said when. Of an open breaker nobody knows.
bool is_worth_waiting(Reason reason);

struct Place {
  DeploymentIndex deployment = 0;
  GroupIndex group = 0;
  std::uint32_t record = 0;     // index in Decision::candidates
  std::uint16_t rotations = 0;  // attempts that were begun with another key of its pool
  std::uint16_t refused = 0;    // keys that this request found refused,
  std::uint16_t limited = 0;    // and limited
  std::uint8_t tries = 0;       // charged attempts
  bool last_usable = false;     // admitted although its breaker is open, throttled
  bool reserve = false;
  bool closed = false;  // not again in this request
};

class Route {
 public:
  struct Choice {
    std::optional<std::size_t> go;      // the place to try now
    bool on_loan = false;               // and what the retry budget gives for it
    bool unaffordable = false;          // else: one may be called, but the retry budget is empty
    bool promising = false;             //       and it may be found sound before long
    Instant back = kNever;              // else: when the first of those worth waiting for is back
    int back_tries = 0;                 //       and how often it was tried
    std::optional<std::size_t> unpaid;  // else: the first place that only a budget is against
  };

  void clear() { places_.clear(); }
  std::size_t ranked() const;  // places of the plan, without the reserve
  bool any_open() const;
  std::size_t size() const { return places_.size(); }
  Place& operator[](std::size_t slot) { return places_[slot]; }
  const Place& operator[](std::size_t slot) const { return places_[slot]; }

  // Adds planned places, and as reserve the records from `from` on that are out for the moment.
  // `refused` says of a record that it may not become a reserve.
  using Refused = std::function<bool(const CandidateRecord&)>;
  void add(std::span<const policy::PlanStep> planned, const std::vector<CandidateRecord>& records,
           std::size_t from, const Refused& refused);

  // The first of those tried least often that may be called now. With a budget, for a retry, those
  // that it does not give for are passed over.
  Choice choose(const Standing& standing, const RetryBudget* budget) const;

  // For a second attempt beside the one at `slot`: the first untried place of the same group that may
  // be called now.
  std::optional<std::size_t> beside(std::size_t slot, const Standing& standing) const;

  // Of those that their health alone is against, the one that may be sound again soonest.
  std::optional<std::size_t> least_bad(const Standing& standing) const;

  // Closes every place whose window is not known to be larger than `tokens`.
  void keep_larger_windows(const Inventory& inventory, Tokens tokens);
  void close_all();
  // Opens the untried places of a group again, but none whose known window is at most `tokens`.
  void reopen(const Group& group, const Inventory& inventory, Tokens tokens);

 private:
  bool holds(DeploymentIndex deployment) const;

  std::vector<Place> places_;
};

}  // namespace llmroute::engine
