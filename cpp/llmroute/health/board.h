// What is known about every deployment right now: the signals, and the board that holds them.
//
// Owned by the dispatcher and used under its lock; nothing here locks, waits or reads a clock. A
// signal is a plain class (see signal.h for what it may hear) in a file of its own; adding one
// touches its .h, its .cpp, its line in signals.h and its test, and it then appears in snapshots,
// decisions and metrics by itself.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "llmroute/base/time.h"
#include "llmroute/health/signals.h"  // struct DeploymentHealth: one member per signal
#include "llmroute/model/decision.h"
#include "llmroute/model/deployment.h"
#include "llmroute/model/outcome.h"

namespace llmroute::health {

// May this deployment take an attempt now? `reason` is `kept` where it may.
struct Admission {
  Reason reason = Reason::kept;
  float a = 0, b = 0;  // the reason's numbers, see model/decision.h
};

// What every decision reads of every candidate, kept in one cache line each and refreshed by events.
struct Hot {
  Instant blocked_until{};  // cooling, or announced limits exhausted
  Instant failure_share_at{};
  double ttft_average_ms = 0;  // per unit of work, see latency.h
  double total_average_ms = 0;
  Instant total_average_at{};  // of the last answer
  float ttft_p50_ms = 0, ttft_p95_ms = 0;
  float failure_share = 0;  // of the recent window, as of failure_share_at
  std::uint32_t in_flight = 0;
  bool plain = true;     // breaker closed, not in slow start, no key dead or cooling
  bool lacking = false;  // something was learned that it lacks
  bool measured = false;
  bool may_be_cold = false;  // a cold start was seen: idle time matters
  float token_ratio = 1;     // of a prompt's tokens there to the estimated ones
};

class Board {
 public:
  // Fits the board to an inventory. Health of a deployment that keeps its name, provider, model and
  // base URL survives; the rest starts anew.
  void configure(const Inventory& inventory);

  std::size_t size() const { return health_.size(); }
  const DeploymentHealth& at(DeploymentIndex index) const { return health_[index]; }
  DeploymentHealth& at(DeploymentIndex index) { return health_[index]; }

  const Hot& hot(DeploymentIndex index) const { return hot_[index]; }
  // How much worse than its numbers a candidate looks: grows with its recent failures and while it
  // ramps up after an open breaker. 1 or more; multiplies a load or a latency.
  double penalty(DeploymentIndex index, Instant now) const {
    const Hot& hot = hot_[index];
    return hot.plain && hot.failure_share <= 0 ? 1.0 : penalty_slowly(index, now);
  }

  // How busy it says it is; of a view that has expired nothing is known.
  const LoadView& load(DeploymentIndex index) const { return loads_[index]; }
  // From its metrics, or from whoever knows. Any number may be absent; what is given is believed for
  // `valid`.
  void report_load(DeploymentIndex index, Instant now, const LoadReading& reading, Duration valid);
  // Milliseconds that a request sent now is expected to take longer because nobody used it lately.
  double cold_extra_ms(DeploymentIndex index, Instant now) const {
    const Hot& hot = hot_[index];
    if (!hot.may_be_cold || hot.in_flight > 0) return 0;
    return health_[index].get<ColdStart>().expected_ms(now);
  }

  // Breaker, cooling, announced limits and keys, in that order; the first that says no gives the
  // reason. Changes nothing. Under 20 ns for a healthy deployment.
  Admission admit(DeploymentIndex index, Instant now) const {
    const Hot& hot = hot_[index];
    if (hot.plain && hot.blocked_until <= now) return {};
    return admit_slowly(index, now);
  }
  // For the last usable deployment of a group: throttled instead of ejected. `kept` where an attempt
  // is permitted now.
  Admission admit_last(DeploymentIndex index, Instant now) const;

  // Every attempt calls start once and outcome once. `start` takes a probe slot of a half-open
  // breaker or the throttle's permit, and stamps the work; on_outcome must get the stamped one.
  void on_start(DeploymentIndex index, Instant now, Work& work);
  void on_first_content(DeploymentIndex index, Instant now, Duration ttft, Work work);
  void on_outcome(DeploymentIndex index, std::uint16_t key, Instant now, const Outcome& outcome,
                  Work work);

  // The first key of the pool that is neither dead nor cooling, rotating for evenness; where
  // none is usable, the one that is back first. A deployment without keys gives 0.
  std::uint16_t pick_key(DeploymentIndex index, Instant now);

  // The key's value is another one now, so what was held against it is void.
  void renew_key(PoolKey key, Instant now);

  // True where nothing of the recent past speaks against it: breaker closed and not mostly failures
  // in the window. A retry that goes there does not draw on the retry budget.
  bool trusted(DeploymentIndex index, Instant now) const;

  // A provider said that this deployment lacks something: kept where the request did carry it.
  void learn(DeploymentIndex index, Instant now, const Lack& lack, const Facts& facts);
  // What was learned, against a request; `kept` where nothing is.
  Admission check_lacks(DeploymentIndex index, Instant now, const Facts& facts) const {
    return hot_[index].lacking ? check_lacks_slowly(index, now, facts) : Admission{};
  }

  // The earliest time at which admit may change by time alone; kNever where it does not.
  Instant next_change(DeploymentIndex index, Instant now) const;

  void describe(DeploymentIndex index, Instant now, NumberSink& sink) const;

 private:
  Admission admit_slowly(DeploymentIndex index, Instant now) const;
  Admission check_lacks_slowly(DeploymentIndex index, Instant now, const Facts& facts) const;
  Admission admit_keys(const DeploymentHealth& h, Instant now) const;
  void gather_accounts(const Inventory& inventory);
  void blame_key(DeploymentIndex index, std::uint16_t key, Instant now, const Outcome& outcome);
  void park_account(DeploymentIndex index, std::uint16_t key, Instant now, Duration time);
  double penalty_slowly(DeploymentIndex index, Instant now) const;
  void refresh(DeploymentIndex index, Instant now);

  std::vector<DeploymentHealth> health_;
  std::vector<Hot> hot_;                 // parallel
  std::vector<LoadView> loads_;          // parallel
  std::vector<std::string> identities_;  // parallel; name, provider, model and base URL
  // Keys that are one account: the same source at the same provider and base URL.
  std::vector<std::vector<PoolKey>> accounts_;
  std::vector<std::vector<std::uint32_t>> account_of_;  // by deployment and key
};

}  // namespace llmroute::health
