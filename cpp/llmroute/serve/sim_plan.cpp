#include "llmroute/serve/sim_plan.h"

#include <cmath>

#include "llmroute/base/random.h"

namespace llmroute::serve {

namespace {

bool in_window(const Fault& fault, std::uint64_t since_set, Duration elapsed) {
  if (elapsed < fault.from || (fault.to && elapsed > *fault.to)) return false;
  return since_set >= fault.from_request && (!fault.to_request || since_set <= *fault.to_request);
}

}  // namespace

SimPlan plan_request(const SimOptions& options, std::span<const Fault> faults, std::uint64_t number,
                     std::uint64_t since_set, Duration elapsed) {
  Random random(mix64(options.seed) ^ mix64(number));
  SimPlan plan;
  plan.ttft = from_ms(options.ttft_ms * std::exp(options.ttft_sigma * random.normal()));
  plan.text_seed = random.next();
  for (const Fault& fault : faults) {
    // Drawn for every fault, used or not: else one fault's window would shift the others' luck.
    const bool strikes = random.unit() < fault.chance;
    if (!plan.fault && strikes && in_window(fault, since_set, elapsed)) plan.fault = fault;
  }
  if (plan.fault && plan.fault->kind == FaultKind::slow_first_byte) plan.ttft += plan.fault->delay;
  return plan;
}

}  // namespace llmroute::serve
