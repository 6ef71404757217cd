#include "llmroute/limits/account.h"

#include <algorithm>
#include <cmath>

namespace llmroute::limits {

namespace {

constexpr Duration kMinute = std::chrono::minutes(1);
constexpr Duration kDay = std::chrono::hours(24);
constexpr double kFirstShare = 0.1;  // of in_flight, at the beginning of a slow start

}  // namespace

void Account::set(const LimitsSpec& spec) {
  spec_ = spec;
  requests_.clear();
  tokens_.clear();
  const auto add = [](std::vector<Rate>& rates, const std::optional<std::int64_t>& most,
                      Limit limit, Duration period) {
    if (most) rates.push_back({limit, Gcra(*most, period)});
  };
  add(requests_, spec.requests_per_minute, Limit::requests_per_minute, kMinute);
  add(requests_, spec.requests_per_day, Limit::requests_per_day, kDay);
  add(tokens_, spec.tokens_per_minute, Limit::tokens_per_minute, kMinute);
  add(tokens_, spec.tokens_per_day, Limit::tokens_per_day, kDay);
}

std::optional<Shortage> Account::too_many_at_once(Instant now) const {
  if (!spec_.in_flight) return std::nullopt;
  const auto most = static_cast<double>(*spec_.in_flight);
  if (in_flight_ >= *spec_.in_flight) return Shortage{};
  if (!spec_.slow_start || !busy_since_) return std::nullopt;
  const double length = to_seconds(*spec_.slow_start);
  const double share =
      std::min(1.0, kFirstShare + (1 - kFirstShare) * to_seconds(now - *busy_since_) / length);
  if (static_cast<double>(in_flight_) < std::max(1.0, std::floor(most * share))) {
    return std::nullopt;
  }
  const double needed = (static_cast<double>(in_flight_ + 1) / most - kFirstShare);
  const double wait_ms = std::max(0.0, needed / (1 - kFirstShare) * length * 1e3);
  // A little later than on the dot: rounding must not make it come a moment early, for ever.
  return Shortage{Limit::in_flight,
                  std::max(*busy_since_ + from_ms(wait_ms) + milliseconds(1), now), 0};
}

std::optional<Shortage> Account::shortage(Instant now, Tokens tokens) const {
  std::optional<Shortage> worst = too_many_at_once(now);
  const auto look = [&worst, now](const std::vector<Rate>& rates, std::int64_t units) {
    for (const Rate& rate : rates) {
      const Instant free_at = rate.gcra.free_at(units);
      if (free_at > now && (!worst || free_at > worst->free_at)) {
        worst = Shortage{rate.limit, free_at, 0};
      }
    }
  };
  look(requests_, 1);
  look(tokens_, tokens.count);
  return worst;
}

void Account::reserve(Instant now, Tokens tokens) {
  const bool rested = spec_.slow_start && now - idle_since_ >= *spec_.slow_start;
  if (in_flight_ == 0 && (rested || !busy_since_)) busy_since_ = now;
  ++in_flight_;
  for (Rate& rate : requests_) rate.gcra.take(now, 1);
  for (Rate& rate : tokens_) rate.gcra.take(now, tokens.count);
}

void Account::settle(Instant now, Tokens reserved, std::optional<Tokens> used) {
  in_flight_ = std::max<std::int64_t>(in_flight_ - 1, 0);
  if (in_flight_ == 0) idle_since_ = now;
  if (!used) return;
  for (Rate& rate : tokens_) rate.gcra.give_back(reserved.count - used->count);
}

double Account::used(Instant now) const {
  double most = 0;
  if (spec_.in_flight) {
    const auto limit = static_cast<double>(std::max<std::int64_t>(*spec_.in_flight, 1));
    most = std::min(static_cast<double>(in_flight_) / limit, 1.0);
  }
  for (const Rate& rate : requests_) most = std::max(most, rate.gcra.used(now));
  for (const Rate& rate : tokens_) most = std::max(most, rate.gcra.used(now));
  return most;
}

bool Account::idle(Instant now) const {
  const auto full = [now](const Rate& rate) { return rate.gcra.full(now); };
  return in_flight_ == 0 && (!spec_.slow_start || now - idle_since_ >= *spec_.slow_start) &&
         std::all_of(requests_.begin(), requests_.end(), full) &&
         std::all_of(tokens_.begin(), tokens_.end(), full);
}

}  // namespace llmroute::limits
