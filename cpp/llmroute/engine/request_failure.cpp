// The machine of one request: after a failure, and the end.
#include <algorithm>
#include <utility>

#include "llmroute/engine/billing.h"
#include "llmroute/engine/request.h"
#include "llmroute/engine/verdict.h"
#include "llmroute/model/treatment.h"

namespace llmroute::engine {

// --- after a failure ----------------------------------------------------------------------------

void RequestMachine::react(Surroundings& s, std::size_t slot, const Failure& failure) {
  const Place place = route_[slot];
  constexpr Tokens kAny{-1};
  const Reaction reaction = treatment_of(failure).reaction;
  switch (reaction) {
    case Reaction::move_on: break;
    case Reaction::stay:
      if (stay(s, slot)) return;
      break;
    case Reaction::leave: route_[slot].closed = true; break;
    case Reaction::next_key:
    case Reaction::other_key:
      if (rotate_key(s, slot, reaction)) return;
      break;
    case Reaction::larger_window: {
      const auto known = inventory_->deployments[place.deployment].context_tokens;
      const Tokens window = known.value_or(request_->facts.prompt_tokens);
      route_[slot].closed = true;
      route_.keep_larger_windows(*inventory_, window);
      detour(s, place.group, &Group::on_context_too_long, window, extended_too_long_);
      break;
    }
    case Reaction::other_filter:
      route_.close_all();
      detour(s, place.group, &Group::on_content_filter, kAny, extended_filtered_);
      break;
    case Reaction::end: finish(s, DecisionStatus::failed, failure); return;
  }
  if (fault_of(failure) == Fault::caller && !route_.any_open()) {
    finish(s, DecisionStatus::failed, failure);
    return;
  }
  advance(s);
}

// One of two failed: the other may still answer, so nothing new is begun.
void RequestMachine::leave_to_other(Surroundings& s, std::size_t slot, const Failure& failure) {
  const Reaction reaction = treatment_of(failure).reaction;
  if (reaction == Reaction::end) {
    finish(s, DecisionStatus::failed, failure);
  } else if (reaction != Reaction::move_on && reaction != Reaction::stay &&
             reaction != Reaction::next_key) {
    route_[slot].closed = true;
  }
}

// Once more, before the others: what went wrong was chance. Paid for like any other attempt.
bool RequestMachine::stay(Surroundings& s, std::size_t slot) {
  const Place& place = route_[slot];
  const auto admits = [&] {
    return standing(s).admit(place.deployment, place.group, place.last_usable).reason ==
           Reason::kept;
  };
  if (place.tries > 1 || attempts_left_ <= 0 || !s.retry_budget.can_pay() || !admits()) {
    return false;
  }
  s.retry_budget.pay();
  start(s, slot, Terms{});
  return true;
}

// Not charged: the attempts are for places, and a pool is one place. Each key is given up at most
// once for either reason, so this ends whatever the board knows.
bool RequestMachine::rotate_key(Surroundings& s, std::size_t slot, Reaction reaction) {
  Place& place = route_[slot];
  Standing health = standing(s);
  const bool refused = reaction == Reaction::other_key;
  std::uint16_t& given_up = refused ? place.refused : place.limited;
  const bool another = ++given_up < health.deployment(place.deployment).keys.size();
  if (refused && !another) place.closed = true;  // else the other keys only cool: later, perhaps
  if (!another ||
      health.admit(place.deployment, place.group, place.last_usable).reason != Reason::kept) {
    return false;
  }
  ++place.rotations;
  Terms terms;
  terms.charged = false;
  start(s, slot, terms);
  return true;
}

// Where the failed place's group sends such requests, else where the first group does.
void RequestMachine::detour(Surroundings& s, GroupIndex from, GroupList list, Tokens window,
                            bool& extended) {
  const auto& own = inventory_->groups[from].*list;
  const auto& groups = own.empty() ? inventory_->groups[group_].*list : own;
  for (const GroupIndex group : groups) {
    route_.reopen(inventory_->groups[group], *inventory_, window);
  }
  if (!std::exchange(extended, true)) extend(s, groups);
}

void RequestMachine::end_attempt(Surroundings& s, const Running& ended, Outcome outcome,
                                 std::vector<std::string> dropped) {
  AttemptRecord& record = decision_.attempts[ended.number - 1];
  const Charge charge = charge_for(s, ended, dropped);
  standing(s).on_outcome(record.deployment, record.key, outcome, ended.work);
  if (outcome.failure && outcome.failure->lack.named()) {
    standing(s).learn(record.deployment, outcome.failure->lack, request_->facts);
  }
  if (outcome.ok()) {
    s.retry_budget.on_success();
    s.affinity.note_answer(*request_, inventory_->deployments[record.deployment], outcome.reply_id,
                           s.now());
  }
  if (ended.on_loan) settle_loan(s, outcome);
  record.cost =
      attempt_cost(outcome, inventory_->deployments[record.deployment], request_->facts, charge);
  claims_.settle(s.senses.ledger, s.senses.budgets, ended.drawn, outcome, record.cost, s.now());
  record.outcome = std::move(outcome);
  record.dropped_parameters = std::move(dropped);
  record.finished = true;
  idle_since_ = s.now();
  const AttemptId number = ended.number;
  std::erase_if(running_, [number](const Running& r) { return r.number == number; });
}

// A service tier that a dialect left out was not asked for; the time is that of the end, as providers
// with such prices count it.
Charge RequestMachine::charge_for(const Surroundings& s, const Running& ended,
                                  const std::vector<std::string>& dropped) const {
  Charge charge;
  const std::string_view word = slug(Parameter::service_tier);
  if (std::find(dropped.begin(), dropped.end(), word) == dropped.end()) {
    charge.tier = request_->facts.service_tier;
  }
  charge.utc_minute = utc_minute(s);
  const DeploymentIndex place = decision_.attempts[ended.number - 1].deployment;
  charge.busy_hours = standing(s).busy_hours(place, ended.work);
  return charge;
}

void RequestMachine::settle_loan(Surroundings& s, const Outcome& outcome) {
  using Loan = RetryBudget::Loan;
  const bool blameless =
      outcome.cancelled || (outcome.failure && fault_of(*outcome.failure) == Fault::caller);
  s.retry_budget.settle(outcome.ok() ? Loan::repaid : blameless ? Loan::waived : Loan::lost);
}

void RequestMachine::stop(Surroundings& s, const Running& running) {
  s.actions.emplace_back(CancelAttempt{id_, running.number});
  Outcome outcome;
  outcome.cancelled = true;
  outcome.content_started = running.content_at != kNever;
  outcome.total = s.now() - running.started;
  if (outcome.content_started) {
    outcome.ttft = running.content_at - running.started;
    outcome.usage = usage_when_stopped(request_->facts, s.now() - running.content_at);
  }
  end_attempt(s, running, std::move(outcome), {});
}

void RequestMachine::stop_all_but(Surroundings& s, AttemptId attempt) {
  for (std::size_t i = running_.size(); i-- > 0;) {
    const Running running = running_[i];
    if (running.number != attempt) stop(s, running);
  }
}

// --- the end ------------------------------------------------------------------------------------

void RequestMachine::give_up(Surroundings& s, std::string_view note) {
  finish(s, DecisionStatus::failed,
         decision_.attempts.empty() ? no_candidate(decision_, standing(s))
                                    : attempts_failed(decision_, note));
}

void RequestMachine::finish(Surroundings& s, DecisionStatus status,
                            std::optional<Failure> failure) {
  stop_all_but(s, 0);
  finished_ = true;
  note_list();
  let_go(s);
  if (armed_ != kNever) s.actions.emplace_back(SetTimer{id_, kNever});
  decision_.status = status;
  decision_.failure = std::move(failure);
  decision_.total = s.now() - submitted_;
  decision_.cost = Cost{Usd{}, CostKind::exact};
  for (const AttemptRecord& attempt : decision_.attempts) {
    decision_.cost = decision_.cost + attempt.cost;
  }
  if (answered_ != 0) {
    const AttemptRecord& winner = decision_.attempts[answered_ - 1];
    decision_.chosen = winner.deployment;
    decision_.usage = winner.outcome.usage;
  }
  const bool sent = !decision_.attempts.empty() && status != DecisionStatus::cancelled;
  auto decision = std::make_shared<const Decision>(std::move(decision_));
  s.finished.push_back(decision);
  s.actions.emplace_back(Finish{id_, std::move(decision), answered_});
  if (sent) mirror(s);
}

// The share of a shadow, once the answer is on its way: it costs the caller nothing.
void RequestMachine::mirror(Surroundings& s) {
  const Ruling* ruling = request_->ruling.get();
  if (ruling == nullptr || !ruling->shadow || !request_->options.shadow_of.empty()) return;
  const ExperimentRecord& record = ruling->experiments[*ruling->shadow];
  auto copy = std::make_shared<ChatRequest>(*ruling->asked);
  copy->id = request_->id + "-shadow";
  copy->prefixes.clear();
  copy->previous_reply.clear();
  RequestOptions& options = copy->options;
  options.shadow_of = request_->id;
  options.shadow_by = inventory_->experiments[record.experiment].name;
  options.cache = CacheUse::off;
  options.priority = static_cast<Priority>(kPriorities - 1);
  options.conversation.clear();
  options.order.reset();
  options.fallbacks.reset();  // it is for its arm alone
  options.policy.reset();
  options.deadline.reset();
  s.actions.emplace_back(Mirror{id_, std::move(copy)});
}

}  // namespace llmroute::engine
