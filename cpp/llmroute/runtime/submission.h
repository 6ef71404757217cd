// A request on its way to the loop thread.
#pragma once

#include <functional>
#include <memory>

#include "llmroute/model/request.h"
#include "llmroute/runtime/completion.h"
#include "llmroute/runtime/reply_cache.h"

namespace llmroute::runtime {

struct Submission {
  Ticket ticket = 0;
  std::shared_ptr<const ChatRequest> request;
  std::shared_ptr<CompletionQueue> queue;
  CachePlan cache = {};
  // Of one without a queue: told how it ended, on the loop thread. May be empty.
  std::function<void(const Decision&)> watch = {};
  // Set where it has waited for an identical request, or for the store (flights.h).
  Instant arrived = kNever;
  Instant due = kNever;  // its deadline
  WallTime submitted{};
  bool followed = false, asked_store = false;
  std::uint32_t restarts = 0;
  int let_down = 0;  // by so many leaders that failed
};

}  // namespace llmroute::runtime
