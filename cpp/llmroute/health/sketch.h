// Quantiles of positive numbers in fixed memory.
//
// Logarithmic buckets, 15 % apart, from 1 to about two million (milliseconds: half an hour), so a
// quantile is off by at most 7.5 %. Counts are halved whenever their sum reaches kAge: the past
// fades with every sample and nothing is allocated.
#pragma once

#include <array>
#include <cstdint>

namespace llmroute::health {

class Sketch {
 public:
  void add(double value);
  double quantile(double share) const;  // share in [0, 1]; 0 where nothing was added
  // No less than the quantile, by up to 15 %: at most 1 - share of the samples are above it, also
  // where they all lie close together.
  double upper_bound(double share) const;
  bool empty() const { return total_ == 0; }
  std::uint32_t count() const { return total_; }  // at most kAge: the past is halved away

 private:
  std::size_t bucket_at(double share) const;

  static constexpr std::size_t kBuckets = 104;
  static constexpr std::uint32_t kAge = 512;

  std::array<std::uint16_t, kBuckets> counts_{};
  std::uint32_t total_ = 0;
};

}  // namespace llmroute::health
