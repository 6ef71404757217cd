#include "llmroute/net/stream_gate.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

namespace llmroute::net {
namespace {

constexpr std::size_t kFull = StreamGate::kStreamsPerConnection;

class StreamGateTest : public testing::Test {
 protected:
  // Enters `count` requests; those let through are `through`, in order.
  void enter(std::size_t count, const std::string& origin = "https://a") {
    for (std::size_t i = 0; i < count; ++i) {
      passes.push_back(std::make_unique<StreamGate::Pass>());
      if (gate.enter(origin, passes.size() - 1, *passes.back())) {
        through.push_back(passes.size() - 1);
      }
    }
  }
  void pump() {
    while (const auto id = gate.next()) through.push_back(*id);
  }
  void send(std::size_t from, std::size_t to, IdleTimes::Key connection) {
    for (std::size_t i = from; i < to; ++i) passes[i]->sent(connection);
  }

  StreamGate gate;
  std::vector<std::unique_ptr<StreamGate::Pass>> passes;
  std::vector<std::uint64_t> through;
};

TEST_F(StreamGateTest, FillsOneConnectionBeforeItOpensTheNext) {
  enter(3 * kFull);
  EXPECT_EQ(through.size(), kFull);
  send(0, kFull, 1);
  pump();
  EXPECT_EQ(through.size(), kFull + 1) << "one, to open the second connection";
  send(kFull, kFull + 1, 2);
  pump();
  EXPECT_EQ(through.size(), 2 * kFull);
  send(kFull + 1, 2 * kFull, 2);
  pump();
  send(2 * kFull, 2 * kFull + 1, 3);
  pump();
  EXPECT_EQ(through.size(), 3 * kFull);
  for (std::size_t i = 0; i < through.size(); ++i) EXPECT_EQ(through[i], i) << "first come";
}

TEST_F(StreamGateTest, LetsTheNextThroughWhenOneLeaves) {
  enter(kFull + 5);
  send(0, kFull, 1);
  pump();
  EXPECT_EQ(through.size(), kFull + 1);
  passes[0]->leave();
  passes[1]->leave();
  pump();
  EXPECT_EQ(through.size(), kFull + 2) << "two left, one of the two places was taken in advance";
}

TEST_F(StreamGateTest, DoesNotHoldUpServersWithoutSharedConnections) {
  enter(10 * kFull);
  for (std::size_t sent = 0; sent < 10; ++sent) {
    send(sent, sent + 1, static_cast<IdleTimes::Key>(sent + 1));
    pump();
  }
  EXPECT_EQ(through.size(), 10 * kFull) << "ten connections of one request each are enough";
}

TEST_F(StreamGateTest, WhoeverLeavesWhileWaitingIsNeverNamed) {
  enter(kFull + 3);
  passes[kFull]->leave();
  passes[kFull + 1].reset();
  send(0, kFull, 1);
  pump();
  EXPECT_EQ(through.back(), kFull + 2);
  EXPECT_EQ(through.size(), kFull + 1);
}

TEST_F(StreamGateTest, AFailureToConnectMakesRoom) {
  enter(kFull + 1);
  for (std::size_t i = 0; i < kFull; ++i) passes[i]->leave();
  pump();
  EXPECT_EQ(through.size(), kFull + 1);
}

TEST_F(StreamGateTest, AResentRequestMovesToItsNewConnection) {
  enter(kFull + 1);
  send(0, kFull, 1);
  send(0, kFull, 2);  // the first connection died
  pump();
  EXPECT_EQ(through.size(), kFull + 1);
  enter(1);
  EXPECT_EQ(through.size(), kFull + 1) << "one connection counts, not two";
}

TEST_F(StreamGateTest, OriginsDoNotMeetAndAreForgotten) {
  enter(kFull + 1, "https://a");
  enter(1, "https://b");
  EXPECT_EQ(through.size(), kFull + 1);
  EXPECT_EQ(gate.origins(), 2U);
  passes.clear();
  pump();
  EXPECT_EQ(gate.origins(), 0U);
}

}  // namespace
}  // namespace llmroute::net
