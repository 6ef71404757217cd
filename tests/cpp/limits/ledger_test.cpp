#include "llmroute/limits/ledger.h"

#include <gtest/gtest.h>

namespace llmroute::limits {
namespace {

const Instant kNow{seconds(1000)};

Inventory inventory_with(LimitsSpec spec) {
  Inventory inventory;
  for (const char* name : {"a", "b"}) {
    Deployment deployment;
    deployment.name = name;
    deployment.base_url = "http://127.0.0.1:1";
    inventory.deployments.push_back(deployment);
  }
  inventory.deployments[0].limits = spec;
  return inventory;
}

LimitsSpec in_flight(std::int64_t most) {
  LimitsSpec spec;
  spec.in_flight = most;
  return spec;
}

TEST(Ledger, WithoutLimitsNothingIsShort) {
  Ledger ledger;
  ledger.configure(inventory_with({}));
  EXPECT_FALSE(ledger.any());
  for (int i = 0; i < 1000; ++i) ledger.reserve(0, kNow, Tokens{1'000'000});
  EXPECT_FALSE(ledger.shortage(0, kNow, Tokens{1'000'000}));
}

TEST(Ledger, InFlightCountsAtOnceAndComesBack) {
  Ledger ledger;
  ledger.configure(inventory_with(in_flight(2)));
  ledger.reserve(0, kNow, {});
  EXPECT_FALSE(ledger.shortage(0, kNow, {}));
  ledger.reserve(0, kNow, {});
  const auto shortage = ledger.shortage(0, kNow, {});
  ASSERT_TRUE(shortage);
  EXPECT_EQ(shortage->limit, Limit::in_flight);
  EXPECT_EQ(shortage->free_at, kNever);
  EXPECT_FALSE(ledger.shortage(1, kNow, {})) << "the other has none";
  ledger.settle(0, {}, std::nullopt);
  EXPECT_FALSE(ledger.shortage(0, kNow, {}));
}

TEST(Ledger, TokensAreSettledByTheProvidersCount) {
  LimitsSpec spec;
  spec.tokens_per_minute = 1'000;
  Ledger ledger;
  ledger.configure(inventory_with(spec));
  ledger.reserve(0, kNow, Tokens{800});
  auto shortage = ledger.shortage(0, kNow, Tokens{50});
  ASSERT_TRUE(shortage);
  EXPECT_EQ(shortage->limit, Limit::tokens_per_minute);
  EXPECT_GT(shortage->free_at, kNow + seconds(40));
  ledger.settle(0, Tokens{800}, Tokens{20});
  EXPECT_FALSE(ledger.shortage(0, kNow, Tokens{50}));
  ledger.reserve(0, kNow, Tokens{50});
  ledger.settle(0, Tokens{50}, Tokens{5'000});  // far more than was thought
  shortage = ledger.shortage(0, kNow, Tokens{1});
  ASSERT_TRUE(shortage);
  EXPECT_GT(shortage->free_at, kNow + seconds(200));
}

TEST(Ledger, TheScarcestLimitIsNamed) {
  LimitsSpec spec;
  spec.requests_per_minute = 600;
  spec.requests_per_day = 10;
  Ledger ledger;
  ledger.configure(inventory_with(spec));
  ledger.reserve(0, kNow, {});
  const auto shortage = ledger.shortage(0, kNow, {});
  ASSERT_TRUE(shortage);
  EXPECT_EQ(shortage->limit, Limit::requests_per_day);
}

TEST(Ledger, AReloadForgetsNothingButWhatChanged) {
  LimitsSpec spec;
  spec.requests_per_minute = 1;
  Ledger ledger;
  ledger.configure(inventory_with(spec));
  ledger.reserve(0, kNow, {});
  ledger.configure(inventory_with(spec));
  EXPECT_TRUE(ledger.shortage(0, kNow, {})) << "the same limits go on";
  ledger.configure(inventory_with(in_flight(1)));
  const auto shortage = ledger.shortage(0, kNow, {});
  ASSERT_TRUE(shortage) << "what is under way still counts";
  EXPECT_EQ(shortage->limit, Limit::in_flight);
  Inventory moved = inventory_with(in_flight(1));
  moved.deployments[0].base_url = "http://127.0.0.1:2";
  ledger.configure(moved);
  EXPECT_FALSE(ledger.shortage(0, kNow, {})) << "another place";
}

}  // namespace
}  // namespace llmroute::limits
