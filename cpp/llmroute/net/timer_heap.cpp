#include "llmroute/net/timer_heap.h"

#include <utility>

namespace llmroute::net {

namespace {

// An id is sequence and slot in one number: a look-up needs no map, and a slot's next tenant has
// another id.
constexpr unsigned kSlotBits = 24;
constexpr std::uint64_t kSlotMask = (1ULL << kSlotBits) - 1;

}  // namespace

std::uint64_t TimerHeap::add(Instant when, Task task) {
  if (free_.empty()) {
    free_.push_back(static_cast<std::uint32_t>(slots_.size()));
    slots_.emplace_back();
  }
  const std::uint32_t slot = free_.back();
  free_.pop_back();
  const std::uint64_t sequence = next_sequence_++;
  slots_[slot].sequence = sequence;
  slots_[slot].task = std::move(task);
  heap_.push_back({when, sequence, slot});
  slots_[slot].place = static_cast<std::uint32_t>(heap_.size() - 1);
  sift_up(heap_.size() - 1);
  return (sequence << kSlotBits) | slot;
}

bool TimerHeap::cancel(std::uint64_t id) {
  const std::uint64_t slot = id & kSlotMask;
  const std::uint64_t sequence = id >> kSlotBits;
  if (sequence == 0 || slot >= slots_.size() || slots_[slot].sequence != sequence) return false;
  remove_at(slots_[slot].place);
  return true;
}

std::optional<TimerHeap::Task> TimerHeap::pop_due(Instant now, std::uint64_t boundary) {
  if (heap_.empty() || heap_.front().when > now) return std::nullopt;
  // A newer timer in front means that what is behind it waits for the next batch; the order by
  // instant is worth more than emptying this one.
  if (heap_.front().sequence >= boundary) return std::nullopt;
  return remove_at(0);
}

TimerHeap::Task TimerHeap::remove_at(std::size_t place) {
  Slot& slot = slots_[heap_[place].slot];
  Task task = std::move(slot.task);
  slot.task = nullptr;
  slot.sequence = 0;
  free_.push_back(heap_[place].slot);
  const Entry last = heap_.back();
  heap_.pop_back();
  if (place < heap_.size()) {
    put(place, last);
    sift_up(place);
    sift_down(slots_[last.slot].place);
  }
  return task;
}

void TimerHeap::put(std::size_t place, const Entry& entry) {
  heap_[place] = entry;
  slots_[entry.slot].place = static_cast<std::uint32_t>(place);
}

void TimerHeap::sift_up(std::size_t place) {
  const Entry entry = heap_[place];
  while (place > 0) {
    const std::size_t parent = (place - 1) / 2;
    if (!entry.before(heap_[parent])) break;
    put(place, heap_[parent]);
    place = parent;
  }
  put(place, entry);
}

void TimerHeap::sift_down(std::size_t place) {
  const Entry entry = heap_[place];
  for (;;) {
    std::size_t child = 2 * place + 1;
    if (child >= heap_.size()) break;
    if (child + 1 < heap_.size() && heap_[child + 1].before(heap_[child])) ++child;
    if (!heap_[child].before(entry)) break;
    put(place, heap_[child]);
    place = child;
  }
  put(place, entry);
}

}  // namespace llmroute::net
