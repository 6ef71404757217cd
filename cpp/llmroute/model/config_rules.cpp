#include <algorithm>
#include <array>
#include <set>

#include "llmroute/base/text.h"
#include "llmroute/model/config_build.h"

namespace llmroute::config {

namespace {

constexpr std::array<std::string_view, 5> kRoutes = {"group", "chain", "pin", "reject", "human"};

std::string quoted(std::string_view name) { return "\"" + ellipsize(name, 60) + "\""; }

Result<DeploymentIndex> resolve_deployment(const std::string& name, const std::string& path,
                                           const Inventory& inventory) {
  if (const auto found = inventory.find_deployment(name)) return *found;
  std::vector<std::string_view> names;
  for (const auto& [known, index] : inventory.deployment_index) names.emplace_back(known);
  return config_error(path, "unknown deployment " + quoted(name), nearest_name(name, names));
}

// The deployments of a rule in their order, as a group that nobody can ask for.
Result<GroupIndex> make_chain(const std::string& rule, const Value& list, const std::string& path,
                              Inventory& inventory) {
  Group group;
  group.name = "chain of \"" + rule + "\"";
  group.policy.name = "ordered";
  group.implicit = true;
  for (std::size_t i = 0; i < list.list.size(); ++i) {
    const auto found = resolve_deployment(list.list[i].text, child_path(path, i), inventory);
    if (!found) return found.error();
    group.members.push_back(Member{*found, 1.0, {}});
  }
  inventory.groups.push_back(std::move(group));
  return static_cast<GroupIndex>(inventory.groups.size() - 1);
}

Result<void> read_destination(const std::string& rule, std::string_view key, const Value& value,
                              const std::string& path, Destination& out, Inventory& inventory) {
  if (key == "reject") {
    out.kind = Destination::Kind::reject;
    out.message = value.text;
    return {};
  }
  if (key == "human") {
    if (!value.boolean) return config_error(path, "can only be true; leave it out instead");
    out.kind = Destination::Kind::human;
    return {};
  }
  if (key == "chain") {
    auto chain = make_chain(rule, value, path, inventory);
    if (!chain) return chain.error();
    out.group = *chain;
    return {};
  }
  if (key == "pin") {
    auto found = resolve_deployment(value.text, path, inventory);
    if (!found) return found.error();
  }
  auto group = resolve_group(value.text, path, inventory);
  if (!group) return group.error();
  out.group = *group;
  return {};
}

Result<void> read_route(const Value& then, const std::string& path, Rule& rule,
                        Inventory& inventory) {
  std::string_view found;
  for (const std::string_view key : kRoutes) {
    const Value* value = then.find(key);
    if (value == nullptr) continue;
    const std::string at = child_path(path, key);
    if (!found.empty()) {
      return config_error(at, "stands beside " + std::string(found) +
                                  "; a request goes to one place, keep one of the two");
    }
    found = key;
    Destination destination;
    auto read = read_destination(rule.name, key, *value, at, destination, inventory);
    if (!read) return read;
    rule.route = std::move(destination);
  }
  return {};
}

Result<void> read_budget_name(const Value& then, const std::string& path, Rule& rule,
                              const Inventory& inventory) {
  const Value* budget = then.find("budget");
  if (budget == nullptr) return {};
  std::vector<std::string_view> names;
  for (const BudgetRule& known : inventory.budgets) names.push_back(known.name);
  if (std::find(names.begin(), names.end(), budget->text) == names.end()) {
    return config_error(child_path(path, "budget"), "unknown budget " + quoted(budget->text),
                        nearest_name(budget->text, names));
  }
  rule.budget = budget->text;
  return {};
}

Result<void> read_effects(const Value& then, const std::string& path, Rule& rule,
                          Inventory& inventory) {
  if (then.table.empty()) return config_error(path, "sets nothing; name a group, policy, ...");
  if (auto read = read_route(then, path, rule, inventory); !read) return read;
  if (const Value* policy = then.find("policy")) {
    rule.policy = read_policy(*policy);
    if (rule.policy->python) {
      return config_error(child_path(path, "policy"),
                          "must be a built-in policy; give a group the Python one, and send "
                          "requests there");
    }
  }
  if (auto read = read_budget_name(then, path, rule, inventory); !read) return read;
  if (const Value* deadline = then.find("deadline_ms")) rule.deadline = from_ms(deadline->number);
  if (const Value* priority = then.find("priority")) rule.priority = read_priority(*priority);
  const Value* defaults = then.find("defaults");
  if (defaults == nullptr) return {};
  for (const auto& [key, value] : defaults->table) {
    rule.defaults.push_back({*from_slug<Parameter>(key), to_json(value)});
  }
  if (defaults->find("max_tokens") != nullptr &&
      defaults->find("max_completion_tokens") != nullptr) {
    return config_error(child_path(child_path(path, "defaults"), "max_completion_tokens"),
                        "stands beside max_tokens; keep one of the two");
  }
  return {};
}

RuleMode lesser(RuleMode a, RuleMode b) { return std::max(a, b); }

Result<void> check_new_name(const std::string& name, const std::string& path,
                            std::set<std::string>& names) {
  if (names.insert(name).second) return {};
  return config_error(child_path(path, "name"), "is the name of an earlier one too; rename it");
}

}  // namespace

std::vector<Reference> references_of_rules(const Value& rules, const Value& experiments) {
  std::vector<Reference> out;
  const auto add = [&out](const Value* value, const std::string& path) {
    if (value == nullptr) return;
    if (value->type == Value::Type::text) out.push_back({path, value->text});
    for (std::size_t i = 0; i < value->list.size(); ++i) {
      out.push_back({child_path(path, i), value->list[i].text});
    }
  };
  for (std::size_t i = 0; i < rules.list.size(); ++i) {
    const std::string path = child_path(child_path("rules", i), "then");
    for (const std::string_view key : {"group", "chain", "pin"}) {
      add(rules.list[i].find("then")->find(key), child_path(path, key));
    }
  }
  for (const auto& [name, table] : experiments.table) {
    const std::string path = child_path("experiments", name);
    add(table.find("group"), child_path(path, "group"));
    add(table.find("to"), child_path(path, "to"));
    const Value* arms = table.find("arms");
    if (arms == nullptr) continue;
    for (std::size_t i = 0; i < arms->list.size(); ++i) {
      add(arms->list[i].find("group"),
          child_path(child_path(child_path(path, "arms"), i), "group"));
    }
  }
  return out;
}

Result<void> read_rules(const Value& document, Inventory& inventory) {
  const Value& list = *document.find("rules");
  const RuleMode most = *from_slug<RuleMode>(document.find("rules_mode")->text);
  std::set<std::string> names;
  for (std::size_t i = 0; i < list.list.size(); ++i) {
    const Value& table = list.list[i];
    const std::string path = child_path("rules", i);
    Rule rule;
    rule.name = table.find("name")->text;
    if (auto fresh = check_new_name(rule.name, path, names); !fresh) return fresh;
    rule.mode = lesser(most, *from_slug<RuleMode>(table.find("mode")->text));
    if (const Value* when = table.find("when")) {
      auto condition = read_condition(*when, child_path(path, "when"));
      if (!condition) return condition.error();
      rule.when = std::move(*condition);
    }
    auto read = read_effects(*table.find("then"), child_path(path, "then"), rule, inventory);
    if (!read) return read;
    inventory.rules.push_back(std::move(rule));
  }
  return {};
}

}  // namespace llmroute::config
