#include "llmroute/engine/request.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace llmroute::engine {

namespace {

// Worth waiting for: the provider said when, or a key comes back by itself.
bool waits_help(Reason reason) {
  return reason == Reason::cooling_down || reason == Reason::rate_limit_exhausted ||
         reason == Reason::no_usable_key;
}

// Not now, but perhaps later in the life of this request.
bool passes_by(Reason reason) {
  return waits_help(reason) || reason == Reason::breaker_open || reason == Reason::breaker_probing;
}

Duration jittered_backoff(const Resilience& resilience, int rounds, Random& random) {
  constexpr int kMostDoublings = 20;
  const double base = to_ms(resilience.backoff_base) * std::ldexp(1.0, std::min(rounds, kMostDoublings));
  return from_ms(random.unit() * std::min(base, to_ms(resilience.backoff_max)));
}

}  // namespace

RequestMachine::RequestMachine(RequestId id, std::shared_ptr<const ChatRequest> request,
                               InventoryPtr inventory, std::uint64_t seed, Instant now,
                               WallTime wall)
    : id_(id),
      request_(std::move(request)),
      inventory_(std::move(inventory)),
      random_(seed),
      submitted_(now) {
  const RequestOptions& options = request_->options;
  const Resilience& resilience = inventory_->resilience;
  const auto deadline = options.deadline ? options.deadline : resilience.deadline;
  if (deadline) deadline_ = add_saturated(now, *deadline);
  attempts_left_ = std::max(options.attempts.value_or(resilience.attempts), 1);
  decision_.request_id = request_->id;
  decision_.model_asked = options.model;
  decision_.policy_failure = options.policy_failure;
  decision_.order_reasons = options.order_reasons;
  decision_.seed = seed;
  decision_.inventory = inventory_;
  decision_.submitted = wall;
  decision_.facts = request_->facts;
}

void RequestMachine::begin(Surroundings& s, GroupIndex group) {
  s.retry_budget.on_request();
  plan(s, group);
  if (deadline_ <= s.now) {
    finish(s, DecisionStatus::failed,
           make_failure(ErrorKind::deadline_exceeded, "the deadline had passed at the start"));
    return;
  }
  advance(s);
}

void RequestMachine::refuse(Surroundings& s, Failure failure) {
  finish(s, DecisionStatus::failed, std::move(failure));
}

DecisionPtr RequestMachine::explain(Surroundings& s, GroupIndex group) {
  plan(s, group);
  finished_ = true;
  return std::make_shared<const Decision>(std::move(decision_));
}

void RequestMachine::plan(Surroundings& s, GroupIndex group) {
  group_ = group;
  const Group& chosen = inventory_->groups[group];
  decision_.group = chosen.name;
  const RequestOptions& options = request_->options;
  if (options.order) {
    decision_.policy = options.policy_label;
  } else {
    decision_.policy = options.policy.value_or(chosen.policy.python ? chosen.policy.stand_in
                                                                    : chosen.policy.name);
  }
  const policy::PolicyEntry* entry = policy::find_policy(decision_.policy);
  decision_.policy_version = entry == nullptr ? 1 : entry->version;
  steps_.clear();
  decision_.candidates.clear();
  std::vector<policy::PlanStep> planned;
  s.planner.plan(group, *request_, s.board, s.now, random_, decision_.candidates, planned);
  take_steps(planned, 0, 0);
  const bool too_long = std::any_of(
      decision_.candidates.begin(), decision_.candidates.end(),
      [](const CandidateRecord& c) { return c.reason == Reason::context_too_short; });
  if (planned.empty() && too_long) extend(s, chosen.on_context_too_long);
}

bool RequestMachine::extend(Surroundings& s, const std::vector<GroupIndex>& groups) {
  // The planner knows the current configuration only; a request of an older one uses what it has.
  if (groups.empty() || s.inventory != inventory_) return false;
  const std::size_t before = steps_.size();
  const std::size_t records = decision_.candidates.size();
  std::vector<policy::PlanStep> planned;
  planned.reserve(before);
  for (const Step& step : steps_) planned.push_back(step.plan);
  for (GroupIndex group : groups) {
    s.planner.extend(group, *request_, s.board, s.now, random_, decision_.candidates, planned);
  }
  take_steps(planned, before, records);
  return steps_.size() > before;
}

