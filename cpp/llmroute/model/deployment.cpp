#include "llmroute/model/deployment.h"

#include "llmroute/base/stable_hash.h"
#include "llmroute/base/text.h"

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

Result<void> check_fallbacks(const Inventory& inventory, const std::vector<std::string>& names) {
  if (names.size() > defaults::kMaxFallbacks) {
    return make_error(ErrorKind::invalid_argument,
                      "has " + std::to_string(names.size()) + " names; at most " +
                          std::to_string(defaults::kMaxFallbacks),
                      "fallbacks");
  }
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (inventory.find_group(names[i])) continue;
    std::vector<std::string_view> known;
    for (const Group& group : inventory.groups) known.emplace_back(group.name);
    std::string nearest(nearest_name(names[i], known));
    return make_error(ErrorKind::invalid_argument,
                      "there is no group or deployment \"" + ellipsize(names[i], 80) + "\"",
                      "fallbacks[" + std::to_string(i) + "]", std::move(nearest));
  }
  return {};
}

std::string_view embedding_model(const Deployment& deployment) {
  return deployment.embedding.empty() ? deployment.model : deployment.embedding;
}

std::uint64_t embedding_id(const Deployment& deployment) {
  const std::uint64_t hash = stable_hash(embedding_model(deployment));
  return hash == 0 ? 1 : hash;
}

Result<std::uint64_t> embedding_asked(const Inventory& inventory, std::string_view model) {
  const auto asked = group_asked(inventory, model);
  if (!asked) return std::uint64_t{0};
  const Group& group = inventory.groups[*asked];
  const Deployment* first = nullptr;
  bool first_can = false;
  for (const Member& member : group.members) {
    const Deployment& d = inventory.deployments[member.deployment];
    const bool can = !d.lacks.test(static_cast<std::size_t>(Capability::embeddings));
    if (first == nullptr || (can && !first_can)) {
      first = &d;
      first_can = can;
    } else if (can && embedding_model(d) != embedding_model(*first)) {
      return make_error(ErrorKind::invalid_argument,
                        "\"" + group.name + "\" holds models whose vectors cannot be compared (\"" +
                            std::string(embedding_model(*first)) + "\" of " + first->name + ", \"" +
                            std::string(embedding_model(d)) + "\" of " + d.name +
                            "); ask for a group of one, or say with `embedding` that they are one",
                        "model");
    }
  }
  return first == nullptr ? std::uint64_t{0} : embedding_id(*first);
}

}  // namespace llmroute
