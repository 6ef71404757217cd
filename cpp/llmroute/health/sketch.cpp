#include "llmroute/health/sketch.h"

#include <algorithm>
#include <cmath>

namespace llmroute::health {

namespace {

constexpr double kGrowth = 1.15;
const double kLogGrowth = std::log(kGrowth);

}  // namespace

void Sketch::add(double value) {
  const double place = value <= 1.0 ? 0.0 : std::log(value) / kLogGrowth;
  const auto bucket = std::min(static_cast<std::size_t>(place), kBuckets - 1);
  ++counts_[bucket];
  if (++total_ < kAge) return;
  total_ = 0;
  for (std::uint16_t& count : counts_) {
    count = static_cast<std::uint16_t>(count / 2);
    total_ += count;
  }
}

std::size_t Sketch::bucket_at(double share) const {
  const auto wanted = static_cast<std::uint32_t>(std::ceil(share * total_));
  std::uint32_t seen = 0;
  for (std::size_t i = 0; i < kBuckets; ++i) {
    seen += counts_[i];
    if (seen >= std::max<std::uint32_t>(wanted, 1)) return i;
  }
  return kBuckets - 1;
}

double Sketch::quantile(double share) const {
  if (total_ == 0) return 0.0;
  return std::exp((static_cast<double>(bucket_at(share)) + 0.5) * kLogGrowth);
}

double Sketch::upper_bound(double share) const {
  if (total_ == 0) return 0.0;
  return std::exp(static_cast<double>(bucket_at(share) + 1) * kLogGrowth);
}

}  // namespace llmroute::health
