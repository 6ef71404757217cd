// Inventories and requests from short texts, for tests of rules and what follows from them.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>

#include "llmroute/analysis/facts.h"
#include "llmroute/model/config.h"
#include "llmroute/policy/policy.h"
#include "llmroute/policy/rule_book.h"

namespace llmroute::policy {

inline constexpr char kNoProviders[] = R"({"providers": {"p": {"base_url": "http://127.0.0.1:1"},
                                           "q": {"base_url": "http://127.0.0.1:2"}}})";

// Groups main (a, b), cheap (c) and far (d), beside `tables`.
inline InventoryPtr inventory_with(const std::string& tables) {
  const std::string json = R"({"deployments": {
      "a": {"provider": "p", "model": "m", "region": "eu-central", "retention": "none",
            "training": "no", "tags": ["on-premise", "fast"], "context_tokens": 8000,
            "price": {"input_usd_per_million": 1, "output_usd_per_million": 2}},
      "b": {"provider": "q", "model": "m", "region": "us-east", "retention": "30d", "training": "yes",
            "price": {"input_usd_per_million": 10, "output_usd_per_million": 20}},
      "c": {"provider": "p", "model": "m", "region": "EU-West"},
      "d": {"provider": "q", "model": "m"}},
    "groups": {"main": {"deployments": ["a", "b"], "policy": "ordered"},
               "cheap": {"deployments": ["c"]}, "far": {"deployments": ["d"]}},
    "budgets": {"batch": {"limit_usd": 1}}, )" +
                           tables + "}";
  auto inventory = parse_config(json, kNoProviders, policy_schema_json());
  EXPECT_TRUE(inventory.has_value())
      << json << (inventory ? "" : inventory.error().path + ": " + inventory.error().message);
  return std::make_shared<const Inventory>(inventory ? *inventory : Inventory{});
}

inline std::shared_ptr<ChatRequest> request_for(const std::string& prompt,
                                                const std::string& members = "") {
  auto request = std::make_shared<ChatRequest>();
  request->id = "r1";
  request->options.model = "main";
  request->body = R"({"messages":[{"role":"user","content":")" + prompt + R"("}])" + members + "}";
  auto facts = analysis::read_facts(request->body);
  EXPECT_TRUE(facts.has_value());
  if (facts) request->facts = *facts;
  return request;
}

inline RuleBookPtr book_of(InventoryPtr inventory) {
  auto book = RuleBook::make(std::move(inventory));
  EXPECT_TRUE(book.has_value()) << (book ? "" : book.error().message);
  return book ? *book : nullptr;
}

}  // namespace llmroute::policy
