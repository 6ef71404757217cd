// All requests of a router: (event, now) -> actions, no IO.
//
// The dispatcher owns the inventory, the health board, the planner, the retry budget and one
// RequestMachine per request in flight. It is single-threaded by contract: whoever drives it (the
// runtime's loop thread, the simulator) serialises all calls, the runtime with one mutex so that
// other threads may read. It never blocks, never reads a clock, never touches a socket, and given
// the same inventory, seed and events it always answers the same.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <variant>
#include <vector>

#include "llmroute/base/random.h"
#include "llmroute/cache/affinity.h"
#include "llmroute/engine/answers.h"
#include "llmroute/engine/experiments.h"
#include "llmroute/engine/hedge.h"
#include "llmroute/engine/retry_budget.h"
#include "llmroute/engine/standing.h"
#include "llmroute/engine/wait_queue.h"
#include "llmroute/health/board.h"
#include "llmroute/model/decision.h"
#include "llmroute/model/request.h"
#include "llmroute/policy/planner.h"
#include "llmroute/policy/rule_book.h"
#include "llmroute/store/store.h"

namespace llmroute::engine {

using AttemptId = std::uint32_t;  // 1, 2, 3 ... within a request

// --- actions: what the driver must do, in order -------------------------------------------------
struct StartAttempt {
  RequestId request;
  AttemptId attempt;
  DeploymentIndex deployment;
  std::uint16_t key;  // index in the deployment's pool
  Timeouts timeouts;  // of the deployment; the caller's deadline is the engine's own timer
};
struct CancelAttempt {  // close its socket; its outcome must not be reported any more
  RequestId request;
  AttemptId attempt;
};
struct SetTimer {  // call on_timer at `when`; a later SetTimer of the request replaces it
  RequestId request;
  Instant when;  // kNever: no timer
};
struct EmitRestart {  // tell the reader to discard what came
  RequestId request;
};
struct Finish {  // the request's end; exactly one per request, the last action for it
  RequestId request;
  DecisionPtr decision;
  AttemptId attempt;  // whose reply the caller gets; 0 where it failed
};
struct AskStore {  // for a lease that budgets spend from; the answer is on_lease
  std::uint64_t number;
  store::LeaseWish wish;
};
struct Mirror {  // submit it as if somebody had asked; nobody waits for its answer
  RequestId of;  // that has just finished
  std::shared_ptr<const ChatRequest> request;
};
using Action = std::variant<StartAttempt, CancelAttempt, SetTimer, EmitRestart, Finish, AskStore,
                            Mirror, Switched>;
using Actions = std::vector<Action>;

class RequestMachine;
struct Surroundings;

class Dispatcher {
 public:
  // `kept_answers`: how many requests that ended can still be given feedback.
  explicit Dispatcher(std::uint64_t seed, std::size_t max_in_flight = defaults::kMaxInFlight,
                      std::size_t kept_answers = Answers::kMost);
  ~Dispatcher();
  Dispatcher(const Dispatcher&) = delete;
  Dispatcher& operator=(const Dispatcher&) = delete;

  // Needed before the first request: without it every model is unknown. Swaps the inventory, or
  // refuses it (unknown policy, an expression that cannot be used) and keeps what it has. Requests in flight finish on the one they
  // began with: their indices belong to it, their news reaches the board where the deployment still
  // is the same (standing.h).
  Result<void> configure(InventoryPtr inventory);
  const InventoryPtr& inventory() const { return inventory_; }
  // Of the current inventory; may be used on any thread once it is handed out.
  const policy::RuleBookPtr& rule_book() const { return book_; }

