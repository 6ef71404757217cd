// Configurations: one that is taken keeps the promises of its inventory, any other is an error of
// kind config with words. Rules of the taken ones are asked about a request, which must not fail.
#include <nlohmann/json.hpp>

#include "llmroute/analysis/facts.h"
#include "llmroute/model/config.h"
#include "llmroute/policy/policy.h"
#include "llmroute/policy/rule_book.h"
#include "llmroute/provider/dialect.h"
#include "tests/fuzz/fuzz.h"

namespace llmroute::fuzz {
namespace {

constexpr std::string_view kCatalogue =
    R"({"providers": {"p": {"base_url": "http://127.0.0.1:1", "dialect": "openai"}}})";

constexpr std::string_view kWhole = R"({"deployments": {
  "a": {"provider": "p", "model": "m", "region": "eu-central", "retention": "none",
        "training": "no", "tags": ["fast"], "context_tokens": 8000, "api_key": "env:A",
        "price": {"input_usd_per_million": 1, "output_usd_per_million": 2}},
  "b": {"provider": "p", "model": "n", "base_url": "http://[::1]:80/x", "quirks": {"max_tokens_field": "max_tokens"}}},
 "groups": {"main": {"deployments": [{"use": "a", "weight": 2}, "b"], "policy": "least_latency",
            "fallbacks": ["far"]}, "far": {"deployments": ["b"]}},
 "budgets": {"d": {"limit_usd": 1, "per": "day"}},
 "rules": [{"name": "r", "when": {"any": [{"keywords": ["law"]}, {"not": {"regex": "a+b"}}]},
            "then": {"group": "far"}}],
 "constraints": [{"name": "c", "when": {"tags": ["x"]}, "require": {"region": ["eu-*"]}}],
 "resilience": {"attempts": 3}})";

const std::string& policy_schema() {
  static const std::string schema = policy::policy_schema_json();
  return schema;
}

void ask_rules(Inventory inventory, std::string_view prompt) {
  const auto book = policy::RuleBook::make(std::make_shared<const Inventory>(std::move(inventory)));
  if (!book) {
    MUST_HOLD(!book.error().message.empty());
    return;
  }
  const std::string words = nlohmann::json(std::string(prompt))
                                .dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  auto request = std::make_shared<ChatRequest>();
  request->body = R"({"messages":[{"role":"user","content":)" + words + "}]}";
  const auto facts = analysis::read_facts(request->body);
  MUST_HOLD(facts.has_value());
  request->facts = *facts;
  request->options.model = "main";
  const auto judged = (*book)->apply(request, WallTime{});
  MUST_HOLD(judged != nullptr);
  MUST_HOLD((*book)->covers(*judged));
}

}  // namespace
}  // namespace llmroute::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace llmroute::fuzz;
  Choices choices(data, size);
  std::string text(kWhole);
  const bool raw = choices.byte() % 8 == 0;
  const std::string_view prompt = choices.take(choices.below(64));
  if (raw) {
    text = choices.rest();
  } else {
    damage(text, choices);
  }
  static const bool sound = llmroute::parse_config(kWhole, kCatalogue, policy_schema()).has_value();
  MUST_HOLD(sound);
  auto inventory = llmroute::parse_config(text, kCatalogue, policy_schema());
  if (!inventory) {
    MUST_HOLD(inventory.error().kind == llmroute::ErrorKind::config);
    MUST_HOLD(!inventory.error().message.empty());
    return 0;
  }
  for (const auto& group : inventory->groups) {
    for (const auto& member : group.members) {
      MUST_HOLD(member.deployment < inventory->deployments.size());
    }
    for (const auto fallback : group.fallbacks) MUST_HOLD(fallback < inventory->groups.size());
  }
  MUST_HOLD(!llmroute::inventory_json(*inventory).empty());
  if (llmroute::provider::resolve_dialects(*inventory)) ask_rules(std::move(*inventory), prompt);
  return 0;
}
