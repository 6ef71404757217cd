#include "llmroute/health/breaker.h"

#include <algorithm>

namespace llmroute::health {

void Breaker::configure(const Deployment&, const Resilience& resilience) {
  options_ = resilience.breaker;
}

Reason Breaker::admits(Instant now, float& a, float& b) const {
  if (status_ == BreakerStatus::closed) return Reason::kept;
  if (status_ == BreakerStatus::open) {
    if (now >= open_until_) return Reason::kept;
    a = static_cast<float>(failures_in_row_);
    b = static_cast<float>(to_ms(open_until_ - now));
    return Reason::breaker_open;
  }
  if (probes_in_flight_ < options_.probes) return Reason::kept;
  a = static_cast<float>(probes_in_flight_);
  b = static_cast<float>(options_.probes);
  return Reason::breaker_probing;
}

void Breaker::on_start(Instant now, Work& work) {
  if (status_ == BreakerStatus::open && now >= open_until_) enter(BreakerStatus::half_open);
  if (status_ == BreakerStatus::half_open) ++probes_in_flight_;
  if (status_ != BreakerStatus::closed) throttled_until_ = now + defaults::kThrottleEvery;
  work.epoch = epoch_;
}

void Breaker::on_outcome(Instant now, const Outcome& outcome, Work work) {
  if (work.epoch != epoch_) return;
  if (status_ == BreakerStatus::half_open) --probes_in_flight_;
  if (outcome.cancelled) return;
  if (!outcome.failure) {
    succeed(now);
  } else if (fault_of(*outcome.failure) == Fault::deployment) {
    fail(now);
  }
}

void Breaker::succeed(Instant now) {
  failures_in_row_ = 0;
  if (status_ == BreakerStatus::closed) {
    window_.add(now, true);
    return;
  }
  enter(BreakerStatus::closed);
  closed_at_ = now;
  cooldown_ = Duration::zero();
  window_.clear();
}

void Breaker::fail(Instant now) {
  ++failures_in_row_;
  window_.add(now, false);
  if (status_ == BreakerStatus::half_open) {
    open(now, std::min<Duration>(cooldown_ * 2, defaults::kBreakerCooldownMax));
    return;
  }
  if (status_ != BreakerStatus::closed) return;
  const Window::Counts counts = window_.counts(now);
  const bool share_reached =
      counts.total() >= static_cast<std::uint32_t>(defaults::kBreakerMinRequests) &&
      counts.failure_share() >= options_.error_rate;
  if (failures_in_row_ >= options_.failures || share_reached) open(now, options_.cooldown);
}

void Breaker::open(Instant now, Duration cooldown) {
  enter(BreakerStatus::open);
  cooldown_ = std::max(cooldown, Duration(options_.cooldown));
  open_until_ = add_saturated(now, cooldown_);
}

void Breaker::enter(BreakerStatus status) {
  status_ = status;
  probes_in_flight_ = 0;
  ++epoch_;
}

Instant Breaker::next_change(Instant now) const {
  return status_ == BreakerStatus::open && now < open_until_ ? open_until_ : kNever;
}

double Breaker::ramp(Instant now) const {
  if (status_ != BreakerStatus::closed || closed_at_ == Instant::min()) return 1.0;
  const Duration passed = now > closed_at_ ? now - closed_at_ : Duration::zero();
  if (passed >= defaults::kSlowStart) return 1.0;
  constexpr double kLeast = 0.1;
  return std::max(kLeast, to_ms(passed) / to_ms(defaults::kSlowStart));
}

void Breaker::describe(Instant now, NumberSink& sink) const {
  sink.number("breaker_status", static_cast<double>(status_));
  sink.number("breaker_failures_in_row", failures_in_row_);
  const bool waiting = status_ == BreakerStatus::open && now < open_until_;
  sink.number("breaker_open_ms", waiting ? to_ms(open_until_ - now) : 0.0);
}

}  // namespace llmroute::health
