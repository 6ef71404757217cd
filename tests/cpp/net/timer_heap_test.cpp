#include "llmroute/net/timer_heap.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <set>
#include <vector>

namespace llmroute::net {
namespace {

Instant at(int ms) { return Instant(milliseconds(ms)); }

TEST(TimerHeap, GivesEarliestFirstAndEqualOnesInOrder) {
  TimerHeap heap;
  std::vector<int> order;
  for (const int ms : {5, 1, 3, 1, 4}) {
    heap.add(at(ms),
             [&order, ms, n = heap.size()] { order.push_back(ms * 10 + static_cast<int>(n)); });
  }
  EXPECT_EQ(heap.earliest(), at(1));
  while (auto task = heap.pop_due(at(4), heap.boundary())) (*task)();
  EXPECT_EQ(order, (std::vector<int>{11, 13, 32, 44}));
  EXPECT_EQ(heap.size(), 1U);
}

TEST(TimerHeap, LeavesTimersAddedAfterTheBoundary) {
  TimerHeap heap;
  heap.add(at(1), [] {});
  const auto boundary = heap.boundary();
  heap.add(at(1), [] {});
  EXPECT_TRUE(heap.pop_due(at(1), boundary));
  EXPECT_FALSE(heap.pop_due(at(1), boundary));
  EXPECT_TRUE(heap.pop_due(at(1), heap.boundary()));
}

TEST(TimerHeap, CancelsOnceAndNeverAnother) {
  TimerHeap heap;
  const auto first = heap.add(at(1), [] {});
  EXPECT_TRUE(heap.cancel(first));
  EXPECT_FALSE(heap.cancel(first));
  const auto second = heap.add(at(1), [] {});  // in the same place
  EXPECT_NE(first, second);
  EXPECT_FALSE(heap.cancel(first));
  EXPECT_EQ(heap.size(), 1U);
  EXPECT_FALSE(heap.cancel(0));
}

TEST(TimerHeap, AgreesWithASortedSetOnRandomWork) {
  std::mt19937 random(7);
  TimerHeap heap;
  std::set<std::pair<int, std::uint64_t>> model;  // instant, id
  std::vector<std::pair<int, std::uint64_t>> live;
  std::uint64_t popped = 0;
  for (int step = 0; step < 20'000; ++step) {
    const auto roll = random() % 10;
    if (roll < 5) {
      const int ms = static_cast<int>(random() % 1000);
      // The id is known only after add(); the box carries it into the task.
      auto box = std::make_shared<std::uint64_t>(0);
      *box = heap.add(at(ms), [box, &popped] { popped = *box; });
      model.emplace(ms, *box);
      live.emplace_back(ms, *box);
    } else if (roll < 8 && !live.empty()) {
      const auto pick = live[random() % live.size()];
      EXPECT_EQ(heap.cancel(pick.second), model.erase(pick) == 1);
    } else if (!model.empty()) {
      EXPECT_EQ(heap.earliest(), at(model.begin()->first));
      auto task = heap.pop_due(at(1000), heap.boundary());
      ASSERT_TRUE(task);
      (*task)();
      const auto found = std::find_if(model.begin(), model.end(),
                                      [&](const auto& entry) { return entry.second == popped; });
      ASSERT_NE(found, model.end());
      EXPECT_EQ(found->first, model.begin()->first);
      model.erase(found);
    }
    ASSERT_EQ(heap.size(), model.size());
  }
}

}  // namespace
}  // namespace llmroute::net
