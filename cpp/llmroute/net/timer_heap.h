// Pending timers, earliest first.
//
// A binary heap over slots that know their place in it, so cancelling costs O(log n) and leaves
// nothing behind: timers of long attempts are set and cancelled thousands of times a second. Not
// thread-safe; allocates only while it grows.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "llmroute/base/time.h"

namespace llmroute::net {

class TimerHeap {
 public:
  using Task = std::function<void()>;

  // Ids are never reused within one heap and never zero.
  std::uint64_t add(Instant when, Task task);
  bool cancel(std::uint64_t id);  // false: unknown, fired or cancelled before
  // The earliest timer that is due at `now` and was added before `boundary`; equal instants come in
  // the order they were added.
  std::optional<Task> pop_due(Instant now, std::uint64_t boundary);
  // An id greater than all given so far: a batch that stops here cannot feed itself for ever.
  std::uint64_t boundary() const { return next_sequence_; }
  Instant earliest() const { return heap_.empty() ? kNever : heap_.front().when; }
  std::size_t size() const { return heap_.size(); }

 private:
  struct Entry {
    Instant when;
    std::uint64_t sequence;
    std::uint32_t slot;
    bool before(const Entry& other) const {
      return when != other.when ? when < other.when : sequence < other.sequence;
    }
  };
  struct Slot {
    std::uint64_t sequence = 0;  // of the timer that lives here; zero: free
    std::uint32_t place = 0;     // index in heap_
    Task task;
  };

  Task remove_at(std::size_t place);
  void put(std::size_t place, const Entry& entry);
  void sift_up(std::size_t place);
  void sift_down(std::size_t place);

  std::vector<Entry> heap_;
  std::vector<Slot> slots_;
  std::vector<std::uint32_t> free_;
  std::uint64_t next_sequence_ = 1;
};

}  // namespace llmroute::net
