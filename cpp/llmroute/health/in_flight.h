// Attempts and estimated tokens that a deployment is working on now. Unit: attempts, tokens.
// Without data: 0. No knobs.
//
// And the time it was busy, shared out: while n attempts are in flight each gets 1/n of every second.
// What `shared_s` grows by during an attempt is the attempt's share, and all shares together are the
// busy time; so a price by the hour can be told per request. Time without any attempt is nobody's.
#pragma once

#include "llmroute/health/signal.h"

namespace llmroute::health {

class InFlight : public Signal {
 public:
  void on_start(Instant now, Work& work);
  void on_outcome(Instant now, const Outcome&, Work work);
  void describe(Instant now, NumberSink& sink) const;

  std::uint32_t attempts() const { return attempts_; }
  Tokens tokens() const { return tokens_; }
  // Seconds that one attempt would have got that was there all along.
  double shared_s(Instant now) const;

 private:
  std::uint32_t attempts_ = 0;
  Tokens tokens_;
  double shared_s_ = 0;  // until `since_`
  Instant since_{};      // of the last change of `attempts_`
};

}  // namespace llmroute::health
