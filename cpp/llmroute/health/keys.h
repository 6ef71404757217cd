// The state of each API key of a deployment's pool: usable, cooling, or dead.
//
// A limited key cools and the others serve meanwhile, as long as its provider asks, else as
// cooling_time says (cooldown.h). A refused key is dead: one without credit for kQuotaPark, one that
// is not accepted until the configuration changes; where its value may change by itself (a variable,
// a file, a callable) for kRefusedKeyPark. Then one attempt finds out. Rotation hands out usable keys
// in turn. A key whose value has changed is as good as new. Without data: all usable.
#pragma once

#include <vector>

#include "llmroute/health/signal.h"
#include "llmroute/model/treatment.h"

namespace llmroute::health {

// One key of one deployment's pool.
struct PoolKey {
  DeploymentIndex deployment = 0;
  std::uint16_t key = 0;
};

class Keys : public Signal {
 public:
  void configure(const Deployment& deployment, const Resilience&);
  void describe(Instant now, NumberSink& sink) const;

  std::size_t size() const { return keys_.size(); }
  std::size_t dead() const;  // of those that cannot be used
  bool usable(Instant now) const;
  bool all_fresh() const;  // no key is dead or cooling, or was since its last success
  std::optional<std::uint16_t> pick(Instant now);
  // Of those that cannot be used, the one that is back first: for an attempt that must be made.
  std::uint16_t least_bad() const;
  // Refused: for good.
  void kill(std::uint16_t key) { refuse(key, Instant{}, kForever); }
  // Refused: for that long; kForever only where its value cannot change.
  void refuse(std::uint16_t key, Instant now, Duration time);
  // Limited, whether until a known time or by what the failure says.
  void cool(std::uint16_t key, Instant until);
  void cool(std::uint16_t key, Instant now, const Failure& failure);
  void on_success(std::uint16_t key, Instant now);
  // Its value is another one now: nothing is known of it.
  void renew(std::uint16_t key);
  // When the first of the limited is back, while none is usable; kNever where all are dead.
  Instant next_change(Instant now) const;

 private:
  struct Key {
    Instant until{};  // usable from; kNever: dead for good
    int in_row = 0;   // times limited without a success between
    bool refused = false;
    bool changes = false;  // its value may change by itself
  };
  std::vector<Key> keys_;
  std::size_t next_ = 0;
};

}  // namespace llmroute::health
