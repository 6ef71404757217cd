#include "llmroute/model/deployment.h"

#include <gtest/gtest.h>

namespace llmroute {
namespace {

TEST(Inventory, FindsByName) {
  Inventory inventory;
  inventory.group_index.emplace("fast", 0);
  inventory.group_index.emplace("openai/gpt-4o", 1);
  inventory.deployment_index.emplace("openai/gpt-4o", 0);

  EXPECT_EQ(inventory.find_group("fast"), 0U);
  EXPECT_EQ(inventory.find_group("openai/gpt-4o"), 1U);
  EXPECT_EQ(inventory.find_deployment("openai/gpt-4o"), 0U);
  EXPECT_FALSE(inventory.find_group("Fast"));
  EXPECT_FALSE(inventory.find_deployment("fast"));
  EXPECT_FALSE(Inventory{}.find_group(""));
}

}  // namespace
}  // namespace llmroute
