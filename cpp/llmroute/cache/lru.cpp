#include "llmroute/cache/lru.h"

#include <utility>

namespace llmroute::cache {

void Lru::resize(std::size_t max_bytes) {
  const std::lock_guard lock(mutex_);
  max_bytes_ = max_bytes;
  shrink();
}

std::optional<Lru::Found> Lru::find(const Key& key, Instant now, Duration ttl, bool whole) {
  const std::lock_guard lock(mutex_);
  const auto found = index_.find(key);
  if (found != index_.end()) {
    const auto slot = found->second;
    if (now - slot->born >= ttl) {
      drop(slot);
    } else if (!whole || !slot->entry->streams_only) {
      slots_.splice(slots_.begin(), slots_, slot);
      return Found{slot->entry, now - slot->born};
    }
  }
  return std::nullopt;
}

bool Lru::keep(const Key& key, EntryPtr entry, Instant born) {
  const std::lock_guard lock(mutex_);
  if (const auto found = index_.find(key); found != index_.end()) {
    drop(found->second);
  }
  const std::size_t size = entry->weight() + kOverhead;
  if (size > max_bytes_ / kLargestShare) return false;
  slots_.push_front({key, std::move(entry), born});
  index_.emplace(key, slots_.begin());
  counts_.bytes += size;
  ++counts_.entries;
  shrink();
  return true;
}

void Lru::clear() {
  const std::lock_guard lock(mutex_);
  index_.clear();
  slots_.clear();
  counts_.entries = counts_.bytes = 0;
}

Lru::Counts Lru::counts() const {
  const std::lock_guard lock(mutex_);
  return counts_;
}

void Lru::drop(Slots::iterator slot) {
  counts_.bytes -= weight(*slot);
  --counts_.entries;
  index_.erase(slot->key);
  slots_.erase(slot);
}

void Lru::shrink() {
  while (counts_.bytes > max_bytes_) drop(std::prev(slots_.end()));
}

}  // namespace llmroute::cache
