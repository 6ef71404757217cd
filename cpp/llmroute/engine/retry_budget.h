// A token bucket that keeps an outage from multiplying traffic.
//
// Every request earns `share` of a retry, up to a cap; a retry to a doubtful deployment spends one;
// a retry to a deployment that nothing speaks against is free, because it does not feed an outage.
// So N requests make at most N + share * N + (what was saved up) attempts, and the free ones: those
// need a deployment that answers, or one that has not been found out yet, which the breaker ends
// after a handful of failures. Source: Finagle's RetryBudget.
//
// Single-threaded, under the dispatcher's lock.
#pragma once

#include "llmroute/model/defaults.h"

namespace llmroute::engine {

class RetryBudget {
 public:
  void configure(double share) { share_ = share; }
  void on_request();
  bool can_spend() const { return balance_ >= 1.0; }
  bool try_spend();  // false: nothing left, the request must end with what it has
  double balance() const { return balance_; }

 private:
  double share_ = defaults::kRetryShare;
  double balance_ = defaults::kRetryReserve;
};

}  // namespace llmroute::engine
