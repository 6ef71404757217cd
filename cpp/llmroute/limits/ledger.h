// What each deployment may still take by its own limits: reserve before the call, settle after it.
//
// A reservation counts at once, so requests under way at the same time cannot overshoot. Tokens are
// reserved by estimate and settled by the provider's own count. Owned by the dispatcher, used under
// its lock; never waits, never reads a clock.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "llmroute/limits/gcra.h"
#include "llmroute/model/decision.h"
#include "llmroute/model/deployment.h"

namespace llmroute::limits {

// The limit that says no, and when it may say yes; kNever: nobody knows.
struct Shortage {
  Limit limit;
  Instant free_at;
};

class Ledger {
 public:
  // What was taken survives for a deployment that keeps its name, provider, model, base URL and
  // limits; what is under way, where only the limits changed.
  void configure(const Inventory& inventory);

  // Nothing where an attempt of that many tokens may start now.
  std::optional<Shortage> shortage(DeploymentIndex deployment, Instant now, Tokens tokens) const;
  void reserve(DeploymentIndex deployment, Instant now, Tokens tokens);
  // Once per reservation, when its attempt has ended. `used`: the provider's own count; nothing where
  // it gave none. A refused attempt gives its tokens back, not its request.
  void settle(DeploymentIndex deployment, Tokens reserved, std::optional<Tokens> used);

  bool any() const { return any_; }

 private:
  struct Rate {
    Limit limit;
    Gcra gcra;
  };
  struct Account {
    std::string identity;
    LimitsSpec spec;
    std::int64_t in_flight = 0;
    std::vector<Rate> requests, tokens;
  };
  static Account open(const Deployment& deployment);

  std::vector<Account> accounts_;  // by deployment
  bool any_ = false;
};

}  // namespace llmroute::limits