// The plan's own places, then those that were dropped for a while only: they are reserves, for a
// request that fails elsewhere may find them working again.
void RequestMachine::take_steps(const std::vector<policy::PlanStep>& planned, std::size_t from,
                                std::size_t from_record) {
  for (std::size_t i = from; i < planned.size(); ++i) steps_.push_back(Step{planned[i]});
  for (std::size_t i = from_record; i < decision_.candidates.size(); ++i) {
    const CandidateRecord& record = decision_.candidates[i];
    if (!passes_by(record.reason)) continue;
    const policy::PlanStep reserve{record.deployment, record.group, static_cast<std::uint32_t>(i)};
    steps_.push_back(Step{reserve});
  }
}

const Deployment& RequestMachine::deployment_of(const Step& step) const {
  return inventory_->deployments[step.plan.deployment];
}

// Health belongs to the current inventory; an index of an older one is translated by name.
std::optional<DeploymentIndex> RequestMachine::current_index(Surroundings& s,
                                                             DeploymentIndex index) const {
  if (s.inventory == inventory_) return index;
  const Deployment& mine = inventory_->deployments[index];
  const auto found = s.inventory->find_deployment(mine.name);
  if (!found) return std::nullopt;
  const Deployment& theirs = s.inventory->deployments[*found];
  const bool same = theirs.provider == mine.provider && theirs.model == mine.model &&
                    theirs.base_url == mine.base_url;
  return same ? found : std::nullopt;
}

health::Admission RequestMachine::admission(Surroundings& s, const Step& step) const {
  const auto index = current_index(s, step.plan.deployment);
  if (!index) return {};
  const bool last = decision_.candidates[step.plan.record].last_usable;
  return last ? s.board.admit_last(*index, s.now) : s.board.admit(*index, s.now);
}

// The first of the plan among those tried least often, of the ones that may be called now.
RequestMachine::Choice RequestMachine::choose(Surroundings& s) {
  Choice choice;
  for (Step& step : steps_) {
    if (step.banned) continue;
    const health::Admission verdict = admission(s, step);
    if (verdict.reason == Reason::kept) {
      if (choice.step == nullptr || step.tries < choice.step->tries) choice.step = &step;
    } else if (waits_help(verdict.reason)) {
      const auto index = current_index(s, step.plan.deployment);
      choice.unblocked = std::min(choice.unblocked, s.board.next_change(*index, s.now));
    }
  }
  return choice;
}

void RequestMachine::advance(Surroundings& s) {
  if (attempts_left_ <= 0) {
    give_up(s);
    return;
  }
  const Choice choice = choose(s);
  if (choice.step == nullptr) {
    if (choice.unblocked != kNever && wait_until(s, choice.unblocked)) return;
    give_up(s);
    return;
  }
  const bool again = choice.step->tries > 0;
  if (again && !backed_off_) {
    const Duration pause = jittered_backoff(inventory_->resilience, choice.step->tries - 1, random_);
    if (!wait_until(s, add_saturated(s.now, pause))) {
      give_up(s, "no time was left for another attempt");
      return;
    }
    backed_off_ = true;
    return;
  }
  backed_off_ = false;
  const auto index = current_index(s, choice.step->plan.deployment);
  const bool retry = !decision_.attempts.empty();
  if (retry && index && !s.board.trusted(*index, s.now) && !s.retry_budget.try_spend()) {
    give_up(s, "the router's retry budget is spent: too many requests fail at the moment");
    return;
  }
  start(s, *choice.step, true);
}

// False where the wait would be too long or pass the deadline.
bool RequestMachine::wait_until(Surroundings& s, Instant when) {
  if (when >= deadline_ || when - s.now > inventory_->resilience.max_retry_after) return false;
  wait_until_ = when;
  waited_ += when - s.now;
  arm(s);
  return true;
}

void RequestMachine::start(Surroundings& s, Step& step, bool charged) {
  const auto index = current_index(s, step.plan.deployment);
  const auto key = index ? s.board.pick_key(*index, s.now) : std::optional<std::uint16_t>(0);
  AttemptRecord record;
  record.number = static_cast<std::uint32_t>(decision_.attempts.size() + 1);
  record.deployment = step.plan.deployment;
  record.key = key.value_or(0);
  record.charged = charged;
  record.started = s.now - submitted_;
  record.waited = std::exchange(waited_, Duration::zero());
  decision_.attempts.push_back(std::move(record));
  work_ = {request_->facts.prompt_tokens, request_->facts.expected_output()};
  if (index) s.board.on_start(*index, s.now, work_);
  if (charged) --attempts_left_;
  ++step.tries;
  running_step_ = &step;
  attempt_started_ = s.now;
  content_seen_ = false;
  wait_until_ = kNever;
  const Deployment& deployment = deployment_of(step);
  s.actions.push_back(StartAttempt{id_, decision_.attempts.back().number, step.plan.deployment,
                                   decision_.attempts.back().key,
                                   deployment.timeouts.value_or(inventory_->resilience.timeouts)});
  arm(s);
}

