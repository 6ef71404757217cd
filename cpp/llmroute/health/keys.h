// The state of each API key of a deployment's pool: usable, cooling, or dead.
//
// Authentication and quota failures kill a key until the configuration changes; a rate limit cools
// it when the pool has others. Rotation hands out usable keys in turn. Without data: all usable.
#pragma once

#include <vector>

#include "llmroute/health/signal.h"

namespace llmroute::health {

class Keys : public Signal {
 public:
  void configure(const Deployment& deployment, const Resilience&);
  void describe(Instant now, NumberSink& sink) const;

  std::size_t size() const { return until_.size(); }
  std::size_t dead() const;
  bool usable(Instant now) const;
  bool all_fresh() const;  // no key was ever killed or cooled
  std::optional<std::uint16_t> pick(Instant now);
  void kill(std::uint16_t key);
  void cool(std::uint16_t key, Instant until);
  Instant next_change(Instant now) const;

 private:
  std::vector<Instant> until_;  // usable from; kNever: dead
  std::size_t next_ = 0;
};

}  // namespace llmroute::health
