#include "llmroute/health/cold_start.h"

#include <algorithm>

namespace llmroute::health {

namespace {

constexpr Duration kUnknownIdle = Duration::max();  // before its first request

}  // namespace

float ColdStart::extra_ms(Duration idle, double ms, double expected_ms) {
  if (idle < Duration(defaults::kColdIdle)) return 0;
  const double extra = ms - expected_ms;
  const bool cold =
      ms > defaults::kColdFactor * expected_ms && extra > to_ms(Duration(defaults::kColdMargin));
  return cold ? static_cast<float>(extra) : 0;
}

void ColdStart::on_start(Instant now, Work& work) {
  work.idle = Duration::zero();
  if (in_flight_ == 0) work.idle = idle_since_ ? now - *idle_since_ : kUnknownIdle;
  ++in_flight_;
}

void ColdStart::on_outcome(Instant now, const Outcome& outcome, Work work) {
  if (in_flight_ > 0) --in_flight_;
  // A failure says nothing of how warm it is; an attempt that was cut off may have woken it.
  idle_since_ = now;
  if (!outcome.ok()) return;
  if (work.cold_ms > 0) learn(work.cold_ms);
  if (work.idle >= Duration(defaults::kColdIdle) && work.idle != kUnknownIdle) {
    count(work.idle, work.cold_ms > 0);
  }
}

std::size_t ColdStart::bucket(Duration idle) {
  std::size_t at = 0;
  for (Duration end = 2 * Duration(defaults::kColdIdle); idle >= end && at + 1 < kBuckets;
       end *= 2) {
    ++at;
  }
  return at;
}

void ColdStart::count(Duration idle, bool cold) {
  // Old samples fade, so that another platform, or another setting of it, is learned.
  constexpr unsigned kMost = 64;
  unsigned sum = 1;
  for (std::size_t i = 0; i < kBuckets; ++i) sum += unsigned{cold_[i]} + warm_[i];
  if (sum > kMost) {
    for (auto* counts : {&cold_, &warm_}) {
      for (std::uint16_t& n : *counts) n = static_cast<std::uint16_t>(n / 2);
    }
  }
  ++(cold ? cold_ : warm_)[bucket(idle)];
}

void ColdStart::learn(float ms) {
  constexpr double kNewest = 0.3;
  const double sample = static_cast<double>(ms);
  cold_ms_ = known() ? cold_ms_ + kNewest * (sample - cold_ms_) : sample;
}

void ColdStart::note_first(Duration idle, double ms_per_work) {
  if (idle == kUnknownIdle) first_ms_ = ms_per_work;
}

bool ColdStart::unmasks_first(double ms_per_work) {
  if (first_ms_ <= 0) return false;
  const float extra = extra_ms(kUnknownIdle, first_ms_, ms_per_work);
  first_ms_ = 0;
  if (extra <= 0) return false;
  learn(extra);
  // How long it had been idle is not known: longer than any, so only the longest is suspected.
  ++cold_[kBuckets - 1];
  return true;
}

double ColdStart::probability(Duration idle) const {
  if (idle < Duration(defaults::kColdIdle)) return 0;
  const std::size_t here = bucket(idle);
  unsigned cold = 0, warm = 0;
  for (std::size_t i = 0; i <= here; ++i) cold += cold_[i];
  for (std::size_t i = here; i < kBuckets; ++i) warm += warm_[i];
  return static_cast<double>(cold) / static_cast<double>(cold + warm + 1);
}

double ColdStart::expected_ms(Instant now) const {
  if (!known() || in_flight_ > 0 || !idle_since_) return 0;
  return probability(now - *idle_since_) * cold_ms_;
}

void ColdStart::describe(Instant now, NumberSink& sink) const {
  const bool idle = in_flight_ == 0 && idle_since_;
  sink.number("cold_probability", idle ? probability(now - *idle_since_) : 0);
  if (known()) sink.number("cold_start_ms", cold_ms_);
}

}  // namespace llmroute::health
