#include "llmroute/model/deployment.h"

namespace llmroute {

namespace {

template <class Map>
std::optional<typename Map::mapped_type> find_in(const Map& map, std::string_view name) {
  const auto found = map.find(name);
  if (found == map.end()) return std::nullopt;
  return found->second;
}

}  // namespace

std::optional<GroupIndex> Inventory::find_group(std::string_view name) const {
  return find_in(group_index, name);
}

std::optional<DeploymentIndex> Inventory::find_deployment(std::string_view name) const {
  return find_in(deployment_index, name);
}

}  // namespace llmroute
