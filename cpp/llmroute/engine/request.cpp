#include "llmroute/engine/request.h"

#include <algorithm>
#include <utility>

#include "llmroute/base/text.h"
#include "llmroute/engine/backoff.h"
#include "llmroute/engine/billing.h"
#include "llmroute/engine/verdict.h"

namespace llmroute::engine {

namespace {

constexpr int kMostAttempts = 100;  // as the configuration's own bound
constexpr std::size_t kMostNamed = 16;
constexpr int kMostHolds = 6;  // with the default backoff 8 s on average

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
  decision_.metadata = options.metadata;
  decision_.priority = options.priority;
  decision_.notes = options.notes;
  decision_.shadow_of = options.shadow_of;
  if (const Ruling* ruling = request_->ruling.get()) {
    decision_.rules = ruling->rules;
    decision_.constraints = ruling->constraints;
    decision_.experiments = ruling->experiments;
  }
}

int RequestMachine::utc_minute(const Surroundings& s) const {
  return utc_minute_of(decision_.submitted + (s.now() - submitted_));
}

Standing RequestMachine::standing(const Surroundings& s) const {
  return Standing(*inventory_, s.senses, claims_, request_->ruling.get());
}

RequestMachine::Running* RequestMachine::find_running(AttemptId attempt) {
  const auto found = std::find_if(running_.begin(), running_.end(),
                                  [attempt](const Running& r) { return r.number == attempt; });
  return found == running_.end() ? nullptr : &*found;
}

// --- planning -----------------------------------------------------------------------------------

void RequestMachine::begin(Surroundings& s, GroupIndex group) {
  group_ = group;
  if (turned_away(s)) return;
  s.retry_budget.on_request();
  if (s.now() >= deadline_) {
    plan(s);
    finish(s, DecisionStatus::failed, too_late("had passed at the start"));
    return;
  }
  if (!take_claims(s)) return;
  if (claims_.ready(s.senses.budgets, s.now())) {
    set_out(s);
  } else {
    plan(s);  // to have one, should the configuration change meanwhile
    wait_for_lease(s);
  }
}

// By a rule: refused, or handed to a person.
bool RequestMachine::turned_away(Surroundings& s) {
  const Ruling* ruling = request_->ruling.get();
  if (ruling == nullptr || ruling->refusal == nullptr) return false;
  decision_.group = inventory_->groups[group_].name;
  const std::string rule = "rule \"" + inventory_->rules[ruling->refused_by].name + "\"";
  decision_.handed_over = ruling->refusal->kind == Destination::Kind::human;
  finish(s, DecisionStatus::failed,
         make_failure(ErrorKind::rejected, decision_.handed_over
                                               ? rule + " hands this request over to a person"
                                               : rule + ": " + ruling->refusal->message));
  return true;
}

bool RequestMachine::take_claims(Surroundings& s) {
  auto taken = claims_.take(s.senses.ledger, s.senses.budgets, *inventory_, group_, *request_,
                            s.now(), decision_.submitted);
  if (taken) return true;
  Failure failure = make_failure(taken.error().kind, taken.error().message);
  if (!taken.error().nearest.empty()) {
    failure.message += "; did you mean \"" + taken.error().nearest + "\"?";
  }
  finish(s, DecisionStatus::failed, std::move(failure));
  return false;
}

// What its budgets have spent is known as far as it can be.
void RequestMachine::set_out(Surroundings& s) {
  set_out_ = true;
  if (s.inventory != inventory_) {  // the planner knows the current one only
    claims_.describe(s.senses.budgets, decision_.budgets);
    advance(s);
    return;
  }
  random_ = Random(decision_.seed);  // as if it were the first plan
  step_down(s);
  const Group& group = inventory_->groups[group_];
  if (group.hedge) {
    s.hedge_budgets[group_].on_request(group.hedge->extra_load);
  }
  plan(s);
  const bool has_line =
      !group.on_exhausted.empty() && group.on_exhausted[0].action == ExhaustedAction::queue;
  // Behind those who wait already; it may be its turn at once.
  if (has_line && !s.queue.empty() && s.queue.size(group.name) > 0) {
    if (take_step(s, group.on_exhausted[step_++])) return;
  }
  advance(s);
}

void RequestMachine::step_down(Surroundings& s) {
  claims_.describe(s.senses.budgets, decision_.budgets);
  for (const BudgetRecord& record : decision_.budgets) {
    if (!record.stepped_to) continue;
    group_ = *record.stepped_to;
    if (!request_->options.fallbacks) return;
    // What the caller lists could cost what the step is to save.
    auto copy = std::make_shared<ChatRequest>(*request_);
    copy->options.fallbacks.reset();
    request_ = std::move(copy);
    decision_.notes.push_back("fallbacks: a budget sends it to \"" +
                              inventory_->groups[group_].name +
                              "\", so those of the request do not count");
    return;
  }
}

void RequestMachine::refuse(Surroundings& s, Failure failure) {
  finish(s, DecisionStatus::failed, std::move(failure));
}

DecisionPtr RequestMachine::explain(Surroundings& s, GroupIndex group) {
  group_ = group;
  if (turned_away(s) || !take_claims(s)) return std::get<Finish>(s.actions.back()).decision;
  step_down(s);
  plan(s);
  claims_.release(s.senses.ledger, s.senses.budgets, s.now(), std::nullopt);
  finished_ = true;
  note_list();
  return std::make_shared<const Decision>(std::move(decision_));
}

void RequestMachine::plan(Surroundings& s) {
  const Group& chosen = inventory_->groups[group_];
  const RequestOptions& options = request_->options;
  decision_.group = chosen.name;
  if (options.order) {
    decision_.policy = options.policy_label;
  } else if (const Ruling* ruling = request_->ruling.get();
             ruling != nullptr && ruling->policy != nullptr && !options.policy) {
    decision_.policy = ruling->policy->name;
  } else {
    decision_.policy =
        options.policy.value_or(chosen.policy.python ? chosen.policy.stand_in : chosen.policy.name);
  }
  const policy::PolicyEntry* entry = policy::find_policy(decision_.policy);
  decision_.policy_version = entry == nullptr ? 1 : entry->version;
  route_.clear();
  decision_.candidates.clear();
  s.scratch.clear();
  decision_.affinity =
      s.planner.plan(group_, *request_, s.senses.board, s.now(), random_, decision_.candidates,
                     s.scratch, s.affinity.look_up(*request_, s.now()), utc_minute(s));
  decision_.terms = s.planner.terms();
  decision_.observed = s.planner.observed();
  apply_claims(s);
  add_places(s, 0);
  const auto& records = decision_.candidates;
  const bool too_long = std::any_of(records.begin(), records.end(), [](const CandidateRecord& c) {
    return c.reason == Reason::context_too_short;
  });
  if (too_long && route_.ranked() == 0) extend(s, chosen.on_context_too_long);
  if (!detoured_.empty()) extend(s, detoured_);
}

// At the end, when it is known that neither a rule nor a budget has taken the list away.
void RequestMachine::note_list() {
  const auto& listed = request_->options.fallbacks;
  if (!listed || decision_.group.empty()) return;
  std::string names;
  for (std::size_t i = 0; i < listed->size() && i < kMostNamed; ++i) {
    names += (i == 0 ? "" : ", ") + ellipsize((*listed)[i], 80);
  }
  if (listed->size() > kMostNamed) {
    names += " and " + std::to_string(listed->size() - kMostNamed) + " more";
  }
  decision_.notes.push_back("fallbacks: behind \"" + decision_.group + "\" the request lists " +
                            (names.empty() ? "none" : names));
}

void RequestMachine::extend(Surroundings& s, const std::vector<GroupIndex>& groups) {
  // The planner knows the current configuration only; a request of an older one uses what it has.
  if (s.inventory != inventory_) return;
  for (const GroupIndex group : groups) {
    const std::size_t known = decision_.candidates.size();
    const std::size_t ranked = route_.ranked();
    s.scratch.assign(ranked, {});  // ranks go on from there
    s.planner.extend(group, *request_, s.senses.board, s.now(), random_, decision_.candidates,
                     s.scratch, s.affinity.look_up(*request_, s.now()), utc_minute(s));
    s.scratch.erase(s.scratch.begin(), s.scratch.begin() + static_cast<std::ptrdiff_t>(ranked));
    const auto& terms = s.planner.terms();
    decision_.terms.insert(decision_.terms.end(), terms.begin(), terms.end());
    apply_claims(s);
    add_places(s, known);
  }
}

// Planned places that a limit or budget is against leave the plan for the reserve.
void RequestMachine::apply_claims(Surroundings& s) {
  if (!s.senses.ledger.any() && !claims_.has_budgets()) return;
  const Standing claims = standing(s);
  std::int16_t dropped = 0;
  std::erase_if(s.scratch, [&](const policy::PlanStep& step) {
    CandidateRecord& record = decision_.candidates[step.record];
    const health::Admission verdict = claims.admit_by_claims(step.deployment, step.group);
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
  if (choice.go) {
    go(s, choice);
  } else if (choice.unaffordable) {
    hold_or_give_up(s, choice);
  } else {
    exhausted(s, choice);
  }
}

void RequestMachine::go(Surroundings& s, const Route::Choice& choice) {
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
  } else if (!decision_.attempts.empty()) {
    s.retry_budget.pay();
  }
  Terms terms;
  terms.on_loan = choice.on_loan;
  start(s, *choice.go, terms);
}

void RequestMachine::hold_or_give_up(Surroundings& s, const Route::Choice& choice) {
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
  const Instant when = add_saturated(s.now(), pause);
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
  record.started = s.now() - submitted_;
  record.waited = terms.hedge ? Duration::zero() : s.now() - idle_since_;
  health::Work work{request_->facts.prompt_tokens, request_->facts.expected_output()};
  health.on_start(place.deployment, work);
  if (terms.charged) {
    --attempts_left_;
    ++place.tries;
  }
  Drawn drawn = claims_.draw(s.senses.ledger, s.senses.budgets,
                             health.accounts(place.deployment, place.group, record.key),
                             health.tokens(place.deployment),
                             inventory_->deployments[place.deployment], s.now(), decision_.budgets);
  running_.push_back({record.number, slot, work, terms.on_loan, s.now(), kNever, std::move(drawn)});
  hedge_at_ = terms.hedge ? kNever : when_late(s, place);
  wake_ = kNever;
  if (std::exchange(restart_due_, false)) {
    ++decision_.restarts;
    s.actions.emplace_back(EmitRestart{id_});
  }
  const Timeouts timeouts =
      health.deployment(place.deployment).timeouts.value_or(inventory_->resilience.timeouts);
  s.actions.emplace_back(StartAttempt{id_, record.number, place.deployment, record.key, timeouts});
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
  return usual ? add_saturated(s.now(), *usual) : kNever;
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
  s.actions.emplace_back(SetTimer{id_, when});
}

// --- events -------------------------------------------------------------------------------------

void RequestMachine::on_content(Surroundings& s, AttemptId attempt, Duration ttft) {
  Running* const running = find_running(attempt);
  if (running == nullptr || running->content_at != kNever) return;
  running->content_at = s.now();
  hedge_at_ = kNever;
  const DeploymentIndex deployment = route_[running->slot].deployment;
  standing(s).on_first_content(deployment, ttft, running->work);
  s.affinity.note_warm(*request_, inventory_->deployments[deployment], s.now());
  stop_all_but(s, attempt);
}

void RequestMachine::on_outcome(Surroundings& s, AttemptId attempt, Outcome outcome,
                                std::vector<std::string> dropped) {
  Running* const found = find_running(attempt);
  if (found == nullptr) return;
  const Running running = std::move(*found);
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
  if (s.now() >= deadline_) {
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
  if (s.now() >= deadline_) {
    finish(s, DecisionStatus::failed, too_late("passed"));
    return;
  }
  if (s.now() >= hedge_at_) hedge(s);
  if (!running_.empty() || s.now() < wake_) {
    arm(s);
    return;
  }
  wake_ = kNever;
  if (on_lease_) {
    store_gave_up_ = true;
    on_lease(s);
    return;
  }
  if (in_line_) {
    if (s.now() < line_until_) {  // its turn is looked at again behind this event
      sleep_until(s, line_until_);
      return;
    }
    leave_line(s);
  }
  if (decision_.attempts.empty() && s.inventory == inventory_) plan(s);
  advance(s);
}

void RequestMachine::cancel(Surroundings& s) {
  if (finished_) return;
  finish(s, DecisionStatus::cancelled, make_failure(ErrorKind::cancelled, "the caller went away"));
}

}  // namespace llmroute::engine
