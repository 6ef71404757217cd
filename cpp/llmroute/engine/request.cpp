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
  return Standing(*inventory_, *s.inventory, s.board, s.proofs, s.now);
}

bool RequestMachine::is_running(AttemptId attempt) const {
  return !finished_ && running_ && attempt == decision_.attempts.back().number;
}

// --- planning -----------------------------------------------------------------------------------

void RequestMachine::begin(Surroundings& s, GroupIndex group) {
  s.retry_budget.on_request();
  group_ = group;
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
    add_places(s, known);
  }
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
    on_loan_ = true;
  } else if (retry) {
    s.retry_budget.pay();
  }
  start(s, *choice.go, true);
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

void RequestMachine::start(Surroundings& s, std::size_t slot, bool charged) {
  Standing health = standing(s);
  Place& place = route_[slot];
  AttemptRecord& record = decision_.attempts.emplace_back();
  record.number = static_cast<std::uint32_t>(decision_.attempts.size());
  record.deployment = place.deployment;
  record.key = health.pick_key(place.deployment, place.rotations);
  record.charged = charged;
  record.started = s.now - submitted_;
  record.waited = s.now - idle_since_;
  work_ = {request_->facts.prompt_tokens, request_->facts.expected_output()};
  health.on_start(place.deployment, work_);
  if (charged) {
    --attempts_left_;
    ++place.tries;
  }
  running_ = slot;
  started_ = s.now;
  content_at_ = kNever;
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

// One timer per request: the end of a wait or the deadline, whichever comes first.
void RequestMachine::arm(Surroundings& s) {
  const Instant when = std::min(wake_, deadline_);
  if (when == armed_) return;
  armed_ = when;
  s.actions.push_back(SetTimer{id_, when});
}

// --- events -------------------------------------------------------------------------------------

void RequestMachine::on_content(Surroundings& s, AttemptId attempt, Duration ttft) {
  if (!is_running(attempt) || content_at_ != kNever) return;
  content_at_ = s.now;
  standing(s).on_first_content(decision_.attempts.back().deployment, ttft, work_);
}

void RequestMachine::on_outcome(Surroundings& s, AttemptId attempt, Outcome outcome,
                                std::vector<std::string> dropped) {
  if (!is_running(attempt)) return;
  if (content_at_ != kNever) outcome.content_started = true;
  end_attempt(s, std::move(outcome), std::move(dropped));
  const Outcome& ended = decision_.attempts.back().outcome;
  if (ended.ok()) {
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
  react(s, Failure(*ended.failure));
}

void RequestMachine::on_timer(Surroundings& s) {
  if (finished_) return;
  armed_ = kNever;
  if (s.now >= deadline_) {
    stop_running(s);
    finish(s, DecisionStatus::failed, too_late("passed"));
    return;
  }
  if (running_ || s.now < wake_) {
    arm(s);
    return;
  }
  wake_ = kNever;
  if (decision_.attempts.empty() && s.inventory == inventory_) plan(s);
  advance(s);
}

void RequestMachine::cancel(Surroundings& s) {
  if (finished_) return;
  stop_running(s);
  finish(s, DecisionStatus::cancelled, make_failure(ErrorKind::cancelled, "the caller went away"));
}

// --- after a failure ----------------------------------------------------------------------------

void RequestMachine::react(Surroundings& s, const Failure& failure) {
  const std::size_t slot = *std::exchange(running_, std::nullopt);
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

void RequestMachine::rotate_key(Surroundings& s, std::size_t slot) {
  Place& place = route_[slot];
  Standing health = standing(s);
  ++place.rotations;
  const bool another = place.rotations < health.deployment(place.deployment).keys.size();
  if (another && health.admit(place.deployment, place.last_usable).reason == Reason::kept) {
    start(s, slot, false);
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

void RequestMachine::end_attempt(Surroundings& s, Outcome outcome,
                                 std::vector<std::string> dropped) {
  AttemptRecord& record = decision_.attempts.back();
  standing(s).on_outcome(record.deployment, record.key, outcome, work_);
  settle_loan(s, outcome);
  record.cost = attempt_cost(outcome, inventory_->deployments[record.deployment], request_->facts);
  record.outcome = std::move(outcome);
  record.dropped_parameters = std::move(dropped);
  record.finished = true;
  idle_since_ = s.now;
}

void RequestMachine::settle_loan(Surroundings& s, const Outcome& outcome) {
  using Loan = RetryBudget::Loan;
  if (outcome.ok()) s.retry_budget.on_success();
  if (!std::exchange(on_loan_, false)) return;
  const bool blameless =
      outcome.cancelled || (outcome.failure && fault_of(outcome.failure->kind) == Fault::caller);
  s.retry_budget.settle(outcome.ok() ? Loan::repaid : blameless ? Loan::waived : Loan::lost);
}

void RequestMachine::stop_running(Surroundings& s) {
  if (!running_) return;
  s.actions.push_back(CancelAttempt{id_, decision_.attempts.back().number});
  Outcome outcome;
  outcome.cancelled = true;
  outcome.content_started = content_at_ != kNever;
  outcome.total = s.now - started_;
  if (outcome.content_started) {
    outcome.ttft = content_at_ - started_;
    outcome.usage = usage_when_stopped(request_->facts, s.now - content_at_);
  }
  end_attempt(s, std::move(outcome), {});
}

// --- the end ------------------------------------------------------------------------------------

void RequestMachine::give_up(Surroundings& s, std::string_view note) {
  finish(s, DecisionStatus::failed,
         decision_.attempts.empty() ? no_candidate(decision_, standing(s), s.now)
                                    : attempts_failed(decision_, note));
}

void RequestMachine::finish(Surroundings& s, DecisionStatus status,
                            std::optional<Failure> failure) {
  finished_ = true;
  running_.reset();
  if (armed_ != kNever) s.actions.push_back(SetTimer{id_, kNever});
  decision_.status = status;
  decision_.failure = std::move(failure);
  decision_.total = s.now - submitted_;
  decision_.cost = Cost{Usd{}, CostKind::exact};
  for (const AttemptRecord& attempt : decision_.attempts) {
    decision_.cost = decision_.cost + attempt.cost;
  }
  AttemptId answered = 0;
  if (status == DecisionStatus::ok) {
    const AttemptRecord& winner = decision_.attempts.back();
    answered = winner.number;
    decision_.chosen = winner.deployment;
    decision_.usage = winner.outcome.usage;
  }
  s.actions.push_back(
      Finish{id_, std::make_shared<const Decision>(std::move(decision_)), answered});
}

}  // namespace llmroute::engine