  // Takes the request (kept until Finish); judges it by the rule book where that was not done yet, or
  // by another one. Refusals (unknown model, no candidate, too many in
  // flight) end in a Finish action at once, with the whole decision; nothing is returned otherwise.
  RequestId submit(std::shared_ptr<const ChatRequest> request, Instant now, WallTime wall,
                   Actions& actions);
  // The first content of an attempt reached the caller: no silent fallback after this.
  void on_content(RequestId request, AttemptId attempt, Instant now, Duration ttft,
                  Actions& actions);
  // The attempt ended. `dropped` lists parameters its encoding left out.
  void on_outcome(RequestId request, AttemptId attempt, Instant now, Outcome outcome,
                  std::vector<std::string> dropped, Actions& actions);
  void on_timer(RequestId request, Instant now, Actions& actions);
  // The caller went away. Ends in CancelAttempt (if one runs) and Finish.
  void cancel(RequestId request, Instant now, Actions& actions);
  // What the store said; a failure is asked again later.
  void on_lease(std::uint64_t number, const Result<store::Grant>& grant, Instant now,
                Actions& actions);
  // What was granted and will not be spent: to give back when nothing is in flight any more. The
  // dispatcher forgets it.
  std::vector<std::pair<std::string, std::int64_t>> take_unspent();
  // Events for a request that has finished are ignored: they may be on their way already.

  Experiments& experiments() { return experiments_; }
  const Experiments& experiments() const { return experiments_; }

  // Plans without calling anyone: what `llmroute explain` and Python policies see. Draws what the
  // next request would draw and leaves it to that request.
  DecisionPtr explain(const ChatRequest& request, Instant now, WallTime wall);

  // What somebody makes of an answer, 0 (useless) to 1: policies that weigh feedback learn from it,
  // and experiments count it. Said again, it takes the place of what was said before for policies;
  // experiments count the first word, for their tests allow no second. ErrorKind::invalid_argument
  // for another score, and for a request that is not known, not known any more, or was not answered.
  Result<std::vector<Switched>> feedback(const std::string& request_id, double score);

  const health::Board& board() const { return board_; }
  const RetryBudget& retry_budget() const { return retry_budget_; }
  std::size_t in_flight() const { return requests_.size(); }
  std::size_t waiting() const { return queue_.size(); }  // of those, in line
  // Requests since the start by what was asked for, of the inventory's names; "" for those that named
  // nothing. Without those that a cache answered before they came here.
  std::vector<std::pair<std::string, std::uint64_t>> traffic() const;
  // Feeds the board an outcome of an attempt that nobody made: for what-if questions and tests.
  void pretend(DeploymentIndex deployment, std::uint16_t key, Instant now, const Outcome& outcome);

  // The current inventory's key has another value now; see health/keys.h.
  void renew_key(health::PoolKey key, Instant now) { board_.renew_key(key, now); }

  // What the deployment says of its load, or somebody of it; see health/load.h.
  void report_load(DeploymentIndex deployment, Instant now, const LoadReading& reading,
                   Duration valid) {
    board_.report_load(deployment, now, reading, valid);
  }

  // The time that filters and policy took, for the decision; the driver has the clock.
  void note_planned(RequestId request, Duration planned);
  // What the cache said of it before it came here.
  void note_cache(RequestId request, CacheStatus status);

 private:
  void count(const std::string& model);
  Surroundings surroundings(Instant now, Actions& actions);
  RequestMachine* find(RequestId request);
  // Behind every event: who finished goes, who waits has its turn, what budgets want is asked for.
  void settle(RequestId request, Surroundings& s);
  void learn_from(const Decision& decision, Actions& actions);
  void serve_lines(Surroundings& s);
  bool serve_line(const std::string& line, Surroundings& s);

  InventoryPtr inventory_;
  policy::RuleBookPtr book_;
  Experiments experiments_;
  health::Board board_;
  limits::Ledger ledger_;
  limits::Budgets budgets_;
  WaitQueue queue_;
  std::vector<RequestId> lease_waiters_, displaced_;
  policy::Planner planner_;
  RetryBudget retry_budget_;
  HedgeBudgets hedge_budgets_;
  Proofs proofs_;
  cache::Affinity affinity_;
  Answers answers_;
  std::vector<policy::PlanStep> scratch_;
  std::vector<std::uint64_t> asked_;  // parallel to the inventory's groups
  std::uint64_t asked_unnamed_ = 0;
  std::vector<DecisionPtr> finished_;
  Random random_;
  std::size_t max_in_flight_;
  RequestId next_id_ = 1;
  std::unordered_map<RequestId, std::unique_ptr<RequestMachine>> requests_;
};

}  // namespace llmroute::engine
