// Who may still take what: an account per deployment, and one per value of every rule in [limits].
// Reserve before a call, settle after it.
//
// A reservation counts at once, so requests under way at the same time cannot overshoot. Tokens are
// reserved by estimate and settled by the provider's own count. Accounts keep their number for as long
// as anything holds them, also across configurations, so that an attempt ends where it began.
//
// A request draws on accounts of two sorts: those of the place it is sent to (deployment, provider,
// group, key), for the length of an attempt; and its own (all, metadata), once, from its first attempt
// to its end.
//
// Owned by the dispatcher, used under its lock; never waits, never reads a clock. At most
// defaults::kMaxAccounts: then values that nobody holds are forgotten once they are idle, and new ones
// share an account where none is.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "llmroute/limits/account.h"
#include "llmroute/model/deployment.h"

namespace llmroute::limits {

using AccountId = std::uint32_t;
using AccountIds = std::vector<AccountId>;

class Ledger {
 public:
  explicit Ledger(std::size_t max_accounts = defaults::kMaxAccounts)
      : max_accounts_(max_accounts) {}

  // What was taken survives for a value that keeps its name and limits; what is under way, where only
  // the limits changed. A deployment is the same with its name, provider, model and base URL.
  void configure(const Inventory& inventory);
  bool any() const { return any_; }

  // --- a request's own accounts; to be released once
  AccountIds hold(const Metadata& metadata, Instant now);
  void release(const AccountIds& accounts);

  // --- places, by index of the current inventory. Nothing where an attempt of that many tokens may
  // start now, as far as `own` and the place go.
  std::optional<Shortage> shortage(DeploymentIndex deployment, GroupIndex group, Instant now,
                                   Tokens tokens) const;
  // The share used up of the limit nearest to its end, of those that hold for this deployment or its
  // provider: 0 to 1.
  double used(DeploymentIndex deployment, Instant now) const;
  bool key_has_room(DeploymentIndex deployment, std::uint16_t key, Instant now,
                    Tokens tokens) const;
  // The accounts that an attempt there draws on.
  AccountIds of_place(DeploymentIndex deployment, GroupIndex group, std::uint16_t key) const;

  std::optional<Shortage> shortage(const AccountIds& accounts, Instant now, Tokens tokens) const;
  void reserve(const AccountIds& accounts, Instant now, Tokens tokens);
  // Once per reservation, when its attempt has ended. `used`: the provider's own count; nothing where
  // it gave none. A refused attempt gives its tokens back, not its request.
  void settle(const AccountIds& accounts, Instant now, Tokens reserved, std::optional<Tokens> used);

  // The value an account counts for, such as a tenant's name.
  const std::string& who(AccountId account) const { return entries_[account].value; }
  std::size_t accounts() const { return entries_.size() - free_.size(); }

 private:
  struct Entry {
    std::string identity, value;
    std::uint32_t rule = 0;     // as in Shortage
    std::uint32_t holders = 0;  // requests and attempts
    bool pinned = false;        // the configuration's own
    Account account{LimitsSpec{}};
  };
  AccountId open(std::string identity, std::string value, std::uint32_t rule,
                 const LimitsSpec& spec);
  void open_places(const Inventory& inventory);
  void sweep(Instant now);
  std::optional<Shortage> look(AccountId id, Instant now, Tokens tokens) const;

  std::size_t max_accounts_;
  std::vector<LimitRule> rules_;
  std::vector<Entry> entries_;
  std::vector<AccountId> free_;
  std::unordered_map<std::string, AccountId> by_identity_;
  std::vector<AccountIds> by_deployment_, by_group_;
  std::vector<std::vector<AccountIds>> by_key_;  // deployment, key
  bool any_ = false, any_keys_ = false, any_own_ = false;
  Instant swept_{};
};

}  // namespace llmroute::limits
