// The loop thread's half of a router: turns the dispatcher's actions into attempts, timers and
// completions, and what the network says into the dispatcher's events.
//
// Everything here runs on the loop thread, apart from the dispatcher, which other threads may read
// under the same mutex.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>
#include <vector>

#include "llmroute/engine/dispatcher.h"
#include "llmroute/net/loop.h"
#include "llmroute/net/transport.h"
#include "llmroute/runtime/attempt.h"
#include "llmroute/runtime/completion.h"
#include "llmroute/runtime/flights.h"
#include "llmroute/runtime/key_ring.h"
#include "llmroute/runtime/load_poller.h"
#include "llmroute/runtime/mirror.h"
#include "llmroute/runtime/state.h"
#include "llmroute/runtime/submission.h"

namespace llmroute::runtime {

// A dispatcher and the lock that serialises it, with the keys of its inventory.
struct Brain {
  explicit Brain(std::uint64_t seed) : dispatcher(seed) {}
  mutable std::mutex mutex;
  engine::Dispatcher dispatcher;           // guarded by mutex
  std::shared_ptr<KeyRing> keys;           // guarded by mutex; the ring itself is thread-safe
  std::shared_ptr<Mirror> mirror;          // guarded by mutex; null: none
  std::atomic<std::int64_t> in_flight{0};  // submitted and not finished
};

// A request that the dispatcher has not finished yet.
struct ActiveRequest {
  Ticket ticket = 0;
  engine::RequestId id = 0;
  std::shared_ptr<const ChatRequest> request;
  std::shared_ptr<CompletionQueue> queue;  // null: mirrored, nobody waits for it
  InventoryPtr inventory;                  // the one its indices belong to
  std::shared_ptr<KeyRing> keys;
  std::vector<Attempt*> attempts;  // running now
  std::shared_ptr<const RawReply> reply;
  std::uint64_t timer = 0;
  std::function<void(const Decision&)> watch;  // of one without a queue; may be empty
  std::size_t unread = 0;                      // weight of deltas the reader has not taken
};

class Driver final : public AttemptHost, private FlightHost {
 public:
  // The state is stopped before the driver is destroyed.
  Driver(net::Loop& loop, Brain& brain, State& state, ReplyCache& cache);

  // Begins what repeats by itself.
  void start();
  // Another inventory is there.
  void reconfigured();
  void submit(Submission submission) override;
  void cancel(Ticket ticket);
  void resume(Ticket ticket, std::size_t bytes);
  // Ends every request with kind closed; those that come later too.
  void close();
  // A last completion for a request that never reached the dispatcher.
  static Completion refusal(const Submission& submission, InventoryPtr inventory, ErrorKind kind,
                            std::string message, WallTime wall);
  net::Loop& loop() override { return loop_; }
  net::Transport& transport() override { return transport_; }
  void on_content(Attempt& attempt, Duration ttft) override;
  bool on_deltas(Attempt& attempt, std::vector<Delta>& deltas) override;
  void on_end(Attempt& attempt, Outcome outcome) override;
  void release(Attempt& attempt) override { idle_.push_back(&attempt); }

 private:
  void send(Submission submission) override;
  bool ask_store(StoreJob job) override;
  void read_on(const ActiveRequest& active);
  void run_actions();
  void execute(engine::StartAttempt& action);
  void execute(engine::CancelAttempt& action);
  void execute(engine::SetTimer& action);
  void execute(engine::EmitRestart& action);
  void execute(engine::Finish& action);
  void execute(engine::AskStore& action);
  void execute(engine::Mirror& action);
  void execute(engine::Switched& action);
  void tell_mirror(const ChatRequest& request, const Decision& decision);
  void report(ActiveRequest& active, std::uint32_t attempt, Outcome outcome,
              std::vector<std::string> dropped);
  void tell_load(const Deployment& deployment, const LoadReading& reading, Duration valid);
  void on_timer(engine::RequestId id);
  void on_lease(std::uint64_t number, const Result<store::Grant>& grant);
  void finish(ActiveRequest& active, Completion completion);
  ActiveRequest* find(engine::RequestId id);
  Attempt& acquire();
  static void detach(ActiveRequest& active, const Attempt& attempt);
  static void clean(Failure& failure, const KeyRing& keys);

  net::Loop& loop_;
  Brain& brain_;
  State& state_;
  net::Transport transport_;
  LoadPoller load_poller_;
  Flights flights_;
  std::unordered_map<engine::RequestId, std::unique_ptr<ActiveRequest>> active_;
  std::unordered_map<Ticket, engine::RequestId> by_ticket_;
  std::vector<std::unique_ptr<Attempt>> attempts_;  // all there are
  std::vector<Attempt*> idle_;
  engine::Actions actions_;
  Ticket next_mirror_ = Ticket{1} << 62U;  // beside those that routers give out
  std::size_t mirrored_ = 0;               // in flight
  bool running_ = false;
  bool closing_ = false;
};

}  // namespace llmroute::runtime
