#include "llmroute/runtime/completion.h"

#include <gtest/gtest.h>

#include <thread>

namespace llmroute::runtime {
namespace {

Completion completion_of(Ticket ticket) {
  Completion completion;
  completion.ticket = ticket;
  return completion;
}

TEST(CompletionQueue, GivesWhatWasPushedInOrder) {
  CompletionQueue queue;
  EXPECT_FALSE(queue.wait(Duration::zero()));
  for (Ticket ticket = 1; ticket <= 3; ++ticket) queue.push(completion_of(ticket));
  ASSERT_TRUE(queue.wait(Duration::zero()));
  const auto taken = queue.take();
  ASSERT_EQ(taken.size(), 3U);
  for (std::size_t i = 0; i < 3; ++i) EXPECT_EQ(taken[i].ticket, i + 1);
}

TEST(CompletionQueue, TakingLeavesNothingToWakeFor) {
  CompletionQueue queue;
  queue.push(completion_of(1));
  EXPECT_EQ(queue.take().size(), 1U);
  EXPECT_FALSE(queue.wait(Duration::zero()));
  EXPECT_TRUE(queue.take().empty());
  queue.push(completion_of(2));
  EXPECT_TRUE(queue.wait(Duration::zero()));
}

TEST(CompletionQueue, TakeClearsWhatTheReaderHeldBefore) {
  CompletionQueue queue;
  std::vector<Completion> batch;
  batch.push_back(completion_of(9));
  queue.push(completion_of(1));
  queue.take(batch);
  ASSERT_EQ(batch.size(), 1U);
  EXPECT_EQ(batch[0].ticket, 1U);
}

// A wake that got lost between a push and a take would leave the reader waiting for ever.
TEST(CompletionQueue, LosesNoWakeBetweenThreads) {
  constexpr Ticket kMany = 20'000;
  CompletionQueue queue;
  std::thread writer([&] {
    for (Ticket ticket = 1; ticket <= kMany; ++ticket) queue.push(completion_of(ticket));
  });
  Ticket expected = 1;
  std::vector<Completion> batch;
  while (expected <= kMany) {
    ASSERT_TRUE(queue.wait(seconds(60)));
    queue.take(batch);
    for (const Completion& completion : batch) ASSERT_EQ(completion.ticket, expected++);
  }
  writer.join();
}

TEST(CompletionQueue, ADeltaWeighsWhatItHolds) {
  Delta delta;
  const std::size_t empty = weight_of(delta);
  EXPECT_GE(empty, sizeof(Delta));
  delta.text.assign(1000, 'x');
  delta.tool_name = "tool";
  EXPECT_EQ(weight_of(delta), empty + 1004);
}

}  // namespace
}  // namespace llmroute::runtime
