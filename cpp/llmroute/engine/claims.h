// What one request holds in the ledger and in budgets, from its beginning to its end.
//
// Its own accounts ([limits] by all or metadata) and the purses counted in requests are drawn on once,
// with its first attempt; the accounts of a place and the purses of money and tokens with each
// attempt. Whatever was drawn is settled exactly once.
//
// Owned by the request's machine, used under the dispatcher's lock.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "llmroute/limits/budgets.h"
#include "llmroute/limits/ledger.h"
#include "llmroute/model/decision.h"
#include "llmroute/model/request.h"
#include "llmroute/policy/filter.h"

namespace llmroute::engine {

// What an attempt was let through with.
struct Drawn {
  Tokens tokens;  // expected there, on each of the accounts
  limits::AccountIds accounts;
  std::vector<limits::Reservation> reservations;
};

// What keeps a request from a place.
struct Hindrance {
  Reason reason = Reason::kept;
  float a = 0, b = 0;
};

class Claims {
 public:
  // The budgets that count, for a decision; ErrorKind::invalid_argument for one that does not exist.
  Result<void> take(limits::Ledger& ledger, limits::Budgets& budgets, const Inventory& inventory,
                    GroupIndex group, const ChatRequest& request, Instant now, WallTime wall);
  // At the end, after the last attempt was settled. `used`: tokens of all attempts; nothing where
  // nobody counted them.
  void release(limits::Ledger& ledger, limits::Budgets& budgets, Instant now,
               std::optional<Tokens> used);

  // --- before a place is chosen
  bool has_budgets() const { return !purses_.empty(); }
  // True where every budget is known, or cannot be; else the store was asked.
  bool ready(limits::Budgets& budgets, Instant now) const;
  // Share spent and the group that it leads to, into `records`.
  void describe(const limits::Budgets& budgets, std::vector<BudgetRecord>& records) const;
  // Nothing where the request may draw at a place of this price. Soft budgets hinder nobody.
  Hindrance hindrance(const limits::Budgets& budgets, const Deployment& deployment,
                      Instant now) const;
  // Where a budget hinders: true if the store may still grant what is missing.
  bool may_come(limits::Budgets& budgets, const Deployment& deployment, Instant now) const;
  // False where a budget will be against that place until then.
  bool may_be_paid(const limits::Budgets& budgets, const Deployment& deployment,
                   Instant until) const;
  // Of its own accounts; nothing once they are drawn on.
  std::optional<limits::Shortage> shortage(const limits::Ledger& ledger, Instant now) const;

  // --- attempts
  // `there`: what it is expected to take of the place's accounts.
  Drawn draw(limits::Ledger& ledger, limits::Budgets& budgets, limits::AccountIds place,
             Tokens there, const Deployment& deployment, Instant now,
             std::vector<BudgetRecord>& records);
  void settle(limits::Ledger& ledger, limits::Budgets& budgets, const Drawn& drawn,
              const Outcome& outcome, const Cost& cost, Instant now) const;

  Tokens tokens() const { return prompt_ + output_; }
  // Where a prompt's tokens are that many times the estimated ones.
  Tokens tokens_at(float token_ratio) const {
    return Tokens{policy::scaled(prompt_.count, token_ratio)} + output_;
  }
  const limits::AccountIds& own() const { return own_; }
  // The name of a budget that hinders, and whom it counts, for people.
  limits::PurseId purse_of_rule(std::uint32_t rule) const;

 private:
  struct Purse {
    limits::PurseId id;
    std::uint32_t rule;  // index in Inventory::budgets
  };
  // The most an attempt there may take; nothing for money where the price is unknown.
  std::optional<std::int64_t> most(BudgetUnit unit, const Deployment& deployment) const;

  limits::AccountIds own_;
  bool counted_ = false;  // own accounts and requests are drawn
  std::vector<Purse> purses_;
  std::vector<limits::Reservation> once_;  // of purses in requests
  Tokens prompt_, output_;                 // expected, for limits
  Usage usage_;                            // at most, for budgets
  ServiceTier tier_ = ServiceTier::standard;
  Duration timeout_{};  // of an attempt, where a deployment has none of its own; zero: none
};

}  // namespace llmroute::engine
