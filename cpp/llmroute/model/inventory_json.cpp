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

Json group_json(const Inventory& inventory, const Group& group) {
  Json members = Json::array();
  for (const Member& member : group.members) {
    members.push_back(inventory.deployments[member.deployment].name);
  }
  return {{"deployments", std::move(members)},
          {"policy", group.policy.name},
          {"fallbacks", names(inventory, group.fallbacks)},
          {"on_context_too_long", names(inventory, group.on_context_too_long)},
          {"on_content_filter", names(inventory, group.on_content_filter)}};
}

Json deployment_json(const Deployment& deployment) {
  Json keys = Json::array();
  for (const SecretSource& key : deployment.keys) keys.push_back(key.describe());
  return {{"provider", deployment.provider}, {"model", deployment.model},
          {"dialect", deployment.dialect},   {"base_url", deployment.base_url},
          {"keys", std::move(keys)},         {"price_known", deployment.price.known()}};
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
  return out.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace llmroute
