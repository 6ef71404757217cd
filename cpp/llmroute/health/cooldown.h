// Leaves a deployment alone for a while after it said that it is too busy.
//
//   wait = max(Retry-After, base x 2^n), at most kCooldownMax where Retry-After asks for less
//
// n counts the times in a row that it was called after a wait and said so again; the first time, a
// believable Retry-After counts alone. A success ends the doubling, not the cooling. Answers that
// come while it cools are of attempts that began before: they may lengthen the wait, not double it.
// Unit: milliseconds left. Without data: 0. Whether a limit concerns the deployment or only a key of
// its pool is the board's to say.
#pragma once

#include "llmroute/health/signal.h"
#include "llmroute/model/treatment.h"

namespace llmroute::health {

// The formula above, for whatever cools; `in_row` counts from 1.
Duration cooling_time(const Treatment& treatment, std::optional<Duration> said, int in_row);

class Cooldown : public Signal {
 public:
  void on_outcome(Instant now, const Outcome& outcome, Work);
  void describe(Instant now, NumberSink& sink) const;

  Instant until() const { return until_; }
  void cool(Instant now, const Failure& failure);

 private:
  Instant until_{};
  int in_row_ = 0;
};

}  // namespace llmroute::health
