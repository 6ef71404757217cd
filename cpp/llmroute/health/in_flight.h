// Attempts and estimated tokens that a deployment is working on now. Unit: attempts, tokens.
// Without data: 0. No knobs.
#pragma once

#include "llmroute/health/signal.h"

namespace llmroute::health {

class InFlight : public Signal {
 public:
  void on_start(Instant, Work& work);
  void on_outcome(Instant, const Outcome&, Work work);
  void describe(Instant, NumberSink& sink) const;

  std::uint32_t attempts() const { return attempts_; }
  Tokens tokens() const { return tokens_; }

 private:
  std::uint32_t attempts_ = 0;
  Tokens tokens_;
};

}  // namespace llmroute::health
