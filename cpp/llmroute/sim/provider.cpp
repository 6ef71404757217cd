#include "llmroute/sim/provider.h"

#include <algorithm>
#include <cmath>

namespace llmroute::sim {

namespace {

constexpr double kMinute = 60'000;

ErrorKind kind_of(Trouble trouble) {
  switch (trouble) {
    case Trouble::connect: return ErrorKind::connect;
    case Trouble::rate_limit: return ErrorKind::rate_limit;
    case Trouble::overloaded: return ErrorKind::overloaded;
    case Trouble::cut: return ErrorKind::stream_interrupted;
    default: return ErrorKind::server_error;
  }
}

}  // namespace

const TroubleSpec* Provider::trouble_at(Instant now, Random& chance) const {
  for (const TroubleSpec& trouble : model_->troubles) {
    const Duration since = now - start_;
    if (since < trouble.from || (trouble.to && since >= *trouble.to)) continue;
    if (trouble.chance >= 1.0 || chance.unit() < trouble.chance) return &trouble;
  }
  return nullptr;
}

Service Provider::failing(ErrorKind kind, Duration after) const {
  Service service;
  service.first = service.whole = after;
  service.content = false;
  service.failure = make_failure(kind, {});
  return service;
}

std::optional<Service> Provider::refuse(Instant now, Random& chance) {
  if (model_->requests_per_minute > 0) {
    // A minute's worth may come at once; then one per interval.
    const Duration interval = from_ms(kMinute / model_->requests_per_minute);
    const Instant due = std::max(allowance_, now);
    if (due - now > from_ms(kMinute) - interval) {
      Service refused = failing(ErrorKind::rate_limit, model_->error_after);
      refused.failure->retry_after = due - now - (from_ms(kMinute) - interval);
      return refused;
    }
    allowance_ = due + interval;
  }
  const TroubleSpec* trouble = trouble_at(now, chance);
  if (trouble != nullptr) {
    if (trouble->kind == Trouble::hang) {
      Service service;
      service.hangs = true;
      return service;
    }
    if (trouble->kind != Trouble::slow && trouble->kind != Trouble::cut) {
      Service service =
          failing(kind_of(trouble->kind), trouble->after.value_or(model_->error_after));
      service.failure->retry_after = trouble->retry_after;
      return service;
    }
  }
  if (model_->error_rate > 0 && chance.unit() < model_->error_rate) {
    return failing(ErrorKind::server_error, model_->error_after);
  }
  const bool full = model_->in_flight > 0 && serving_ >= model_->in_flight;
  if (full && line_.size() >= model_->queue) {
    return failing(ErrorKind::overloaded, model_->error_after);
  }
  return std::nullopt;
}

Service Provider::serve(Instant now, Random& chance, std::int32_t output_tokens) const {
  double ttft = model_->ttft_ms;
  if (model_->spread == Spread::exponential) {
    ttft = chance.exponential(ttft);
  } else if (model_->ttft_sigma > 0) {
    ttft *= std::exp(model_->ttft_sigma * chance.normal());
  }
  double rest =
      model_->tokens_per_second > 0 ? 1000.0 * output_tokens / model_->tokens_per_second : 0;
  double factor = 1;
  if (model_->straggler_share > 0 && chance.unit() < model_->straggler_share) {
    factor = model_->straggler_factor;
  }
  const TroubleSpec* trouble = trouble_at(now, chance);
  if (trouble != nullptr && trouble->kind == Trouble::slow) factor *= trouble->factor;
  Service service;
  if (trouble != nullptr && trouble->kind == Trouble::cut) {
    rest /= 2;
    service.failure = make_failure(ErrorKind::stream_interrupted, {});
    service.failure->ambiguous = true;
  }
  service.first = from_ms(ttft * factor);
  service.whole = service.first + from_ms(rest * factor);
  return service;
}

bool Provider::enter() {
  if (model_->in_flight > 0 && serving_ >= model_->in_flight) return false;
  ++serving_;
  return true;
}

std::optional<std::uint32_t> Provider::leave() {
  if (line_.empty()) {
    --serving_;
    return std::nullopt;
  }
  const std::uint32_t next = line_.front();
  line_.pop_front();
  return next;
}

void Provider::leave_line(std::uint32_t attempt) { std::erase(line_, attempt); }

}  // namespace llmroute::sim
