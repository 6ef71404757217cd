// What the provider's headers say is left of its rate limits. Units: requests, tokens.
// Blocks only where nothing is left and a reset is announced. Without data: nothing is blocked.
#pragma once

#include "llmroute/health/signal.h"

namespace llmroute::health {

class RateLimits : public Signal {
 public:
  void on_start(Instant, Work& work);
  void on_outcome(Instant now, const Outcome& outcome, Work);
  void describe(Instant now, NumberSink& sink) const;

  // When something is left again; a time in the past where something is.
  Instant exhausted_until() const { return exhausted_until_; }
  // The larger share used up, 0 to 1; 0 where the provider did not say how much there is in all.
  double used(Instant now) const;

 private:
  // Remaining in the provider's own count, lessened by what was started since it said so.
  std::optional<std::int64_t> requests_, tokens_;
  std::optional<std::int64_t> requests_limit_, tokens_limit_;
  Instant requests_reset_{}, tokens_reset_{};
  Instant exhausted_until_{};
};

}  // namespace llmroute::health
