#include "llmroute/limits/ledger.h"

#include <algorithm>
#include <utility>

namespace llmroute::limits {

namespace {

constexpr Duration kSweepEvery = seconds(1);

std::string identity_of(const Deployment& deployment) {
  return "deployment\n" + deployment.name + "\n" + deployment.provider + "\n" + deployment.model +
         "\n" + deployment.base_url;
}

std::string identity_of(const LimitRule& rule, std::string_view value) {
  return "rule\n" + rule.name + "\n" + to_text(rule.by) + "\n" + std::string(value);
}

bool holds_for(const LimitRule& rule, std::string_view value) {
  return rule.only.empty() ||
         std::find(rule.only.begin(), rule.only.end(), value) != rule.only.end();
}

// What tells one key from another; literal ones by their place, for their text is a secret.
std::string key_value(const Deployment& deployment, std::size_t key) {
  const SecretSource& source = deployment.keys[key];
  const std::string told = source.describe();
  return source.origin == SecretOrigin::literal ? deployment.name + " #" + std::to_string(key + 1)
                                                : told;
}

// Where two limits say no, the one that takes longer; one whose end nobody knows takes longest.
void keep_worse(std::optional<Shortage>& worst, const std::optional<Shortage>& other) {
  if (other && (!worst || other->free_at > worst->free_at)) worst = other;
}

}  // namespace

AccountId Ledger::open(std::string identity, std::string value, std::uint32_t rule,
                       const LimitsSpec& spec) {
  const auto known = by_identity_.find(identity);
  if (known != by_identity_.end()) {
    Entry& entry = entries_[known->second];
    entry.rule = rule;
    if (!(entry.account.spec() == spec)) entry.account.set(spec);
    return known->second;
  }
  AccountId id = static_cast<AccountId>(entries_.size());
  if (free_.empty()) {
    entries_.emplace_back();
  } else {
    id = free_.back();
    free_.pop_back();
  }
  Entry& entry = entries_[id];
  entry = Entry{};
  entry.identity = identity;
  entry.value = std::move(value);
  entry.rule = rule;
  entry.account = Account(spec);
  by_identity_.emplace(std::move(identity), id);
  return id;
}

void Ledger::configure(const Inventory& inventory) {
  for (Entry& entry : entries_) entry.pinned = false;
  rules_ = inventory.limits;
  any_own_ = any_keys_ = false;
  any_ = !rules_.empty();
  for (const Deployment& d : inventory.deployments) any_ = any_ || d.limits.any();
  open_places(inventory);
}

void Ledger::open_places(const Inventory& inventory) {
  by_deployment_.assign(inventory.deployments.size(), {});
  by_group_.assign(inventory.groups.size(), {});
  by_key_.assign(inventory.deployments.size(), {});
  const auto pin = [this](AccountId id, AccountIds& into) {
    entries_[id].pinned = true;
    into.push_back(id);
  };
  for (std::size_t d = 0; d < inventory.deployments.size(); ++d) {
    const Deployment& deployment = inventory.deployments[d];
    pin(open(identity_of(deployment), deployment.name, 0, deployment.limits), by_deployment_[d]);
  }
  for (std::size_t r = 0; r < rules_.size(); ++r) {
    const LimitRule& rule = rules_[r];
    const auto account = [&](const std::string& value) {
      return open(identity_of(rule, value), value, static_cast<std::uint32_t>(r + 1), rule.limits);
    };
    any_own_ = any_own_ || rule.by.scope == Scope::all || rule.by.scope == Scope::metadata;
    any_keys_ = any_keys_ || rule.by.scope == Scope::key;
    for (std::size_t g = 0; rule.by.scope == Scope::group && g < inventory.groups.size(); ++g) {
      const std::string& name = inventory.groups[g].name;
      if (holds_for(rule, name)) pin(account(name), by_group_[g]);
    }
    for (std::size_t d = 0; d < inventory.deployments.size(); ++d) {
      const Deployment& deployment = inventory.deployments[d];
      const bool by_name = rule.by.scope == Scope::deployment;
      const std::string& value = by_name ? deployment.name : deployment.provider;
      if ((by_name || rule.by.scope == Scope::provider) && holds_for(rule, value)) {
        pin(account(value), by_deployment_[d]);
      }
      if (rule.by.scope != Scope::key) continue;
      by_key_[d].resize(deployment.keys.size());
      for (std::size_t k = 0; k < deployment.keys.size(); ++k) {
        const std::string key = key_value(deployment, k);
        if (holds_for(rule, key)) pin(account(key), by_key_[d][k]);
      }
    }
  }
}

// --- a request's own ------------------------------------------------------------------------------

AccountIds Ledger::hold(const Metadata& metadata, Instant now) {
  AccountIds out;
  if (!any_own_) return out;
  for (std::size_t r = 0; r < rules_.size(); ++r) {
    const LimitRule& rule = rules_[r];
    if (rule.by.scope != Scope::all && rule.by.scope != Scope::metadata) continue;
    const std::string_view value =
        rule.by.scope == Scope::all ? std::string_view() : find_metadata(metadata, rule.by.key);
    if (!holds_for(rule, value)) continue;
    std::string identity = identity_of(rule, value);
    std::string shown(value);
    if (by_identity_.count(identity) == 0 && accounts() >= max_accounts_) {
      if (now - swept_ >= kSweepEvery) sweep(now);
      if (accounts() >= max_accounts_) {
        shown = "(others)";
        identity = identity_of(rule, shown);
      }
    }
    const AccountId id =
        open(std::move(identity), std::move(shown), static_cast<std::uint32_t>(r + 1), rule.limits);
    ++entries_[id].holders;
    out.push_back(id);
  }
  return out;
}

void Ledger::release(const AccountIds& accounts) {
  for (const AccountId id : accounts) --entries_[id].holders;
}

// Forgets what nobody holds and what says nothing that a new account would not.
void Ledger::sweep(Instant now) {
  swept_ = now;
  for (std::size_t i = 0; i < entries_.size(); ++i) {
    Entry& entry = entries_[i];
    if (entry.identity.empty() || entry.pinned || entry.holders > 0) continue;
    if (!entry.account.idle(now)) continue;
    by_identity_.erase(entry.identity);
    entry = Entry{};
    free_.push_back(static_cast<AccountId>(i));
  }
}

// --- what is short --------------------------------------------------------------------------------

std::optional<Shortage> Ledger::look(AccountId id, Instant now, Tokens tokens) const {
  auto found = entries_[id].account.shortage(now, tokens);
  if (found) found->rule = entries_[id].rule;
  return found;
}

std::optional<Shortage> Ledger::shortage(const AccountIds& accounts, Instant now,
                                         Tokens tokens) const {
  std::optional<Shortage> worst;
  for (const AccountId id : accounts) keep_worse(worst, look(id, now, tokens));
  return worst;
}

std::optional<Shortage> Ledger::shortage(DeploymentIndex deployment, GroupIndex group, Instant now,
                                         Tokens tokens) const {
  if (!any_) return std::nullopt;
  auto worst = shortage(by_deployment_[deployment], now, tokens);
  keep_worse(worst, shortage(by_group_[group], now, tokens));
  if (!any_keys_ || by_key_[deployment].empty()) return worst;
  std::optional<Shortage> best_key;  // the key that is free again first
  for (const AccountIds& accounts : by_key_[deployment]) {
    const auto of_key = shortage(accounts, now, tokens);
    if (!of_key) return worst;
    if (!best_key || of_key->free_at < best_key->free_at) best_key = of_key;
  }
  keep_worse(worst, best_key);
  return worst;
}

double Ledger::used(DeploymentIndex deployment, Instant now) const {
  double most = 0;
  if (!any_ || deployment >= by_deployment_.size()) return most;
  for (const AccountId id : by_deployment_[deployment]) {
    most = std::max(most, entries_[id].account.used(now));
  }
  return most;
}

bool Ledger::key_has_room(DeploymentIndex deployment, std::uint16_t key, Instant now,
                          Tokens tokens) const {
  if (!any_keys_ || key >= by_key_[deployment].size()) return true;
  return !shortage(by_key_[deployment][key], now, tokens);
}

AccountIds Ledger::of_place(DeploymentIndex deployment, GroupIndex group, std::uint16_t key) const {
  AccountIds out = by_deployment_[deployment];
  if (!any_) return out;
  out.insert(out.end(), by_group_[group].begin(), by_group_[group].end());
  if (any_keys_ && key < by_key_[deployment].size()) {
    const AccountIds& keys = by_key_[deployment][key];
    out.insert(out.end(), keys.begin(), keys.end());
  }
  return out;
}

void Ledger::reserve(const AccountIds& accounts, Instant now, Tokens tokens) {
  for (const AccountId id : accounts) {
    ++entries_[id].holders;
    entries_[id].account.reserve(now, tokens);
  }
}

void Ledger::settle(const AccountIds& accounts, Instant now, Tokens reserved,
                    std::optional<Tokens> used) {
  for (const AccountId id : accounts) {
    --entries_[id].holders;
    entries_[id].account.settle(now, reserved, used);
  }
}

}  // namespace llmroute::limits
