#include "llmroute/base/units.h"

#include <cmath>
#include <limits>

namespace llmroute {

Usd operator+(Usd a, Usd b) {
  std::int64_t sum = 0;
  if (__builtin_add_overflow(a.pico, b.pico, &sum)) {
    return {a.pico > 0 ? std::numeric_limits<std::int64_t>::max()
                       : std::numeric_limits<std::int64_t>::min()};
  }
  return {sum};
}

Usd usd(double value) {
  if (std::isnan(value)) return {};
  const double pico = value * 1e12;
  if (pico >= 9.2e18) return {std::numeric_limits<std::int64_t>::max()};
  if (pico <= -9.2e18) return {std::numeric_limits<std::int64_t>::min()};
  return {std::llround(pico)};
}

}  // namespace llmroute
