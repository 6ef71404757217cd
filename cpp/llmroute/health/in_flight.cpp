#include "llmroute/health/in_flight.h"

#include <algorithm>

namespace llmroute::health {

double InFlight::shared_s(Instant now) const {
  if (attempts_ == 0) return shared_s_;
  return shared_s_ + to_seconds(std::max(now - since_, Duration::zero())) / attempts_;
}

void InFlight::on_start(Instant now, Work& work) {
  shared_s_ = work.shared_s = shared_s(now);
  since_ = now;
  ++attempts_;
  tokens_ = tokens_ + work.input + work.output;
}

void InFlight::on_outcome(Instant now, const Outcome&, Work work) {
  // An outcome without its start would be a fault of the engine; a gauge must not wrap for it.
  if (attempts_ == 0) return;
  shared_s_ = shared_s(now);
  since_ = now;
  --attempts_;
  tokens_ = attempts_ == 0 ? Tokens{} : tokens_ - work.input - work.output;
}

void InFlight::describe(Instant, NumberSink& sink) const {
  sink.number("in_flight", attempts_);
  sink.number("in_flight_tokens", static_cast<double>(tokens_.count));
}

}  // namespace llmroute::health
