// What the world says of an answer and the router does not know: its quality, and what it emitted.
//
// Owned by the simulator; single-threaded.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "llmroute/model/decision.h"
#include "llmroute/sim/world.h"

namespace llmroute::sim {

class Measures {
 public:
  // `world` outlives it; deployments by their index in decisions.
  Measures(const World& world, const std::vector<Deployment>& deployments);

  // Of the answer to a request for `task`; not-a-number where there is none, or nobody knows.
  double quality(const Decision& decision, std::string_view task) const;
  // Of all attempts, also the lost ones; not-a-number where one used tokens and its rate is unknown.
  double carbon_g(const Decision& decision) const;

 private:
  std::vector<const ProviderModel*> models_;
};

}  // namespace llmroute::sim
