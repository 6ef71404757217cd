#include "llmroute/model/config.h"

#include "llmroute/model/config_build.h"
#include "llmroute/model/schema.h"

namespace llmroute {

namespace {

Result<Value> read_checked(std::string_view json, std::string_view what, const schema::Shape& shape,
                           const Value& policies) {
  Result<Value> document = parse_document(json, what);
  if (!document) return document;
  if (document->type != Value::Type::table) {
    return config_error(
        {}, std::string(what) + " must be a table, not " + std::string(type_name(document->type)));
  }
  auto checked = schema::check(shape, *document, {}, policies);
  if (!checked) return checked.error();
  return document;
}

}  // namespace

Result<Inventory> parse_config(std::string_view config_json, std::string_view catalogue_json,
                               std::string_view policy_schema_json) {
  const Result<Value> policies = parse_document(policy_schema_json, "the schema of policies");
  if (!policies) return policies.error();
  const Result<Value> catalogue = read_checked(catalogue_json, "the provider catalogue",
                                               schema::provider_catalogue(), *policies);
  if (!catalogue) return catalogue.error();
  const Result<Value> document =
      read_checked(config_json, "the configuration", schema::configuration(), *policies);
  if (!document) return document.error();

  Inventory inventory;
  auto resilience = config::read_resilience(*document->find("resilience"));
  if (!resilience) return resilience.error();
  inventory.resilience = *resilience;
  const auto providers =
      config::read_providers(*catalogue->find("providers"), *document->find("providers"));
  if (!providers) return providers.error();

  const config::KnownModels models = config::read_known_models(*catalogue->find("models"));
  config::DeploymentMaker maker(*providers, models, inventory);
  for (const auto& [name, table] : document->find("deployments")->table) {
    auto added = maker.add_table(name, table, child_path("deployments", name));
    if (!added) return added.error();
  }
  auto grouped = config::read_groups(*document, maker, inventory);
  if (!grouped) return grouped.error();
  if (inventory.deployments.empty()) {
    return config_error("groups",
                        "the configuration names no deployment; add one, as in "
                        "groups.default.deployments = [\"openai/gpt-4o-mini\"]");
  }
  auto acyclic = config::check_cycles(inventory);
  if (!acyclic) return acyclic.error();
  auto limited = config::read_limit_rules(*document->find("limits"), inventory);
  if (!limited) return limited.error();
  auto budgeted = config::read_budgets(*document->find("budgets"), inventory);
  if (!budgeted) return budgeted.error();
  if (auto read = config::read_rules(*document, inventory); !read) return read.error();
  auto constrained =
      config::read_constraints(*document->find("constraints"), *providers, inventory);
  if (!constrained) return constrained.error();
  auto tried = config::read_experiments(*document->find("experiments"), inventory);
  if (!tried) return tried.error();
  config::read_regions(*catalogue->find("regions"), *document->find("regions"), inventory);
  auto kept = config::read_waiting_and_keeping(*document, inventory);
  if (!kept) return kept.error();
  return inventory;
}

}  // namespace llmroute
