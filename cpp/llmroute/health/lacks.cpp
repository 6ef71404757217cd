#include "llmroute/health/lacks.h"

#include "llmroute/model/decision.h"
#include "llmroute/model/defaults.h"

namespace llmroute::health {

void Lacks::learn(Instant now, const Lack& lack, const Facts& facts) {
  const CapabilitySet needs = facts.needs;
  const ParameterSet parameters = facts.parameters;
  if (now >= until_) {
    capabilities_.reset();
    parameters_.reset();
  }
  const bool capability = lack.capability && needs.test(static_cast<std::size_t>(*lack.capability));
  const bool parameter = lack.parameter && *lack.parameter != Parameter::other &&
                         parameters.test(static_cast<std::size_t>(*lack.parameter));
  if (capability) capabilities_.set(static_cast<std::size_t>(*lack.capability));
  if (parameter) parameters_.set(static_cast<std::size_t>(*lack.parameter));
  if (capability || parameter) until_ = add_saturated(now, defaults::kLackKept);
}

Reason Lacks::against(Instant now, const Facts& facts, float& a) const {
  if (now >= until_) return Reason::kept;
  const CapabilitySet missing = facts.needs & capabilities_;
  for (std::size_t i = 0; i < missing.size(); ++i) {
    if (missing.test(i)) return reason_of(static_cast<Capability>(i));
  }
  const ParameterSet refused = facts.parameters & parameters_;
  for (std::size_t i = 0; i < refused.size(); ++i) {
    if (!refused.test(i)) continue;
    a = static_cast<float>(i);
    return Reason::parameter_not_supported;
  }
  return Reason::kept;
}

void Lacks::describe(Instant now, NumberSink& sink) const {
  const std::size_t known = now < until_ ? capabilities_.count() + parameters_.count() : 0;
  sink.number("lacks_learned", static_cast<double>(known));
}

}  // namespace llmroute::health
