// The router without a face: executes the dispatcher's actions on the network.
//
// Thread-safe. One loop thread does all network work and drives the dispatcher; callers submit from
// any thread and get their results through a CompletionQueue that they drain on a thread of their
// choice. Close it (or destroy it) on any thread but the loop's. After fork() a child must drop the
// object without touching it (abandon()) and make a new one.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "llmroute/base/error.h"
#include "llmroute/base/time.h"
#include "llmroute/model/decision.h"
#include "llmroute/model/delta.h"
#include "llmroute/model/request.h"
#include "llmroute/runtime/completion.h"

namespace llmroute::runtime {

struct RouterOptions {
  std::uint64_t seed = 0;
  const Clock* clock = nullptr;        // null: system clock
  std::size_t max_in_flight = defaults::kMaxInFlight;
};

class Router {
 public:
  static Result<std::unique_ptr<Router>> create(InventoryPtr inventory, RouterOptions options);
  ~Router();

  // Any thread. Never blocks on the network. Results arrive at `queue` under the ticket returned.
  // A callable key's current value is set beforehand with set_secret.
  Ticket submit(std::shared_ptr<const ChatRequest> request, std::shared_ptr<CompletionQueue> queue);
  void cancel(Ticket ticket);          // any thread; ends in a completion of kind cancelled
  void resume(Ticket ticket);          // a reader took deltas: the socket may be read again

  DecisionPtr explain(const ChatRequest& request) const;
  // Name/number pairs of every signal, by deployment. JSON text.
  std::string health_json() const;
  InventoryPtr inventory() const;
  Result<void> configure(InventoryPtr inventory);
  void set_secret(DeploymentIndex deployment, std::size_t key, Secret value);
  void poke();                         // a manual clock moved
  std::size_t in_flight() const;

  void close();                        // cancels all, joins; idempotent
  void abandon();                      // in a forked child: forgets threads and sockets unjoined

 private:
  class Impl;
  explicit Router(std::shared_ptr<Impl> impl);
  std::shared_ptr<Impl> impl_;
};

}  // namespace llmroute::runtime
