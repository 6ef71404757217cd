#include "llmroute/policy/fence.h"

#include <gtest/gtest.h>

#include <cmath>
#include <string>

#include "policy/rules_probe.h"

namespace llmroute::policy {
namespace {

InventoryPtr requiring(const std::string& members) {
  return inventory_with(R"("constraints": [{"name": "c", "require": {)" + members + "}}]");
}

// The slug of every deployment that may not be used, "a:slug d:slug".
std::string breaches(const InventoryPtr& inventory) {
  std::string out;
  for (const Deployment& d : inventory->deployments) {
    const Reason reason = static_breach(inventory->constraints[0].require, d);
    if (reason != Reason::kept) out += d.name + ":" + std::string(slug(reason)) + " ";
  }
  return out;
}

TEST(StaticBreach, WhatIsUnknownIsTheWorst) {
  struct Case {
    const char *require, *breaches;
  };
  const Case cases[] = {
      {R"("region": "eu-*")", "b:region_not_allowed d:region_not_allowed "},
      {R"("region": ["us-east", "eu-west"])", "a:region_not_allowed d:region_not_allowed "},
      {R"("region": "*")", "d:region_not_allowed "},
      {R"("retention": "none")",
       "b:retention_not_allowed c:retention_not_allowed d:retention_not_allowed "},
      {R"("retention": ["none", "30d"])", "c:retention_not_allowed d:retention_not_allowed "},
      {R"("training": "no")",
       "b:training_not_allowed c:training_not_allowed d:training_not_allowed "},
      {R"("provider_allow": "p")", "b:provider_not_allowed d:provider_not_allowed "},
      {R"("provider_deny": ["p"])", "a:provider_not_allowed c:provider_not_allowed "},
      {R"("deployment_allow": ["a", "b"])", "c:deployment_not_allowed d:deployment_not_allowed "},
      {R"("deployment_deny": "d")", "d:deployment_not_allowed "},
      {R"("tags": ["fast", "on-premise"])", "b:tag_missing c:tag_missing d:tag_missing "},
      {R"("max_input_usd_per_million": 1)",
       "b:price_not_allowed c:price_not_allowed d:price_not_allowed "},
      {R"("max_output_usd_per_million": 20)", "c:price_not_allowed d:price_not_allowed "},
      {R"("min_context_tokens": 8000)",
       "b:context_not_allowed c:context_not_allowed d:context_not_allowed "},
      {R"("max_usd_per_request": 0.1)", ""},
      {R"("parameters": ["seed"])", ""},
  };
  for (const Case& c : cases) EXPECT_EQ(breaches(requiring(c.require)), c.breaches) << c.require;
}

Ruling closed(const InventoryPtr& inventory, const Fences& fences) {
  Ruling ruling;
  ruling.inventory = inventory;
  for (std::uint32_t i = 0; i < inventory->constraints.size(); ++i) {
    ruling.constraints.push_back({i, false});
    fences.close(i, ruling);
  }
  return ruling;
}

TEST(Fences, SeveralAddUpAndTheFirstBreachIsNamed) {
  const InventoryPtr inventory = inventory_with(
      R"("constraints": [{"name": "price", "require": {"max_input_usd_per_million": 5}},
                         {"name": "place", "require": {"region": "eu-*"}},
                         {"name": "all", "require": {"tags": "fast"}}])");
  const Fences fences(*inventory);
  const Ruling ruling = closed(inventory, fences);
  const Facts facts;
  EXPECT_FALSE(ruling.bars(0));
  EXPECT_EQ(breach_of(ruling, facts, 0, 0.1).reason, Reason::kept);
  const health::Admission b = breach_of(ruling, facts, 1, 0.1);
  EXPECT_EQ(b.reason, Reason::price_not_allowed);
  EXPECT_EQ(b.a, 0);
  const health::Admission c = breach_of(ruling, facts, 2, NAN);
  EXPECT_EQ(c.reason, Reason::price_not_allowed);
  EXPECT_TRUE(ruling.bars(3));
}

TEST(Fences, PriceOfARequestAndParametersAreOfTheRequest) {
  const InventoryPtr inventory = inventory_with(
      R"("constraints": [{"name": "x", "require": {"max_usd_per_request": 0.5}},
                         {"name": "y", "require": {"max_usd_per_request": 0.2,
                                                   "parameters": ["seed"]}}])");
  auto changed = std::make_shared<Inventory>(*inventory);
  changed->deployments[1].unsupported.set(static_cast<std::size_t>(Parameter::seed));
  const Fences fences(*changed);
  const Ruling ruling = closed(changed, fences);
  Facts facts;
  EXPECT_TRUE(ruling.barred.empty());
  EXPECT_EQ(breach_of(ruling, facts, 0, 0.2).reason, Reason::kept);
  EXPECT_EQ(breach_of(ruling, facts, 0, 0.21).a, 1);
  EXPECT_EQ(breach_of(ruling, facts, 0, NAN).reason, Reason::price_not_allowed);
  EXPECT_EQ(breach_of(ruling, facts, 1, 0.1).reason, Reason::kept);
  facts.parameters.set(static_cast<std::size_t>(Parameter::seed));
  const health::Admission without = breach_of(ruling, facts, 1, 0.1);
  EXPECT_EQ(without.reason, Reason::parameter_required);
  EXPECT_EQ(without.a, 1);
}

TEST(Fences, TheDigestIsThatOfWhatIsOpen) {
  const auto digest = [](const std::string& constraints) {
    const InventoryPtr inventory = inventory_with(R"("constraints": [)" + constraints + "]");
    const Fences fences(*inventory);
    return fences.digest(closed(inventory, fences));
  };
  const std::string europe = R"({"name": "e", "require": {"region": "eu-*"}})";
  EXPECT_EQ(digest(europe), digest(R"({"name": "other", "require": {"region": ["EU-*"]}})"));
  EXPECT_NE(digest(europe), digest(""));
  EXPECT_NE(digest(europe), digest(R"({"name": "e", "require": {"region": "us-*"}})"));
  EXPECT_NE(digest(R"({"name": "e", "require": {"max_usd_per_request": 1}})"),
            digest(R"({"name": "e", "require": {"max_usd_per_request": 2}})"));
  // What asks nothing of these deployments is like no constraint.
  EXPECT_EQ(digest(R"({"name": "e", "require": {"provider_allow": ["p", "q"]}})"), digest(""));
}

}  // namespace
}  // namespace llmroute::policy
