#include "llmroute/engine/retry_budget.h"

#include <gtest/gtest.h>

namespace llmroute::engine {
namespace {

using Loan = RetryBudget::Loan;

TEST(RetryBudget, EarnsAShareOfEveryRequestUpToACap) {
  RetryBudget budget;
  budget.configure(0.5);
  EXPECT_DOUBLE_EQ(budget.balance(), defaults::kRetryReserve);
  budget.on_request();
  EXPECT_DOUBLE_EQ(budget.balance(), defaults::kRetryReserve + 0.5);
  for (int i = 0; i < 10'000; ++i) budget.on_request();
  EXPECT_DOUBLE_EQ(budget.balance(), defaults::kRetryBudgetCap);
}

TEST(RetryBudget, PaysWhileThereIsAWholeOne) {
  RetryBudget budget;
  budget.configure(0.2);
  int paid = 0;
  for (; budget.can_pay(); ++paid) budget.pay();
  EXPECT_EQ(paid, 10);
  for (int i = 0; i < 4; ++i) budget.on_request();
  EXPECT_FALSE(budget.can_pay()) << "four fifths of a retry are none";
  for (int i = 0; i < 2; ++i) budget.on_request();
  EXPECT_TRUE(budget.can_pay());
}

TEST(RetryBudget, LoansCostWhatTheyLose) {
  RetryBudget budget;
  const double before = budget.balance();
  for (int i = 0; i < 3; ++i) budget.lend();
  EXPECT_EQ(budget.lent(), 3);
  budget.settle(Loan::repaid);
  budget.settle(Loan::waived);
  EXPECT_DOUBLE_EQ(budget.balance(), before);
  budget.settle(Loan::lost);
  EXPECT_DOUBLE_EQ(budget.balance(), before - 1);
  EXPECT_EQ(budget.lent(), 0);
}

TEST(RetryBudget, BoundsLoansWithoutProof) {
  RetryBudget budget;
  int lent = 0;
  for (; budget.can_lend(false) && lent < 1'000'000; ++lent) budget.lend();
  EXPECT_EQ(lent, defaults::kRetryLoans);
  EXPECT_TRUE(budget.can_lend(true));
  budget.settle(Loan::repaid);
  EXPECT_TRUE(budget.can_lend(false));
}

TEST(RetryBudget, ADebtEndsLoansUntilItIsWorkedOff) {
  RetryBudget budget;
  budget.configure(0.2);
  for (int i = 0; i < 15; ++i) budget.lend();
  for (int i = 0; i < 15; ++i) budget.settle(Loan::lost);
  EXPECT_DOUBLE_EQ(budget.balance(), -5);
  EXPECT_FALSE(budget.can_lend(false));
  EXPECT_FALSE(budget.can_pay());
  EXPECT_TRUE(budget.can_lend(true)) << "what answers now does not feed an outage";
  for (int i = 0; i < 5; ++i) budget.on_success();
  EXPECT_DOUBLE_EQ(budget.balance(), 0);
  EXPECT_TRUE(budget.can_lend(false));
  budget.on_success();
  EXPECT_DOUBLE_EQ(budget.balance(), 0) << "success repays, it does not save up";
}

TEST(RetryBudget, WithoutAShareOnlyTheReserveIsThere) {
  RetryBudget budget;
  budget.configure(0.0);
  for (int i = 0; i < 1000; ++i) budget.on_request();
  EXPECT_DOUBLE_EQ(budget.balance(), defaults::kRetryReserve);
}

}  // namespace
}  // namespace llmroute::engine
