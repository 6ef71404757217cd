// Amounts of money, tokens or requests per hour, day or month: a purse per value of every rule in
// [budgets].
//
// A purse spends only from leases, which the state store (store/store.h) grants durably: the limit holds
// over processes and restarts. A lease is asked for before the purse is empty; the answer comes as an
// event. While nothing is granted and nothing is on its way, the purse is spent.
//
//   lease  = limit / 50, at least what one request needs, at least 1; never more is held unspent
//   asked  for what is missing of it when less than half is left; again after an answer of nothing or a failure in
//          1 s, 2 s, ... 30 s
//
// What an attempt may cost at most is reserved when it starts and settled when it ends. More than was
// reserved is owed, and taken with the next lease; so a limit can be passed only by what providers bill
// beyond the bound that the request gave (no max tokens, a prompt longer than estimated).
//
// A new period begins with empty hands: what was left of the old one is given up, what ends late in it
// is settled against it.
//
// Owned by the dispatcher, used under its lock; never waits, never reads a clock. At most
// defaults::kMaxAccounts purses.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "llmroute/base/error.h"
#include "llmroute/limits/calendar.h"
#include "llmroute/model/deployment.h"
#include "llmroute/store/store.h"

namespace llmroute::limits {

using PurseId = std::uint32_t;

// What one attempt takes from one purse, to be settled.
struct Reservation {
  PurseId purse = 0;
  std::uint64_t period = 0;  // that it was taken in
  std::int64_t amount = 0;
};

class Budgets {
 public:
  explicit Budgets(std::size_t max_purses = defaults::kMaxAccounts) : max_purses_(max_purses) {}

  void configure(const Inventory& inventory);
  bool any() const { return !rules_.empty(); }

  // --- a request's purses: by the group it asks for, its metadata and the budget it names; to be
  // released once. ErrorKind::invalid_argument for a budget that does not exist.
  Result<std::vector<PurseId>> hold(GroupIndex group, const RequestOptions& options, Instant now,
                                    WallTime wall);
  void release(const std::vector<PurseId>& purses);

  const BudgetRule& rule(PurseId purse) const { return *purses_[purse].rule; }
  const std::string& who(PurseId purse) const { return purses_[purse].who; }
  // Of the limit, by everyone; not-a-number before the store first spoke in this period.
  double share_spent(PurseId purse) const;
  std::int64_t left(PurseId purse) const { return purses_[purse].left; }
  // When the next period begins.
  Instant renewed_at(PurseId purse) const { return purses_[purse].renewed_at; }

  // Begins a new period where it is time.
  void roll(PurseId purse, Instant now);
  // True where the store spoke in this period or does not speak at all; else it was asked now, or was
  // already, and its answer will say.
  bool ready(PurseId purse, Instant now);
  // For an amount beyond what is left: true where an answer of the store is on its way (it is asked
  // here where that makes sense), so that waiting for it may help.
  bool may_come(PurseId purse, std::int64_t amount, Instant now);
  // False where that amount will not be there before `until`, whatever those under way give back.
  bool may_be_left(PurseId purse, std::int64_t amount, Instant until) const;
  // The store did not answer for long, or fails.
  bool store_is_down(PurseId purse) const { return purses_[purse].failures > 0; }

  Reservation reserve(PurseId purse, std::int64_t amount, Instant now);
  void settle(const Reservation& reservation, std::int64_t spent, Instant now);

  // --- the store
  struct Ask {
    std::uint64_t number;
    store::LeaseWish wish;
  };
  std::vector<Ask> take_asks() { return std::exchange(asks_, {}); }
  bool has_asks() const { return !asks_.empty(); }
  void on_lease(std::uint64_t number, const Result<store::Grant>& grant, Instant now);
  std::vector<std::pair<std::string, std::int64_t>> take_unspent();

 private:
  using RulePtr = std::shared_ptr<const BudgetRule>;
  struct Purse {
    std::string identity, who;
    RulePtr rule;  // as it was when a request last came
    std::uint32_t holders = 0;
    std::uint64_t period = 0;     // counts up
    std::string key, key_before;  // of this period and the one before, in the store
    WallTime ends{};
    Instant renewed_at{};
    std::int64_t left = 0;    // negative: owed
    std::int64_t open = 0;    // reserved in this period and not settled
    std::int64_t taken = 0;   // as the store last said
    bool known = false;       // the store spoke in this period
    std::uint64_t asked = 0;  // number of the ask under way; 0: none
    std::int64_t asked_owed = 0;
    Instant ask_again{};
    int failures = 0, refusals = 0;
  };
  PurseId open(const RulePtr& rule, std::string_view value, Instant now);
  void sweep();
  void begin_period(Purse& purse, Instant now, WallTime wall);
  void ask(PurseId purse, std::int64_t amount);
  void charge_late(const Purse& purse, const std::string& key, std::int64_t owed);
  void refill(PurseId purse, Instant now);

  std::size_t max_purses_;
  std::vector<RulePtr> rules_;
  std::vector<Purse> purses_;
  std::vector<PurseId> free_;
  std::unordered_map<std::string, PurseId> by_identity_;
  struct Asked {
    PurseId purse;
    std::string key;
  };
  std::unordered_map<std::uint64_t, Asked> asked_;  // by number
  std::vector<Ask> asks_;
  std::vector<std::pair<std::string, std::int64_t>> returns_;
  std::uint64_t next_number_ = 1;
  SteadyWall wall_;
};

}  // namespace llmroute::limits
