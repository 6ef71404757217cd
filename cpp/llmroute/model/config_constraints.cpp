#include <algorithm>
#include <cmath>
#include <set>

#include "llmroute/base/text.h"
#include "llmroute/model/config_build.h"

namespace llmroute::config {

namespace {

std::string quoted(std::string_view name) { return "\"" + ellipsize(name, 60) + "\""; }

// Names that must be known: a slip in a list of those denied would open a door.
Result<std::vector<std::string>> read_known(const Value& require, std::string_view key,
                                            const std::string& path,
                                            const std::vector<std::string_view>& known,
                                            std::string_view what) {
  const Value* value = require.find(key);
  if (value == nullptr) return std::vector<std::string>{};
  std::vector<std::string> names = read_words(*value);
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (std::find(known.begin(), known.end(), names[i]) != known.end()) continue;
    const std::string at = child_path(path, key);
    return config_error(value->type == Value::Type::list ? child_path(at, i) : at,
                        "unknown " + std::string(what) + " " + quoted(names[i]),
                        nearest_name(names[i], known));
  }
  return names;
}

Result<void> read_names(const Value& require, const std::string& path, const Providers& providers,
                        const Inventory& inventory, Requirement& out) {
  std::vector<std::string_view> known;
  for (const auto& [name, provider] : providers) known.emplace_back(name);
  for (const Deployment& d : inventory.deployments) known.emplace_back(d.provider);
  std::vector<std::string_view> deployments;
  for (const Deployment& d : inventory.deployments) deployments.emplace_back(d.name);
  const auto read = [&](std::string_view key, const std::vector<std::string_view>& names,
                        std::string_view what, std::vector<std::string>& target) -> Result<void> {
    auto found = read_known(require, key, path, names, what);
    if (!found) return found.error();
    target = std::move(*found);
    return {};
  };
  if (auto r = read("provider_allow", known, "provider", out.providers); !r) return r;
  if (auto r = read("provider_deny", known, "provider", out.providers_denied); !r) return r;
  if (auto r = read("deployment_allow", deployments, "deployment", out.deployments); !r) return r;
  return read("deployment_deny", deployments, "deployment", out.deployments_denied);
}

Result<Requirement> read_require(const Value& require, const std::string& path,
                                 const Providers& providers, const Inventory& inventory) {
  if (require.table.empty()) {
    return config_error(path, "requires nothing; name something, as in region = \"eu-*\"");
  }
  Requirement out;
  const auto words = [&require](std::string_view key, std::vector<std::string>& target) {
    if (const Value* value = require.find(key)) target = read_words(*value);
  };
  const auto number = [&require](std::string_view key, std::optional<double>& target) {
    if (const Value* value = require.find(key)) target = value->number;
  };
  words("region", out.regions);
  words("retention", out.retentions);
  words("tags", out.tags);
  out.no_training = require.find("training") != nullptr;
  number("max_usd_per_request", out.max_usd_per_request);
  number("max_input_usd_per_million", out.max_input_usd_per_million);
  number("max_output_usd_per_million", out.max_output_usd_per_million);
  if (const Value* context = require.find("min_context_tokens")) {
    out.min_context = Tokens{static_cast<std::int64_t>(context->number)};
  }
  if (const Value* parameters = require.find("parameters")) {
    for (const Value& word : parameters->list) {
      out.parameters.set(static_cast<std::size_t>(*from_slug<Parameter>(word.text)));
    }
  }
  if (auto read = read_names(require, path, providers, inventory, out); !read) return read.error();
  return out;
}

// --- experiments ------------------------------------------------------------------------------------

Result<void> read_unit(const Value& table, const std::string& path, Experiment& out) {
  constexpr std::string_view kPrefix = "metadata.";
  const std::string& by = table.find("by")->text;
  if (by == "request") return {};
  if (by == "conversation") {
    out.unit = Experiment::Unit::conversation;
    return {};
  }
  if (by.size() > kPrefix.size() && by.substr(0, kPrefix.size()) == kPrefix) {
    out.unit = Experiment::Unit::metadata;
    out.key = by.substr(kPrefix.size());
    return {};
  }
  return config_error(
      child_path(path, "by"),
      "unknown unit " + quoted(by) + "; known: request, conversation, metadata.KEY",
      nearest_name(by, std::vector<std::string_view>{"request", "conversation", "metadata.user"}));
}

Result<void> read_arms(const Value& list, const std::string& path, const Inventory& inventory,
                       Experiment& out) {
  constexpr double kRounding = 1e-6;
  std::set<std::string> names;
  double sum = 0;
  for (std::size_t i = 0; i < list.list.size(); ++i) {
    const Value& table = list.list[i];
    const std::string at = child_path(path, i);
    Arm arm;
    arm.name = table.find("name")->text;
    if (!names.insert(arm.name).second) {
      return config_error(child_path(at, "name"), "is the name of an earlier arm too; rename it");
    }
    arm.share = table.find("share")->number;
    sum += arm.share;
    if (const Value* group = table.find("group")) {
      auto found = resolve_group(group->text, child_path(at, "group"), inventory);
      if (!found) return found.error();
      arm.group = *found;
    }
    out.arms.push_back(std::move(arm));
  }
  if (std::abs(sum - 1) <= kRounding) return {};
  return config_error(path, "has shares that add up to " + to_json(Value::of(sum)) + ", not to 1");
}

Result<void> read_shadow(const Value& table, const std::string& path, const Inventory& inventory,
                         Experiment& out) {
  for (const std::string_view key : {"arms", "guard"}) {
    if (table.find(key) != nullptr) {
      return config_error(child_path(path, key), "does not belong to a shadow; give share and to");
    }
  }
  const Value* share = table.find("share");
  const Value* to = table.find("to");
  if (share == nullptr) return config_error(child_path(path, "share"), "is missing");
  if (to == nullptr) {
    return config_error(child_path(path, "to"), "is missing: the group that gets the requests too");
  }
  auto group = resolve_group(to->text, child_path(path, "to"), inventory);
  if (!group) return group.error();
  out.arms.push_back({"control", 1 - share->number, std::nullopt});
  out.arms.push_back({"shadow", share->number, *group});
  return {};
}

Result<void> read_split(const Value& table, const std::string& path, const Inventory& inventory,
                        Experiment& out) {
  for (const std::string_view key : {"share", "to"}) {
    if (table.find(key) != nullptr) {
      return config_error(child_path(path, key), "belongs to kind = \"shadow\"; give arms instead");
    }
  }
  const Value* arms = table.find("arms");
  if (arms == nullptr) return config_error(child_path(path, "arms"), "is missing: at least two");
  if (auto read = read_arms(*arms, child_path(path, "arms"), inventory, out); !read) return read;
  const Value* guard = table.find("guard");
  if (guard == nullptr) return {};
  for (const auto& [metric, how] : guard->table) {
    out.guards.push_back({*from_slug<GuardMetric>(metric), how.find("worse_by")->number});
  }
  return {};
}

}  // namespace

