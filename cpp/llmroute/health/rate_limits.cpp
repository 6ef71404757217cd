#include "llmroute/health/rate_limits.h"

#include <algorithm>
#include <string>

#include "llmroute/model/defaults.h"

namespace llmroute::health {

namespace {

// How long a count without a reset may be believed: not longer than its period.
Duration length_of(LimitPeriod period) {
  switch (period) {
    case LimitPeriod::second: return seconds(1);
    case LimitPeriod::minute: return seconds(60);
    default: return Duration::zero();
  }
}

bool blocks_until_reset(const AnnouncedWindow& said) {
  if (!said.reset) return false;
  return said.refill != Refill::unstated || *said.reset <= Duration(defaults::kMaxRetryAfter);
}

}  // namespace

double RateLimits::Window::left_at(Instant now) const {
  const double back = left + per_ms * to_ms(now > at ? now - at : Duration::zero());
  return limit > 0 ? std::min(back, limit) : back;
}

double RateLimits::Window::amount(const Work& work) const {
  switch (unit) {
    case LimitUnit::requests: return 1;
    case LimitUnit::tokens:
    case LimitUnit::input_tokens: return static_cast<double>(work.input.count);
    case LimitUnit::output_tokens: return static_cast<double>(work.output.count);
  }
  return 0;
}

void RateLimits::configure(const Deployment& deployment, const Resilience&) {
  pooled_ = deployment.keys.size() > 1;
}

void RateLimits::look(Instant now, const Window& window, double need) {
  if (!window.blocks || pooled_) return;
  const double left = window.left_at(now);
  if (left >= 1) return;
  Instant until = window.reset;
  if (window.per_ms > 0) {
    const double enough = std::clamp(need, 1.0, std::max(window.limit, 1.0));
    until = std::min(until, add_saturated(now, from_ms((enough - left) / window.per_ms)));
  }
  if (until <= exhausted_until_) return;
  exhausted_until_ = until;
  exhausted_window_ = window_code(window.unit, window.period);
}

void RateLimits::on_start(Instant now, Work& work) {
  for (std::size_t i = 0; i < count_; ++i) {
    Window& window = windows_[i];
    if (now >= window.reset) continue;
    const double amount = window.amount(work);
    window.left = std::max(window.left_at(now) - amount, 0.0);
    window.at = now;
    look(now, window, amount);
  }
}

void RateLimits::take(Instant now, const AnnouncedWindow& said, const Work& work) {
  const Duration lasts = said.reset.value_or(length_of(said.period));
  if (!said.remaining || lasts <= Duration::zero()) return;
  Window& window = windows_[count_++];
  window = Window{said.unit, said.period, blocks_until_reset(said), 0, 0, 0, now, {}};
  window.limit = static_cast<double>(said.limit.value_or(0));
  window.left = static_cast<double>(*said.remaining);
  window.reset = add_saturated(now, lasts);
  if (said.refill == Refill::gradual && said.reset && window.limit > window.left) {
    window.per_ms = (window.limit - window.left) / to_ms(lasts);
  }
  look(now, window, window.amount(work));
}

void RateLimits::on_outcome(Instant now, const Outcome& outcome, Work work) {
  if (!outcome.limits.any()) return;
  count_ = 0;
  exhausted_until_ = Instant{};
  for (const AnnouncedWindow& said : outcome.limits.windows) {
    if (count_ < windows_.size()) take(now, said, work);
  }
}

double RateLimits::used(Instant now) const {
  double most = 0;
  for (std::size_t i = 0; i < count_; ++i) {
    const Window& window = windows_[i];
    if (window.limit <= 0 || now >= window.reset) continue;
    most = std::max(most, std::clamp(1.0 - window.left_at(now) / window.limit, 0.0, 1.0));
  }
  return most;
}

void RateLimits::describe(Instant now, NumberSink& sink) const {
  for (std::size_t unit = 0; unit < slugs<LimitUnit>().size(); ++unit) {
    std::optional<double> least;
    for (std::size_t i = 0; i < count_; ++i) {
      const Window& window = windows_[i];
      if (static_cast<std::size_t>(window.unit) != unit || now >= window.reset) continue;
      least = std::min(least.value_or(window.left_at(now)), window.left_at(now));
    }
    if (least) sink.number(std::string(slugs<LimitUnit>()[unit]) + "_remaining", *least);
  }
  sink.number("limit_reset_ms", exhausted_until_ > now ? to_ms(exhausted_until_ - now) : 0.0);
}

}  // namespace llmroute::health
