// Whatever happens to a good configuration, the answer is an inventory or an error, never a crash.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "llmroute/base/random.h"
#include "llmroute/model/config.h"
#include "support/config_texts.h"

namespace llmroute {
namespace {

using Json = nlohmann::ordered_json;

void collect(Json& node, std::vector<Json*>& nodes) {
  nodes.push_back(&node);
  if (!node.is_structured()) return;
  for (Json& child : node) collect(child, nodes);
}

Json odd_value(Random& random) {
  static const std::vector<Json> kValues = {nullptr,
                                            true,
                                            false,
                                            0,
                                            -1,
                                            1,
                                            3.5,
                                            -1e308,
                                            1e308,
                                            9007199254740993,
                                            "",
                                            "g",
                                            "fast",
                                            "openai/",
                                            "/",
                                            "openai/x",
                                            "env:",
                                            "a\nb",
                                            "\xC3\xBC",
                                            Json::array(),
                                            Json::object(),
                                            Json::array({1, "a", nullptr}),
                                            Json{{"name", 1}},
                                            Json{{"use", "eu"}, {"weight", 1}}};
  return kValues[random.below(kValues.size())];
}

void mutate(Json& root, Random& random) {
  std::vector<Json*> nodes;
  collect(root, nodes);
  Json& node = *nodes[random.below(nodes.size())];
  if (node.is_object() && !node.empty() && random.below(2) == 0) {
    auto member = node.begin();
    std::advance(member, static_cast<std::ptrdiff_t>(random.below(node.size())));
    if (random.below(2) == 0) {
      node.erase(member.key());
    } else {
      node[member.key() + (random.below(2) == 0 ? "x" : ".")] = odd_value(random);
    }
  } else if (node.is_array() && random.below(2) == 0) {
    node.push_back(odd_value(random));
  } else {
    node = odd_value(random);
  }
}

void expect_sound(const Inventory& inventory) {
  EXPECT_FALSE(inventory.deployments.empty());
  for (const Group& group : inventory.groups) {
    EXPECT_FALSE(group.members.empty());
    for (const Member& member : group.members) {
      EXPECT_LT(member.deployment, inventory.deployments.size());
      EXPECT_GT(member.weight, 0);
    }
    for (const GroupIndex fallback : group.fallbacks) EXPECT_LT(fallback, inventory.groups.size());
    for (const ExhaustedStep& step : group.on_exhausted) {
      EXPECT_LT(step.group, inventory.groups.size());
    }
  }
  for (const LimitRule& rule : inventory.limits) EXPECT_TRUE(rule.limits.any());
  for (const BudgetRule& rule : inventory.budgets) {
    EXPECT_GT(rule.limit, 0);
    for (const BudgetStep& step : rule.at) EXPECT_LT(step.group, inventory.groups.size());
  }
}

TEST(ConfigMutations, OfValues) {
  Random random(11);
  int good = 0;
  int bad = 0;
  for (int i = 0; i < 1'500; ++i) {
    Json document = Json::parse(testing::kWholeConfig);
    for (std::uint64_t n = 1 + random.below(3); n > 0; --n) mutate(document, random);
    const std::string text = document.dump();
    const auto result = parse_config(text, testing::kCatalogue, testing::kPolicies);
    if (result) {
      ++good;
      expect_sound(*result);
    } else {
      ++bad;
      EXPECT_EQ(result.error().kind, ErrorKind::config) << text;
      EXPECT_FALSE(result.error().message.empty()) << text;
    }
  }
  EXPECT_GT(good, 20);  // both ways must have been taken
  EXPECT_GT(bad, 500);
}

TEST(ConfigMutations, OfBytes) {
  Random random(12);
  for (int i = 0; i < 1'500; ++i) {
    std::string text = testing::kWholeConfig;
    for (std::uint64_t n = 1 + random.below(4); n > 0; --n) {
      const std::size_t at = random.below(text.size());
      switch (random.below(3)) {
        case 0: text[at] = static_cast<char>(random.below(256)); break;
        case 1: text.erase(at, random.below(20)); break;
        default: text.insert(at, text.substr(random.below(text.size()), random.below(40)));
      }
    }
    const auto result = parse_config(text, testing::kCatalogue, testing::kPolicies);
    if (result) expect_sound(*result);
  }
}

}  // namespace
}  // namespace llmroute
