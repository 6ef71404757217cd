#include "llmroute/engine/request.h"

#include <algorithm>
#include <utility>

#include "llmroute/engine/backoff.h"
#include "llmroute/engine/billing.h"
#include "llmroute/engine/reaction.h"
#include "llmroute/engine/verdict.h"

namespace llmroute::engine {

namespace {

constexpr int kMostAttempts = 100;  // as the configuration's own bound
constexpr int kMostHolds = 6;       // with the default backoff 8 s on average

constexpr std::string_view kBudgetSpent =
    "the router's retry budget is exhausted: too many requests fail at the moment";
constexpr std::string_view kNoTime = "no time was left for another attempt";

Failure too_late(const char* when) {
  return make_failure(ErrorKind::deadline_exceeded, std::string("the caller's deadline ") + when);
}

}  // namespace

RequestMachine::RequestMachine(RequestId id, std::shared_ptr<const ChatRequest> request,
                               InventoryPtr inventory, std::uint64_t seed, Instant now,
                               WallTime wall)
    : id_(id),
      request_(std::move(request)),
      inventory_(std::move(inventory)),
      random_(seed),
      submitted_(now),
      idle_since_(now) {
  const RequestOptions& options = request_->options;
  const Resilience& resilience = inventory_->resilience;
  const auto deadline = options.deadline ? options.deadline : resilience.deadline;
  if (deadline) deadline_ = add_saturated(now, *deadline);
  attempts_left_ = std::clamp(options.attempts.value_or(resilience.attempts), 1, kMostAttempts);
  decision_.request_id = request_->id;
  decision_.model_asked = options.model;
  decision_.policy_failure = options.policy_failure;
  decision_.order_reasons = options.order_reasons;
  decision_.seed = seed;
  decision_.inventory = inventory_;
  decision_.submitted = wall;
  decision_.facts = request_->facts;
}

Standing RequestMachine::standing(Surroundings& s) const {
  const Facts& facts = request_->facts;
  return Standing(*inventory_, *s.inventory, s.board, s.ledger, s.proofs, s.now,
                  facts.prompt_tokens + facts.expected_output());
}

RequestMachine::Running* RequestMachine::find_running(AttemptId attempt) {
  const auto found = std::find_if(running_.begin(), running_.end(),
                                  [attempt](const Running& r) { return r.number == attempt; });
  return found == running_.end() ? nullptr : &*found;
}

// --- planning -----------------------------------------------------------------------------------

void RequestMachine::begin(Surroundings& s, GroupIndex group) {
  s.retry_budget.on_request();
  group_ = group;
  const auto& hedging = inventory_->groups[group].hedge;
  if (hedging) s.hedge_budgets[group].on_request(hedging->extra_load);
  plan(s);
  if (s.now >= deadline_) {
    finish(s, DecisionStatus::failed, too_late("had passed at the start"));
    return;
  }
  advance(s);
}

void RequestMachine::refuse(Surroundings& s, Failure failure) {
  finish(s, DecisionStatus::failed, std::move(failure));
}

DecisionPtr RequestMachine::explain(Surroundings& s, GroupIndex group) {
  group_ = group;
  plan(s);
  finished_ = true;
  return std::make_shared<const Decision>(std::move(decision_));
}

void RequestMachine::plan(Surroundings& s) {
  const Group& chosen = inventory_->groups[group_];
  const RequestOptions& options = request_->options;
  decision_.group = chosen.name;
  if (options.order) {
    decision_.policy = options.policy_label;
  } else {
    decision_.policy =
        options.policy.value_or(chosen.policy.python ? chosen.policy.stand_in : chosen.policy.name);
  }
  const policy::PolicyEntry* entry = policy::find_policy(decision_.policy);
  decision_.policy_version = entry == nullptr ? 1 : entry->version;
  route_.clear();
  decision_.candidates.clear();
  s.scratch.clear();
  s.planner.plan(group_, *request_, s.board, s.now, random_, decision_.candidates, s.scratch);
  apply_limits(s);
  add_places(s, 0);
  const auto& records = decision_.candidates;
  const bool too_long = std::any_of(records.begin(), records.end(), [](const CandidateRecord& c) {
    return c.reason == Reason::context_too_short;
  });
  if (too_long && route_.ranked() == 0) extend(s, chosen.on_context_too_long);
}

void RequestMachine::extend(Surroundings& s, const std::vector<GroupIndex>& groups) {
  // The planner knows the current configuration only; a request of an older one uses what it has.
  if (s.inventory != inventory_) return;
  for (const GroupIndex group : groups) {
    const std::size_t known = decision_.candidates.size();
    const std::size_t ranked = route_.ranked();
    s.scratch.assign(ranked, {});  // ranks go on from there
    s.planner.extend(group, *request_, s.board, s.now, random_, decision_.candidates, s.scratch);
    s.scratch.erase(s.scratch.begin(), s.scratch.begin() + static_cast<std::ptrdiff_t>(ranked));
    apply_limits(s);
    add_places(s, known);
  }
}

// Planned places whose deployment has reached a limit of its own leave the plan for the reserve.
void RequestMachine::apply_limits(Surroundings& s) {
  if (!s.ledger.any()) return;
  const Standing limits = standing(s);
  std::int16_t dropped = 0;
  std::erase_if(s.scratch, [&](const policy::PlanStep& step) {
    CandidateRecord& record = decision_.candidates[step.record];
    const health::Admission verdict = limits.admit_by_limits(step.deployment);
    if (verdict.reason == Reason::kept) {
      record.rank = static_cast<std::int16_t>(record.rank - dropped);
      return false;
    }
    ++dropped;
    record.rank = -1;
    record.reason = verdict.reason;
    record.a = verdict.a;
    record.b = verdict.b;
    return true;
  });
}

void RequestMachine::add_places(Surroundings& s, std::size_t known_records) {
  // What a Python policy left out stays out, also where it was out for another reason at first.
  const auto left_out = [this](const CandidateRecord& record) {
    const auto& order = request_->options.order;
    if (!order || record.group != group_) return false;
    const std::string& name = inventory_->deployments[record.deployment].name;
    return std::find(order->begin(), order->end(), name) == order->end();
  };
  route_.add(s.scratch, decision_.candidates, known_records, left_out);
}

// --- the next attempt ---------------------------------------------------------------------------

void RequestMachine::advance(Surroundings& s) {
  if (attempts_left_ <= 0) {
    give_up(s, {});
    return;
  }
  const bool retry = !decision_.attempts.empty();
  const Route::Choice choice = route_.choose(standing(s), retry ? &s.retry_budget : nullptr);
  if (!choice.go) {
    hold_or_give_up(s, choice);
    return;
  }
  const int tries = route_[*choice.go].tries;
  if (tries > round_) {
    if (!back_off(s, tries - 1)) {
      give_up(s, kNoTime);
      return;
    }
    round_ = tries;
    return;
  }
  if (choice.on_loan) {
    s.retry_budget.lend();
  } else if (retry) {
    s.retry_budget.pay();
  }
  Terms terms;
  terms.on_loan = choice.on_loan;
  start(s, *choice.go, terms);
}

void RequestMachine::hold_or_give_up(Surroundings& s, const Route::Choice& choice) {
  if (!choice.unaffordable) {
    if (!wait_for(s, choice)) give_up(s, {});
    return;
  }
  const bool hold = choice.promising && holds_ < kMostHolds;
  if (hold && back_off(s, holds_++)) return;
  give_up(s, kBudgetSpent);
}

// False where the wait would be too long or pass the deadline.
bool RequestMachine::wait_for(Surroundings& s, const Route::Choice& choice) {
  const Resilience& resilience = inventory_->resilience;
  if (choice.back >= deadline_ || choice.back - idle_since_ > resilience.max_retry_after) {
    return false;
  }
  const Instant spread = add_saturated(choice.back, full_jitter(resilience, 0, random_));
  round_ = std::max(round_, choice.back_tries);  // this wait stands for a backoff
  sleep_until(s, spread < deadline_ ? spread : choice.back);
  return true;
}

// False where the pause would pass the deadline: it is not begun then.
bool RequestMachine::back_off(Surroundings& s, int exponent) {
  const Duration pause = full_jitter(inventory_->resilience, exponent, random_);
  const Instant when = add_saturated(s.now, pause);
  if (when >= deadline_) return false;
  sleep_until(s, when);
  return true;
}

void RequestMachine::sleep_until(Surroundings& s, Instant when) {
  wake_ = when;
  arm(s);
}

void RequestMachine::start(Surroundings& s, std::size_t slot, Terms terms) {
  Standing health = standing(s);
  Place& place = route_[slot];
  AttemptRecord& record = decision_.attempts.emplace_back();
  record.number = static_cast<std::uint32_t>(decision_.attempts.size());
  record.deployment = place.deployment;
  record.key = health.pick_key(place.deployment, place.rotations);
  record.charged = terms.charged;
  record.hedge = terms.hedge;
  record.started = s.now - submitted_;
  record.waited = terms.hedge ? Duration::zero() : s.now - idle_since_;
  health::Work work{request_->facts.prompt_tokens, request_->facts.expected_output()};
  health.on_start(place.deployment, work);
  if (terms.charged) {
    --attempts_left_;
    ++place.tries;
  }
  running_.push_back({record.number, slot, work, terms.on_loan, s.now, kNever});
  hedge_at_ = terms.hedge ? kNever : when_late(s, place);
  wake_ = kNever;
  if (std::exchange(restart_due_, false)) {
    ++decision_.restarts;
    s.actions.push_back(EmitRestart{id_});
  }
  const Timeouts timeouts =
      health.deployment(place.deployment).timeouts.value_or(inventory_->resilience.timeouts);
  s.actions.push_back(StartAttempt{id_, record.number, place.deployment, record.key, timeouts});
  arm(s);
}

// When an attempt that starts now at `place` counts as late; kNever where nobody would hedge it.
Instant RequestMachine::when_late(Surroundings& s, const Place& place) const {
  const auto& spec = inventory_->groups[place.group].hedge;
  if (!spec ||
      (request_->facts.needs.test(static_cast<std::size_t>(Capability::tools)) && !spec->tools)) {
    return kNever;
  }
  const auto usual =
      standing(s).usual_time(place.deployment, request_->options.stream, spec->after);
  return usual ? add_saturated(s.now, *usual) : kNever;
}

void RequestMachine::hedge(Surroundings& s) {
  hedge_at_ = kNever;
  // The budgets belong to the current configuration.
  if (running_.size() != 1 || attempts_left_ <= 0 || s.inventory != inventory_) return;
  const Running& late = running_.front();
  HedgeBudget& budget = s.hedge_budgets[route_[late.slot].group];
  if (late.content_at != kNever || !budget.can_pay()) return;
  const auto slot = route_.beside(late.slot, standing(s));
  if (!slot) return;
  budget.pay();
  Terms terms;
  terms.hedge = true;
  start(s, *slot, terms);
}

// One timer per request, for whichever comes first: the end of a wait, a hedge, the deadline.
void RequestMachine::arm(Surroundings& s) {
  const Instant when = std::min({wake_, hedge_at_, deadline_});
  if (when == armed_) return;
  armed_ = when;
  s.actions.push_back(SetTimer{id_, when});
}

// --- events -------------------------------------------------------------------------------------

void RequestMachine::on_content(Surroundings& s, AttemptId attempt, Duration ttft) {
  Running* const running = find_running(attempt);
  if (running == nullptr || running->content_at != kNever) return;
  running->content_at = s.now;
  hedge_at_ = kNever;
  standing(s).on_first_content(route_[running->slot].deployment, ttft, running->work);
  stop_all_but(s, attempt);
}

void RequestMachine::on_outcome(Surroundings& s, AttemptId attempt, Outcome outcome,
                                std::vector<std::string> dropped) {
  const Running* const found = find_running(attempt);
  if (found == nullptr) return;
  const Running running = *found;
  if (running.content_at != kNever) outcome.content_started = true;
  end_attempt(s, running, std::move(outcome), std::move(dropped));
  const Outcome& ended = decision_.attempts[attempt - 1].outcome;
  if (ended.ok()) {
    answered_ = attempt;
    finish(s, DecisionStatus::ok, std::nullopt);
    return;
  }
  if (!ended.failure) {  // cancelled by the driver's own doing
    finish(s, DecisionStatus::cancelled,
           make_failure(ErrorKind::cancelled, "the attempt was cancelled"));
    return;
  }
  if (s.now >= deadline_) {
    finish(s, DecisionStatus::failed, too_late("passed during an attempt"));
    return;
  }
  if (ended.content_started) {
    if (request_->options.on_interrupt != OnInterrupt::restart) {
      finish(s, DecisionStatus::failed, ended.failure);
      return;
    }
    restart_due_ = true;
  }
  const Failure failure = *ended.failure;
  if (running_.empty()) {
    react(s, running.slot, failure);
  } else {
    leave_to_other(s, running.slot, failure);
  }
}

void RequestMachine::on_timer(Surroundings& s) {
  if (finished_) return;
  armed_ = kNever;
  if (s.now >= deadline_) {
    finish(s, DecisionStatus::failed, too_late("passed"));
    return;
  }
  if (s.now >= hedge_at_) hedge(s);
  if (!running_.empty() || s.now < wake_) {
    arm(s);
    return;
  }
  wake_ = kNever;
  if (decision_.attempts.empty() && s.inventory == inventory_) plan(s);
  advance(s);
}

void RequestMachine::cancel(Surroundings& s) {
  if (finished_) return;
  finish(s, DecisionStatus::cancelled, make_failure(ErrorKind::cancelled, "the caller went away"));
}

// --- after a failure ----------------------------------------------------------------------------

void RequestMachine::react(Surroundings& s, std::size_t slot, const Failure& failure) {
  const Place place = route_[slot];
  constexpr Tokens kAny{-1};
  switch (reaction_to(failure.kind)) {
    case Reaction::move_on: break;
    case Reaction::leave: route_[slot].closed = true; break;
    case Reaction::other_key: rotate_key(s, slot); return;
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
  if (fault_of(failure.kind) == Fault::caller && !route_.any_open()) {
    finish(s, DecisionStatus::failed, failure);
    return;
  }
  advance(s);
}

// One of two failed: the other may still answer, so nothing new is begun.
void RequestMachine::leave_to_other(Surroundings& s, std::size_t slot, const Failure& failure) {
  const Reaction reaction = reaction_to(failure.kind);
  if (reaction == Reaction::end) {
    finish(s, DecisionStatus::failed, failure);
  } else if (reaction != Reaction::move_on) {
    route_[slot].closed = true;
  }
}

void RequestMachine::rotate_key(Surroundings& s, std::size_t slot) {
  Place& place = route_[slot];
  Standing health = standing(s);
  ++place.rotations;
  const bool another = place.rotations < health.deployment(place.deployment).keys.size();
  if (another && health.admit(place.deployment, place.last_usable).reason == Reason::kept) {
    Terms terms;
    terms.charged = false;
    start(s, slot, terms);
    return;
  }
  if (!another) place.closed = true;  // else the other keys only cool: later, perhaps
  advance(s);
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
  standing(s).on_outcome(record.deployment, record.key, outcome, ended.work);
  if (outcome.ok()) s.retry_budget.on_success();
  if (ended.on_loan) settle_loan(s, outcome);
  record.cost = attempt_cost(outcome, inventory_->deployments[record.deployment], request_->facts);
  record.outcome = std::move(outcome);
  record.dropped_parameters = std::move(dropped);
  record.finished = true;
  idle_since_ = s.now;
  const AttemptId number = ended.number;
  std::erase_if(running_, [number](const Running& r) { return r.number == number; });
}

void RequestMachine::settle_loan(Surroundings& s, const Outcome& outcome) {
  using Loan = RetryBudget::Loan;
  const bool blameless =
      outcome.cancelled || (outcome.failure && fault_of(outcome.failure->kind) == Fault::caller);
  s.retry_budget.settle(outcome.ok() ? Loan::repaid : blameless ? Loan::waived : Loan::lost);
}

void RequestMachine::stop(Surroundings& s, const Running& running) {
  s.actions.push_back(CancelAttempt{id_, running.number});
  Outcome outcome;
  outcome.cancelled = true;
  outcome.content_started = running.content_at != kNever;
  outcome.total = s.now - running.started;
  if (outcome.content_started) {
    outcome.ttft = running.content_at - running.started;
    outcome.usage = usage_when_stopped(request_->facts, s.now - running.content_at);
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
         decision_.attempts.empty() ? no_candidate(decision_, standing(s), s.now)
                                    : attempts_failed(decision_, note));
}

void RequestMachine::finish(Surroundings& s, DecisionStatus status,
                            std::optional<Failure> failure) {
  stop_all_but(s, 0);
  finished_ = true;
  if (armed_ != kNever) s.actions.push_back(SetTimer{id_, kNever});
  decision_.status = status;
  decision_.failure = std::move(failure);
  decision_.total = s.now - submitted_;
  decision_.cost = Cost{Usd{}, CostKind::exact};
  for (const AttemptRecord& attempt : decision_.attempts) {
    decision_.cost = decision_.cost + attempt.cost;
  }
  if (answered_ != 0) {
    const AttemptRecord& winner = decision_.attempts[answered_ - 1];
    decision_.chosen = winner.deployment;
    decision_.usage = winner.outcome.usage;
  }
  s.actions.push_back(
      Finish{id_, std::make_shared<const Decision>(std::move(decision_)), answered_});
}

}  // namespace llmroute::engine
