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

HedgeSpec read_hedge(const Value& table) {
  HedgeSpec spec;
  const std::string& quantile = table.find("after")->text;  // "p95"
  spec.after = std::stoi(quantile.substr(1)) / 100.0;
  spec.extra_load = table.find("extra_load")->number;
  spec.tools = table.find("tools")->boolean;
  return spec;
}

// None where the member names none: all.
Result<PrioritySet> read_priorities(const Value& member, const std::string& path) {
  PrioritySet set;
  const Value* list = member.find("priorities");
  if (list == nullptr) return set;
  for (std::size_t i = 0; i < list->list.size(); ++i) {
    const Value& item = list->list[i];
    const Priority priority = read_priority(item);
    // "batch" and 8 are one.
    if (set.test(priority)) {
      return config_error(child_path(child_path(path, "priorities"), i),
                          "is listed twice; keep one of them");
    }
    set.set(priority);
  }
  return set;
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
    Member member{*index, 1.0, {}};
    if (!bare) {
      member.weight = item.find("weight")->number;
      auto priorities = read_priorities(item, child_path(path, i));
      if (!priorities) return priorities.error();
      member.priorities = *priorities;
    }
    group.members.push_back(member);
  }
  return {};
}

void add_group(Inventory& inventory, Group group) {
  inventory.group_index.emplace(group.name, static_cast<GroupIndex>(inventory.groups.size()));
  inventory.groups.push_back(std::move(group));
}

// Deployments that only a reference names are made before the implicit groups are, so that a
// reference may point to them.
Result<void> make_referred(const std::vector<Reference>& references, const Names& names,
                           DeploymentMaker& maker) {
  for (const Reference& reference : references) {
    if (names.count(reference.name) != 0 || !maker.can_make(reference.name)) continue;
    auto made = maker.find_or_make(reference.name, reference.path);
    if (!made) return made.error();
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
    group.members.push_back(Member{i, 1.0, {}});
    group.implicit = true;
    add_group(inventory, std::move(group));
  }
  return {};
}

Result<void> resolve(const Value& list, const std::string& path, const Inventory& inventory,
                     std::vector<GroupIndex>& target) {
  for (std::size_t i = 0; i < list.list.size(); ++i) {
    const auto found = resolve_group(list.list[i].text, child_path(path, i), inventory);
    if (!found) return found.error();
    target.push_back(*found);
  }
  return {};
}

Result<void> resolve_references(const Value& groups, Inventory& inventory) {
  for (const auto& [name, table] : groups.table) {
    Group& group = inventory.groups[*inventory.find_group(name)];
    const std::string path = child_path("groups", name);
    for (const Relation& relation : kRelations) {
      const Value* list = table.find(relation.key);
      if (list == nullptr) continue;
      auto resolved =
          resolve(*list, child_path(path, relation.key), inventory, group.*(relation.target));
      if (!resolved) return resolved;
    }
    const Value* exhausted = table.find("on_exhausted");
    if (exhausted == nullptr) continue;
    auto steps = read_on_exhausted(*exhausted, child_path(path, "on_exhausted"), inventory);
    if (!steps) return steps.error();
    group.on_exhausted = std::move(*steps);
  }
  return {};
}

// By group, where one relation leads.
using Edges = std::vector<std::vector<GroupIndex>>;

Edges edges_of(const Inventory& inventory, References relation) {
  Edges edges;
  for (const Group& group : inventory.groups) edges.push_back(group.*relation);
  return edges;
}

Edges edges_when_exhausted(const Inventory& inventory) {
  Edges edges(inventory.groups.size());
  for (std::size_t i = 0; i < edges.size(); ++i) {
    for (const ExhaustedStep& step : inventory.groups[i].on_exhausted) {
      if (step.action == ExhaustedAction::group) edges[i].push_back(step.group);
    }
  }
  return edges;
}