Result<void> read_constraints(const Value& list, const Providers& providers, Inventory& inventory) {
  std::set<std::string> names;
  for (std::size_t i = 0; i < list.list.size(); ++i) {
    const Value& table = list.list[i];
    const std::string path = child_path("constraints", i);
    Constraint out;
    out.name = table.find("name")->text;
    if (!names.insert(out.name).second) {
      return config_error(child_path(path, "name"), "is the name of an earlier one too; rename it");
    }
    const auto read = [&](std::string_view key, std::optional<Condition>& target) -> Result<void> {
      const Value* condition = table.find(key);
      if (condition == nullptr) return {};
      auto found = read_condition(*condition, child_path(path, key));
      if (!found) return found.error();
      target = std::move(*found);
      return {};
    };
    if (auto done = read("when", out.when); !done) return done;
    if (auto done = read("unless", out.unless); !done) return done;
    auto require =
        read_require(*table.find("require"), child_path(path, "require"), providers, inventory);
    if (!require) return require.error();
    out.require = std::move(*require);
    inventory.constraints.push_back(std::move(out));
  }
  return {};
}

Result<void> read_experiments(const Value& table, Inventory& inventory) {
  for (const auto& [name, fields] : table.table) {
    const std::string path = child_path("experiments", name);
    Experiment out;
    out.name = name;
    out.kind = *from_slug<ExperimentKind>(fields.find("kind")->text);
    out.mode = *from_slug<RuleMode>(fields.find("mode")->text);
    auto group = resolve_group(fields.find("group")->text, child_path(path, "group"), inventory);
    if (!group) return group.error();
    out.group = *group;
    if (auto read = read_unit(fields, path, out); !read) return read;
    const Value* salt = fields.find("salt");
    out.salt = salt != nullptr ? salt->text : name;
    auto read = out.kind == ExperimentKind::shadow ? read_shadow(fields, path, inventory, out)
                                                   : read_split(fields, path, inventory, out);
    if (!read) return read;
    inventory.experiments.push_back(std::move(out));
  }
  return {};
}

void read_regions(const Value& shipped, const Value& own, Inventory& inventory) {
  for (const Value* regions : {&shipped, &own}) {
    for (const auto& [name, table] : regions->table) {
      Region& region = inventory.regions[name];
      if (const Value* grams = table.find("carbon_g_per_kwh")) {
        region.carbon_g_per_kwh = grams->number;
      }
      read_text(table, "carbon_date", region.carbon_date);
      const Value* latencies = table.find("latency_ms");
      if (latencies == nullptr) continue;
      for (const auto& [place, ms] : latencies->table) region.latency_ms[place] = ms.number;
    }
  }
}

}  // namespace llmroute::config
