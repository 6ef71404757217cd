#include <nlohmann/json.hpp>

#include "llmroute/model/config.h"

namespace llmroute {

namespace {

using Json = nlohmann::ordered_json;

Json names(const Inventory& inventory, const std::vector<GroupIndex>& groups) {
  Json out = Json::array();
  for (const GroupIndex index : groups) out.push_back(inventory.groups[index].name);
  return out;
}

// "least_bad", {"queue_ms": 2000}, {"group": "x"}: as it is written in a configuration.
Json step_json(const Inventory& inventory, const ExhaustedStep& step) {
  if (step.action == ExhaustedAction::queue) return {{"queue_ms", to_ms(step.wait)}};
  if (step.action == ExhaustedAction::group) {
    return {{"group", inventory.groups[step.group].name}};
  }
  return slug(step.action);
}

Json group_json(const Inventory& inventory, const Group& group) {
  Json members = Json::array();
  for (const Member& member : group.members) {
    members.push_back(inventory.deployments[member.deployment].name);
  }
  Json steps = Json::array();
  for (const ExhaustedStep& step : group.on_exhausted) steps.push_back(step_json(inventory, step));
  return {{"deployments", std::move(members)},
          {"policy", group.policy.name},
          {"fallbacks", names(inventory, group.fallbacks)},
          {"on_context_too_long", names(inventory, group.on_context_too_long)},
          {"on_content_filter", names(inventory, group.on_content_filter)},
          {"on_exhausted", std::move(steps)}};
}

Json limits_json(const LimitsSpec& limits) {
  Json out = Json::object();
  const auto add = [&](const char* key, const std::optional<std::int64_t>& value) {
    if (value) out[key] = *value;
  };
  add("requests_per_minute", limits.requests_per_minute);
  add("tokens_per_minute", limits.tokens_per_minute);
  add("requests_per_day", limits.requests_per_day);
  add("tokens_per_day", limits.tokens_per_day);
  add("in_flight", limits.in_flight);
  if (limits.slow_start) out["slow_start_ms"] = to_ms(*limits.slow_start);
  return out;
}

Json deployment_json(const Deployment& deployment) {
  Json keys = Json::array();
  for (const SecretSource& key : deployment.keys) keys.push_back(key.describe());
  return {
      {"provider", deployment.provider},
      {"model", deployment.model},
      {"dialect", deployment.dialect},
      {"base_url", deployment.base_url},
      {"keys", std::move(keys)},
      {"price_known", deployment.price.known()},
      {"price_date", deployment.price.date.empty() ? Json(nullptr) : Json(deployment.price.date)},
      {"price_from_catalogue", deployment.price_listed},
      {"limits", limits_json(deployment.limits)}};
}

Json rule_json(const LimitRule& rule) {
  Json out = {{"by", to_text(rule.by)}, {"only", rule.only}};
  out.update(limits_json(rule.limits));
  return out;
}

Json budget_json(const Inventory& inventory, const BudgetRule& rule) {
  const bool money = rule.unit == BudgetUnit::usd;
  const Json limit = money ? Json(Usd{rule.limit}.value()) : Json(rule.limit);
  Json steps = Json::array();
  for (const BudgetStep& step : rule.at) {
    steps.push_back({{"share", step.share}, {"group", inventory.groups[step.group].name}});
  }
  return {{"limit_" + std::string(slug(rule.unit)), limit},
          {"per", slug(rule.per)},
          {"timezone", rule.timezone},
          {"by", to_text(rule.by)},
          {"only", rule.only},
          {"groups", rule.every_group ? Json::array({"*"}) : names(inventory, rule.groups)},
          {"at", std::move(steps)},
          {"on_exhausted", slug(rule.on_exhausted)}};
}

Json queue_json(const QueueSpec& queue) {
  return {{"max_waiting", queue.max_waiting},
          {"by", to_text(queue.by)},
          {"weights", Json(queue.weights)}};
}

Json exact_json(const ExactCacheSpec& spec) {
  return {{"ttl_s", to_seconds(spec.ttl)},
          {"max_mb", spec.max_bytes >> 20U},
          {"by", spec.by ? to_text(*spec.by) : "all"},
          {"single_flight", spec.single_flight},
          {"persistent", spec.persistent}};
}

Json affinity_json(const AffinitySpec& spec) {
  return {{"conversations", spec.conversations},
          {"prefixes", spec.prefixes},
          {"ttl_s", to_seconds(spec.ttl)},
          {"min_prefix_tokens", spec.min_prefix.count}};
}

Json rules_json(const Inventory& inventory) {
  Json out = Json::array();
  for (const Rule& rule : inventory.rules) {
    Json sets = Json::array();
    for (std::size_t i = 0; i < slugs<Effect>().size(); ++i) {
      if (rule.effects().test(i)) sets.push_back(slugs<Effect>()[i]);
    }
    out.push_back({{"name", rule.name}, {"mode", slug(rule.mode)}, {"sets", std::move(sets)}});
  }
  return out;
}

Json experiments_json(const Inventory& inventory) {
  Json out = Json::object();
  for (const Experiment& experiment : inventory.experiments) {
    Json arms = Json::array();
    for (const Arm& arm : experiment.arms) {
      arms.push_back(
          {{"name", arm.name},
           {"share", arm.share},
           {"group", arm.group ? Json(inventory.groups[*arm.group].name) : Json(nullptr)}});
    }
    Json guards = Json::object();
    for (const Guard& guard : experiment.guards) {
      guards[std::string(slug(guard.metric))] = guard.worse_by;
    }
    out[experiment.name] = {{"kind", slug(experiment.kind)},
                            {"mode", slug(experiment.mode)},
                            {"group", inventory.groups[experiment.group].name},
                            {"arms", std::move(arms)},
                            {"guard", std::move(guards)}};
  }
  return out;
}

Json constraints_json(const Inventory& inventory) {
  Json out = Json::array();
  for (const Constraint& constraint : inventory.constraints) {
    out.push_back({{"name", constraint.name}});
  }
  return out;
}

Json state_json(const StateSpec& state) {
  return {{"path", state.path.empty() ? Json(nullptr) : Json(state.path)},
          {"busy_ms", to_ms(state.busy)}};
}

}  // namespace

std::string inventory_json(const Inventory& inventory) {
  Json out = {{"groups", Json::object()}, {"deployments", Json::object()}};
  for (const Group& group : inventory.groups) {
    if (!group.implicit) out["groups"][group.name] = group_json(inventory, group);
  }
  for (const Deployment& deployment : inventory.deployments) {
    out["deployments"][deployment.name] = deployment_json(deployment);
  }
  out["limits"] = Json::object();
  for (const LimitRule& rule : inventory.limits) out["limits"][rule.name] = rule_json(rule);
  out["budgets"] = Json::object();
  for (const BudgetRule& rule : inventory.budgets) {
    out["budgets"][rule.name] = budget_json(inventory, rule);
  }
  out["queue"] = queue_json(inventory.queue);
  const auto& [exact, affinity] = inventory.cache;
  out["cache"] = {{"exact", exact ? exact_json(*exact) : Json(nullptr)},
                  {"affinity", affinity ? affinity_json(*affinity) : Json(nullptr)}};
  out["state"] = state_json(inventory.state);
  out["rules"] = rules_json(inventory);
  out["constraints"] = constraints_json(inventory);
  out["experiments"] = experiments_json(inventory);
  out["human"] = {{"wait_ms", to_ms(inventory.people.wait)},
                  {"keep_hours", to_seconds(inventory.people.keep) / 3'600}};
  return out.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace llmroute
