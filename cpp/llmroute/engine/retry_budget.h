// A token bucket that keeps an outage from multiplying traffic.
//
// Every request earns `share` of a retry, up to a cap. A retry to a doubtful place pays one. A retry
// to a place that nothing speaks against is a loan: it costs nothing if it ends well and one, even
// into debt, if it fails. There are always loans for places with proof (an answer or content in the
// last kProofAge); for others at most kRetryLoans at once, and none while there is a debt. A success
// takes off one of the debt.
//
// So where one provider dies among sound ones, everything under way there moves on for nothing. In
// an outage of all, proof ends with the answers: N requests make at most N + share * N + (saved up)
// retries, and those loans that were made before the first of them failed. Source: Finagle's
// RetryBudget; the loans are our own.
//
// Single-threaded, under the dispatcher's lock.
#pragma once

#include "llmroute/model/defaults.h"

namespace llmroute::engine {

class RetryBudget {
 public:
  enum class Loan : unsigned char {
    repaid,  // the attempt succeeded
    lost,    // it failed
    waived,  // it was cancelled, or failed through the caller's fault
  };

  void configure(double share) { share_ = share; }
  void on_request();
  void on_success();

  bool can_pay() const { return balance_ >= 1.0; }
  void pay() { balance_ -= 1.0; }
  bool can_lend(bool proven) const {
    return proven || (balance_ >= 0.0 && lent_ < defaults::kRetryLoans);
  }
  void lend() { ++lent_; }
  void settle(Loan loan);  // each lend() once

  double balance() const { return balance_; }
  int lent() const { return lent_; }

 private:
  double share_ = defaults::kRetryShare;
  double balance_ = defaults::kRetryReserve;
  int lent_ = 0;
};

}  // namespace llmroute::engine
