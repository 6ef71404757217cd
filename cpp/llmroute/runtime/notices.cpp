#include "llmroute/runtime/notices.h"

#include <utility>

#include "llmroute/model/defaults.h"

namespace llmroute::runtime {

void Notices::add(std::string sentence) {
  const std::lock_guard lock(mutex_);
  if (sentences_.size() >= defaults::kMaxNotices) sentences_.erase(sentences_.begin());
  sentences_.push_back(std::move(sentence));
  any_.store(true, std::memory_order_release);
}

std::vector<std::string> Notices::take() {
  if (!any_.load(std::memory_order_acquire)) return {};
  const std::lock_guard lock(mutex_);
  any_.store(false, std::memory_order_release);
  return std::exchange(sentences_, {});
}

}  // namespace llmroute::runtime
