// When a second attempt is sent beside one that is late, and how many of those there may be.
//
//   sent after  = q-quantile of what the deployment usually takes: to the first token of a stream,
//                 to the end of a whole reply (health/latency.h), or up to 15 % later, as exactly as
//                 the sketch knows; never before kHedgeSamples are known
//   may be sent = a token bucket per group: every request earns `extra_load` of a hedge, saved up to
//                 kHedgeBurst, so that hedges are at most that share of the requests
//
// The first content of either cancels the other, whose cost counts. Source: Dean and Barroso, The
// Tail at Scale (2013), hedged requests.
//
// Single-threaded, under the dispatcher's lock.
#pragma once

#include <algorithm>
#include <vector>

#include "llmroute/model/defaults.h"

namespace llmroute::engine {

class HedgeBudget {
 public:
  void on_request(double extra_load) {
    balance_ = std::min(balance_ + extra_load, defaults::kHedgeBurst);
  }
  bool can_pay() const { return balance_ >= 1.0; }
  void pay() { balance_ -= 1.0; }

 private:
  double balance_ = 0;
};

using HedgeBudgets = std::vector<HedgeBudget>;  // by group of the current inventory

}  // namespace llmroute::engine
