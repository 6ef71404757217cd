#include "llmroute/base/time.h"

#include <cmath>

namespace llmroute {

namespace {

class SystemClock final : public Clock {
 public:
  Instant now() const override {
    return Instant(
        std::chrono::duration_cast<Duration>(std::chrono::steady_clock::now().time_since_epoch()));
  }
  WallTime wall_now() const override {
    return WallTime(
        std::chrono::duration_cast<Duration>(std::chrono::system_clock::now().time_since_epoch()));
  }
};

}  // namespace

Duration from_ms(double ms) {
  if (std::isnan(ms)) return Duration::zero();
  const double ns = ms * 1e6;
  if (ns >= 9.2e18) return Duration::max();
  if (ns <= -9.2e18) return Duration::min();
  return Duration(static_cast<std::int64_t>(ns));
}

const Clock& system_clock() {
  static const SystemClock clock;
  return clock;
}

}  // namespace llmroute
