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

TEST(GroupAsked, IsTheOnlyOneWhereNoneIsNamed) {
  Inventory inventory;
  const auto add = [&](const char* name, bool implicit) {
    Group group;
    group.name = name;
    group.implicit = implicit;
    inventory.group_index.emplace(name, static_cast<GroupIndex>(inventory.groups.size()));
    inventory.groups.push_back(group);
  };
  EXPECT_FALSE(group_asked(inventory, ""));
  add("alpha", true);
  EXPECT_EQ(group_asked(inventory, ""), 0U);  // one deployment and nothing else
  add("beta", true);
  EXPECT_FALSE(group_asked(inventory, ""));
  add("fast", false);
  EXPECT_EQ(group_asked(inventory, ""), 2U);
  EXPECT_EQ(group_asked(inventory, "beta"), 1U);
  EXPECT_FALSE(group_asked(inventory, "gamma"));
  add("slow", false);
  EXPECT_FALSE(group_asked(inventory, ""));
}

}  // namespace
}  // namespace llmroute