// One timer per request: the end of a wait or the deadline, whichever comes first.
void RequestMachine::arm(Surroundings& s) {
  const Instant when = std::min(wait_until_, deadline_);
  if (when == armed_) return;
  armed_ = when;
  s.actions.push_back(SetTimer{id_, when});
}

void RequestMachine::on_content(Surroundings& s, AttemptId attempt, Duration ttft) {
  if (finished_ || !running() || attempt != decision_.attempts.back().number) return;
  if (std::exchange(content_seen_, true)) return;
  const auto index = current_index(s, running_step_->plan.deployment);
  if (index) s.board.on_first_content(*index, s.now, ttft, work_);
}

void RequestMachine::on_outcome(Surroundings& s, AttemptId attempt, Outcome outcome,
                                std::vector<std::string> dropped) {
  if (finished_ || !running() || attempt != decision_.attempts.back().number) return;
  outcome.content_started = outcome.content_started || content_seen_;
  const bool interrupted = outcome.content_started && outcome.failure;
  end_attempt(s, std::move(outcome), std::move(dropped));
  const AttemptRecord& record = decision_.attempts.back();
  if (!record.outcome.failure) {
    finish(s, DecisionStatus::ok, std::nullopt);
    return;
  }
  const Failure failure = *record.outcome.failure;
  if (s.now >= deadline_) {
    finish(s, DecisionStatus::failed,
           make_failure(ErrorKind::deadline_exceeded, "the deadline passed during an attempt"));
    return;
  }
  if (interrupted) {
    if (request_->options.on_interrupt != OnInterrupt::restart) {
      finish(s, DecisionStatus::failed, failure);
      return;
    }
    ++decision_.restarts;
    s.actions.push_back(EmitRestart{id_});
  }
  react(s, failure);
}

void RequestMachine::react(Surroundings& s, const Failure& failure) {
  Step& step = *std::exchange(running_step_, nullptr);
  switch (failure.kind) {
    case ErrorKind::connect:
    case ErrorKind::protocol:
    case ErrorKind::attempt_timeout:
    case ErrorKind::rate_limit:
    case ErrorKind::overloaded:
    case ErrorKind::server_error:
    case ErrorKind::stream_interrupted:
      advance(s);
      return;
    case ErrorKind::permission_denied:
    case ErrorKind::not_found:
      step.banned = true;
      advance(s);
      return;
    case ErrorKind::authentication:
    case ErrorKind::quota_exhausted:
      react_key(s, step);
      return;
    case ErrorKind::context_length:
      react_too_long(s, step, failure);
      return;
    case ErrorKind::content_filter:
      react_filtered(s, failure);
      return;
    default:
      finish(s, DecisionStatus::failed, failure);
      return;
  }
}

void RequestMachine::react_key(Surroundings& s, Step& step) {
  const bool pool = deployment_of(step).keys.size() > 1;
  // The board has marked the key by now; another one costs no attempt. Each failure kills a key, so
  // the pool's size bounds this.
  if (pool && admission(s, step).reason == Reason::kept) {
    start(s, step, false);
    return;
  }
  step.banned = true;
  advance(s);
}

void RequestMachine::react_too_long(Surroundings& s, Step& failed, const Failure& failure) {
  const Tokens window = deployment_of(failed).context_tokens.value_or(request_->facts.prompt_tokens);
  const GroupIndex from = failed.plan.group;
  for (Step& step : steps_) {
    const auto known = deployment_of(step).context_tokens;
    if (!known || *known <= window) step.banned = true;
  }
  failed.banned = true;
  if (!std::exchange(extended_too_long_, true)) {
    const Group& group = inventory_->groups[from];
    extend(s, group.on_context_too_long.empty() ? inventory_->groups[group_].on_context_too_long
                                                : group.on_context_too_long);
  }
  const bool any = std::any_of(steps_.begin(), steps_.end(), [](const Step& x) { return !x.banned; });
  if (any) {
    advance(s);
  } else {
    finish(s, DecisionStatus::failed, failure);
  }
}

