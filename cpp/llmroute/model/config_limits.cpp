#include <set>

#include "llmroute/base/text.h"
#include "llmroute/model/config_build.h"

namespace llmroute::config {

namespace {

// The nearest scope that could have been meant; of metadata with the key that was given.
std::string nearest_scope(std::string_view text, bool any_scope) {
  const std::size_t dot = text.find('.');
  const std::string metadata =
      "metadata." + std::string(dot == std::string_view::npos ? "tenant" : text.substr(dot + 1));
  std::vector<std::string_view> names = {"all"};
  if (any_scope) names.insert(names.end(), {"deployment", "provider", "group", "key"});
  if (dot != std::string_view::npos && dot + 1 < text.size()) names.emplace_back(metadata);
  return std::string(nearest_name(text, names));
}

// As the ledger calls it: by its source, which of a literal would be the key itself.
std::string key_name(const Deployment& deployment, std::size_t key) {
  const SecretSource& source = deployment.keys[key];
  const bool literal = source.origin == SecretOrigin::literal;
  return literal ? deployment.name + " #" + std::to_string(key + 1) : source.describe();
}

// What one account of this scope may be called; nothing where anything may be.
std::set<std::string> known_values(const CountedBy& by, const Inventory& inventory) {
  std::set<std::string> names;
  if (by.scope == Scope::group) {
    for (const Group& group : inventory.groups) names.insert(group.name);
  }
  for (const Deployment& deployment : inventory.deployments) {
    if (by.scope == Scope::deployment) names.insert(deployment.name);
    if (by.scope == Scope::provider) names.insert(deployment.provider);
    if (by.scope != Scope::key) continue;
    for (std::size_t i = 0; i < deployment.keys.size(); ++i) names.insert(key_name(deployment, i));
  }
  return names;
}

// A name that leads nowhere would be a limit that never holds.
Result<void> check_only(const LimitRule& rule, const std::string& path,
                        const Inventory& inventory) {
  const std::set<std::string> known = known_values(rule.by, inventory);
  if (known.empty()) return {};
  const std::vector<std::string_view> names(known.begin(), known.end());
  for (std::size_t i = 0; i < rule.only.size(); ++i) {
    if (known.count(rule.only[i]) != 0) continue;
    return config_error(child_path(child_path(path, "only"), i),
                        "unknown " + to_text(rule.by) + " \"" + ellipsize(rule.only[i], 60) + "\"",
                        nearest_name(rule.only[i], names));
  }
  return {};
}

}  // namespace

Result<void> read_limits(const Value& table, const std::string& path, LimitsSpec& target) {
  const auto read = [&](std::string_view key, std::optional<std::int64_t>& field) {
    const Value* value = table.find(key);
    if (value != nullptr) field = static_cast<std::int64_t>(value->number);
  };
  read("requests_per_minute", target.requests_per_minute);
  read("tokens_per_minute", target.tokens_per_minute);
  read("requests_per_day", target.requests_per_day);
  read("tokens_per_day", target.tokens_per_day);
  read("in_flight", target.in_flight);
  const Value* slow_start = table.find("slow_start_ms");
  if (slow_start == nullptr) return {};
  if (!target.in_flight) {
    return config_error(child_path(path, "slow_start_ms"),
                        "stands without in_flight, which it lets grow; give both");
  }
  target.slow_start = from_ms(slow_start->number);
  return {};
}

Result<CountedBy> read_counted_by(const Value& table, std::string_view key, const std::string& path,
                                  bool any_scope) {
  const std::string& text = table.find(key)->text;
  const auto by = counted_by(text);
  if (by && (any_scope || by->scope == Scope::all || by->scope == Scope::metadata)) return *by;
  const std::string at = child_path(path, key);
  if (text == "metadata" || text == "metadata.") {
    return config_error(at, "needs a key of the metadata, as in \"metadata.tenant\"");
  }
  if (by) {
    return config_error(at,
                        "must be \"all\" or \"metadata.KEY\": it is known before a deployment "
                        "is chosen");
  }
  const std::string known =
      any_scope ? "all, deployment, provider, group, key, metadata.KEY" : "all, metadata.KEY";
  return config_error(at, "unknown scope \"" + ellipsize(text, 60) + "\"; known: " + known,
                      nearest_scope(text, any_scope));
}

Result<std::vector<std::string>> read_only(const Value& table, const CountedBy& by,
                                           const std::string& path) {
  std::vector<std::string> out;
  const Value* only = table.find("only");
  if (only == nullptr) return out;
  if (by.scope == Scope::all) {
    return config_error(child_path(path, "only"),
                        "names values, but everything is counted together; say by what, as in by "
                        "= \"metadata.tenant\"");
  }
  for (const Value& value : only->list) out.push_back(value.text);
  return out;
}

Result<void> read_limit_rules(const Value& rules, Inventory& inventory) {
  for (const auto& [name, table] : rules.table) {
    const std::string path = child_path("limits", name);
    LimitRule rule;
    rule.name = name;
    auto by = read_counted_by(table, "by", path, true);
    if (!by) return by.error();
    rule.by = std::move(*by);
    auto only = read_only(table, rule.by, path);
    if (!only) return only.error();
    rule.only = std::move(*only);
    if (auto checked = check_only(rule, path, inventory); !checked) return checked;
    if (auto read = read_limits(table, path, rule.limits); !read) return read;
    if (!rule.limits.any()) {
      return config_error(path, "limits nothing; give a number, as in requests_per_minute = 60");
    }
    inventory.limits.push_back(std::move(rule));
  }
  return {};
}

}  // namespace llmroute::config
