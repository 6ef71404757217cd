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

std::optional<GroupIndex> group_asked(const Inventory& inventory, std::string_view model) {
  if (!model.empty()) return inventory.find_group(model);
  std::optional<GroupIndex> only;
  for (std::size_t i = 0; i < inventory.groups.size(); ++i) {
    if (inventory.groups[i].implicit) continue;
    if (only) return std::nullopt;
    only = static_cast<GroupIndex>(i);
  }
  if (only || inventory.groups.size() != 1) return only;
  return GroupIndex{0};
}

}  // namespace llmroute
