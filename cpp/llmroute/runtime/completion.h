// Results on their way from the loop thread to whoever waits.
//
// The loop thread pushes; one reader drains. Pushing into an empty queue writes the wake descriptor
// once; further pushes cost no system call until the reader has drained: one wake, many completions.
// eventfd on Linux, a pipe elsewhere. Thread-safe. A queue may outlive the router.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "llmroute/model/decision.h"
#include "llmroute/model/delta.h"

namespace llmroute::runtime {

using Ticket = std::uint64_t;  // unique within the process

// A whole reply as it came, parsed when somebody asks.
struct RawReply {
  std::string body;         // the provider's bytes, decoded
  std::string dialect;
  int status = 200;
};

// One step of one request. A stream gives many with deltas, then a last one.
struct Completion {
  Ticket ticket = 0;
  std::vector<Delta> deltas;
  bool last = false;
  // With `last`:
  std::shared_ptr<const RawReply> reply;   // success of a request that is no stream
  DecisionPtr decision;                    // its `failure` says whether it failed
};

class CompletionQueue {
 public:
  CompletionQueue();    // ErrorKind is impossible: aborts where no descriptor can be had
  ~CompletionQueue();
  CompletionQueue(const CompletionQueue&) = delete;
  CompletionQueue& operator=(const CompletionQueue&) = delete;

  void push(Completion completion);              // loop thread
  std::vector<Completion> take();                // reader: all that is there; clears the wake
  bool wait(Duration at_most);                   // reader without a loop: true where there is something
  int wake_fd() const;                           // readable while not empty

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace llmroute::runtime
