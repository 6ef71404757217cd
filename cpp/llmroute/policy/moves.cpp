#include "llmroute/policy/moves.h"

namespace llmroute::policy {

std::optional<GroupIndex> group_there(const Inventory& from, GroupIndex group,
                                      const Inventory& to) {
  return &from == &to ? group : to.find_group(from.groups[group].name);
}

std::optional<DeploymentIndex> deployment_there(const Inventory& from, DeploymentIndex deployment,
                                                const Inventory& to) {
  if (&from == &to) return deployment;
  const Deployment& here = from.deployments[deployment];
  const auto index = to.find_deployment(here.name);
  if (!index) return std::nullopt;
  const Deployment& there = to.deployments[*index];
  const bool same = there.provider == here.provider && there.model == here.model &&
                    there.base_url == here.base_url;
  return same ? index : std::nullopt;
}

}  // namespace llmroute::policy
