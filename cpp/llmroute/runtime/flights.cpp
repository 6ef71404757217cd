#include "llmroute/runtime/flights.h"

#include <algorithm>
#include <utility>

#include "llmroute/provider/dialect.h"

namespace llmroute::runtime {

namespace {

// Leaders that may let a request down before it goes by itself.
constexpr int kMostLeaders = 2;

std::string store_key(const cache::Key& key) { return "cache/" + to_hex(key); }

Instant due_of(const Submission& submission) {
  const auto& own = submission.request->options.deadline;
  const auto deadline = own ? own : submission.cache.rules->inventory->resilience.deadline;
  return deadline ? add_saturated(submission.arrived, *deadline) : kNever;
}

bool has_content(const std::vector<Delta>& deltas) {
  return std::any_of(deltas.begin(), deltas.end(),
                     [](const Delta& delta) { return delta.is_content(); });
}

const AttemptRecord* answered_by(const Decision& decision) {
  for (const AttemptRecord& attempt : decision.attempts) {
    if (attempt.finished && attempt.outcome.ok()) return &attempt;
  }
  return nullptr;
}

}  // namespace

// --- on the way in --------------------------------------------------------------------------------

Flights::Way Flights::admit(Submission& submission, const InventoryPtr& current) {
  // Of another configuration by now: the key names models that may not be asked any more.
  if (submission.cache && submission.cache.rules->inventory != current) submission.cache = {};
  if (!submission.cache || closing_) {
    if (submission.arrived != kNever) send(submission);
    return Way::send;
  }
  const CachePlan& plan = submission.cache;
  const auto leader = flights_.leader_of({plan.key, submission.request->options.stream});
  if (leader && may_follow(*leader, submission)) {
    follow(*leader, std::move(submission));
    return Way::follow;
  }
  if (plan.look && answer_at_once(submission)) return Way::answered;
  lead(submission);
  if (plan.look && ask_store(submission)) return Way::follow;
  send(submission);
  return Way::send;
}

bool Flights::may_follow(Ticket leader, const Submission& submission) const {
  if (!submission.cache.look || submission.let_down >= kMostLeaders) return false;
  const auto sent = sent_.find(leader);
  if (sent != sent_.end() && sent->second.recorder.stopped()) return false;
  const Submission& ahead =
      sent != sent_.end() ? sent->second.submission : waiting_.at(leader).submission;
  // A less urgent one may wait in line for longer than this one would.
  return ahead.request->options.priority <= submission.request->options.priority;
}

// It may have been answered since the caller's thread looked.
bool Flights::answer_at_once(Submission& submission) {
  const Instant asked = submission.arrived == kNever ? loop_.now() : submission.arrived;
  auto answer = cache_.answer(submission.cache, submission.ticket, *submission.request, asked,
                              loop_.clock(), true);
  if (!answer) return false;
  in_flight_.fetch_sub(1, std::memory_order_relaxed);
  submission.queue->push(std::move(*answer));
  return true;
}

void Flights::lead(const Submission& submission) {
  const CachePlan& plan = submission.cache;
  const cache::FlightKey flight{plan.key, submission.request->options.stream};
  if (plan.rules->spec.single_flight && submission.let_down < kMostLeaders &&
      !flights_.leader_of(flight)) {
    flights_.lead(flight, submission.ticket);
  }
}

void Flights::send(Submission& submission) {
  if (submission.due != kNever) {  // it has waited already
    auto request = std::make_shared<ChatRequest>(*submission.request);
    request->options.deadline = submission.due - loop_.now();
    submission.request = std::move(request);
  }
  const std::size_t largest = submission.cache ? submission.cache.rules->largest() : 0;
  sent_.emplace(submission.ticket, Sent{submission, cache::Recorder(largest), loop_.now()});
}

Flights::Waiting& Flights::wait(Submission submission, Ticket leader, Instant at_most) {
  const Ticket ticket = submission.ticket;
  if (submission.arrived == kNever) {
    submission.arrived = loop_.now();
    submission.submitted = loop_.clock().wall_now();
    submission.due = due_of(submission);
  }
  Waiting& waiting = waiting_[ticket];
  waiting.submission = std::move(submission);
  waiting.leader = leader;
  const Instant when = std::min(waiting.submission.due, at_most);
  if (when != kNever) waiting.timer = loop_.call_at(when, [this, ticket] { on_timer(ticket); });
  return waiting;
}

void Flights::follow(Ticket leader, Submission submission) {
  const bool again = std::exchange(submission.followed, true);
  flights_.follow(leader, submission.ticket);
  Waiting& follower = wait(std::move(submission), leader, kNever);
  if (!again) cache_.note_joined();  // last: who sees it may rely on the rest
  const auto sent = sent_.find(leader);
  if (sent == sent_.end() || sent->second.recorder.deltas().empty()) return;
  give(follower, sent->second.recorder.deltas());
}

std::optional<Ticket> Flights::leader_of(Ticket ticket) const {
  const auto found = waiting_.find(ticket);
  if (found == waiting_.end()) return std::nullopt;
  return found->second.leader;
}

// --- the store ------------------------------------------------------------------------------------

bool Flights::ask_store(Submission& submission) {
  const CachePlan& plan = submission.cache;
  if (!plan.rules->spec.persistent || std::exchange(submission.asked_store, true)) return false;
  const bool asked =
      host_.ask_store([this, ticket = submission.ticket, key = plan.key,
                       now = loop_.clock().wall_now()](store::StateStore& store) -> Result<void> {
        const auto bytes = store.get(store_key(key), now);
        auto stored = bytes && *bytes ? cache::from_bytes(key, **bytes) : std::nullopt;
        loop_.post([this, ticket, stored = std::move(stored)] { on_stored(ticket, stored); });
        if (!bytes) return bytes.error();
        return {};
      });
  if (asked) wait(std::move(submission), 0, add_saturated(loop_.now(), kStorePatience));
  return asked;
}

void Flights::on_stored(Ticket ticket, const std::optional<cache::Stored>& stored) {
  const auto found = waiting_.find(ticket);
  if (found == waiting_.end() || found->second.leader != 0) return;  // over, or sent meanwhile
  loop_.cancel_timer(found->second.timer);
  Submission submission = std::move(found->second.submission);
  waiting_.erase(found);
  if (stored) {
    // A clock that was set back since must not make it young for ever.
    const Duration age = std::max(loop_.clock().wall_now() - stored->kept, Duration::zero());
    cache_.keep(submission.cache, stored->entry, loop_.now() - age);
    if (answer_at_once(submission)) {
      std::vector<Submission> next;
      take_over(flights_.land(ticket), next);
      for (Submission& one : next) host_.submit(std::move(one));
      return;
    }
  }
  send(submission);
  host_.send(std::move(submission));
}

// --- under way ------------------------------------------------------------------------------------

void Flights::give(Waiting& follower, std::vector<Delta> deltas) {
  follower.has_content = follower.has_content || has_content(deltas);
  Completion completion;
  completion.ticket = follower.submission.ticket;
  completion.deltas = std::move(deltas);
  follower.submission.queue->push(std::move(completion));
}

void Flights::on_deltas(Ticket ticket, const std::vector<Delta>& deltas) {
  const auto found = sent_.find(ticket);
  if (found == sent_.end()) return;
  found->second.recorder.take(deltas);
  for (const Ticket id : flights_.followers(ticket)) give(waiting_.at(id), deltas);
}

void Flights::on_restart(Ticket ticket) {
  const auto found = sent_.find(ticket);
  if (found == sent_.end()) return;
  found->second.recorder.restart();
  const std::vector<Ticket> followers = flights_.followers(ticket);
  for (const Ticket id : followers) {
    if (!begin_anew(id)) flights_.leave(ticket, id);
  }
}

// False for a follower that could not, and has ended.
bool Flights::begin_anew(Ticket ticket) {
  Waiting& follower = waiting_.at(ticket);
  if (!follower.has_content) return true;
  if (follower.submission.request->options.on_interrupt != OnInterrupt::restart) {
    end(ticket, DecisionStatus::failed,
        make_failure(ErrorKind::stream_interrupted,
                     "the identical request whose stream it followed was cut"));
    return false;
  }
  std::vector<Delta> restart(1);
  restart[0].kind = DeltaKind::restart;
  give(follower, std::move(restart));
  follower.has_content = false;
  ++follower.submission.restarts;
  return true;
}

// Those that followed one that waits for the store go on without it.
void Flights::leave(Ticket ticket, Ticket leader) {
  if (leader != 0) {
    flights_.leave(leader, ticket);
    return;
  }
  std::vector<Submission> next;
  take_over(flights_.land(ticket), next);
  for (Submission& one : next) host_.submit(std::move(one));
}

bool Flights::cancel(Ticket ticket) {
  const auto leader = leader_of(ticket);
  if (!leader) return false;
  end(ticket, DecisionStatus::cancelled,
      make_failure(ErrorKind::cancelled, "the caller went away"));
  leave(ticket, *leader);
  return true;
}

void Flights::on_timer(Ticket ticket) {
  const auto leader = leader_of(ticket);
  if (!leader) return;
  if (waiting_.at(ticket).submission.due > loop_.now()) {
    on_stored(ticket, std::nullopt);  // the store takes too long
    return;
  }
  end(ticket, DecisionStatus::failed,
      make_failure(ErrorKind::deadline_exceeded,
                   "the caller's deadline passed before the request was sent"));
  leave(ticket, *leader);
}

void Flights::close() {
  closing_ = true;
  std::vector<Ticket> tickets;
  tickets.reserve(waiting_.size());
  for (const auto& [ticket, waiting] : waiting_) tickets.push_back(ticket);
  std::sort(tickets.begin(), tickets.end());
  for (const Ticket ticket : tickets) {
    end(ticket, DecisionStatus::failed,
        make_failure(ErrorKind::closed, "the router was closed while the request was in flight"));
  }
  flights_ = {};
}

// --- the end --------------------------------------------------------------------------------------

std::vector<Submission> Flights::on_finish(Completion& last) {
  const auto found = sent_.find(last.ticket);
  if (found == sent_.end()) return {};
  Sent sent = std::move(found->second);
  sent_.erase(found);
  const std::vector<Ticket> followers = flights_.land(last.ticket);
  note(sent, last);
  if (last.decision->status != DecisionStatus::ok) return hand_over(followers, *last.decision);
  keep(sent, last);
  for (const Ticket id : followers) end(id, DecisionStatus::ok, std::nullopt, &last);
  return {};
}

// The dispatcher knows nothing of the time before it was asked.
void Flights::note(Sent& sent, Completion& last) const {
  const Submission& submission = sent.submission;
  const bool waited = submission.arrived != kNever;
  if (!waited && last.decision->cache.status == CacheStatus::miss) return;
  auto decision = std::make_shared<Decision>(*last.decision);
  if (submission.cache) decision->cache.status = CacheStatus::miss;
  if (waited) {
    const Duration before = sent.started - submission.arrived;
    decision->submitted = submission.submitted;
    decision->total += before;
    for (AttemptRecord& attempt : decision->attempts) attempt.started += before;
    decision->restarts += submission.restarts;
    if (submission.followed) {
      decision->notes.emplace_back("first it followed an identical request, which came to nothing");
    }
  }
  last.decision = std::move(decision);
}

void Flights::keep(const Sent& sent, const Completion& last) {
  const CachePlan& plan = sent.submission.cache;
  const Decision& decision = *last.decision;
  if (!plan || decision.inventory != plan.rules->inventory || !decision.chosen) return;
  const Deployment& deployment = decision.inventory->deployments[*decision.chosen];
  cache::Entry like;
  like.request_id = decision.request_id;
  like.deployment = deployment.name;
  like.usage = decision.usage;
  cache::EntryPtr entry;
  if (!sent.submission.request->options.stream) {
    entry = whole_entry(last, std::move(like), plan.rules->largest());
  } else if (!sent.recorder.stopped()) {
    entry = cache::entry_from_deltas(sent.recorder.deltas(), std::move(like), deployment.model,
                                     loop_.clock().wall_now());
  }
  if (!entry) return;
  cache_.keep(plan, entry, loop_.now());
  if (!plan.rules->spec.persistent) return;
  host_.ask_store([key = plan.key, entry, now = loop_.clock().wall_now(),
                   ttl = plan.rules->spec.ttl](store::StateStore& store) {
    return store.put(store_key(key), cache::to_bytes(key, *entry, now), now + ttl);
  });
}

cache::EntryPtr Flights::whole_entry(const Completion& last, cache::Entry like,
                                     std::size_t largest) const {
  const AttemptRecord* attempt = answered_by(*last.decision);
  if (attempt == nullptr || !last.reply || last.reply->body.size() > largest) return nullptr;
  const provider::Dialect* dialect = provider::find_dialect(last.reply->dialect);
  auto body = dialect->to_openai(last.reply->body, last.reply->model);
  if (!body) return nullptr;
  like.finish_reason = attempt->outcome.finish_reason;
  return cache::entry_from_body(std::move(*body), std::move(like));
}

std::vector<Submission> Flights::hand_over(const std::vector<Ticket>& followers,
                                           const Decision& decision) {
  std::vector<Submission> next;
  const bool shared = decision.failure && fault_of(decision.failure->kind) == Fault::caller;
  for (const Ticket id : followers) {
    if (shared) end(id, DecisionStatus::failed, decision.failure);
  }
  if (!shared) take_over(followers, next);
  if (decision.status == DecisionStatus::failed) {
    for (Submission& submission : next) ++submission.let_down;
  }
  return next;
}

// Out of the wait, but for those that have ended in it.
void Flights::take_over(const std::vector<Ticket>& followers, std::vector<Submission>& next) {
  for (const Ticket id : followers) {
    if (!begin_anew(id)) continue;
    const auto found = waiting_.find(id);
    loop_.cancel_timer(found->second.timer);
    next.push_back(std::move(found->second.submission));
    waiting_.erase(found);
  }
}

void Flights::end(Ticket ticket, DecisionStatus status, std::optional<Failure> failure,
                  const Completion* leaders) {
  const auto found = waiting_.find(ticket);
  const Waiting follower = std::move(found->second);
  waiting_.erase(found);
  loop_.cancel_timer(follower.timer);
  const Submission& submission = follower.submission;
  auto decision = std::make_shared<Decision>(
      borrowed_decision(submission.cache, *submission.request, submission.submitted));
  decision->status = status;
  decision->failure = std::move(failure);
  decision->restarts = submission.restarts;
  decision->total = loop_.now() - submission.arrived;
  decision->cache.status = follower.leader == 0 ? CacheStatus::miss : CacheStatus::joined;
  Completion completion;
  completion.ticket = ticket;
  completion.last = true;
  if (leaders != nullptr) {
    const Decision& theirs = *leaders->decision;
    decision->inventory = theirs.inventory;
    decision->chosen = theirs.chosen;
    decision->usage = theirs.usage;
    decision->cache.answered_by = theirs.request_id;
    completion.reply = leaders->reply;
  }
  completion.decision = std::move(decision);
  in_flight_.fetch_sub(1, std::memory_order_relaxed);
  submission.queue->push(std::move(completion));
}

}  // namespace llmroute::runtime
