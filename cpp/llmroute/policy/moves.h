// Where the groups and deployments of one inventory are in another.
#pragma once

#include <optional>

#include "llmroute/model/deployment.h"

namespace llmroute::policy {

// By name.
std::optional<GroupIndex> group_there(const Inventory& from, GroupIndex group, const Inventory& to);
// By what makes it the same one: name, provider, model and base URL.
std::optional<DeploymentIndex> deployment_there(const Inventory& from, DeploymentIndex deployment,
                                                const Inventory& to);

}  // namespace llmroute::policy
