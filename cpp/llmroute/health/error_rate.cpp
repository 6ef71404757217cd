#include "llmroute/health/error_rate.h"

namespace llmroute::health {

void ErrorRate::on_outcome(Instant now, const Outcome& outcome, Work) {
  if (outcome.cancelled) return;
  if (!outcome.failure) {
    window_.add(now, true);
    return;
  }
  const Fault fault = fault_of(*outcome.failure);
  if (fault == Fault::deployment || fault == Fault::key) window_.add(now, false);
}

void ErrorRate::describe(Instant now, NumberSink& sink) const {
  sink.number("error_rate", window_.counts(now).failure_share());
}

}  // namespace llmroute::health
