#include <algorithm>
#include <set>

#include "llmroute/base/text.h"
#include "llmroute/model/config_build.h"

namespace llmroute::config {

namespace {

using Names = std::set<std::string_view>;
using References = std::vector<GroupIndex> Group::*;

struct Relation {
  std::string_view key;
  References target;
};

constexpr Relation kRelations[] = {
    {"fallbacks", &Group::fallbacks},
    {"on_context_too_long", &Group::on_context_too_long},
    {"on_content_filter", &Group::on_content_filter},
};

PolicySpec read_policy(const Value& table) {
  PolicySpec spec;
  spec.name = table.find("name")->text;
  const Value* python = table.find("python");
  spec.python = python != nullptr && python->type == Value::Type::boolean && python->boolean;
  if (spec.python) {
    spec.stand_in = table.find("stand_in")->text;
    return spec;
  }
  for (const auto& [key, value] : table.table) {
    if (key != "name") spec.options.emplace(key, value.number);
  }
  return spec;
}

HedgeSpec read_hedge(const Value& table) {
  HedgeSpec spec;
  const std::string& quantile = table.find("after")->text;  // "p95"
  spec.after = std::stoi(quantile.substr(1)) / 100.0;
  spec.extra_load = table.find("extra_load")->number;
  spec.tools = table.find("tools")->boolean;
  return spec;
}

Result<void> read_members(const Value& list, const std::string& path, const Names& groups,
                          DeploymentMaker& maker, Group& group) {
  for (std::size_t i = 0; i < list.list.size(); ++i) {
    const Value& item = list.list[i];
    const bool bare = item.type == Value::Type::text;
    const std::string at = bare ? child_path(path, i) : child_path(child_path(path, i), "use");
    const std::string& name = bare ? item.text : item.find("use")->text;
    if (groups.count(name) != 0) {
      return config_error(
          at, "\"" + ellipsize(name, 60) + "\" is a group; groups belong under fallbacks");
    }
    const auto index = maker.find_or_make(name, at);
    if (!index) return index.error();
    const auto same = [&](const Member& member) { return member.deployment == *index; };
    if (std::any_of(group.members.begin(), group.members.end(), same)) {
      return config_error(at, "is listed twice; keep one of them");
    }
    const double weight = bare ? 1.0 : item.find("weight")->number;
    group.members.push_back(Member{*index, weight});
  }
  return {};
}

void add_group(Inventory& inventory, Group group) {
  inventory.group_index.emplace(group.name, static_cast<GroupIndex>(inventory.groups.size()));
  inventory.groups.push_back(std::move(group));
}

// Deployments that only a reference names are made before the implicit groups are, so that a
// reference may point to them.
Result<void> make_referred(const Value& groups, const Names& names, DeploymentMaker& maker) {
  for (const auto& [name, table] : groups.table) {
    for (const Relation& relation : kRelations) {
      const Value* list = table.find(relation.key);
      if (list == nullptr) continue;
      for (std::size_t i = 0; i < list->list.size(); ++i) {
        const std::string& referred = list->list[i].text;
        if (names.count(referred) != 0 || !maker.can_make(referred)) continue;
        const std::string path = child_path(child_path("groups", name), relation.key);
        auto made = maker.find_or_make(referred, child_path(path, i));
        if (!made) return made.error();
      }
    }
  }
  return {};
}

Result<void> add_implicit_groups(const Names& groups, Inventory& inventory) {
  for (DeploymentIndex i = 0; i < inventory.deployments.size(); ++i) {
    const std::string& name = inventory.deployments[i].name;
    if (groups.count(name) != 0) {
      return config_error(child_path("groups", name),
                          "a deployment has this name too; rename one of them");
    }
    Group group;
    group.name = name;
    group.members.push_back(Member{i, 1.0});
    group.implicit = true;
    add_group(inventory, std::move(group));
  }
  return {};
}

Result<void> resolve(const Value& list, const std::string& path, const Inventory& inventory,
                     std::vector<GroupIndex>& target) {
  for (std::size_t i = 0; i < list.list.size(); ++i) {
    const std::string& name = list.list[i].text;
    const auto found = inventory.find_group(name);
    if (!found) {
      std::vector<std::string_view> names;
      for (const auto& [known, index] : inventory.group_index) names.emplace_back(known);
      return config_error(child_path(path, i), "unknown group \"" + ellipsize(name, 60) + "\"",
                          nearest_name(name, names));
    }
    target.push_back(*found);
  }
  return {};
}

Result<void> resolve_references(const Value& groups, Inventory& inventory) {
  for (const auto& [name, table] : groups.table) {
    Group& group = inventory.groups[*inventory.find_group(name)];
    for (const Relation& relation : kRelations) {
      const Value* list = table.find(relation.key);
      if (list == nullptr) continue;
      const std::string path = child_path(child_path("groups", name), relation.key);
      auto resolved = resolve(*list, path, inventory, group.*(relation.target));
      if (!resolved) return resolved;
    }
  }
  return {};
}

// Depth-first over one relation; `trail` is the way from the root to here.
bool find_cycle(const Inventory& inventory, References relation, GroupIndex at,
                std::vector<char>& state, std::vector<GroupIndex>& trail) {
  enum : char { kNew, kOpen, kDone };
  // An explicit stack: ten thousand groups in a chain must not be ten thousand frames.
  std::vector<std::size_t> next = {0};
  trail = {at};
  state[at] = kOpen;
  while (!trail.empty()) {
    const auto& references = inventory.groups[trail.back()].*relation;
    if (next.back() == references.size()) {
      state[trail.back()] = kDone;
      trail.pop_back();
      next.pop_back();
      continue;
    }
    const GroupIndex child = references[next.back()++];
    if (state[child] == kDone) continue;
    const bool closes = state[child] == kOpen;
    trail.push_back(child);
    next.push_back(0);
    if (closes) return true;
    state[child] = kOpen;
  }
  return false;
}

Error cycle_error(const Inventory& inventory, std::string_view key,
                  const std::vector<GroupIndex>& trail) {
  const auto start = std::find(trail.begin(), trail.end(), trail.back());
  std::string way;
  for (auto step = start; step != trail.end(); ++step) {
    way += (way.empty() ? "" : " -> ") + inventory.groups[*step].name;
  }
  const std::string path = child_path(child_path("groups", inventory.groups[*start].name), key);
  return config_error(path, "goes in a circle: " + way);
}

}  // namespace

Result<void> read_groups(const Value& groups, DeploymentMaker& maker, Inventory& inventory) {
  Names names;
  for (const Value::Entry& entry : groups.table) names.insert(entry.first);
  for (const auto& [name, table] : groups.table) {
    Group group;
    group.name = name;
    group.policy = read_policy(*table.find("policy"));
    if (const Value* hedge = table.find("hedge"); hedge != nullptr)
      group.hedge = read_hedge(*hedge);
    const std::string path = child_path(child_path("groups", name), "deployments");
    auto members = read_members(*table.find("deployments"), path, names, maker, group);
    if (!members) return members;
    add_group(inventory, std::move(group));
  }
  if (auto made = make_referred(groups, names, maker); !made) return made;
  if (auto added = add_implicit_groups(names, inventory); !added) return added;
  return resolve_references(groups, inventory);
}

Result<void> check_cycles(const Inventory& inventory) {
  for (const Relation& relation : kRelations) {
    std::vector<char> state(inventory.groups.size(), 0);
    std::vector<GroupIndex> trail;
    for (GroupIndex i = 0; i < inventory.groups.size(); ++i) {
      if (state[i] != 0) continue;
      if (find_cycle(inventory, relation.target, i, state, trail)) {
        return cycle_error(inventory, relation.key, trail);
      }
    }
  }
  return {};
}

}  // namespace llmroute::config
