// What a deployment has shown that it lacks: capabilities and parameters that its provider refused.
//
// Learned only from a refusal that names what the request did carry, so nobody can teach it with
// words; forgotten kLackKept after the last lesson, for a server may be started anew with more
// options. Unit: a count. Without data: nothing is lacking.
#pragma once

#include "llmroute/health/signal.h"
#include "llmroute/model/decision.h"

namespace llmroute::health {

class Lacks : public Signal {
 public:
  void learn(Instant now, const Lack& lack, const Facts& facts);
  void describe(Instant now, NumberSink& sink) const;

  bool any() const { return capabilities_.any() || parameters_.any(); }
  // What the request needs of it: the reason, with its number in `a`; or `kept`.
  Reason against(Instant now, const Facts& facts, float& a) const;

 private:
  CapabilitySet capabilities_;
  ParameterSet parameters_;
  Instant until_{};
};

}  // namespace llmroute::health
