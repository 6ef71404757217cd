// The steps from a checked document to an Inventory; internal to this layer.
//
// Every Value given here has passed schema::check, so fields have their types and defaults, and what
// is left to find are names that lead nowhere and tables that contradict each other.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "llmroute/model/deployment.h"
#include "llmroute/model/document.h"

namespace llmroute::config {

// One provider: the catalogue's entry with the user's own fields on top.
struct Provider {
  std::string dialect = "openai";
  std::string base_url;
  std::vector<SecretSource> keys;
  std::vector<std::pair<std::string, std::string>> headers;
  std::vector<std::string> forward_headers;
  bool own_headers_too =
      true;  // those of its dialect; false: the configuration gives the whole list
  std::string proxy;
  std::string ca_file;
  Quirks quirks;
  bool listed = false;     // in the catalogue that comes along
  std::string listed_url;  // its base_url there; empty: none
};
using Providers = std::map<std::string, Provider, std::less<>>;

Result<Providers> read_providers(const Value& catalogue, const Value& own);
Result<Resilience> read_resilience(const Value& table);

// --- parts that providers and deployments share ---------------------------------------------------
// Each leaves its target alone where the table has no such field.
void read_text(const Value& table, std::string_view key, std::string& target);
void read_base_url(const Value& table, std::string& target);
Result<void> read_keys(const Value& table, const std::string& path,
                       std::vector<SecretSource>& target);
void read_headers(const Value& table, std::vector<std::pair<std::string, std::string>>& target);
// Replaces the list; false where the table has none.
bool read_forward_headers(const Value& table, std::vector<std::string>& target);
void read_quirks(const Value& table, Quirks& target);
void read_timeouts(const Value& table, Timeouts& target);

// `path` is that of the table of limits.
Result<void> read_limits(const Value& table, const std::string& path, LimitsSpec& target);
// The text of `key` as a scope; without `any_scope` only all and metadata.
Result<CountedBy> read_counted_by(const Value& table, std::string_view key, const std::string& path,
                                  bool any_scope);
Result<std::vector<std::string>> read_only(const Value& table, const CountedBy& by,
                                           const std::string& path);

// `path` is that of the price.
// `embeds`: of a deployment for embeddings, which have no output to be priced.
Result<void> read_price(const Value& table, const std::string& path, bool embeds, Price& target);

// What a deployment leaves open, and its model's entry in the catalogue may say.
struct DeploymentGaps {
  bool price = true, context_tokens = true, max_output_tokens = true, lacks = true;
};
void read_abilities(const Value& table, const DeploymentGaps& wanted, Deployment& target);

// Entries of the model catalogue by "provider/model"; they belong to the document.
using KnownModels = std::map<std::string_view, const Value*>;
KnownModels read_known_models(const Value& models);
Result<void> fill_from_catalogue(const Value& known, const std::string& name,
                                 const DeploymentGaps& gaps, Deployment& target);

// Makes deployments, from tables and from bare "provider/model" names, each name once.
class DeploymentMaker {
 public:
  // All must outlive this object.
  DeploymentMaker(const Providers& providers, const KnownModels& models, Inventory& inventory)
      : providers_(providers), models_(models), inventory_(inventory) {}

  Result<void> add_table(const std::string& name, const Value& table, const std::string& path);
  // A name used at `path`: one made before, or a "provider/model" that is made now.
  Result<DeploymentIndex> find_or_make(const std::string& name, const std::string& path);
  bool can_make(std::string_view name) const;  // its provider is known

 private:
  struct Identity {
    std::string provider, model;  // empty where neither table nor name says
  };
  Identity identify(const std::string& name, const Value& table) const;
  Result<const Provider*> provider_of(const std::string& name, const std::string& path) const;
  Result<DeploymentIndex> store(Deployment deployment, const std::string& path);
  Error unknown_deployment(const std::string& name, const std::string& path) const;
  Result<void> look_up(const Value& table, const std::string& path, const Provider& provider,
                       Deployment& deployment) const;

  const Providers& providers_;
  const KnownModels& models_;
  Inventory& inventory_;
};

// Groups, their members and references, the implicit groups, and the search for cycles.
Result<void> read_groups(const Value& document, DeploymentMaker& maker, Inventory& inventory);
Result<void> check_cycles(const Inventory& inventory);

// A group's name where the document refers to one.
struct Reference {
  std::string path;
  std::string name;
};
std::vector<Reference> references_of_groups(const Value& groups);
std::vector<Reference> references_of_budgets(const Value& budgets);
std::vector<Reference> references_of_rules(const Value& rules, const Value& experiments);
Result<GroupIndex> resolve_group(const std::string& name, const std::string& path,
                                 const Inventory& inventory);

// What needs the groups to be there.
Result<std::vector<ExhaustedStep>> read_on_exhausted(const Value& list, const std::string& path,
                                                     const Inventory& inventory);
Result<void> read_limit_rules(const Value& rules, Inventory& inventory);
Result<void> read_budgets(const Value& budgets, Inventory& inventory);
// The zone that `timezone` names: by itself, or by the offsets that the face wrote beside it.
Result<std::vector<ZoneOffset>> read_zone(const Value& table, const std::string& path);
PolicySpec read_policy(const Value& table);
// A named priority or its number, as checked.
Priority read_priority(const Value& value);
// [[rules]], [[constraints]] and [experiments]; chains become groups.
Result<void> read_rules(const Value& document, Inventory& inventory);
Result<void> read_constraints(const Value& list, const Providers& providers, Inventory& inventory);
Result<void> read_experiments(const Value& table, Inventory& inventory);
Result<Condition> read_condition(const Value& table, const std::string& path);
void read_regions(const Value& shipped, const Value& own, Inventory& inventory);
// A text, or a list of them.
std::vector<std::string> read_words(const Value& value);
// [queue], [cache] and [state].
Result<void> read_waiting_and_keeping(const Value& document, Inventory& inventory);

}  // namespace llmroute::config
