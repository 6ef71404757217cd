#include "llmroute/health/cooldown.h"

#include <algorithm>

#include "llmroute/model/defaults.h"

namespace llmroute::health {

void Cooldown::on_outcome(Instant now, const Outcome& outcome, Work) {
  if (outcome.ok()) in_row_ = 0;
  if (!outcome.failure || outcome.cancelled) return;
  if (outcome.failure->kind == ErrorKind::overloaded) cool(now, outcome.failure->retry_after);
}

void Cooldown::cool(Instant now, std::optional<Duration> retry_after) {
  constexpr int kMostDoublings = 6;
  const int doublings = std::min(in_row_, kMostDoublings);
  ++in_row_;
  const Duration grown = Duration(defaults::kCooldown) * (std::int64_t{1} << doublings);
  const Duration wait = retry_after.value_or(std::min<Duration>(grown, defaults::kCooldownMax));
  // Many attempts may bring the same news; the latest end counts, so none shortens another.
  until_ = std::max(until_, add_saturated(now, wait));
}

void Cooldown::describe(Instant now, NumberSink& sink) const {
  sink.number("cooling_ms", until_ > now ? to_ms(until_ - now) : 0.0);
}

}  // namespace llmroute::health
