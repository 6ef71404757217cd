#include <gtest/gtest.h>

#include "llmroute/provider/dialect.h"

namespace llmroute::provider {
namespace {

TEST(Registry, FindsByNameAndNamesTheNearest) {
  EXPECT_EQ(find_dialect("openai")->name(), "openai");
  EXPECT_EQ(find_dialect("nobody"), nullptr);
  EXPECT_EQ(dialects().size(), 7U);
  Inventory inventory;
  inventory.deployments.emplace_back().name = "d";
  inventory.deployments[0].dialect = "opneai";
  auto resolved = resolve_dialects(inventory);
  ASSERT_FALSE(resolved);
  EXPECT_EQ(resolved.error().path, "deployments.d.dialect");
  EXPECT_EQ(resolved.error().nearest, "openai");
  inventory.deployments[0].dialect = "openai";
  inventory.deployments[0].quirks.unsupported = {"sead"};
  resolved = resolve_dialects(inventory);
  ASSERT_FALSE(resolved);
  EXPECT_EQ(resolved.error().nearest, "seed");
}

TEST(Registry, MarksWhatDialectAndProviderCannotCarry) {
  Inventory inventory;
  for (const char* dialect : {"openai", "anthropic"}) {
    Deployment& d = inventory.deployments.emplace_back();
    d.dialect = dialect;
    d.quirks.unsupported = {"top_p"};
  }
  ASSERT_TRUE(resolve_dialects(inventory));
  const auto lacks = [&](std::size_t i, Parameter p) {
    return inventory.deployments[i].unsupported.test(static_cast<std::size_t>(p));
  };
  EXPECT_TRUE(lacks(0, Parameter::top_p));
  EXPECT_FALSE(lacks(0, Parameter::seed));
  EXPECT_TRUE(lacks(1, Parameter::top_p));
  EXPECT_TRUE(lacks(1, Parameter::seed));
  EXPECT_FALSE(lacks(1, Parameter::tools));
  const auto embeds = [&](std::size_t i) {
    return !inventory.deployments[i].lacks.test(static_cast<std::size_t>(Capability::embeddings));
  };
  EXPECT_TRUE(embeds(0) == find_dialect("openai")->has_embeddings());
  EXPECT_FALSE(embeds(1));
  // Resolving anew forgets what no longer holds.
  inventory.deployments[0].quirks.unsupported.clear();
  ASSERT_TRUE(resolve_dialects(inventory));
  EXPECT_FALSE(lacks(0, Parameter::top_p));
}

}  // namespace
}  // namespace llmroute::provider
