#include "llmroute/cache/single_flight.h"

#include <algorithm>
#include <utility>

namespace llmroute::cache {

std::optional<SingleFlight::Id> SingleFlight::leader_of(const FlightKey& key) const {
  const auto found = by_key_.find(key);
  if (found == by_key_.end()) return std::nullopt;
  return found->second;
}

void SingleFlight::lead(const FlightKey& key, Id id) {
  by_key_.emplace(key, id);
  by_leader_.emplace(id, Flight{key, {}});
}

void SingleFlight::follow(Id leader, Id id) { by_leader_.at(leader).followers.push_back(id); }

const std::vector<SingleFlight::Id>& SingleFlight::followers(Id leader) const {
  static const std::vector<Id> nobody;
  const auto found = by_leader_.find(leader);
  return found == by_leader_.end() ? nobody : found->second.followers;
}

std::vector<SingleFlight::Id> SingleFlight::land(Id leader) {
  const auto found = by_leader_.find(leader);
  if (found == by_leader_.end()) return {};
  std::vector<Id> followers = std::move(found->second.followers);
  by_key_.erase(found->second.key);
  by_leader_.erase(found);
  return followers;
}

void SingleFlight::leave(Id leader, Id follower) {
  const auto found = by_leader_.find(leader);
  if (found == by_leader_.end()) return;
  auto& all = found->second.followers;
  all.erase(std::remove(all.begin(), all.end(), follower), all.end());
}

}  // namespace llmroute::cache
