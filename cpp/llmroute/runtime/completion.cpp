#include "llmroute/runtime/completion.h"

#include <utility>

namespace llmroute::runtime {

void CompletionQueue::push(Completion completion) {
  bool first = false;
  {
    const std::lock_guard lock(mutex_);
    first = waiting_.empty();
    waiting_.push_back(std::move(completion));
  }
  if (first) wake_.signal();
}

void CompletionQueue::take(std::vector<Completion>& out) {
  out.clear();
  // Cleared before the swap: whoever pushes in between signals anew, and the worst that can come of
  // it is one look too many.
  wake_.clear();
  const std::lock_guard lock(mutex_);
  out.swap(waiting_);
}

std::vector<Completion> CompletionQueue::take() {
  std::vector<Completion> out;
  take(out);
  return out;
}

bool CompletionQueue::wait(Duration at_most) { return wake_.wait(at_most); }

std::size_t weight_of(const Delta& delta) { return delta.weight(); }

}  // namespace llmroute::runtime
