// Share of attempts that failed through the deployment's or a key's fault in the last kErrorWindow.
// Unit: share, 0 to 1. Without data: 0. Faults of the request and cancelled attempts do not count.
#pragma once

#include "llmroute/health/signal.h"
#include "llmroute/health/window.h"

namespace llmroute::health {

class ErrorRate : public Signal {
 public:
  void on_outcome(Instant now, const Outcome& outcome, Work);
  void describe(Instant now, NumberSink& sink) const;

  Window::Counts counts(Instant now) const { return window_.counts(now); }

 private:
  Window window_;
};

}  // namespace llmroute::health
