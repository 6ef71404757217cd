#include "llmroute/health/board.h"

#include <gtest/gtest.h>

namespace llmroute::health {
namespace {

Inventory two(int keys = 0) {
  Inventory inventory;
  for (const char* name : {"a", "b"}) {
    Deployment d;
    d.name = name;
    for (int i = 0; i < keys; ++i) d.keys.push_back(parse_secret("k"));
    inventory.deployments.push_back(d);
  }
  return inventory;
}

struct Attempts {
  explicit Attempts(Board& b) : board(b) {}
  void end(DeploymentIndex d, const Outcome& outcome, std::uint16_t key = 0) {
    Work work;
    board.on_start(d, now, work);
    board.on_outcome(d, key, now, outcome, work);
  }
  void fail(DeploymentIndex d, ErrorKind kind, std::optional<Duration> retry_after = {},
            std::uint16_t key = 0) {
    Outcome outcome;
    outcome.failure = make_failure(kind, "");
    outcome.failure->retry_after = retry_after;
    end(d, outcome, key);
  }
  Board& board;
  Instant now{seconds(500)};
};

TEST(Board, AdmitsWithTheFirstReasonFound) {
  Board board;
  board.configure(two());
  Attempts attempts(board);
  EXPECT_EQ(board.admit(0, attempts.now).reason, Reason::kept);
  attempts.fail(0, ErrorKind::overloaded, seconds(3));
  const Admission cooling = board.admit(0, attempts.now);
  EXPECT_EQ(cooling.reason, Reason::cooling_down);
  EXPECT_EQ(cooling.a, 3000);
  EXPECT_EQ(board.next_change(0, attempts.now), attempts.now + seconds(3));
  for (int i = 0; i < 5; ++i) attempts.fail(0, ErrorKind::connect);
  EXPECT_EQ(board.admit(0, attempts.now).reason, Reason::breaker_open);
  EXPECT_EQ(board.admit(1, attempts.now).reason, Reason::kept);
}

TEST(Board, ARateLimitCoolsTheKeyOfAPoolAndElseTheDeployment) {
  Board pool, single;
  pool.configure(two(2));
  single.configure(two(1));
  Attempts in_pool(pool), in_single(single);
  in_pool.fail(0, ErrorKind::rate_limit, seconds(9), 1);
  EXPECT_EQ(pool.admit(0, in_pool.now).reason, Reason::kept);
  EXPECT_EQ(pool.pick_key(0, in_pool.now), 0);
  EXPECT_EQ(pool.pick_key(0, in_pool.now), 0);
  in_single.fail(0, ErrorKind::rate_limit, seconds(9));
  EXPECT_EQ(single.admit(0, in_single.now).reason, Reason::cooling_down);
}

TEST(Board, DeadKeysLeaveNothingUsable) {
  Board board;
  board.configure(two(2));
  Attempts attempts(board);
  attempts.fail(0, ErrorKind::authentication, {}, 0);
  EXPECT_EQ(board.admit(0, attempts.now).reason, Reason::kept);
  attempts.fail(0, ErrorKind::quota_exhausted, {}, 1);
  const Admission verdict = board.admit(0, attempts.now);
  EXPECT_EQ(verdict.reason, Reason::no_usable_key);
  EXPECT_EQ(verdict.a, 2);
  EXPECT_EQ(verdict.b, 2);
}

TEST(Board, TheLastUsableIsThrottledNotEjected) {
  Board board;
  board.configure(two());
  Attempts attempts(board);
  for (int i = 0; i < 5; ++i) attempts.fail(0, ErrorKind::connect);
  EXPECT_EQ(board.admit(0, attempts.now).reason, Reason::breaker_open);
  EXPECT_EQ(board.admit_last(0, attempts.now).reason, Reason::kept);
  int permitted = 0;
  for (int i = 0; i < 1000; ++i) {  // a second of a thousand callers
    if (board.admit_last(0, attempts.now).reason == Reason::kept) {
      attempts.fail(0, ErrorKind::connect);
      ++permitted;
    }
    attempts.now += milliseconds(1);
  }
  EXPECT_EQ(permitted, 10);
  Board told_to_wait;
  told_to_wait.configure(two());
  Attempts waiting(told_to_wait);
  waiting.fail(0, ErrorKind::overloaded, seconds(5));
  EXPECT_EQ(told_to_wait.admit_last(0, waiting.now).reason, Reason::cooling_down);
}

TEST(Board, PenaltyGrowsWithFailuresAndFades) {
  Board board;
  board.configure(two());
  Attempts attempts(board);
  EXPECT_EQ(board.penalty(0, attempts.now), 1.0);
  attempts.end(0, Outcome());
  attempts.fail(0, ErrorKind::server_error);
  EXPECT_NEAR(board.penalty(0, attempts.now), 2.0, 1e-6);
  EXPECT_TRUE(board.trusted(1, attempts.now)) << "nothing speaks against it";
  EXPECT_FALSE(board.trusted(0, attempts.now));
  attempts.now += defaults::kErrorWindow;
  EXPECT_EQ(board.penalty(0, attempts.now), 1.0);
  EXPECT_TRUE(board.trusted(0, attempts.now));
}

TEST(Board, HealthSurvivesAConfigurationThatKeepsTheDeployment) {
  Board board;
  Inventory inventory = two();
  board.configure(inventory);
  Attempts attempts(board);
  for (int i = 0; i < 5; ++i) attempts.fail(0, ErrorKind::connect);
  std::swap(inventory.deployments[0], inventory.deployments[1]);
  board.configure(inventory);
  EXPECT_EQ(board.admit(1, attempts.now).reason, Reason::breaker_open);
  EXPECT_EQ(board.admit(0, attempts.now).reason, Reason::kept);
  inventory.deployments[1].base_url = "http://elsewhere";
  board.configure(inventory);
  EXPECT_EQ(board.admit(1, attempts.now).reason, Reason::kept) << "another place, another health";
}

}  // namespace
}  // namespace llmroute::health
