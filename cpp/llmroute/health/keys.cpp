#include "llmroute/health/keys.h"

#include <algorithm>

#include "llmroute/health/cooldown.h"
#include "llmroute/model/defaults.h"

namespace llmroute::health {

void Keys::configure(const Deployment& deployment, const Resilience&) {
  keys_.assign(deployment.keys.size(), Key{});
  for (std::size_t i = 0; i < keys_.size(); ++i) {
    keys_[i].changes = deployment.keys[i].origin != SecretOrigin::literal;
  }
  next_ = 0;
}

std::size_t Keys::dead() const {
  return static_cast<std::size_t>(
      std::count_if(keys_.begin(), keys_.end(), [](const Key& key) { return key.refused; }));
}

bool Keys::usable(Instant now) const {
  if (keys_.empty()) return true;
  return std::any_of(keys_.begin(), keys_.end(), [now](const Key& k) { return k.until <= now; });
}

bool Keys::all_fresh() const {
  return std::all_of(keys_.begin(), keys_.end(),
                     [](const Key& key) { return key.until == Instant{}; });
}

std::optional<std::uint16_t> Keys::pick(Instant now) {
  if (keys_.empty()) return std::uint16_t{0};
  for (std::size_t i = 0; i < keys_.size(); ++i) {
    const std::size_t key = (next_ + i) % keys_.size();
    if (keys_[key].until > now) continue;
    next_ = key + 1;
    return static_cast<std::uint16_t>(key);
  }
  return std::nullopt;
}

std::uint16_t Keys::least_bad() const {
  const auto before = [](const Key& a, const Key& b) { return a.until < b.until; };
  const auto first = std::min_element(keys_.begin(), keys_.end(), before);
  return static_cast<std::uint16_t>(first == keys_.end() ? 0 : first - keys_.begin());
}

void Keys::refuse(std::uint16_t key, Instant now, Duration time) {
  if (key >= keys_.size()) return;
  Key& k = keys_[key];
  if (time == kForever && k.changes) time = defaults::kRefusedKeyPark;
  k.refused = true;
  k.until = std::max(k.until, time == kForever ? kNever : add_saturated(now, time));
}

void Keys::cool(std::uint16_t key, Instant until) {
  if (key < keys_.size()) keys_[key].until = std::max(keys_[key].until, until);
}

void Keys::cool(std::uint16_t key, Instant now, const Failure& failure) {
  if (key >= keys_.size()) return;
  Key& k = keys_[key];
  if (now >= k.until) ++k.in_row;
  const Duration wait = cooling_time(treatment_of(failure), failure.retry_after, k.in_row);
  k.until = std::max(k.until, add_saturated(now, wait));
}

void Keys::on_success(std::uint16_t key, Instant now) {
  if (key >= keys_.size()) return;
  Key& k = keys_[key];
  k.in_row = 0;
  // An attempt that began before its key was limited or refused says nothing about now.
  if (k.until > now) return;
  k.until = Instant{};
  k.refused = false;
}

void Keys::renew(std::uint16_t key) {
  if (key >= keys_.size()) return;
  const bool changes = keys_[key].changes;
  keys_[key] = Key{};
  keys_[key].changes = changes;
}

Instant Keys::next_change(Instant now) const {
  Instant first = kNever;
  for (const Key& key : keys_) {
    if (key.until <= now) return kNever;
    if (!key.refused) first = std::min(first, key.until);
  }
  return first;
}

void Keys::describe(Instant now, NumberSink& sink) const {
  std::size_t usable_now = 0, dead_now = 0;
  for (const Key& key : keys_) {
    usable_now += key.until <= now ? 1U : 0U;
    dead_now += key.refused && key.until > now ? 1U : 0U;
  }
  sink.number("keys_usable", static_cast<double>(usable_now));
  sink.number("keys_dead", static_cast<double>(dead_now));
}

}  // namespace llmroute::health
