// The router without a face: executes the dispatcher's actions on the network.
//
// Thread-safe. One loop thread does all network work and drives the dispatcher; callers submit from
// any thread and get their results through a CompletionQueue that they drain on a thread of their
// choice. Close it (or destroy it) on any thread but the loop's. After fork() a child must drop the
// object without touching it (abandon()) and make a new one.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "llmroute/base/error.h"
#include "llmroute/base/time.h"
#include "llmroute/engine/view.h"
#include "llmroute/model/decision.h"
#include "llmroute/model/delta.h"
#include "llmroute/model/request.h"
#include "llmroute/runtime/completion.h"
#include "llmroute/runtime/mirror.h"
#include "llmroute/runtime/reply_cache.h"
#include "llmroute/store/store.h"

namespace llmroute::runtime {

struct RouterOptions {
  std::uint64_t seed = 0;
  const Clock* clock = nullptr;  // null: system clock; else outlives the router
  std::size_t max_in_flight = defaults::kMaxInFlight;
  // Called on a thread of its own. Null: what the configuration says under [state].
  std::shared_ptr<store::StateStore> store;
};

using engine::CandidateView;

class Router {
 public:
  // ErrorKind::config where the inventory cannot be planned on, or its state file not be used;
  // capacity where another process holds that file. May wait for the file (StateSpec::busy).
  static Result<std::unique_ptr<Router>> create(InventoryPtr inventory, RouterOptions options);
  ~Router();
  Router(const Router&) = delete;
  Router& operator=(const Router&) = delete;

  // Any thread. Never blocks on the network. Results arrive at `queue` under the ticket returned;
  // refusals (closed, too many in flight, no candidate) too, as the last completion.
  // A callable key's current value is set beforehand with set_secret.
  Ticket submit(std::shared_ptr<const ChatRequest> request, std::shared_ptr<CompletionQueue> queue);
  // The same without a reader: `watch` is told how it ended, on the loop thread, and not at all where
  // the router is closed or has no room for it.
  void submit_unwatched(std::shared_ptr<const ChatRequest> request,
                        std::function<void(const Decision&)> watch);
  // A share of the requests goes to that router as well, from now on; null: no longer. See mirror.h.
  void set_mirror(std::shared_ptr<Mirror> mirror);
  std::shared_ptr<Mirror> mirror() const;
  void cancel(Ticket ticket);  // any thread; ends in a completion of kind cancelled
  // A reader took that much (weight_of) out of its stream: the socket may be read again.
  void resume(Ticket ticket, std::size_t bytes);

  // The request as rules leave it, with its ruling.
  std::shared_ptr<const ChatRequest> judged(std::shared_ptr<const ChatRequest> request) const;
  // Scores that rules and constraints ask for.
  std::vector<std::string> scores() const;
  DecisionPtr explain(const ChatRequest& request) const;
  // The candidates that the filters keep, in the order of the decision.
  std::vector<CandidateView> candidates(const ChatRequest& request) const;
  // What somebody makes of an answer; see Dispatcher::feedback. Any thread.
  Result<void> feedback(const std::string& request_id, double score);
  // What somebody knows of a deployment's load, believed for `valid`; health/load.h says what becomes
  // of it. Any thread. ErrorKind::invalid_argument for an unknown deployment, a value that cannot
  // be, and no value at all.
  Result<void> report_load(std::string_view deployment, const LoadReading& reading,
                           Duration valid = defaults::kReportedLoadAge);
  // {"deployment": {"usable": true, "reason": "kept", "signal": number, ...}, ...}
  std::string health_json() const;
  // What experiments have seen, see engine/experiments.h.
  std::string experiments_json() const;
  // All requests of the experiment to that arm; an empty name: as configured, beginning anew. The
  // state store remembers it. ErrorKind::invalid_argument for a name that does not exist.
  Result<void> switch_experiment(std::string_view name, std::string_view arm,
                                 std::string_view reason);
  InventoryPtr inventory() const;
  // Requests in flight finish on the inventory they began with. The state file stays what it is.
  Result<void> configure(InventoryPtr inventory);
  // Requests since the start by group or deployment asked for; see Dispatcher::traffic.
  std::vector<std::pair<std::string, std::uint64_t>> traffic() const;
  // Makes the board believe that the deployment fails as it would with this kind of error: until a
  // breaker, a cool-down or its keys keep it out, or `most` outcomes were fed. For tests of policies.
  void pretend(DeploymentIndex deployment, const Failure& failure, std::size_t most);
  void set_secret(DeploymentIndex deployment, std::size_t key, Secret value);
  // Any thread. Forgets all answers that are kept.
  void clear_cache();
  CacheStats cache_stats() const;

  void poke();  // a manual clock moved
  std::size_t in_flight() const;
  bool closed() const;
  // What should be said once to whoever runs this: sentences, oldest first. One atomic read where
  // there are none. Also after close().
  std::vector<std::string> take_notices();
  // For whoever forks: before_fork() and after_fork() are to be called on it. Null once closed.
  std::shared_ptr<store::StateStore> store() const;

  // What budgets were granted and did not spend is given back first, as far as the store answers.
  void close();    // ends all with kind closed, joins; idempotent
  void abandon();  // in a forked child: forgets threads and sockets unjoined

 private:
  class Impl;
  explicit Router(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace llmroute::runtime
