// Dropping candidates that cannot serve a request, each with its reason.
#pragma once

#include <cstdint>

#include "llmroute/health/board.h"
#include "llmroute/model/request.h"

namespace llmroute::policy {

// What a deployment can do, as filters and prices need it: side by side in memory.
struct Fitness {
  ParameterSet unsupported;
  CapabilitySet lacks;
  std::int64_t context_tokens = 0;       // 0: unknown
  std::int64_t max_output_tokens = 0;    // 0: unknown
  double input_usd = 0, output_usd = 0;  // per token; not-a-number: unknown
};
Fitness fitness_of(const Deployment& deployment);

// What the request needs against what the deployment is: capabilities, parameters, context length.
// Does not change during a request. `kept` or the first reason found.
health::Admission check_fit(const Facts& facts, bool drop_unsupported, const Fitness& fitness);

// USD of this request by price and the facts' token estimates; not-a-number for an unknown price.
inline double estimate_usd(const Facts& facts, const Fitness& fitness) {
  return static_cast<double>(facts.prompt_tokens.count) * fitness.input_usd +
         static_cast<double>(facts.expected_output().count) * fitness.output_usd;
}

}  // namespace llmroute::policy
