#include "llmroute/engine/retry_budget.h"

#include <algorithm>

namespace llmroute::engine {

void RetryBudget::on_request() {
  balance_ = std::min(balance_ + share_, defaults::kRetryBudgetCap);
}

void RetryBudget::on_success() {
  if (balance_ < 0.0) balance_ = std::min(balance_ + 1.0, 0.0);
}

void RetryBudget::settle(Loan loan) {
  --lent_;
  if (loan == Loan::lost) balance_ -= 1.0;
}

}  // namespace llmroute::engine
