// A rate of so many units per period: the generic cell rate algorithm with a small burst.
//
//   burst    = max(1, limit / 10) units may come at once
//   interval = period / (limit - burst) per unit after that (a limit of 1: one per period)
//
// so that no window of one period, wherever it begins, ever holds more than `limit` units. A unit is a
// request or a token. State is one instant; steps of the wall clock do not exist for it. Source: ITU-T
// I.371 (virtual scheduling).
//
// Single-threaded, under the lock of whoever holds it.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>

#include "llmroute/base/time.h"

namespace llmroute::limits {

class Gcra {
 public:
  Gcra(std::int64_t limit, Duration period)
      : burst_(std::max<std::int64_t>(limit / 10, 1)),
        interval_ns_(static_cast<double>(period.count()) /
                     static_cast<double>(std::max<std::int64_t>(limit - burst_, 1))) {}

  // When `units` may be taken at the earliest. More than a burst may be taken once the whole burst is
  // there: what is owed then delays those that come after.
  Instant free_at(std::int64_t units) const {
    return due_ - span(burst_ - std::min(units, burst_));
  }
  void take(Instant now, std::int64_t units) { due_ = std::max(due_, now) + span(units); }
  // An estimate was too high (or, negative, too low) by `units`.
  void give_back(std::int64_t units) { due_ -= span(units); }
  // Of what may come at once, the share that is taken: 0 to 1.
  double used(Instant now) const {
    if (due_ <= now) return 0;
    const double owed = static_cast<double>((due_ - now).count()) / interval_ns_;
    return std::min(owed / static_cast<double>(burst_), 1.0);
  }
  // Nothing that was taken is owed any more.
  bool full(Instant now) const { return due_ <= now; }

 private:
  Duration span(std::int64_t units) const {
    return Duration(std::llround(interval_ns_ * static_cast<double>(units)));
  }

  std::int64_t burst_;
  double interval_ns_;
  Instant due_{};  // when all that was taken is paid for
};

}  // namespace llmroute::limits
