#include "llmroute/engine/route.h"

#include <algorithm>

namespace llmroute::engine {

bool is_temporary(Reason reason) {
  return is_worth_waiting(reason) || reason == Reason::breaker_open ||
         reason == Reason::breaker_probing || reason == Reason::throttled ||
         reason == Reason::budget_exhausted;
}

bool is_worth_waiting(Reason reason) {
  return reason == Reason::cooling_down || reason == Reason::rate_limit_exhausted ||
         reason == Reason::no_usable_key || reason == Reason::limit_reached;
}

std::size_t Route::ranked() const {
  return static_cast<std::size_t>(
      std::count_if(places_.begin(), places_.end(), [](const Place& p) { return !p.reserve; }));
}

bool Route::any_open() const {
  return std::any_of(places_.begin(), places_.end(), [](const Place& p) { return !p.closed; });
}

bool Route::holds(DeploymentIndex deployment) const {
  return std::any_of(places_.begin(), places_.end(),
                     [deployment](const Place& p) { return p.deployment == deployment; });
}

void Route::add(std::span<const policy::PlanStep> planned,
                const std::vector<CandidateRecord>& records, std::size_t from,
                const Refused& refused) {
  const bool first = places_.empty();
  places_.reserve(places_.size() + planned.size());
  for (const policy::PlanStep& step : planned) {
    if (!first) {
      std::erase_if(places_, [&step](const Place& p) {
        return p.reserve && p.tries == 0 && p.deployment == step.deployment;
      });
    }
    Place& place = places_.emplace_back();
    place.deployment = step.deployment;
    place.group = step.group;
    place.record = step.record;
    place.last_usable = records[step.record].last_usable;
  }
  for (std::size_t i = from; i < records.size(); ++i) {
    const CandidateRecord& record = records[i];
    if (!is_temporary(record.reason) || refused(record)) continue;
    if (!first && holds(record.deployment)) continue;
    Place& place = places_.emplace_back();
    place.deployment = record.deployment;
    place.group = record.group;
    place.record = static_cast<std::uint32_t>(i);
    place.last_usable = record.last_usable;
    place.reserve = true;
  }
}

Route::Choice Route::choose(const Standing& standing, const RetryBudget* budget) const {
  Choice choice;
  for (std::size_t slot = 0; slot < places_.size(); ++slot) {
    const Place& place = places_[slot];
    if (place.closed) continue;
    const Reason reason = standing.admit(place.deployment, place.group, place.last_usable).reason;
    if (reason != Reason::kept) {
      if (reason == Reason::budget_exhausted && !choice.unpaid) choice.unpaid = slot;
      if (!is_worth_waiting(reason)) continue;
      const Instant back = standing.next_change(place.deployment, place.group);
      if (back < choice.back) {
        choice.back = back;
        choice.back_tries = place.tries;
      }
      continue;
    }
    if (choice.go && places_[*choice.go].tries <= place.tries) continue;
    bool lent = false;
    if (budget != nullptr) {
      // What this request has seen fail itself is doubtful, whatever others have seen.
      const bool sound = place.tries == 0 && standing.trusted(place.deployment);
      lent = sound && budget->can_lend(standing.proven(place.deployment));
      if (!lent && !budget->can_pay()) {
        choice.unaffordable = true;
        choice.promising = choice.promising || sound;
        continue;
      }
    }
    choice.go = slot;
    choice.on_loan = lent;
    if (place.tries == 0) break;
  }
  return choice;
}

std::optional<std::size_t> Route::beside(std::size_t slot, const Standing& standing) const {
  for (std::size_t other = 0; other < places_.size(); ++other) {
    const Place& place = places_[other];
    if (place.group != places_[slot].group || place.closed || place.tries > 0) continue;
    if (place.last_usable) continue;  // throttled: not for a mere wish
    if (standing.admit(place.deployment, place.group, false).reason == Reason::kept) return other;
  }
  return std::nullopt;
}

std::optional<std::size_t> Route::least_bad(const Standing& standing) const {
  std::optional<std::size_t> best;
  Instant soonest = kNever;
  for (std::size_t slot = 0; slot < places_.size(); ++slot) {
    const Place& place = places_[slot];
    if (place.closed) continue;
    const Reason reason = standing.admit(place.deployment, place.group, false).reason;
    const bool by_health = is_temporary(reason) && reason != Reason::limit_reached &&
                           reason != Reason::budget_exhausted && reason != Reason::no_usable_key;
    if (!by_health ||
        standing.admit_by_claims(place.deployment, place.group).reason != Reason::kept) {
      continue;
    }
    const Instant back = standing.next_change(place.deployment, place.group);
    if (best && back >= soonest) continue;
    best = slot;
    soonest = back;
  }
  return best;
}

void Route::keep_larger_windows(const Inventory& inventory, Tokens tokens) {
  for (Place& place : places_) {
    const auto known = inventory.deployments[place.deployment].context_tokens;
    if (!known || *known <= tokens) place.closed = true;
  }
}

void Route::close_all() {
  for (Place& place : places_) place.closed = true;
}

void Route::reopen(const Group& group, const Inventory& inventory, Tokens tokens) {
  for (Place& place : places_) {
    const auto known = inventory.deployments[place.deployment].context_tokens;
    if (place.tries > 0 || (known && *known <= tokens)) continue;
    const bool member =
        std::any_of(group.members.begin(), group.members.end(),
                    [&place](const Member& m) { return m.deployment == place.deployment; });
    if (member) place.closed = false;
  }
}

}  // namespace llmroute::engine
