#include "llmroute/health/rate_limits.h"

#include <algorithm>

#include "llmroute/model/defaults.h"

namespace llmroute::health {

void RateLimits::on_start(Instant now, Work& work) {
  const auto spend = [&](std::optional<std::int64_t>& left, Instant reset, std::int64_t amount) {
    if (!left || now >= reset) return;
    *left = std::max<std::int64_t>(*left - amount, 0);
    if (*left == 0) exhausted_until_ = std::max(exhausted_until_, reset);
  };
  spend(requests_, requests_reset_, 1);
  spend(tokens_, tokens_reset_, work.input.count);
}

void RateLimits::on_outcome(Instant now, const Outcome& outcome, Work) {
  const AnnouncedLimits& said = outcome.limits;
  if (!said.any()) return;
  requests_limit_ = said.requests_limit;
  tokens_limit_ = said.tokens_limit;
  exhausted_until_ = Instant{};
  const auto take = [&](std::optional<std::int64_t>& left, Instant& reset,
                        const std::optional<std::int64_t>& remaining,
                        const std::optional<Duration>& after) {
    // A limit without a reset says nothing about when to come back: it blocks nobody.
    if (!remaining || !after || *after > defaults::kMaxRetryAfter) {
      left.reset();
      return;
    }
    left = *remaining;
    reset = add_saturated(now, *after);
    if (*remaining <= 0) exhausted_until_ = std::max(exhausted_until_, reset);
  };
  take(requests_, requests_reset_, said.requests_remaining, said.requests_reset);
  take(tokens_, tokens_reset_, said.tokens_remaining, said.tokens_reset);
}

double RateLimits::used(Instant now) const {
  const auto share = [now](const std::optional<std::int64_t>& left,
                           const std::optional<std::int64_t>& limit, Instant reset) {
    if (!left || !limit || *limit <= 0 || now >= reset) return 0.0;
    return std::clamp(1.0 - static_cast<double>(*left) / static_cast<double>(*limit), 0.0, 1.0);
  };
  return std::max(share(requests_, requests_limit_, requests_reset_),
                  share(tokens_, tokens_limit_, tokens_reset_));
}

void RateLimits::describe(Instant now, NumberSink& sink) const {
  if (requests_ && now < requests_reset_) {
    sink.number("requests_remaining", static_cast<double>(*requests_));
  }
  if (tokens_ && now < tokens_reset_) {
    sink.number("tokens_remaining", static_cast<double>(*tokens_));
  }
  sink.number("limit_reset_ms", exhausted_until_ > now ? to_ms(exhausted_until_ - now) : 0.0);
}

}  // namespace llmroute::health
