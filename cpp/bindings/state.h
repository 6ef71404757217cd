// The native state behind Core, Port and Feed.
//
// Lifetimes: a Feed keeps its router alive until it is dropped; a Core that is dropped closes its
// router once no stream is left. After fork a child calls CoreState::abandon() before anything else
// and gets a new router, made from the same configuration, with the first request.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>
#include <vector>

#include "bindings.h"
#include "llmroute/runtime/router.h"

namespace llmroute::bindings {

// A clock that tests move. Thread-safe.
class ManualClock final : public Clock {
 public:
  explicit ManualClock(double wall_s);
  Instant now() const override;
  WallTime wall_now() const override;
  bool runs_by_itself() const override { return false; }
  void advance(Duration by);
  void follow(const std::shared_ptr<runtime::Router>& router);

 private:
  std::atomic<std::int64_t> elapsed_ns_{0};
  const WallTime start_;
  std::mutex mutex_;
  std::vector<std::weak_ptr<runtime::Router>> routers_;  // guarded by mutex_
};

class CoreState {
 public:
  struct Options {
    std::uint64_t seed = 0;
    std::shared_ptr<ManualClock> clock;  // null: the system's
    std::size_t max_in_flight = defaults::kMaxInFlight;
  };
  CoreState(InventoryPtr inventory, Options options);

  // The router of this process; made anew after a fork.
  std::shared_ptr<runtime::Router> router();
  InventoryPtr inventory() const;
  void configure(InventoryPtr inventory);
  const Options& options() const { return options_; }

  std::string next_request_id(std::uint64_t& seed);
  // Queues of calls that block: used again, for each costs a descriptor.
  std::shared_ptr<runtime::CompletionQueue> borrow_queue();
  void give_back(std::shared_ptr<runtime::CompletionQueue> queue);

  void close();  // without the GIL
  bool closed() const;
  void abandon();
  std::vector<std::string> take_notices();
  // Around a fork, on the thread that forks, without the GIL: see StateStore::before_fork.
  void before_fork();
  void after_fork();

 private:
  mutable std::mutex mutex_;  // of all that follows
  InventoryPtr inventory_;
  const Options options_;
  std::shared_ptr<runtime::Router> router_;
  std::vector<std::shared_ptr<runtime::CompletionQueue>> idle_queues_;
  bool closed_ = false;
  std::shared_ptr<store::StateStore> forking_;  // between before_fork and after_fork
  std::atomic<std::uint64_t> next_request_{1};
};

// The receiving end of one stream. Thread-safe.
class FeedState {
 public:
  // `queue` is set for a stream that a thread waits for, null for one that a port delivers.
  FeedState(std::shared_ptr<runtime::Router> router, runtime::Ticket ticket,
            std::shared_ptr<runtime::CompletionQueue> queue = nullptr)
      : router_(std::move(router)), queue_(std::move(queue)), ticket_(ticket) {}
  ~FeedState();

  // With the GIL: wakes whoever waits.
  void deliver(runtime::Completion& completion);
  py::object pop();
  // Blocks without the GIL; a signal handler that raises ends it.
  py::object wait();
  void attach(py::handle future);
  void cancel();
  EndingPtr ending() const;

  // What was taken so far.
  std::string text() const;
  py::object finish_reason() const;
  py::object usage() const;
  py::list tool_calls() const;
  py::list thinking_blocks() const { return parsed_list(&FeedState::thinking_blocks_); }
  py::list images() const { return parsed_list(&FeedState::images_); }
  py::list annotations() const { return parsed_list(&FeedState::annotations_); }
  std::uint32_t restarts() const;

 private:
  struct ToolCall {
    std::uint16_t index = 0;
    std::string id, name, arguments, extra;
  };
  void note(const Delta& delta);
  void take_tool_fragment(const Delta& delta);
  py::list parsed_list(const std::vector<std::string> FeedState::*list) const;

  const std::shared_ptr<runtime::Router> router_;
  const std::shared_ptr<runtime::CompletionQueue> queue_;
  const runtime::Ticket ticket_;
  mutable std::mutex mutex_;  // of all that follows
  std::vector<Delta> waiting_;
  std::size_t next_ = 0;  // first of waiting_ that was not taken
  std::size_t taken_bytes_ = 0;
  EndingPtr ending_;
  Ref future_;
  std::string text_, finish_reason_;
  std::optional<Usage> usage_;
  std::vector<ToolCall> tool_calls_;
  std::vector<std::string> thinking_blocks_, images_, annotations_;  // JSON
  std::uint32_t restarts_ = 0;
};
using FeedPtr = std::shared_ptr<FeedState>;

// Where one event loop collects its results.
class PortState {
 public:
  PortState() : queue_(std::make_shared<runtime::CompletionQueue>()) {}
  const std::shared_ptr<runtime::CompletionQueue>& queue() const { return queue_; }

  runtime::Ticket submit(runtime::Router& router, const RequestHandle& handle, py::handle future);
  FeedPtr open(std::shared_ptr<runtime::Router> router, const RequestHandle& handle);
  void forget(runtime::Ticket ticket);
  void drain();

 private:
  struct Waiter {
    Ref future;
    std::weak_ptr<FeedState> feed;
  };
  void deliver(runtime::Completion& completion);

  const std::shared_ptr<runtime::CompletionQueue> queue_;
  std::mutex mutex_;
  std::unordered_map<runtime::Ticket, Waiter> waiters_;  // guarded by mutex_
};

bool is_done(const Ref& future);

// Gives a result to an asyncio future that may be done already.
void resolve(const Ref& future, py::handle result);

// Sends and waits, without the GIL. A signal handler that raises cancels the request.
EndingPtr call_and_wait(CoreState& core, const RequestHandle& handle);

// Waits a while for something in the queue, without the GIL, then lets signal handlers run.
void wait_for(runtime::CompletionQueue& queue);

// From now on nobody is woken any more: threads that wait stay where they are, event loops hear
// nothing. Called by the main thread when only daemon threads are left beside it.
void begin_exit();

}  // namespace llmroute::bindings
