// Who follows whom among identical requests that are under way at the same time.
//
// Names only: it sends nothing and knows no answers. One owner, not thread-safe.
#pragma once

#include <cstdint>
#include <optional>
#include <unordered_map>
#include <vector>

#include "llmroute/cache/key.h"

namespace llmroute::cache {

// Whole and streamed answers arrive in different ways, so one does not follow the other.
struct FlightKey {
  Key key{};
  bool stream = false;
  friend bool operator==(const FlightKey&, const FlightKey&) = default;
};
struct FlightKeyHash {
  std::size_t operator()(const FlightKey& flight) const {
    return KeyHash()(flight.key) ^ static_cast<std::size_t>(flight.stream);
  }
};

class SingleFlight {
 public:
  using Id = std::uint64_t;

  std::optional<Id> leader_of(const FlightKey& key) const;
  // Nobody leads the key yet.
  void lead(const FlightKey& key, Id id);
  // `leader` leads, and `id` is nowhere yet.
  void follow(Id leader, Id id);
  // In order of arrival; empty for one that leads nothing.
  const std::vector<Id>& followers(Id leader) const;
  // The leader is over: the flight ends, and those that followed belong to nobody.
  std::vector<Id> land(Id leader);
  // A follower went away.
  void leave(Id leader, Id follower);

  std::size_t flights() const { return by_key_.size(); }

 private:
  struct Flight {
    FlightKey key;
    std::vector<Id> followers;
  };
  std::unordered_map<FlightKey, Id, FlightKeyHash> by_key_;
  std::unordered_map<Id, Flight> by_leader_;
};

}  // namespace llmroute::cache
