// The resolved keys of one inventory.
//
// Variables and files are read late, on the thread that submits a request: reading the environment
// on the network thread would race with a program that changes it, and a slow disk must not hold up
// every request. What was read is kept for a second. Thread-safe.
#pragma once

#include <cstddef>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "llmroute/base/error.h"
#include "llmroute/base/secret.h"
#include "llmroute/base/time.h"
#include "llmroute/health/keys.h"
#include "llmroute/model/deployment.h"

namespace llmroute::runtime {

class KeyRing {
 public:
  static constexpr Duration kKeptFor = seconds(1);

  explicit KeyRing(const Inventory& inventory);

  // Reads variables and files again where they were read more than kKeptFor ago. `always`: in any
  // case (a clock that stands still says nothing about age). Returns the keys that are others now.
  std::vector<health::PoolKey> refresh(Instant now, bool always);
  // The next refresh reads everything: a provider has refused a key.
  void expire();
  // A callable's current value, by deployment and place in its pool; true where it is another one.
  bool set(DeploymentIndex deployment, std::size_t key, Secret value);

  // The key as it is now. A deployment without keys gives an empty one; ErrorKind::authentication
  // names the source of a missing one.
  Result<Secret> find(DeploymentIndex deployment, std::size_t key) const;
  // Every known key's text is replaced in foreign text.
  std::string scrub(std::string text) const;

 private:
  struct Slot {
    SecretSource source;
    Result<Secret> value = make_error(ErrorKind::authentication, "not read yet");
    bool changed = false;  // by the refresh that is under way
    Secret previous;       // may still be quoted by a provider that was asked a moment ago
    bool reread() const {
      return source.origin == SecretOrigin::env || source.origin == SecretOrigin::file;
    }
  };
  // True where the value is another one now.
  static bool replace(Slot& slot, Result<Secret> value);
  void rebuild_scrubber();
  std::vector<health::PoolKey> changed_keys() const;

  mutable std::mutex mutex_;
  std::vector<Slot> slots_;                              // one per distinct source
  std::vector<std::vector<std::size_t>> by_deployment_;  // slot of each key
  Scrubber scrubber_;
  Instant read_at_{};
  bool fresh_ = false;
};

}  // namespace llmroute::runtime
