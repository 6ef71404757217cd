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

// True where nothing of the request stands against the deployment; else check_fit says what.
inline bool fits(const Facts& facts, const Fitness& fitness) {
  const std::int64_t asked = facts.max_output_tokens ? facts.max_output_tokens->count : 0;
  return (facts.needs & fitness.lacks).none() && (facts.parameters & fitness.unsupported).none() &&
         (fitness.max_output_tokens == 0 || asked <= fitness.max_output_tokens) &&
         (fitness.context_tokens == 0 ||
          facts.prompt_tokens.count + asked <= fitness.context_tokens);
}

// What the request needs against what the deployment is: capabilities, parameters, context length.
// Does not change during a request. `kept` or the first reason found.
health::Admission check_fit(const Facts& facts, bool drop_unsupported, const Fitness& fitness);

// The tokens that a price is applied to, read once per plan.
struct Amount {
  explicit Amount(const Facts& facts)
      : input(static_cast<double>(facts.prompt_tokens.count)),
        output(static_cast<double>(facts.expected_output().count)) {}
  double input, output;
};

// USD of this request by price and the facts' token estimates; not-a-number for an unknown price.
inline double estimate_usd(const Amount& amount, const Fitness& fitness) {
  return amount.input * fitness.input_usd + amount.output * fitness.output_usd;
}

}  // namespace llmroute::policy
