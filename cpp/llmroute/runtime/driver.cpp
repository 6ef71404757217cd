#include "llmroute/runtime/driver.h"

#include <algorithm>
#include <utility>
#include <variant>

#include "llmroute/base/text.h"
#include "llmroute/model/defaults.h"
#include "llmroute/wire/json.h"

namespace llmroute::runtime {

namespace {

DecisionPtr closed_decision(const Decision& decision) {
  auto closed = std::make_shared<Decision>(decision);
  closed->status = DecisionStatus::failed;
  closed->failure.emplace();
  closed->failure->kind = ErrorKind::closed;
  closed->failure->message = "the router was closed while the request was in flight";
  return closed;
}

}  // namespace

Driver::Driver(net::Loop& loop, Brain& brain, State& state, ReplyCache& cache)
    : loop_(loop),
      brain_(brain),
      state_(state),
      transport_(loop),
      load_poller_(loop, transport_,
                   [this](const Deployment& deployment, const LoadReading& reading,
                          Duration valid) { tell_load(deployment, reading, valid); }),
      flights_(loop, cache, brain.in_flight, *this) {}

void Driver::start() {
  loop_.call_at(add_saturated(loop_.now(), defaults::kStoreExpiry), [this] { start(); });
  state_.expire(loop_.clock().wall_now());
}

void Driver::reconfigured() {
  if (closing_) return;
  InventoryPtr inventory;
  {
    const std::lock_guard lock(brain_.mutex);
    inventory = brain_.dispatcher.inventory();
  }
  load_poller_.configure(std::move(inventory));
}

// The inventory may have changed since the look began: by name and place, not by index.
void Driver::tell_load(const Deployment& deployment, const LoadReading& reading, Duration valid) {
  const std::lock_guard lock(brain_.mutex);
  const Inventory& inventory = *brain_.dispatcher.inventory();
  const auto index = inventory.find_deployment(deployment.name);
  if (!index || inventory.deployments[*index].base_url != deployment.base_url) return;
  brain_.dispatcher.report_load(*index, loop_.now(), reading, valid);
}

// --- events from callers ------------------------------------------------------------------------

void Driver::submit(Submission submission) {
  if (!submission.cache) {
    send(std::move(submission));
    return;
  }
  InventoryPtr current;
  {
    const std::lock_guard lock(brain_.mutex);
    current = brain_.dispatcher.inventory();
  }
  const Ticket ticket = submission.ticket;
  switch (flights_.admit(submission, current)) {
    case Flights::Way::send: send(std::move(submission)); break;
    case Flights::Way::follow:
      // Its reader may be behind; the new one is not.
      if (const auto leader = by_ticket_.find(flights_.leader_of(ticket).value_or(0));
          leader != by_ticket_.end()) {
        read_on(*active_.at(leader->second));
      }
      break;
    case Flights::Way::answered: break;
  }
}

void Driver::send(Submission submission) {
  auto active = std::make_unique<ActiveRequest>();
  active->ticket = submission.ticket;
  active->request = std::move(submission.request);
  active->queue = std::move(submission.queue);
  active->watch = std::move(submission.watch);
  if (!active->queue) ++mirrored_;
  ActiveRequest& request = *active;
  {
    const std::lock_guard lock(brain_.mutex);
    request.inventory = brain_.dispatcher.inventory();
    request.keys = brain_.keys;
    const Instant now = loop_.now();
    const WallTime wall = loop_.clock().wall_now();
    // Judged on its caller's thread, unless the configuration has changed since.
    const policy::RuleBook& book = *brain_.dispatcher.rule_book();
    if (!book.covers(*request.request)) request.request = book.apply(request.request, wall);
    request.id = brain_.dispatcher.submit(request.request, now, wall, actions_);
    brain_.dispatcher.note_planned(request.id, loop_.now() - now);
    if (submission.cache) brain_.dispatcher.note_cache(request.id, CacheStatus::miss);
  }
  by_ticket_.emplace(request.ticket, request.id);
  active_.emplace(request.id, std::move(active));
  run_actions();
}

void Driver::cancel(Ticket ticket) {
  if (flights_.cancel(ticket)) return;
  const auto found = by_ticket_.find(ticket);
  if (found == by_ticket_.end()) return;
  {
    const std::lock_guard lock(brain_.mutex);
    brain_.dispatcher.cancel(found->second, loop_.now(), actions_);
  }
  run_actions();
}

void Driver::resume(Ticket ticket, std::size_t bytes) {
  const auto found = by_ticket_.find(ticket);
  if (found == by_ticket_.end()) return;
  ActiveRequest& active = *active_.at(found->second);
  active.unread -= std::min(active.unread, bytes);
  if (active.unread > defaults::kMaxQueuedDeltaBytes / 2) return;
  read_on(active);
}

void Driver::read_on(const ActiveRequest& active) {
  for (Attempt* attempt : active.attempts) attempt->resume();
}

void Driver::close() {
  closing_ = true;
  load_poller_.stop();
  flights_.close();
  std::vector<Ticket> tickets;
  tickets.reserve(by_ticket_.size());
  for (const auto& [ticket, id] : by_ticket_) tickets.push_back(ticket);
  std::sort(tickets.begin(), tickets.end());
  for (const Ticket ticket : tickets) cancel(ticket);
}

Completion Driver::refusal(const Submission& submission, InventoryPtr inventory, ErrorKind kind,
                           std::string message, WallTime wall) {
  auto decision = std::make_shared<Decision>();
  decision->request_id = submission.request->id;
  decision->model_asked = submission.request->options.model;
  decision->inventory = std::move(inventory);
  decision->facts = submission.request->facts;
  decision->submitted = wall;
  decision->status = DecisionStatus::failed;
  decision->failure.emplace();
  decision->failure->kind = kind;
  decision->failure->message = std::move(message);
  Completion completion;
  completion.ticket = submission.ticket;
  completion.last = true;
  completion.decision = std::move(decision);
  return completion;
}

// --- events from attempts -----------------------------------------------------------------------

void Driver::on_content(Attempt& attempt, Duration ttft) {
  {
    const std::lock_guard lock(brain_.mutex);
    brain_.dispatcher.on_content(attempt.owner()->id, attempt.number(), loop_.now(), ttft,
                                 actions_);
  }
  run_actions();
}

bool Driver::on_deltas(Attempt& attempt, std::vector<Delta>& deltas) {
  ActiveRequest& active = *attempt.owner();
  if (!active.queue) return true;  // mirrored: nobody reads
  for (const Delta& delta : deltas) active.unread += weight_of(delta);
  flights_.on_deltas(active.ticket, deltas);
  Completion completion;
  completion.ticket = active.ticket;
  completion.deltas = std::move(deltas);
  active.queue->push(std::move(completion));
  return active.unread <= defaults::kMaxQueuedDeltaBytes || flights_.followed(active.ticket);
}

void Driver::on_end(Attempt& attempt, Outcome outcome) {
  ActiveRequest& active = *attempt.owner();
  const std::uint32_t number = attempt.number();
  if (outcome.failure) {
    clean(*outcome.failure, *active.keys);
    const ErrorKind kind = outcome.failure->kind;
    const bool refused = kind == ErrorKind::authentication || kind == ErrorKind::permission_denied;
    if (refused) active.keys->expire();
  } else if (!active.request->options.stream) {
    auto reply = std::make_shared<RawReply>();
    reply->body = attempt.take_body();
    reply->dialect = attempt.dialect().name();
    reply->status = attempt.status();
    reply->operation = active.request->operation;
    reply->model = attempt.deployment().model;
    // Nearly always its first member, so this reads a few bytes.
    if (active.inventory->cache.affinity) {
      outcome.reply_id = wire::JsonView(reply->body)["id"].string();
    }
    active.reply = std::move(reply);
  }
  std::vector<std::string> dropped = attempt.take_dropped();
  detach(active, attempt);
  if (!attempt.lingers()) release(attempt);
  report(active, number, std::move(outcome), std::move(dropped));
  run_actions();
}

void Driver::report(ActiveRequest& active, std::uint32_t attempt, Outcome outcome,
                    std::vector<std::string> dropped) {
  const std::lock_guard lock(brain_.mutex);
  brain_.dispatcher.on_outcome(active.id, attempt, loop_.now(), std::move(outcome),
                               std::move(dropped), actions_);
}

void Driver::on_timer(engine::RequestId id) {
  ActiveRequest* active = find(id);
  if (active == nullptr) return;
  active->timer = 0;
  {
    const std::lock_guard lock(brain_.mutex);
    brain_.dispatcher.on_timer(id, loop_.now(), actions_);
  }
  run_actions();
}

void Driver::on_lease(std::uint64_t number, const Result<store::Grant>& grant) {
  {
    const std::lock_guard lock(brain_.mutex);
    brain_.dispatcher.on_lease(number, grant, loop_.now(), actions_);
  }
  run_actions();
}

// --- actions ------------------------------------------------------------------------------------

// An action may bring further ones; they join the queue instead of nesting.
void Driver::run_actions() {
  if (running_) return;
  running_ = true;
  for (std::size_t i = 0; i < actions_.size(); ++i) {
    engine::Action action = std::move(actions_[i]);
    std::visit([this](auto& one) { execute(one); }, action);
  }
  actions_.clear();
  running_ = false;
}

void Driver::execute(engine::StartAttempt& action) {
  ActiveRequest* active = find(action.request);
  if (active == nullptr) return;
  const Deployment& deployment = active->inventory->deployments[action.deployment];
  Attempt& attempt = acquire();
  std::optional<Failure> failure;
  if (auto key = active->keys->find(action.deployment, action.key); key) {
    const Attempt::Start start{active,     active->request.get(), &deployment, action.attempt,
                               action.key, action.timeouts};
    failure = attempt.begin(start, *key);
  } else {
    failure.emplace();
    failure->kind = key.error().kind;
    failure->message = key.error().message;
    active->keys->expire();  // it may be there when the next request asks
  }
  if (!failure) {
    active->attempts.push_back(&attempt);
    return;
  }
  release(attempt);
  clean(*failure, *active->keys);
  Outcome outcome;
  outcome.failure = std::move(failure);
  outcome.usage.reported = true;  // nothing was sent: it cost nothing, and that is certain
  report(*active, action.attempt, std::move(outcome), {});
}

void Driver::execute(engine::CancelAttempt& action) {
  ActiveRequest* active = find(action.request);
  if (active == nullptr) return;
  const auto found =
      std::find_if(active->attempts.begin(), active->attempts.end(),
                   [&](const Attempt* attempt) { return attempt->number() == action.attempt; });
  if (found == active->attempts.end()) return;
  Attempt& attempt = **found;
  active->attempts.erase(found);
  attempt.cancel();
  release(attempt);
}

void Driver::execute(engine::SetTimer& action) {
  ActiveRequest* active = find(action.request);
  if (active == nullptr) return;
  loop_.cancel_timer(active->timer);
  active->timer = action.when == kNever
                      ? 0
                      : loop_.call_at(action.when, [this, id = action.request] { on_timer(id); });
}

void Driver::execute(engine::EmitRestart& action) {
  ActiveRequest* active = find(action.request);
  if (active == nullptr || !active->queue) return;
  Completion completion;
  completion.ticket = active->ticket;
  completion.deltas.emplace_back();
  completion.deltas.back().kind = DeltaKind::restart;
  active->unread += weight_of(completion.deltas.back());
  active->queue->push(std::move(completion));
  flights_.on_restart(active->ticket);
}

void Driver::execute(engine::AskStore& action) {
  state_.lease(std::move(action.wish),
               [this, number = action.number](const Result<store::Grant>& grant) {
                 if (!loop_.on_loop_thread()) {
                   return loop_.post([this, number, grant] { on_lease(number, grant); });
                 }
                 on_lease(number, grant);
                 return true;
               });
}

bool Driver::ask_store(StoreJob job) {
  return state_.post([&state = state_, job = std::move(job)](store::StateStore& store) {
    state.heard(job(store));
  });
}

void Driver::execute(engine::Finish& action) {
  ActiveRequest* active = find(action.request);
  if (active == nullptr) return;
  Completion completion;
  completion.ticket = active->ticket;
  completion.last = true;
  completion.decision = std::move(action.decision);
  if (completion.decision->status == DecisionStatus::ok) {
    completion.reply = std::move(active->reply);
  } else if (closing_) {
    completion.decision = closed_decision(*completion.decision);
  }
  std::vector<Submission> next = flights_.on_finish(completion);
  const DecisionPtr decision = completion.decision;
  const std::shared_ptr<const ChatRequest> request = active->request;
  finish(*active, std::move(completion));
  tell_mirror(*request, *decision);
  for (Submission& submission : next) submit(std::move(submission));
}

void Driver::finish(ActiveRequest& active, Completion completion) {
  loop_.cancel_timer(active.timer);
  for (Attempt* attempt : active.attempts) {
    attempt->cancel();
    release(*attempt);
  }
  const std::shared_ptr<CompletionQueue> queue = std::move(active.queue);
  const std::function<void(const Decision&)> watch = std::move(active.watch);
  if (!queue) --mirrored_;
  by_ticket_.erase(active.ticket);
  active_.erase(active.id);
  brain_.in_flight.fetch_sub(1, std::memory_order_relaxed);
  if (queue) {
    queue->push(std::move(completion));
  } else if (watch) {
    watch(*completion.decision);
  }
}

// Behind the answer, which is on its way.
void Driver::tell_mirror(const ChatRequest& request, const Decision& decision) {
  std::shared_ptr<Mirror> mirror;
  {
    const std::lock_guard lock(brain_.mutex);
    mirror = brain_.mirror;
  }
  if (mirror) mirror->on_finish(request, decision);
}

void Driver::execute(engine::Mirror& action) {
  if (closing_ || mirrored_ >= defaults::kMaxMirrored) return;
  brain_.in_flight.fetch_add(1, std::memory_order_relaxed);
  Submission submission;
  submission.ticket = next_mirror_++;
  submission.request = std::move(action.request);
  send(std::move(submission));
}

void Driver::execute(engine::Switched& action) { state_.remember(std::move(action)); }

// --- small parts --------------------------------------------------------------------------------

ActiveRequest* Driver::find(engine::RequestId id) {
  const auto found = active_.find(id);
  return found == active_.end() ? nullptr : found->second.get();
}

Attempt& Driver::acquire() {
  if (idle_.empty()) {
    attempts_.push_back(std::make_unique<Attempt>(*this));
    return *attempts_.back();
  }
  Attempt& attempt = *idle_.back();
  idle_.pop_back();
  return attempt;
}

void Driver::detach(ActiveRequest& active, const Attempt& attempt) {
  const auto found = std::find(active.attempts.begin(), active.attempts.end(), &attempt);
  if (found != active.attempts.end()) active.attempts.erase(found);
}

void Driver::clean(Failure& failure, const KeyRing& keys) {
  failure.message = ellipsize(keys.scrub(std::move(failure.message)), defaults::kMaxMessageBytes);
  failure.provider_code = ellipsize(keys.scrub(std::move(failure.provider_code)), 100);
}

}  // namespace llmroute::runtime
