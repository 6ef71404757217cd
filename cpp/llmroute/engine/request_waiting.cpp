// The machine of one request: when nothing can serve, it waits for a lease, stands in line, or takes the
// other steps of its group's on_exhausted.
#include <algorithm>
#include <utility>

#include "llmroute/engine/billing.h"
#include "llmroute/engine/request.h"
#include "llmroute/engine/verdict.h"

namespace llmroute::engine {

void RequestMachine::exhausted(Surroundings& s, const Route::Choice& choice) {
  if (awaits_lease(s, choice)) return;
  const std::vector<ExhaustedStep>& steps = inventory_->groups[group_].on_exhausted;
  if (steps.empty() && wait_for(s, choice)) return;
  while (step_ < steps.size()) {
    if (take_step(s, steps[step_++])) return;
  }
  give_up(s, {});
}

// False where the step does not help, so that the next one follows.
bool RequestMachine::take_step(Surroundings& s, const ExhaustedStep& step) {
  switch (step.action) {
    case ExhaustedAction::queue: return line_up(s, step.wait);
    case ExhaustedAction::least_bad: return try_least_bad(s);
    case ExhaustedAction::group: return try_group(s, step.group);
    case ExhaustedAction::human:
      decision_.handed_over = true;
      decision_.notes.emplace_back("no deployment could serve; handed over to a person");
      give_up(s, {});
      return true;
    case ExhaustedAction::reject: break;
  }
  give_up(s, {});
  return true;
}

bool RequestMachine::try_least_bad(Surroundings& s) {
  const auto slot = route_.least_bad(standing(s));
  if (!slot) return false;
  decision_.notes.push_back("no deployment was sound; the least bad one, " +
                            inventory_->deployments[route_[*slot].deployment].name + ", was tried");
  start(s, *slot, {});
  return true;
}

bool RequestMachine::try_group(Surroundings& s, GroupIndex group) {
  decision_.notes.push_back("nothing could serve; then group " + inventory_->groups[group].name);
  detoured_.push_back(group);
  extend(s, {group});
  const bool retry = !decision_.attempts.empty();
  const Route::Choice choice = route_.choose(standing(s), retry ? &s.retry_budget : nullptr);
  if (!choice.go) return awaits_lease(s, choice);
  go(s, choice);
  return true;
}

// --- leases ---------------------------------------------------------------------------------------

bool RequestMachine::awaits_lease(Surroundings& s, const Route::Choice& choice) {
  if (!choice.unpaid || store_gave_up_) return false;
  const Deployment& deployment = inventory_->deployments[route_[*choice.unpaid].deployment];
  if (!claims_.may_come(s.senses.budgets, deployment, s.now())) return false;
  wait_for_lease(s);
  return true;
}

void RequestMachine::wait_for_lease(Surroundings& s) {
  on_lease_ = true;
  s.lease_waiters.push_back(id_);
  sleep_until(s, add_saturated(s.now(), defaults::kStoreWait));
}

void RequestMachine::on_lease(Surroundings& s) {
  if (finished_ || !std::exchange(on_lease_, false)) return;
  wake_ = kNever;
  if (store_gave_up_) decision_.notes.emplace_back("the state store did not answer in time");
  if (!set_out_) {
    if (claims_.ready(s.senses.budgets, s.now()) || store_gave_up_) {
      set_out(s);
    } else {
      wait_for_lease(s);
    }
    return;
  }
  if (decision_.attempts.empty() && s.inventory == inventory_) plan(s);
  advance(s);
}

// --- in line --------------------------------------------------------------------------------------

std::string RequestMachine::flow() const {
  const CountedBy& by = inventory_->queue.by;
  if (by.scope != Scope::metadata) return {};
  return std::string(find_metadata(request_->options.metadata, by.key));
}

// False where a limit or budget of its own is known to be against every place until then.
bool RequestMachine::may_help(const Surroundings& s, Instant until) const {
  const auto own = standing(s).own_shortage();
  const bool counts_requests =
      own && (own->limit == Limit::requests_per_minute || own->limit == Limit::requests_per_day);
  if (counts_requests && own->free_at >= until) return false;
  if (!claims_.has_budgets()) return true;
  for (std::size_t slot = 0; slot < route_.size(); ++slot) {
    const Place& place = route_[slot];
    const Deployment& deployment = inventory_->deployments[place.deployment];
    if (!place.closed && claims_.may_be_paid(s.senses.budgets, deployment, until)) return true;
  }
  return false;
}

// False where the line is full and nobody in it has to give way, or where waiting cannot help.
bool RequestMachine::line_up(Surroundings& s, Duration most) {
  const Instant until = add_saturated(s.now(), most);
  if (!may_help(s, until)) return false;
  turn_tokens_ = claims_.tokens().count;
  Waiter waiter{id_, inventory_->groups[group_].name, request_->options.priority, flow(),
                turn_tokens_};
  if (const auto displaced = s.queue.to_displace(waiter)) {
    if (*displaced == 0) {
      decision_.notes.push_back("the line was full: " + std::to_string(s.queue.size()) +
                                " requests wait already");
      return false;
    }
    s.queue.remove(*displaced);
    s.displaced.push_back(*displaced);
  }
  in_line_ = true;
  lined_up_at_ = s.now();
  line_until_ = until;
  s.queue.push(std::move(waiter));
  sleep_until(s, line_until_);
  return true;
}

void RequestMachine::leave_line(Surroundings& s) {
  s.queue.remove(id_);
  in_line_ = false;
  decision_.queued += s.now() - lined_up_at_;
}

bool RequestMachine::on_turn(Surroundings& s) {
  if (decision_.attempts.empty() && s.inventory == inventory_) plan(s);
  const bool retry = !decision_.attempts.empty();
  const Route::Choice choice = route_.choose(standing(s), retry ? &s.retry_budget : nullptr);
  unpaid_ = choice.unpaid.has_value();
  if (!choice.go) {
    if (choice.unpaid) {
      const Deployment& deployment = inventory_->deployments[route_[*choice.unpaid].deployment];
      claims_.may_come(s.senses.budgets, deployment, s.now());  // its answer brings the next turn
    }
    sleep_until(s, std::min(line_until_, choice.back));
    return false;
  }
  s.queue.serve(id_);
  in_line_ = false;
  turn_taken_ = true;
  decision_.queued += s.now() - lined_up_at_;
  wake_ = kNever;
  go(s, choice);
  return true;
}

bool RequestMachine::held_by_itself(const Surroundings& s) const {
  return unpaid_ || standing(s).own_shortage().has_value();
}

void RequestMachine::displace(Surroundings& s) {
  if (finished_ || !in_line_) return;
  leave_line(s);
  wake_ = kNever;
  decision_.notes.emplace_back("gave way in a full line to another request");
  advance(s);
}

// The end of what it holds.
void RequestMachine::let_go(Surroundings& s) {
  if (in_line_) leave_line(s);
  Tokens used;
  for (const AttemptRecord& attempt : decision_.attempts) {
    used = used + billed_tokens(attempt.outcome, request_->facts.prompt_tokens);
  }
  if (turn_taken_) {
    s.queue.correct(inventory_->groups[group_].name, request_->options.priority, flow(),
                    used.count - turn_tokens_);
  }
  claims_.release(s.senses.ledger, s.senses.budgets, s.now(), used);
}

}  // namespace llmroute::engine
