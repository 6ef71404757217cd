#include "llmroute/limits/ledger.h"

#include <algorithm>
#include <map>
#include <utility>

namespace llmroute::limits {

namespace {

constexpr Duration kMinute = std::chrono::minutes(1);
constexpr Duration kDay = std::chrono::hours(24);

std::string identity_of(const Deployment& deployment) {
  return deployment.name + "\n" + deployment.provider + "\n" + deployment.model + "\n" +
         deployment.base_url;
}

}  // namespace

Ledger::Account Ledger::open(const Deployment& deployment) {
  const LimitsSpec& spec = deployment.limits;
  Account account;
  account.identity = identity_of(deployment);
  account.spec = spec;
  const auto add = [](std::vector<Rate>& rates, const std::optional<std::int64_t>& most,
                      Limit limit, Duration period) {
    if (most) rates.push_back({limit, Gcra(*most, period)});
  };
  add(account.requests, spec.requests_per_minute, Limit::requests_per_minute, kMinute);
  add(account.requests, spec.requests_per_day, Limit::requests_per_day, kDay);
  add(account.tokens, spec.tokens_per_minute, Limit::tokens_per_minute, kMinute);
  add(account.tokens, spec.tokens_per_day, Limit::tokens_per_day, kDay);
  return account;
}

void Ledger::configure(const Inventory& inventory) {
  std::map<std::string, Account*> known;
  for (Account& account : accounts_) known.emplace(account.identity, &account);
  std::vector<Account> accounts;
  accounts.reserve(inventory.deployments.size());
  any_ = false;
  for (const Deployment& deployment : inventory.deployments) {
    any_ = any_ || deployment.limits.any();
    Account& account = accounts.emplace_back(open(deployment));
    const auto same = known.find(account.identity);
    if (same == known.end()) continue;
    const std::int64_t in_flight = same->second->in_flight;  // these still end here
    if (same->second->spec == deployment.limits) account = std::move(*same->second);
    account.in_flight = in_flight;
  }
  accounts_ = std::move(accounts);
}

std::optional<Shortage> Ledger::shortage(DeploymentIndex deployment, Instant now,
                                         Tokens tokens) const {
  if (!any_) return std::nullopt;
  const Account& account = accounts_[deployment];
  if (account.spec.in_flight && account.in_flight >= *account.spec.in_flight) {
    return Shortage{Limit::in_flight, kNever};
  }
  std::optional<Shortage> worst;
  const auto look = [&worst, now](const std::vector<Rate>& rates, std::int64_t units) {
    for (const Rate& rate : rates) {
      const Instant free_at = rate.gcra.free_at(units);
      if (free_at > now && (!worst || free_at > worst->free_at)) {
        worst = Shortage{rate.limit, free_at};
      }
    }
  };
  look(account.requests, 1);
  look(account.tokens, tokens.count);
  return worst;
}

void Ledger::reserve(DeploymentIndex deployment, Instant now, Tokens tokens) {
  Account& account = accounts_[deployment];
  ++account.in_flight;
  for (Rate& rate : account.requests) rate.gcra.take(now, 1);
  for (Rate& rate : account.tokens) rate.gcra.take(now, tokens.count);
}

void Ledger::settle(DeploymentIndex deployment, Tokens reserved, std::optional<Tokens> used) {
  Account& account = accounts_[deployment];
  account.in_flight = std::max<std::int64_t>(account.in_flight - 1, 0);
  if (!used) return;
  for (Rate& rate : account.tokens) rate.gcra.give_back(reserved.count - used->count);
}

}  // namespace llmroute::limits
