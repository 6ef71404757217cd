// Successes and failures of the recent past, in fixed buckets.
//
// Counts fall out bucket by bucket as time goes on; nothing is allocated. A step back in time
// counts into the newest bucket.
#pragma once

#include <array>
#include <cstdint>

#include "llmroute/base/time.h"
#include "llmroute/model/defaults.h"

namespace llmroute::health {

class Window {
 public:
  struct Counts {
    std::uint32_t ok = 0;
    std::uint32_t failed = 0;
    std::uint32_t total() const { return ok + failed; }
    // 0 where nothing was counted.
    double failure_share() const {
      return total() == 0 ? 0.0 : static_cast<double>(failed) / static_cast<double>(total());
    }
  };

  void add(Instant now, bool ok);
  Counts counts(Instant now) const;  // without the buckets that have become too old
  void clear() { *this = Window(); }

 private:
  static constexpr std::size_t kBuckets = 10;
  static constexpr Duration kWidth = Duration(defaults::kErrorWindow) / kBuckets;

  std::array<Counts, kBuckets> buckets_{};
  std::int64_t newest_ = 0;  // number of the newest bucket since the clock's origin
};

}  // namespace llmroute::health
