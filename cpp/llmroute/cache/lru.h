// The exact cache in memory: least recently used out, bounded in bytes.
//
// Thread-safe, with a lock of its own that is held for moving pointers alone. It reads no clock: what
// is too old at `now` is not found, and a wall clock that jumps changes nothing.
#pragma once

#include <cstddef>
#include <list>
#include <mutex>
#include <optional>
#include <unordered_map>

#include "llmroute/cache/entry.h"
#include "llmroute/cache/key.h"

namespace llmroute::cache {

class Lru {
 public:
  // What a key and its place cost beside the entry: list node, map node, control block, allocator.
  static constexpr std::size_t kOverhead = 256;
  // One answer may take this share of the room; larger ones are not kept.
  static constexpr std::size_t kLargestShare = 8;

  struct Found {
    EntryPtr entry;
    Duration age{};
  };
  struct Counts {
    std::size_t entries = 0, bytes = 0;
  };

  // Less room than before drops the oldest at once.
  void resize(std::size_t max_bytes);
  // An entry younger than `ttl` becomes the most recent one; an older one is dropped. With
  // `whole`, one that is for streams only is not found.
  std::optional<Found> find(const Key& key, Instant now, Duration ttl, bool whole);
  // In place of what is under the key. False where it is too large. `born` may lie in the past.
  bool keep(const Key& key, EntryPtr entry, Instant born);
  void clear();
  Counts counts() const;

 private:
  struct Slot {
    Key key;
    EntryPtr entry;
    Instant born;
  };
  using Slots = std::list<Slot>;
  static std::size_t weight(const Slot& slot) { return slot.entry->weight() + kOverhead; }
  void drop(Slots::iterator slot);
  void shrink();

  mutable std::mutex mutex_;  // of all that follows
  std::size_t max_bytes_ = 0;
  Slots slots_;  // most recent first
  std::unordered_map<Key, Slots::iterator, KeyHash> index_;
  Counts counts_;
};

}  // namespace llmroute::cache
