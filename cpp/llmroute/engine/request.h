// The machine of one request: which attempt next, how long to wait, when to give up.
//
// (event, now) -> actions; no IO. Owned by the dispatcher, used under its lock, destroyed after its
// Finish action. No event throws; events for an attempt that is not running are ignored. The rules,
// by how the last attempt ended (model/treatment.h has the whole table):
//
//   connect, protocol, attempt_timeout, overloaded, server_error, stream_interrupted
//                                    next candidate; with all tried once, back off (full jitter)
//                                    and go around again; a bad tool call: once more here first
//   rate_limit                       another usable key of the pool (not charged), else the same
//   context_length                   only known larger windows, then groups in on_context_too_long
//   content_filter                   only groups in on_content_filter
//   authentication, quota_exhausted, permission_denied
//                                    another key of the pool (not charged), else next candidate
//   not_found, capability_mismatch   next candidate, this one never again
//   bad_request and the rest         never another attempt
//
// Candidates: the plan, and behind it in reserve those that planning left out only for the moment
// (route.h). Each is checked again when its turn comes.
//
// Waiting: where no candidate may be called now, the request waits for the first of them that said
// when it will be back (cooling after a rate limit or overload, announced limits, keys), a little
// longer by chance so that those who wait do not come at once. It does not wait past its deadline,
// nor longer than max_retry_after between two attempts, and never for an open breaker. If nothing
// was sent yet, the plan is made anew after the wait.
//
// After content was seen nothing is tried again unless the caller asked for on_interrupt=restart;
// EmitRestart then comes with the next attempt, so a reader keeps what came where none follows.
//
// Every attempt but the first is paid or lent by the router's retry budget (retry_budget.h). Where it
// gives nothing for a place that looks sound, others are finding out about that place: the request
// looks again a few times, after a backoff each. The deadline is the engine's own timer: an attempt that runs then is cancelled, which
// says nothing about the deployment.
//
// Hedging (hedge.h), where the group asks for it: while one attempt runs without content and is late,
// a second one starts at another member of its group, charged like any. The first content, or the
// first answer, of either cancels the other. Where one of the two fails, the other is left to run;
// only its end is answered with a further attempt.
//
// Limits and budgets (claims.h): what they leave out becomes a reserve. Where a budget's lease is not
// there yet, the request waits for the store, at most kStoreWait.
//
// Where nothing can serve, the steps of the group's on_exhausted follow in order, each once: a line
// (wait_queue.h), the least bad place, another group, a person, the end. A request whose group has a line
// with others in it goes behind them.
//
// The end: one attempt fails as what it was, several as all_attempts_failed (verdict.h); where the
// deadline passes while something runs or waits, deadline_exceeded; where nothing could be sent,
// no_candidate.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "llmroute/engine/dispatcher.h"
#include "llmroute/engine/route.h"
#include "llmroute/engine/wait_queue.h"
#include "llmroute/model/treatment.h"

namespace llmroute::engine {

// What a machine may touch of its dispatcher during one event.
struct Surroundings {
  const InventoryPtr& inventory;  // the current one
  Senses senses;
  policy::Planner& planner;
  RetryBudget& retry_budget;
  HedgeBudgets& hedge_budgets;
  WaitQueue& queue;
  cache::Affinity& affinity;
  std::vector<RequestId>& lease_waiters;
  std::vector<RequestId>& displaced;  // from their lines, still to be told
  std::vector<policy::PlanStep>& scratch;
  std::vector<DecisionPtr>& finished;  // since it was last looked at
  Actions& actions;
  Instant now() const { return senses.now; }
};

class RequestMachine {
 public:
  // `inventory` is the current one; the machine keeps it, and its indices are used throughout.
  RequestMachine(RequestId id, std::shared_ptr<const ChatRequest> request, InventoryPtr inventory,
                 std::uint64_t seed, Instant now, WallTime wall);

  void begin(Surroundings& s, GroupIndex group);
  // Ends it before it began.
  void refuse(Surroundings& s, Failure failure);
  void on_content(Surroundings& s, AttemptId attempt, Duration ttft);
  void on_outcome(Surroundings& s, AttemptId attempt, Outcome outcome,
                  std::vector<std::string> dropped);
  void on_timer(Surroundings& s);
  // The store has answered; perhaps what this one waits for.
  void on_lease(Surroundings& s);
  // It is first in its line. True where it left the line; else nothing can serve it yet.
  bool on_turn(Surroundings& s);
  // Nothing but a limit or budget of the request's own holds it back: others may pass.
  bool held_by_itself(const Surroundings& s) const;
  // Somebody more urgent takes its place in line.
  void displace(Surroundings& s);
  void cancel(Surroundings& s);
  // Plans and hands over the decision as it stands, status pending.
  DecisionPtr explain(Surroundings& s, GroupIndex group);

