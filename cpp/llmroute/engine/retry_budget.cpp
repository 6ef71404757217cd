#include "llmroute/engine/retry_budget.h"

#include <algorithm>

namespace llmroute::engine {

void RetryBudget::on_request() {
  balance_ = std::min(balance_ + share_, defaults::kRetryBudgetCap);
}

bool RetryBudget::try_spend() {
  if (!can_spend()) return false;
  balance_ -= 1.0;
  return true;
}

}  // namespace llmroute::engine
