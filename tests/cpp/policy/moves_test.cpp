#include "llmroute/policy/moves.h"

#include <gtest/gtest.h>

namespace llmroute::policy {
namespace {

Inventory inventory_of(const std::vector<std::string>& names) {
  Inventory out;
  for (const std::string& name : names) {
    const auto index = static_cast<std::uint32_t>(out.deployments.size());
    out.deployment_index[name] = index;
    out.group_index["group of " + name] = index;
    Deployment& d = out.deployments.emplace_back();
    d.name = name;
    d.provider = "p";
    out.groups.emplace_back().name = "group of " + name;
  }
  return out;
}

TEST(Moves, GoByNameAndWhatIsBehindIt) {
  const Inventory from = inventory_of({"a", "b", "c"});
  Inventory to = inventory_of({"c", "b"});
  EXPECT_EQ(deployment_there(from, 2, to), 0U);
  EXPECT_EQ(deployment_there(from, 0, to), std::nullopt);
  EXPECT_EQ(group_there(from, 1, to), 1U);
  EXPECT_EQ(group_there(from, 0, to), std::nullopt);
  to.deployments[0].base_url = "elsewhere";
  EXPECT_EQ(deployment_there(from, 2, to), std::nullopt);
  EXPECT_EQ(group_there(from, 2, to), 0U) << "a group is its name";
}

TEST(Moves, StayWithinOneInventory) {
  Inventory one = inventory_of({"a"});
  one.deployment_index.clear();
  EXPECT_EQ(deployment_there(one, 0, one), 0U);
  EXPECT_EQ(group_there(one, 0, one), 0U);
}

}  // namespace
}  // namespace llmroute::policy