// Depth-first over one relation; `trail` is the way from the root to here.
bool find_cycle(const Edges& edges, GroupIndex at, std::vector<char>& state,
                std::vector<GroupIndex>& trail) {
  enum : char { kNew, kOpen, kDone };
  // An explicit stack: ten thousand groups in a chain must not be ten thousand frames.
  std::vector<std::size_t> next = {0};
  trail = {at};
  state[at] = kOpen;
  while (!trail.empty()) {
    const auto& references = edges[trail.back()];
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

Result<void> check_edges(const Inventory& inventory, std::string_view key, const Edges& edges) {
  std::vector<char> state(edges.size(), 0);
  std::vector<GroupIndex> trail;
  for (GroupIndex i = 0; i < edges.size(); ++i) {
    if (state[i] == 0 && find_cycle(edges, i, state, trail)) {
      return cycle_error(inventory, key, trail);
    }
  }
  return {};
}

}  // namespace

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

Priority read_priority(const Value& value) {
  return value.type == Value::Type::text ? priority_from(value.text).value_or(kStandard)
                                         : static_cast<Priority>(value.number);
}

std::vector<Reference> references_of_groups(const Value& groups) {
  std::vector<Reference> out;
  for (const auto& [name, table] : groups.table) {
    const std::string path = child_path("groups", name);
    for (const Relation& relation : kRelations) {
      const Value* list = table.find(relation.key);
      if (list == nullptr) continue;
      for (std::size_t i = 0; i < list->list.size(); ++i) {
        out.push_back({child_path(child_path(path, relation.key), i), list->list[i].text});
      }
    }
    const Value* steps = table.find("on_exhausted");
    if (steps == nullptr) continue;
    for (std::size_t i = 0; i < steps->list.size(); ++i) {
      const Value* group = steps->list[i].find("group");
      if (group == nullptr) continue;
      const std::string at = child_path(child_path(path, "on_exhausted"), i);
      out.push_back({child_path(at, "group"), group->text});
    }
  }
  return out;
}

Result<GroupIndex> resolve_group(const std::string& name, const std::string& path,
                                 const Inventory& inventory) {
  const auto found = inventory.find_group(name);
  if (found) return *found;
  std::vector<std::string_view> names;
  for (const auto& [known, index] : inventory.group_index) names.emplace_back(known);
  return config_error(path, "unknown group \"" + ellipsize(name, 60) + "\"",
                      nearest_name(name, names));
}

Result<void> read_groups(const Value& document, DeploymentMaker& maker, Inventory& inventory) {
  const Value& groups = *document.find("groups");
  Names names;
  for (const Value::Entry& entry : groups.table) names.insert(entry.first);
  for (const auto& [name, table] : groups.table) {
    Group group;
    group.name = name;
    group.policy = read_policy(*table.find("policy"));
    if (const Value* hedge = table.find("hedge"); hedge != nullptr)
      group.hedge = read_hedge(*hedge);
    if (const Value* observe = table.find("observe")) {
      group.observe = read_policy(*observe);
      if (group.observe->python) {
        return config_error(child_path(child_path("groups", name), "observe"),
                            "must be a built-in policy");
      }
    }
    const std::string path = child_path(child_path("groups", name), "deployments");
    auto members = read_members(*table.find("deployments"), path, names, maker, group);
    if (!members) return members;
    add_group(inventory, std::move(group));
  }
  for (const auto& references :
       {references_of_groups(groups), references_of_budgets(*document.find("budgets")),
        references_of_rules(*document.find("rules"), *document.find("experiments"))}) {
    if (auto made = make_referred(references, names, maker); !made) return made;
  }
  if (auto added = add_implicit_groups(names, inventory); !added) return added;
  return resolve_references(groups, inventory);
}

Result<void> check_cycles(const Inventory& inventory) {
  for (const Relation& relation : kRelations) {
    const Edges edges = edges_of(inventory, relation.target);
    if (auto good = check_edges(inventory, relation.key, edges); !good) return good;
  }
  return check_edges(inventory, "on_exhausted", edges_when_exhausted(inventory));
}

}  // namespace llmroute::config
