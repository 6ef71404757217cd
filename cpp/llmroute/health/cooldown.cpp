#include "llmroute/health/cooldown.h"

#include <algorithm>

#include "llmroute/model/defaults.h"

namespace llmroute::health {

Duration cooling_time(const Treatment& treatment, std::optional<Duration> said, int in_row) {
  constexpr int kMostDoublings = 6;
  const bool believed = treatment.believed && said.has_value();
  const Duration told = said.value_or(Duration::zero());
  if (!treatment.grows) return believed ? told : treatment.cooling;
  const int doublings = std::clamp(in_row - 1, 0, kMostDoublings);
  if (believed && doublings == 0) return told;
  const Duration doubled = treatment.cooling * (std::int64_t{1} << doublings);
  const Duration grown = std::min<Duration>(doubled, defaults::kCooldownMax);
  return believed ? std::max(told, grown) : grown;
}

void Cooldown::on_outcome(Instant now, const Outcome& outcome, Work) {
  if (outcome.ok()) in_row_ = 0;
  if (!outcome.failure || outcome.cancelled) return;
  if (treatment_of(*outcome.failure).cools == Cools::deployment) cool(now, *outcome.failure);
}

void Cooldown::cool(Instant now, const Failure& failure) {
  if (now >= until_) ++in_row_;
  const Duration wait = cooling_time(treatment_of(failure), failure.retry_after, in_row_);
  // Many attempts may bring the same news; the latest end counts, so none shortens another.
  until_ = std::max(until_, add_saturated(now, wait));
}

void Cooldown::describe(Instant now, NumberSink& sink) const {
  sink.number("cooling_ms", until_ > now ? to_ms(until_ - now) : 0.0);
}

}  // namespace llmroute::health
