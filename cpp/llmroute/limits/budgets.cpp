#include "llmroute/limits/budgets.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <limits>

#include "llmroute/base/text.h"

namespace llmroute::limits {

namespace {

constexpr std::int64_t kLeasePart = 50;                      // of the limit
constexpr Duration kRememberedFor = std::chrono::hours(48);  // behind the end of a period
constexpr int kMostDoublings = 5;                            // of the second between two asks: 32 s
constexpr std::size_t kLongestName = 160;
constexpr std::string_view kOthers = "(others)";

// Keys of the store are bounded; a long value is told apart by a hash (FNV-1a) behind its beginning.
std::string key_name(std::string_view value) {
  if (value.size() <= kLongestName) return std::string(value);
  std::uint64_t hash = 0xcbf29ce484222325ULL;
  for (const char c : value) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3ULL;
  std::array<char, 20> text{};
  std::snprintf(text.data(), text.size(), "#%016llx", static_cast<unsigned long long>(hash));
  return std::string(value.substr(0, kLongestName)) + text.data();
}

std::string identity_of(const BudgetRule& rule, std::string_view value) {
  return "budget/" + key_name(rule.name) + "/" + std::string(slug(rule.unit)) + "/" +
         key_name(value);
}

bool applies(const BudgetRule& rule, GroupIndex group, const RequestOptions& options) {
  return rule.every_group || options.budget == rule.name ||
         std::find(rule.groups.begin(), rule.groups.end(), group) != rule.groups.end();
}

Duration pause(int times) { return seconds(1) * (1 << std::clamp(times - 1, 0, kMostDoublings)); }

}  // namespace

void Budgets::configure(const Inventory& inventory) {
  rules_.clear();
  for (const BudgetRule& rule : inventory.budgets) {
    rules_.push_back(std::make_shared<const BudgetRule>(rule));
  }
}

// --- purses of a request --------------------------------------------------------------------------

Result<std::vector<PurseId>> Budgets::hold(GroupIndex group, const RequestOptions& options,
                                           Instant now, WallTime wall) {
  std::vector<PurseId> out;
  wall_.read(now, wall);
  if (!options.budget.empty()) {
    const auto named = [&](const RulePtr& rule) { return rule->name == options.budget; };
    if (std::none_of(rules_.begin(), rules_.end(), named)) {
      std::vector<std::string_view> names;
      for (const RulePtr& rule : rules_) names.push_back(rule->name);
      return make_error(ErrorKind::invalid_argument,
                        "there is no budget \"" + ellipsize(options.budget, 80) + "\"", "budget",
                        std::string(nearest_name(options.budget, names)));
    }
  }
  for (const RulePtr& rule : rules_) {
    const bool by_rule = !options.rule_budget.empty() && rule->name == options.rule_budget;
    if (!by_rule && !applies(*rule, group, options)) continue;
    const std::string_view value = rule->by.scope == Scope::metadata
                                       ? find_metadata(options.metadata, rule->by.key)
                                       : std::string_view();
    const auto& only = rule->only;
    if (!only.empty() && std::find(only.begin(), only.end(), value) == only.end()) continue;
    const PurseId id = open(rule, value, now);
    ++purses_[id].holders;
    out.push_back(id);
  }
  return out;
}

void Budgets::release(const std::vector<PurseId>& purses) {
  for (const PurseId id : purses) --purses_[id].holders;
}

PurseId Budgets::open(const RulePtr& rule, std::string_view value, Instant now) {
  std::string identity = identity_of(*rule, value);
  auto known = by_identity_.find(identity);
  if (known == by_identity_.end() && purses_.size() - free_.size() >= max_purses_) {
    sweep();
    if (purses_.size() - free_.size() >= max_purses_) {
      value = kOthers;
      identity = identity_of(*rule, value);
      known = by_identity_.find(identity);
    }
  }
  if (known != by_identity_.end()) {
    purses_[known->second].rule = rule;
    roll(known->second, now);
    return known->second;
  }
  PurseId id = static_cast<PurseId>(purses_.size());
  if (free_.empty()) {
    purses_.emplace_back();
  } else {
    id = free_.back();
    free_.pop_back();
    purses_[id] = Purse{};
  }
  Purse& purse = purses_[id];
  purse.identity = identity;
  purse.who = std::string(value);
  purse.rule = rule;
  begin_period(purse, now, wall_.at(now));
  by_identity_.emplace(std::move(identity), id);
  return id;
}

// Forgets purses that nobody holds; what they have left goes back to the store at the end.
void Budgets::sweep() {
  for (std::size_t i = 0; i < purses_.size(); ++i) {
    Purse& purse = purses_[i];
    if (purse.identity.empty() || purse.holders > 0 || purse.asked != 0 || purse.left < 0) continue;
    if (purse.left > 0) returns_.emplace_back(purse.key, purse.left);
    by_identity_.erase(purse.identity);
    purse = Purse{};
    free_.push_back(static_cast<PurseId>(i));
  }
}

// --- periods --------------------------------------------------------------------------------------

void Budgets::begin_period(Purse& purse, Instant now, WallTime wall) {
  const Period period = period_of(purse.rule->per, purse.rule->zone, wall);
  ++purse.period;
  purse.key_before = std::move(purse.key);
  purse.key = purse.identity + "/" + period.name;
  purse.ends = period.ends;
  purse.renewed_at = add_saturated(now, period.ends - wall);
  purse.left = purse.taken = purse.open = 0;
  purse.known = false;
  purse.asked = 0;
  purse.ask_again = {};
  purse.refusals = 0;
}

void Budgets::roll(PurseId id, Instant now) {
  Purse& purse = purses_[id];
  const WallTime steady = wall_.at(now);
  if (steady < purse.ends) return;
  if (purse.left < 0) charge_late(purse, purse.key, -purse.left);
  begin_period(purse, now, steady);
}

void Budgets::charge_late(const Purse& purse, const std::string& key, std::int64_t owed) {
  if (key.empty() || owed <= 0) return;
  asks_.push_back({next_number_++, {key, purse.rule->limit, 0, owed, purse.ends + kRememberedFor}});
}

// --- leases ---------------------------------------------------------------------------------------

double Budgets::share_spent(PurseId id) const {
  const Purse& purse = purses_[id];
  if (!purse.known) return std::numeric_limits<double>::quiet_NaN();
  return static_cast<double>(purse.taken - purse.left) / static_cast<double>(purse.rule->limit);
}

bool Budgets::ready(PurseId id, Instant now) {
  Purse& purse = purses_[id];
  if (purse.known) return true;
  if (purse.asked == 0 && now >= purse.ask_again) ask(id, 0);
  return purse.failures > 0;
}

bool Budgets::may_come(PurseId id, std::int64_t amount, Instant now) {
  Purse& purse = purses_[id];
  if (purse.left >= amount) return false;
  if (purse.asked != 0) return true;
  if (now < purse.ask_again) return false;
  ask(id, amount);
  return true;
}

bool Budgets::may_be_left(PurseId id, std::int64_t amount, Instant until) const {
  const Purse& purse = purses_[id];
  // Requests are not given back.
  const std::int64_t back = purse.rule->unit == BudgetUnit::requests ? 0 : purse.open;
  const bool store_may_give = !purse.known || purse.asked != 0 || purse.taken < purse.rule->limit;
  return purse.renewed_at < until || purse.left + back >= amount || store_may_give;
}

void Budgets::ask(PurseId id, std::int64_t amount) {
  Purse& purse = purses_[id];
  const std::int64_t lease = std::max<std::int64_t>(purse.rule->limit / kLeasePart, 1);
  store::LeaseWish wish;
  wish.key = purse.key;
  wish.limit = purse.rule->limit;
  wish.want = std::max(lease, amount) - std::max<std::int64_t>(purse.left, 0);
  wish.owed = std::max<std::int64_t>(-purse.left, 0);
  wish.expires = purse.ends + kRememberedFor;
  purse.asked = next_number_++;
  purse.asked_owed = wish.owed;
  asked_.emplace(purse.asked, Asked{id, purse.key});
  asks_.push_back({purse.asked, std::move(wish)});
}

void Budgets::refill(PurseId id, Instant now) {
  Purse& purse = purses_[id];
  if (purse.asked != 0 || now < purse.ask_again) return;
  const bool more = !purse.known || purse.taken < purse.rule->limit;
  if (purse.left < 0 || (more && purse.left < purse.rule->limit / kLeasePart / 2)) ask(id, 0);
}

void Budgets::on_lease(std::uint64_t number, const Result<store::Grant>& grant, Instant now) {
  const auto found = asked_.find(number);
  if (found == asked_.end()) return;  // a late charge: nothing waits for it
  const Asked asked = std::move(found->second);
  asked_.erase(found);
  Purse& purse = purses_[asked.purse];
  if (purse.asked != number) {  // its period is over
    if (grant && grant->granted > 0) returns_.emplace_back(asked.key, grant->granted);
    return;
  }
  purse.asked = 0;
  if (!grant) {
    purse.ask_again = add_saturated(now, pause(++purse.failures));
    return;
  }
  purse.failures = 0;
  purse.known = true;
  purse.left += grant->granted + purse.asked_owed;
  purse.taken = grant->taken;
  purse.refusals = grant->granted > 0 ? 0 : purse.refusals + 1;
  purse.ask_again = purse.refusals > 0 ? add_saturated(now, pause(purse.refusals)) : Instant{};
}

std::vector<std::pair<std::string, std::int64_t>> Budgets::take_unspent() {
  auto out = std::exchange(returns_, {});
  for (Purse& purse : purses_) {
    if (purse.left > 0) out.emplace_back(purse.key, std::exchange(purse.left, 0));
  }
  return out;
}

// --- spending -------------------------------------------------------------------------------------

Reservation Budgets::reserve(PurseId id, std::int64_t amount, Instant now) {
  Purse& purse = purses_[id];
  purse.left -= amount;
  purse.open += amount;
  refill(id, now);
  return {id, purse.period, amount};
}

void Budgets::settle(const Reservation& reservation, std::int64_t spent, Instant now) {
  Purse& purse = purses_[reservation.purse];
  const std::int64_t late = spent - reservation.amount;
  if (purse.period == reservation.period) {
    purse.left -= late;
    purse.open -= reservation.amount;
    refill(reservation.purse, now);
  } else if (purse.period == reservation.period + 1) {
    charge_late(purse, purse.key_before, late);
  }
}

}  // namespace llmroute::limits
