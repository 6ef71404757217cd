// Leaves a deployment alone for a while after it said that it is too busy.
//
// A rate limit or overload cools it for the believable Retry-After, else for kCooldown doubling with
// each such answer in a row up to kCooldownMax. A success ends the doubling, not the cooling.
// Unit: milliseconds left. Without data: 0. Whether a rate limit concerns the deployment or only a
// key of its pool is the board's to say.
#pragma once

#include "llmroute/health/signal.h"

namespace llmroute::health {

class Cooldown : public Signal {
 public:
  void on_outcome(Instant now, const Outcome& outcome, Work);
  void describe(Instant now, NumberSink& sink) const;

  Instant until() const { return until_; }
  void cool(Instant now, std::optional<Duration> retry_after);

 private:
  Instant until_{};
  int in_row_ = 0;
};

}  // namespace llmroute::health
