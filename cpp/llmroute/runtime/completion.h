// Results on their way from the loop thread to whoever waits.
//
// The loop thread pushes; one reader drains. Pushing into an empty queue writes the wake descriptor
// once; further pushes cost no system call until the reader has drained: one wake, many completions.
// eventfd on Linux, a pipe elsewhere. Thread-safe. A queue may outlive the router. Bounded by what
// is in flight: a request has one last completion, and a stream is paused when its deltas pile up.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "llmroute/model/decision.h"
#include "llmroute/model/delta.h"
#include "llmroute/runtime/wake.h"

namespace llmroute::runtime {

using Ticket = std::uint64_t;  // unique within one router; never zero

// A whole reply as it came, parsed when somebody asks.
struct RawReply {
  std::string body;          // the provider's bytes, decoded
  std::string_view dialect;  // of static storage
  int status = 200;
  Operation operation = Operation::chat;
  std::string model;  // the provider's name of it
};

// One step of one request. A stream gives many with deltas, then a last one.
struct Completion {
  Ticket ticket = 0;
  std::vector<Delta> deltas;
  bool last = false;
  // With `last`:
  std::shared_ptr<const RawReply> reply;  // success of a request that is no stream
  DecisionPtr decision;                   // its `failure` says whether it failed
};

class CompletionQueue {
 public:
  CompletionQueue() = default;  // aborts where no descriptor can be had
  CompletionQueue(const CompletionQueue&) = delete;
  CompletionQueue& operator=(const CompletionQueue&) = delete;

  void push(Completion completion);
  // Reader: swaps all that is there into `out`, which is cleared first, and takes the wake back.
  void take(std::vector<Completion>& out);
  std::vector<Completion> take();
  // Reader without an event loop: true where there is something; false after `at_most`, or early
  // when a signal of the system came in.
  bool wait(Duration at_most);
  int wake_fd() const { return wake_.fd(); }  // readable while not empty

 private:
  std::mutex mutex_;
  std::vector<Completion> waiting_;  // guarded by mutex_
  Wake wake_;
};

// What a delta weighs in a queue, in bytes: what it owns and itself.
std::size_t weight_of(const Delta& delta);

}  // namespace llmroute::runtime
