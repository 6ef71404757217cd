#include "llmroute/health/window.h"

#include <algorithm>

namespace llmroute::health {

namespace {

std::size_t slot(std::int64_t number, std::size_t buckets) {
  const auto count = static_cast<std::int64_t>(buckets);
  return static_cast<std::size_t>(((number % count) + count) % count);
}

}  // namespace

void Window::add(Instant now, bool ok) {
  const std::int64_t number = now.time_since_epoch() / kWidth;
  const auto stale = std::min<std::int64_t>(number - newest_, kBuckets);
  for (std::int64_t i = 0; i < stale; ++i) buckets_[slot(number - i, kBuckets)] = {};
  newest_ = std::max(newest_, number);
  Counts& bucket = buckets_[slot(newest_, kBuckets)];
  ++(ok ? bucket.ok : bucket.failed);
}

Window::Counts Window::counts(Instant now) const {
  const std::int64_t number = now.time_since_epoch() / kWidth;
  const auto first = std::max<std::int64_t>(number - newest_, 0);
  Counts sum;
  for (std::int64_t i = first; i < static_cast<std::int64_t>(kBuckets); ++i) {
    const Counts& bucket = buckets_[slot(number - i, kBuckets)];
    sum.ok += bucket.ok;
    sum.failed += bucket.failed;
  }
  return sum;
}

}  // namespace llmroute::health
