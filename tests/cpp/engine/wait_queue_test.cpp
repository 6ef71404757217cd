#include "llmroute/engine/wait_queue.h"

#include <gtest/gtest.h>

#include "llmroute/base/random.h"

namespace llmroute::engine {
namespace {

Waiter waiter(RequestId id, Priority priority = kStandard, const char* flow = "t",
              std::int64_t tokens = 100, const char* line = "fast") {
  return {id, line, priority, flow, tokens};
}

// Serves all of a line, always the first.
std::vector<RequestId> served(WaitQueue& queue, const char* line = "fast") {
  std::vector<RequestId> out;
  while (queue.size(line) > 0) {
    out.push_back(queue.heads(line).front());
    queue.serve(out.back());
  }
  return out;
}

TEST(WaitQueue, IsFirstInFirstOutForOneFlow) {
  WaitQueue queue;
  for (RequestId id = 1; id <= 5; ++id) queue.push(waiter(id));
  EXPECT_EQ(queue.heads("fast"), std::vector<RequestId>{1}) << "only the first has its turn";
  EXPECT_EQ(served(queue), (std::vector<RequestId>{1, 2, 3, 4, 5}));
  EXPECT_TRUE(queue.empty());
}

TEST(WaitQueue, UrgentClassesComeFirst) {
  WaitQueue queue;
  queue.push(waiter(1, kBatch));
  queue.push(waiter(2, kStandard));
  queue.push(waiter(3, kInteractive));
  queue.push(waiter(4, kInteractive));
  queue.push(waiter(5, 0));
  EXPECT_EQ(served(queue), (std::vector<RequestId>{5, 3, 4, 2, 1}));
}

TEST(WaitQueue, FlowsShareByTokens) {
  struct Case {
    double weight_b;
    std::int64_t tokens_a, tokens_b;
    double share_b;  // of the tokens, while both wait
  };
  for (const Case& c :
       {Case{1, 100, 100, 0.5}, Case{3, 100, 100, 0.75}, Case{1, 1'000, 100, 0.5}}) {
    WaitQueue queue;
    QueueSpec spec;
    spec.weights["b"] = c.weight_b;
    queue.configure(spec);
    RequestId id = 0;
    std::map<RequestId, std::int64_t> of_b;
    for (int i = 0; i < 1'000; ++i) queue.push(waiter(++id, kStandard, "a", c.tokens_a));
    for (int i = 0; i < 1'000; ++i) {
      queue.push(waiter(++id, kStandard, "b", c.tokens_b));
      of_b[id] = c.tokens_b;
    }
    double a = 0, b = 0;
    while (a + b < 60'000) {
      const RequestId next = queue.heads("fast").front();
      queue.serve(next);
      (of_b.count(next) ? b : a) += static_cast<double>(of_b.count(next) ? c.tokens_b : c.tokens_a);
    }
    EXPECT_NEAR(b / (a + b), c.share_b, 0.03);
  }
}

TEST(WaitQueue, AFlowThatComesLateGetsNothingForItsAbsence) {
  WaitQueue queue;
  RequestId id = 0;
  for (int i = 0; i < 500; ++i) queue.push(waiter(++id, kStandard, "early"));
  for (int i = 0; i < 400; ++i) queue.serve(queue.heads("fast").front());
  const RequestId first_late = id + 1;
  for (int i = 0; i < 100; ++i) queue.push(waiter(++id, kStandard, "late"));
  int late = 0;
  for (int i = 0; i < 100; ++i) {
    const RequestId next = queue.heads("fast").front();
    queue.serve(next);
    late += next >= first_late ? 1 : 0;
  }
  EXPECT_NEAR(late, 50, 2);
}

TEST(WaitQueue, AFlowPaysForWhatItReallyTook) {
  WaitQueue queue;
  RequestId id = 0;
  for (int i = 0; i < 600; ++i) {
    queue.push(waiter(++id, kStandard, "a"));  // odd
    queue.push(waiter(++id, kStandard, "b"));
  }
  int a = 0;
  for (int i = 0; i < 400; ++i) {
    const RequestId next = queue.heads("fast").front();
    queue.serve(next);
    if (next % 2 == 0) continue;
    ++a;
    queue.correct("fast", kStandard, "a", 200);  // three times what was thought
  }
  EXPECT_NEAR(a, 100, 5);
}

TEST(WaitQueue, LinesHaveNothingToDoWithEachOther) {
  WaitQueue queue;
  queue.push(waiter(1, kStandard, "t", 100, "fast"));
  queue.push(waiter(2, kStandard, "t", 100, "slow"));
  EXPECT_EQ(queue.lines(), (std::vector<std::string>{"fast", "slow"}));
  EXPECT_EQ(served(queue, "slow"), std::vector<RequestId>{2});
  EXPECT_EQ(queue.lines(), std::vector<std::string>{"fast"});
  EXPECT_EQ(queue.size(), 1U);
}

TEST(WaitQueue, WhoLeavesIsNotServed) {
  WaitQueue queue;
  for (RequestId id = 1; id <= 4; ++id) queue.push(waiter(id));
  queue.remove(1);
  queue.remove(3);
  queue.remove(99);
  EXPECT_FALSE(queue.holds(3));
  EXPECT_EQ(served(queue), (std::vector<RequestId>{2, 4}));
}

TEST(WaitQueue, TheLeastUrgentAndYoungestGivesWay) {
  WaitQueue queue;
  QueueSpec spec;
  spec.max_waiting = 3;
  queue.configure(spec);
  EXPECT_FALSE(queue.to_displace(waiter(9, kBatch))) << "there is room";
  queue.push(waiter(1, kStandard));
  queue.push(waiter(2, kBatch, "t", 100, "slow"));
  queue.push(waiter(3, kBatch));
  EXPECT_EQ(queue.to_displace(waiter(9, kBatch)), RequestId{0}) << "no more urgent than those";
  EXPECT_EQ(queue.to_displace(waiter(9, kStandard)), RequestId{3});
  queue.remove(3);
  queue.push(waiter(4, kInteractive));
  EXPECT_EQ(queue.to_displace(waiter(9, kInteractive)), RequestId{2}) << "of any line";
  EXPECT_EQ(queue.to_displace(waiter(9, 9)), RequestId{0}) << "less urgent than all";
}

TEST(WaitQueue, OneFlowsCrowdDoesNotKeepOthersOutOfAFullLine) {
  WaitQueue queue;
  QueueSpec spec;
  spec.max_waiting = 4;
  spec.weights["gold"] = 4;
  queue.configure(spec);
  for (RequestId id = 1; id <= 3; ++id) queue.push(waiter(id, kStandard, "big"));
  queue.push(waiter(4, kStandard, "small"));
  EXPECT_EQ(queue.to_displace(waiter(9, kStandard, "big")), RequestId{0});
  EXPECT_EQ(queue.to_displace(waiter(9, kStandard, "small")), RequestId{3}) << "two to three";
  EXPECT_EQ(queue.to_displace(waiter(9, kStandard, "small", 300)), RequestId{0}) << "too long";
  EXPECT_EQ(queue.to_displace(waiter(9, kStandard, "gold", 1'000)), RequestId{3}) << "by weight";
  queue.serve(1);
  queue.push(waiter(5, kStandard, "small"));
  EXPECT_EQ(queue.to_displace(waiter(9, kStandard, "new")), RequestId{5}) << "of equals the last";
}

TEST(WaitQueue, AgreesWithAPlainListOverManyRandomSteps) {
  Random random(7);
  WaitQueue queue;
  std::map<RequestId, Waiter> waiting;
  RequestId id = 0;
  for (int step = 0; step < 20'000; ++step) {
    const auto dice = random.next() % 10;
    if (dice < 5) {
      static const char* const kFlows[] = {"a", "b", "c", "d"};
      const Waiter w =
          waiter(++id, static_cast<Priority>(random.next() % 3), kFlows[random.next() % 4],
                 static_cast<std::int64_t>(1 + random.next() % 1'000));
      waiting.emplace(id, w);
      queue.push(w);
    } else if (!waiting.empty()) {
      const auto heads = queue.heads("fast");
      const RequestId chosen = dice < 8 ? heads.front() : heads[random.next() % heads.size()];
      Priority best = 9;
      for (const auto& [other, w] : waiting) best = std::min(best, w.priority);
      ASSERT_EQ(waiting.at(heads.front()).priority, best);
      for (const auto& [other, w] : waiting) {
        const Waiter& mine = waiting.at(chosen);
        if (w.flow == mine.flow && w.priority == mine.priority) {
          ASSERT_GE(other, chosen);
        }
      }
      dice < 9 ? queue.serve(chosen) : queue.remove(chosen);
      waiting.erase(chosen);
    }
    ASSERT_EQ(queue.size(), waiting.size());
  }
}

}  // namespace
}  // namespace llmroute::engine