  bool finished() const { return finished_; }
  void note_planned(Duration planned) { decision_.planned = planned; }
  void note_cache(CacheStatus status) { decision_.cache.status = status; }

 private:
  using GroupList = std::vector<GroupIndex> Group::*;

  bool turned_away(Surroundings& s);
  void mirror(Surroundings& s);
  bool take_claims(Surroundings& s);
  void set_out(Surroundings& s);
  void step_down(Surroundings& s);
  void plan(Surroundings& s);
  void note_list();
  void extend(Surroundings& s, const std::vector<GroupIndex>& groups);
  void apply_claims(Surroundings& s);
  void add_places(Surroundings& s, std::size_t known_records);
  void advance(Surroundings& s);
  struct Terms {
    bool charged = true;   // against the attempt budget
    bool on_loan = false;  // from the retry budget
    bool hedge = false;
  };
  struct Running {
    AttemptId number;
    std::size_t slot;  // its place in the route
    health::Work work;
    bool on_loan;
    Instant started;
    Instant content_at;  // of its first content; kNever: none so far
    Drawn drawn;
  };

  void go(Surroundings& s, const Route::Choice& choice);
  void start(Surroundings& s, std::size_t slot, Terms terms);
  Instant when_late(Surroundings& s, const Place& place) const;
  void hedge(Surroundings& s);
  void hold_or_give_up(Surroundings& s, const Route::Choice& choice);
  // --- when nothing can serve (request_waiting.cpp)
  void exhausted(Surroundings& s, const Route::Choice& choice);
  bool take_step(Surroundings& s, const ExhaustedStep& step);
  bool awaits_lease(Surroundings& s, const Route::Choice& choice);
  void wait_for_lease(Surroundings& s);
  bool may_help(const Surroundings& s, Instant until) const;
  bool line_up(Surroundings& s, Duration most);
  void leave_line(Surroundings& s);
  bool try_least_bad(Surroundings& s);
  bool try_group(Surroundings& s, GroupIndex group);
  std::string flow() const;
  void let_go(Surroundings& s);
  bool wait_for(Surroundings& s, const Route::Choice& choice);
  bool back_off(Surroundings& s, int exponent);
  void sleep_until(Surroundings& s, Instant when);
  void arm(Surroundings& s);
  void react(Surroundings& s, std::size_t slot, const Failure& failure);
  void leave_to_other(Surroundings& s, std::size_t slot, const Failure& failure);
  bool stay(Surroundings& s, std::size_t slot);
  bool rotate_key(Surroundings& s, std::size_t slot, Reaction reaction);
  void detour(Surroundings& s, GroupIndex from, GroupList list, Tokens window, bool& extended);
  void end_attempt(Surroundings& s, const Running& ended, Outcome outcome,
                   std::vector<std::string> dropped);
  Charge charge_for(const Surroundings& s, const Running& ended,
                    const std::vector<std::string>& dropped) const;
  void settle_loan(Surroundings& s, const Outcome& outcome);
  void stop(Surroundings& s, const Running& running);
  void stop_all_but(Surroundings& s, AttemptId attempt);
  void give_up(Surroundings& s, std::string_view note);
  void finish(Surroundings& s, DecisionStatus status, std::optional<Failure> failure);
  Running* find_running(AttemptId attempt);
  Standing standing(const Surroundings& s) const;
  int utc_minute(const Surroundings& s) const;

  RequestId id_;
  std::shared_ptr<const ChatRequest> request_;
  InventoryPtr inventory_;
  Random random_;
  Decision decision_;
  Claims claims_;
  Instant submitted_;
  Instant deadline_ = kNever;
  GroupIndex group_ = 0;
  Route route_;
  int attempts_left_ = 0;
  int round_ = 0;                 // places tried more often than this are backed off from first
  int holds_ = 0;                 // times it looked again for retry budget
  std::vector<Running> running_;  // one attempt, or two while hedging
  Instant hedge_at_ = kNever;     // when the running one is late
  AttemptId answered_ = 0;        // the attempt that succeeded
  // Between attempts.
  Instant idle_since_;      // submission or the end of the last attempt
  Instant wake_ = kNever;   // the end of a wait
  Instant armed_ = kNever;  // what the driver's timer is set to
  // When nothing can serve.
  std::size_t step_ = 0;              // next of the group's on_exhausted
  std::vector<GroupIndex> detoured_;  // groups that those steps added
  bool in_line_ = false, turn_taken_ = false, unpaid_ = false;
  bool set_out_ = false;  // a plan was made
  bool on_lease_ = false, store_gave_up_ = false;
  Instant lined_up_at_{}, line_until_ = kNever;
  std::int64_t turn_tokens_ = 0;  // what its turn in line was thought to take

  bool restart_due_ = false;  // the next attempt begins with EmitRestart
  bool extended_too_long_ = false, extended_filtered_ = false;
  bool finished_ = false;
};

}  // namespace llmroute::engine
