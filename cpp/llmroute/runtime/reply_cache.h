// The exact cache as a router uses it: what a request may do with it, its answers, its numbers.
//
// Thread-safe: looked up on the threads that submit, filled on the loop thread. What it keeps is good
// for every configuration whose groups have the same models behind them; a key says which.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "llmroute/cache/entry.h"
#include "llmroute/cache/key.h"
#include "llmroute/cache/lru.h"
#include "llmroute/model/decision.h"
#include "llmroute/model/request.h"
#include "llmroute/policy/rule_book.h"
#include "llmroute/runtime/completion.h"

namespace llmroute::runtime {

// One configuration's part; immutable.
struct CacheRules {
  InventoryPtr inventory;
  ExactCacheSpec spec;
  std::vector<Digest> fingerprints;    // by group
  std::vector<std::string> forwarded;  // headers of a call that some deployment may be sent
  bool by_priority = false;            // some members are for some priorities only
  // The longest answer that is kept.
  std::size_t largest() const { return spec.max_bytes / cache::Lru::kLargestShare; }
};

// What one request may do with the cache; travels with it.
struct CachePlan {
  std::shared_ptr<const CacheRules> rules;  // null: nothing at all
  cache::Key key{};
  GroupIndex group = 0;
  bool look = false;  // else it asks anew
  explicit operator bool() const { return rules != nullptr; }
};

struct CacheStats {
  std::size_t entries = 0, bytes = 0;
  std::uint64_t hits = 0, misses = 0, joined = 0;
};

class ReplyCache {
 public:
  // Takes the rules of a new configuration; without [cache.exact] everything is forgotten.
  void configure(InventoryPtr inventory);

  // `book` has judged the request; what its constraints leave open divides the cache, so that nobody
  // is given an answer from where its own request could not have gone.
  CachePlan plan(const ChatRequest& request, const policy::RuleBook& book) const;
  // The answer that is kept, if there is one. `asked`: when the request came in. `again`: it was
  // looked for before, and may have come since.
  std::optional<Completion> answer(const CachePlan& plan, Ticket ticket, const ChatRequest& request,
                                   Instant asked, const Clock& clock, bool again = false);
  void keep(const CachePlan& plan, cache::EntryPtr entry, Instant born);

  void clear() { memory_.clear(); }
  CacheStats stats() const;
  void note_joined() { joined_.fetch_add(1, std::memory_order_relaxed); }

 private:
  mutable std::mutex mutex_;
  std::shared_ptr<const CacheRules> rules_;  // guarded by mutex_
  cache::Lru memory_;
  std::atomic<std::uint64_t> hits_{0}, misses_{0}, joined_{0};
};

// The decision of a request that costs nothing, because another one's answer is given to it:
// everything but how it ended.
Decision borrowed_decision(const CachePlan& plan, const ChatRequest& request, WallTime submitted);

}  // namespace llmroute::runtime
