// A bounded table by 64-bit key that forgets what was touched longest ago.
//
// Not thread-safe: one owner. Allocates until it is full, then no more for new entries.
#pragma once

#include <cstddef>
#include <cstdint>
#include <list>
#include <unordered_map>
#include <utility>

namespace llmroute::cache {

template <class Value>
class Recent {
 public:
  explicit Recent(std::size_t most) : most_(most > 0 ? most : 1) {}

  // Null where it is not known. Looking does not count as touching.
  const Value* find(std::uint64_t key) const {
    const auto found = places_.find(key);
    return found == places_.end() ? nullptr : &found->second->second;
  }

  // The entry of that key, a new one where it was not known.
  Value& touch(std::uint64_t key) {
    const auto found = places_.find(key);
    if (found != places_.end()) {
      entries_.splice(entries_.begin(), entries_, found->second);
    } else if (entries_.size() < most_) {
      entries_.emplace_front(key, Value{});
      places_.emplace(key, entries_.begin());
    } else {
      auto node = places_.extract(entries_.back().first);
      entries_.splice(entries_.begin(), entries_, std::prev(entries_.end()));
      entries_.front() = {key, Value{}};
      node.key() = key;
      places_.insert(std::move(node));
    }
    return entries_.front().second;
  }

  void clear() {
    places_.clear();
    entries_.clear();
  }
  std::size_t size() const { return entries_.size(); }

 private:
  using Entries = std::list<std::pair<std::uint64_t, Value>>;

  std::size_t most_;
  Entries entries_;  // touched last first
  std::unordered_map<std::uint64_t, typename Entries::iterator> places_;
};

}  // namespace llmroute::cache
