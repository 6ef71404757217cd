// The makers of the built-in policies, for the registry alone, and what several of them share.
#pragma once

#include <algorithm>

#include "llmroute/policy/policy.h"

namespace llmroute::policy {

// (attempts in flight + 1) / w: how full a candidate is, relative to its share. w is the member's
// weight over its penalty (recent failures, slow start; see Board::penalty).
inline double load_of(const RankContext& context, const Ranked& c) {
  return (context.board.hot(c.deployment).in_flight + 1.0) * c.load_factor;
}

// What least_latency expects of each candidate; least_latency.cpp has the formula.
class ExpectedLatency {
 public:
  ExpectedLatency(const RankContext& context, std::span<const Ranked> candidates);
  // Milliseconds to the whole answer, as busy as the candidate is.
  double ms(const Ranked& candidate) const;
  double work() const { return work_; }
  double quickest() const { return quickest_; }

 private:
  const RankContext& context_;
  double work_, quickest_;
};

using PolicyOptions = std::map<std::string, double>;
std::unique_ptr<Policy> make_ordered(const Group&, const PolicyOptions&);
std::unique_ptr<Policy> make_weighted(const Group&, const PolicyOptions&);
std::unique_ptr<Policy> make_round_robin(const Group&, const PolicyOptions&);
std::unique_ptr<Policy> make_least_in_flight(const Group&, const PolicyOptions&);
std::unique_ptr<Policy> make_least_loaded(const Group&, const PolicyOptions&);
std::unique_ptr<Policy> make_least_latency(const Group&, const PolicyOptions&);
std::unique_ptr<Policy> make_least_cost(const Group&, const PolicyOptions&);
std::unique_ptr<Policy> make_power_of_two(const Group&, const PolicyOptions&);
std::unique_ptr<Policy> make_score(const Group&, const PolicyOptions&);
// Score with one term alone.
std::unique_ptr<Policy> make_headroom(const Group&, const PolicyOptions&);
std::unique_ptr<Policy> make_carbon(const Group&, const PolicyOptions&);
std::unique_ptr<Policy> make_quality(const Group&, const PolicyOptions&);
std::unique_ptr<Policy> make_region_latency(const Group&, const PolicyOptions&);
std::unique_ptr<Policy> make_thompson(const Group&, const PolicyOptions&);

inline double option_or(const PolicyOptions& options, std::string_view name, double otherwise) {
  const auto found = options.find(std::string(name));
  return found == options.end() ? otherwise : found->second;
}

}  // namespace llmroute::policy