void RequestMachine::react_filtered(Surroundings& s, const Failure& failure) {
  for (Step& step : steps_) step.banned = true;
  if (!std::exchange(extended_filtered_, true) &&
      extend(s, inventory_->groups[group_].on_content_filter)) {
    advance(s);
    return;
  }
  finish(s, DecisionStatus::failed, failure);
}

void RequestMachine::end_attempt(Surroundings& s, Outcome outcome,
                                 std::vector<std::string> dropped) {
  AttemptRecord& record = decision_.attempts.back();
  const auto index = current_index(s, record.deployment);
  if (index) s.board.on_outcome(*index, record.key, s.now, outcome, work_);
  record.cost = cost_of_attempt(outcome, inventory_->deployments[record.deployment]);
  record.outcome = std::move(outcome);
  record.dropped_parameters = std::move(dropped);
  record.finished = true;
}

Cost RequestMachine::cost_of_attempt(const Outcome& outcome, const Deployment& deployment) const {
  if (outcome.ok() || outcome.content_started) return llmroute::cost_of(outcome.usage, deployment.price);
  const bool may_be_billed = outcome.cancelled || (outcome.failure && outcome.failure->ambiguous);
  if (!may_be_billed) return Cost{Usd{}, CostKind::exact};  // providers do not bill errors
  Usage usage;
  usage.input = request_->facts.prompt_tokens;
  return llmroute::cost_of(usage, deployment.price);
}

void RequestMachine::on_timer(Surroundings& s) {
  if (finished_) return;
  armed_ = kNever;
  if (s.now >= deadline_) {
    stop_running(s);
    finish(s, DecisionStatus::failed,
           make_failure(ErrorKind::deadline_exceeded, "the caller's deadline passed"));
    return;
  }
  if (running() || s.now < wait_until_) {
    arm(s);
    return;
  }
  wait_until_ = kNever;
  advance(s);
}

void RequestMachine::cancel(Surroundings& s) {
  if (finished_) return;
  stop_running(s);
  finish(s, DecisionStatus::cancelled, make_failure(ErrorKind::cancelled, "the caller went away"));
}

void RequestMachine::stop_running(Surroundings& s) {
  if (!running()) return;
  s.actions.push_back(CancelAttempt{id_, decision_.attempts.back().number});
  Outcome outcome;
  outcome.cancelled = true;
  outcome.content_started = content_seen_;
  outcome.total = s.now - attempt_started_;
  if (content_seen_) outcome.usage.input = request_->facts.prompt_tokens;
  end_attempt(s, std::move(outcome), {});
  running_step_ = nullptr;
}

void RequestMachine::give_up(Surroundings& s, std::string note) {
  if (decision_.attempts.empty()) {
    finish(s, DecisionStatus::failed, no_candidate(s));
    return;
  }
  const Failure& last = *decision_.attempts.back().outcome.failure;
  if (decision_.attempts.size() == 1 && note.empty()) {
    finish(s, DecisionStatus::failed, last);
    return;
  }
  Failure all = last;
  all.kind = ErrorKind::all_attempts_failed;
  const std::size_t count = decision_.attempts.size();
  all.message = (count == 1 ? "1 attempt failed" : std::to_string(count) + " attempts failed") +
                (note.empty() ? "" : "; " + note) + "; the last one: " +
                std::string(slug(last.kind)) + (last.message.empty() ? "" : ": " + last.message);
  finish(s, DecisionStatus::failed, std::move(all));
}

Failure RequestMachine::no_candidate(Surroundings& s) const {
  Failure failure;
  failure.kind = ErrorKind::no_candidate;
  failure.message = "no deployment of \"" + decision_.group + "\" can take this request";
  Instant earliest = kNever;
  for (const CandidateRecord& candidate : decision_.candidates) {
    failure.message += "; " + inventory_->deployments[candidate.deployment].name + ": " +
                       describe(candidate);
    const auto index = current_index(s, candidate.deployment);
    if (index) earliest = std::min(earliest, s.board.next_change(*index, s.now));
    constexpr std::size_t kMaxMessage = 600;
    if (failure.message.size() > kMaxMessage) {
      failure.message += "; ...";
      break;
    }
  }
  if (earliest != kNever) failure.retry_after = earliest - s.now;
  return failure;
}

void RequestMachine::finish(Surroundings& s, DecisionStatus status,
                            std::optional<Failure> failure) {
  finished_ = true;
  running_step_ = nullptr;
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
