#include "llmroute/health/in_flight.h"

namespace llmroute::health {

void InFlight::on_start(Instant, Work& work) {
  ++attempts_;
  tokens_ = tokens_ + work.input + work.output;
}

void InFlight::on_outcome(Instant, const Outcome&, Work work) {
  // An outcome without its start would be a fault of the engine; a gauge must not wrap for it.
  if (attempts_ == 0) return;
  --attempts_;
  tokens_ = attempts_ == 0 ? Tokens{} : tokens_ - work.input - work.output;
}

void InFlight::describe(Instant, NumberSink& sink) const {
  sink.number("in_flight", attempts_);
  sink.number("in_flight_tokens", static_cast<double>(tokens_.count));
}

}  // namespace llmroute::health
