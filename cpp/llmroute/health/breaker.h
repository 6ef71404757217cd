// Circuit breaker: stops calling a deployment that fails, and finds out when it works again.
//
// Opens after `failures` faults of the deployment in a row, or when their share in the window
// reaches `error_rate` with at least kBreakerMinRequests seen. After the cool-down exactly `probes`
// attempts may be under way at once; one success closes it, one failure opens it again for twice as
// long (at most kBreakerCooldownMax). A closed breaker's share of traffic ramps up over kSlowStart.
// Outcomes of attempts that began before the last change of status are ignored: they tell of a time
// that is over. Without data: closed.
#pragma once

#include "llmroute/base/enum.h"
#include "llmroute/health/signal.h"
#include "llmroute/health/window.h"
#include "llmroute/model/decision.h"

namespace llmroute {

LLMROUTE_ENUM(BreakerStatus,
              closed,      // at the start, and after a successful probe: attempts go through
              open,        // after too many failures, and after a failed probe: none but throttled
              half_open);  // once the cool-down has passed and a probe has begun

}  // namespace llmroute

namespace llmroute::health {

class Breaker : public Signal {
 public:
  void configure(const Deployment&, const Resilience& resilience);
  // Gives the attempt its epoch; takes a probe's place where the cool-down has passed.
  void on_start(Instant now, Work& work);
  void on_outcome(Instant now, const Outcome& outcome, Work work);
  void describe(Instant now, NumberSink& sink) const;

  BreakerStatus status() const { return status_; }
  // `kept`, breaker_open or breaker_probing, with the reason's numbers.
  Reason admits(Instant now, float& a, float& b) const;
  // The throttle of a last usable deployment: when the next attempt is permitted.
  Instant throttled_until() const { return throttled_until_; }
  Instant next_change(Instant now) const;
  // Share of its usual traffic, in (0, 1]; below 1 only in slow start.
  double ramp(Instant now) const;

 private:
  void succeed(Instant now);
  void fail(Instant now);
  void open(Instant now, Duration cooldown);
  void enter(BreakerStatus status);

  BreakerOptions options_;
  BreakerStatus status_ = BreakerStatus::closed;
  std::uint32_t epoch_ = 1;  // raised by every change of status
  int failures_in_row_ = 0;
  int probes_in_flight_ = 0;
  Duration cooldown_{};  // of the present or last open time
  Instant open_until_{};
  Instant closed_at_ = Instant::min();  // for slow start; min: never opened
  Instant throttled_until_{};
  Window window_;
};

}  // namespace llmroute::health
