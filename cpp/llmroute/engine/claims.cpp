#include "llmroute/engine/claims.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "llmroute/engine/billing.h"

namespace llmroute::engine {

Result<void> Claims::take(limits::Ledger& ledger, limits::Budgets& budgets,
                          const Inventory& inventory, GroupIndex group, const ChatRequest& request,
                          Instant now, WallTime wall) {
  const Facts& facts = request.facts;
  prompt_ = facts.prompt_tokens;
  output_ = facts.expected_output();
  if (budgets.any() || !request.options.budget.empty()) {
    auto held = budgets.hold(group, request.options, now, wall);
    if (!held) return held.error();
    for (const limits::PurseId id : *held) {
      const std::string& name = budgets.rule(id).name;
      const auto same = [&name](const BudgetRule& rule) { return rule.name == name; };
      const auto found = std::find_if(inventory.budgets.begin(), inventory.budgets.end(), same);
      purses_.push_back({id, static_cast<std::uint32_t>(found - inventory.budgets.begin())});
    }
    const auto prompt = static_cast<double>(facts.prompt_tokens.count);
    usage_.input.count = std::llround(std::ceil(prompt * defaults::kBudgetPromptMargin));
    usage_.output = facts.max_output_tokens.value_or(facts.expected_output());
    if (facts.needs.test(static_cast<std::size_t>(Capability::audio))) {
      usage_.audio_input = usage_.input;
    }
    if (facts.parameters.test(static_cast<std::size_t>(Parameter::modalities))) {
      usage_.audio_output = usage_.output;
    }
    tier_ = facts.service_tier;
    timeout_ = inventory.resilience.timeouts.attempt;
  }
  own_ = ledger.hold(request.options.metadata, now);
  return {};
}

void Claims::release(limits::Ledger& ledger, limits::Budgets& budgets, Instant now,
                     std::optional<Tokens> used) {
  if (counted_) ledger.settle(own_, now, tokens(), used);
  ledger.release(own_);
  own_.clear();
  if (purses_.empty()) return;
  std::vector<limits::PurseId> ids;
  for (const Purse& purse : purses_) ids.push_back(purse.id);
  budgets.release(ids);
  purses_.clear();
}

bool Claims::ready(limits::Budgets& budgets, Instant now) const {
  bool all = true;
  for (const Purse& purse : purses_) {
    budgets.roll(purse.id, now);
    all = budgets.ready(purse.id, now) && all;  // all are asked at the same time
  }
  return all;
}

void Claims::describe(const limits::Budgets& budgets, std::vector<BudgetRecord>& records) const {
  records.clear();
  for (const Purse& purse : purses_) {
    BudgetRecord& record = records.emplace_back();
    record.rule = purse.rule;
    record.who = budgets.who(purse.id);
    record.share = budgets.share_spent(purse.id);
    for (const BudgetStep& step : budgets.rule(purse.id).at) {
      if (record.share >= step.share) record.stepped_to = step.group;
    }
  }
}

std::optional<std::int64_t> Claims::most(BudgetUnit unit, const Deployment& deployment) const {
  switch (unit) {
    case BudgetUnit::requests: return counted_ ? 0 : 1;
    case BudgetUnit::tokens: return (usage_.input + usage_.output).count;
    case BudgetUnit::usd: break;
  }
  std::optional<Usd> most;
  if (const auto& hour = deployment.price.usd_per_hour) {
    const Duration longest = deployment.timeouts ? deployment.timeouts->attempt : timeout_;
    if (longest > Duration::zero()) most = usd(*hour * to_seconds(longest) / 3'600);
  } else {
    most = most_cost(usage_, deployment.price, tier_);
  }
  return most ? std::optional(most->pico) : std::nullopt;
}

Hindrance Claims::hindrance(const limits::Budgets& budgets, const Deployment& deployment,
                            Instant now) const {
  for (const Purse& purse : purses_) {
    const BudgetRule& rule = budgets.rule(purse.id);
    if (rule.on_exhausted == BudgetEnd::allow) continue;
    const auto index = static_cast<float>(purse.rule);
    const auto amount = most(rule.unit, deployment);
    if (!amount) return {Reason::price_unknown, index, 0};
    if (*amount <= 0 || *amount <= budgets.left(purse.id)) continue;
    const double wait = to_ms(std::max(budgets.renewed_at(purse.id) - now, Duration::zero()));
    return {Reason::budget_exhausted, index, static_cast<float>(wait)};
  }
  return {};
}

bool Claims::may_come(limits::Budgets& budgets, const Deployment& deployment, Instant now) const {
  bool coming = false;
  for (const Purse& purse : purses_) {
    budgets.roll(purse.id, now);
    const BudgetRule& rule = budgets.rule(purse.id);
    const auto amount = most(rule.unit, deployment);
    if (!amount || *amount <= budgets.left(purse.id)) continue;
    if (rule.on_exhausted == BudgetEnd::allow) continue;
    if (!budgets.may_come(purse.id, *amount, now)) return false;
    coming = true;
  }
  return coming;
}

bool Claims::may_be_paid(const limits::Budgets& budgets, const Deployment& deployment,
                         Instant until) const {
  return std::all_of(purses_.begin(), purses_.end(), [&](const Purse& purse) {
    const BudgetRule& rule = budgets.rule(purse.id);
    if (rule.on_exhausted == BudgetEnd::allow) return true;
    const auto amount = most(rule.unit, deployment);
    return amount && (*amount <= 0 || budgets.may_be_left(purse.id, *amount, until));
  });
}

std::optional<limits::Shortage> Claims::shortage(const limits::Ledger& ledger, Instant now) const {
  if (counted_ || own_.empty()) return std::nullopt;
  return ledger.shortage(own_, now, tokens());
}

Drawn Claims::draw(limits::Ledger& ledger, limits::Budgets& budgets, limits::AccountIds place,
                   Tokens there, const Deployment& deployment, Instant now,
                   std::vector<BudgetRecord>& records) {
  Drawn drawn;
  drawn.tokens = there;
  drawn.accounts = std::move(place);
  ledger.reserve(drawn.accounts, now, there);
  for (std::size_t i = 0; i < purses_.size(); ++i) {
    const Purse& purse = purses_[i];
    const BudgetRule& rule = budgets.rule(purse.id);
    const auto amount = most(rule.unit, deployment);
    const bool beyond = !amount || *amount > budgets.left(purse.id);
    if (beyond && i < records.size()) records[i].passed = true;  // only soft ones come here
    if (!amount || *amount == 0) continue;
    auto& into = rule.unit == BudgetUnit::requests ? once_ : drawn.reservations;
    into.push_back(budgets.reserve(purse.id, *amount, now));
  }
  if (!counted_) ledger.reserve(own_, now, tokens());
  counted_ = true;
  return drawn;
}

void Claims::settle(limits::Ledger& ledger, limits::Budgets& budgets, const Drawn& drawn,
                    const Outcome& outcome, const Cost& cost, Instant now) const {
  const Usage& usage = outcome.usage;
  ledger.settle(drawn.accounts, now, drawn.tokens,
                usage.reported ? std::optional(usage.input + usage.output) : std::nullopt);
  for (const limits::Reservation& reservation : drawn.reservations) {
    std::int64_t spent = reservation.amount;  // as much as it could be, where nobody knows
    if (budgets.rule(reservation.purse).unit == BudgetUnit::tokens) {
      spent = billed_tokens(outcome, usage_.input).count;
    } else if (cost.kind != CostKind::unknown) {
      spent = cost.usd.pico;
    }
    budgets.settle(reservation, spent, now);
  }
}

limits::PurseId Claims::purse_of_rule(std::uint32_t rule) const {
  for (const Purse& purse : purses_) {
    if (purse.rule == rule) return purse.id;
  }
  return 0;
}

}  // namespace llmroute::engine
