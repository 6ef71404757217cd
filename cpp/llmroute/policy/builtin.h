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

using PolicyOptions = std::map<std::string, double>;
std::unique_ptr<Policy> make_ordered(const Group&, const PolicyOptions&);
std::unique_ptr<Policy> make_weighted(const Group&, const PolicyOptions&);
std::unique_ptr<Policy> make_round_robin(const Group&, const PolicyOptions&);
std::unique_ptr<Policy> make_least_in_flight(const Group&, const PolicyOptions&);
std::unique_ptr<Policy> make_least_latency(const Group&, const PolicyOptions&);
std::unique_ptr<Policy> make_least_cost(const Group&, const PolicyOptions&);
std::unique_ptr<Policy> make_power_of_two(const Group&, const PolicyOptions&);

}  // namespace llmroute::policy
