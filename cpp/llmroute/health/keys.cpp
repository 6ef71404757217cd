#include "llmroute/health/keys.h"

#include <algorithm>

namespace llmroute::health {

void Keys::configure(const Deployment& deployment, const Resilience&) {
  until_.assign(deployment.keys.size(), Instant{});
  next_ = 0;
}

std::size_t Keys::dead() const {
  return static_cast<std::size_t>(std::count(until_.begin(), until_.end(), kNever));
}

bool Keys::usable(Instant now) const {
  if (until_.empty()) return true;
  return std::any_of(until_.begin(), until_.end(), [now](Instant t) { return t <= now; });
}

bool Keys::all_fresh() const {
  return std::all_of(until_.begin(), until_.end(), [](Instant t) { return t == Instant{}; });
}

std::optional<std::uint16_t> Keys::pick(Instant now) {
  if (until_.empty()) return std::uint16_t{0};
  for (std::size_t i = 0; i < until_.size(); ++i) {
    const std::size_t key = (next_ + i) % until_.size();
    if (until_[key] > now) continue;
    next_ = key + 1;
    return static_cast<std::uint16_t>(key);
  }
  return std::nullopt;
}

void Keys::kill(std::uint16_t key) {
  if (key < until_.size()) until_[key] = kNever;
}

void Keys::cool(std::uint16_t key, Instant until) {
  if (key < until_.size()) until_[key] = std::max(until_[key], until);
}

Instant Keys::next_change(Instant now) const {
  if (usable(now)) return kNever;
  return *std::min_element(until_.begin(), until_.end());
}

void Keys::describe(Instant now, NumberSink& sink) const {
  const auto usable_now =
      std::count_if(until_.begin(), until_.end(), [now](Instant until) { return until <= now; });
  sink.number("keys_usable", static_cast<double>(usable_now));
  sink.number("keys_dead", static_cast<double>(dead()));
}

}  // namespace llmroute::health
