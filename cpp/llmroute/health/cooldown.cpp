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
  if (now >= until_) ++in_row_;
  const int doublings = std::clamp(in_row_ - 1, 0, kMostDoublings);
  const Duration doubled = Duration(defaults::kCooldown) * (std::int64_t{1} << doublings);
  const Duration grown = std::min<Duration>(doubled, defaults::kCooldownMax);
  const bool believed = retry_after && doublings == 0;
  const Duration wait = believed ? *retry_after : std::max(retry_after.value_or(grown), grown);
  // Many attempts may bring the same news; the latest end counts, so none shortens another.
  until_ = std::max(until_, add_saturated(now, wait));
}

void Cooldown::describe(Instant now, NumberSink& sink) const {
  sink.number("cooling_ms", until_ > now ? to_ms(until_ - now) : 0.0);
}

}  // namespace llmroute::health
