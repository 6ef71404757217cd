#include "llmroute/model/deployment.h"

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

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

TEST(CheckFallbacks, KnowsGroupsAndDeploymentsAndNamesTheNearest) {
  Inventory inventory;
  for (const char* name : {"fast", "slow"}) {
    Group group;
    group.name = name;
    inventory.group_index.emplace(name, static_cast<GroupIndex>(inventory.groups.size()));
    inventory.groups.push_back(group);
  }
  EXPECT_TRUE(check_fallbacks(inventory, {}));
  EXPECT_TRUE(check_fallbacks(inventory, {"slow", "fast", "slow"}));
  const auto wrong = check_fallbacks(inventory, {"slow", "fasst"});
  ASSERT_FALSE(wrong);
  EXPECT_EQ(wrong.error().kind, ErrorKind::invalid_argument);
  EXPECT_EQ(wrong.error().path, "fallbacks[1]");
  EXPECT_EQ(wrong.error().nearest, "fast");
  EXPECT_EQ(check_fallbacks(inventory, {""}).error().path, "fallbacks[0]");
  std::vector<std::string> many(defaults::kMaxFallbacks, "fast");
  EXPECT_TRUE(check_fallbacks(inventory, many));
  many.emplace_back("fast");
  EXPECT_EQ(check_fallbacks(inventory, many).error().path, "fallbacks");
}

// Groups "index" of the deployments given by model and `embedding`; lacking where the latter is "-".
Inventory index_of(const std::vector<std::pair<std::string, std::string>>& members) {
  Inventory inventory;
  Group group;
  group.name = "index";
  for (const auto& [model, embedding] : members) {
    Deployment d;
    d.name = "d" + std::to_string(inventory.deployments.size());
    d.model = model;
    if (embedding == "-") {
      d.lacks.set(static_cast<std::size_t>(Capability::embeddings));
    } else {
      d.embedding = embedding;
    }
    group.members.push_back({static_cast<DeploymentIndex>(inventory.deployments.size()), 1.0, {}});
    inventory.deployments.push_back(d);
  }
  inventory.group_index.emplace("index", 0);
  inventory.groups.push_back(group);
  return inventory;
}

TEST(EmbeddingAsked, IsWhatAllMembersThatHaveAnyAgreeOn) {
  struct Case {
    std::vector<std::pair<std::string, std::string>> members;
    const char* model;  // null: refused
  };
  const std::vector<Case> cases = {{{{"a", ""}}, "a"},
                                   {{{"a", ""}, {"a", ""}}, "a"},
                                   {{{"a", ""}, {"b", "a"}}, "a"},
                                   {{{"x", "space"}, {"y", "space"}}, "space"},
                                   {{{"chat", "-"}, {"a", ""}}, "a"},
                                   {{{"a", ""}, {"chat", "-"}}, "a"},
                                   {{{"chat", "-"}, {"other", "-"}}, "chat"},
                                   {{{"a", ""}, {"b", ""}}, nullptr},
                                   {{{"a", ""}, {"a", "b"}}, nullptr},
                                   {{{"chat", "-"}, {"a", ""}, {"b", ""}}, nullptr},
                                   {{{"a", ""}, {"chat", "-"}, {"b", ""}}, nullptr}};
  for (const Case& test : cases) {
    const auto asked = embedding_asked(index_of(test.members), "index");
    ASSERT_EQ(asked.has_value(), test.model != nullptr);
    if (test.model == nullptr) {
      EXPECT_EQ(asked.error().kind, ErrorKind::invalid_argument);
      EXPECT_EQ(asked.error().path, "model");
      continue;
    }
    Deployment same;
    same.model = test.model;
    EXPECT_EQ(*asked, embedding_id(same)) << test.model;
  }
}

TEST(EmbeddingAsked, NamesThoseThatDiffer) {
  const auto asked = embedding_asked(index_of({{"small", ""}, {"large", ""}}), "");
  ASSERT_FALSE(asked);
  for (const char* word : {"index", "small", "large", "d0", "d1"}) {
    EXPECT_NE(asked.error().message.find(word), std::string::npos) << word;
  }
}

TEST(EmbeddingAsked, IsNobodysWhereTheGroupIsUnknown) {
  const auto asked = embedding_asked(index_of({{"a", ""}}), "nobody");
  ASSERT_TRUE(asked);
  EXPECT_EQ(*asked, 0U);
}

TEST(EmbeddingId, IsTheModelsUnlessSomethingElseIsStated) {
  Deployment a, b;
  a.model = "small";
  b.model = "my-name";
  EXPECT_NE(embedding_id(a), embedding_id(b));
  b.embedding = "small";
  EXPECT_EQ(embedding_id(a), embedding_id(b));
  EXPECT_EQ(embedding_model(b), "small");
  EXPECT_NE(embedding_id(Deployment()), 0U);
}

}  // namespace
}  // namespace llmroute
