#include "llmroute/engine/backoff.h"

#include <algorithm>
#include <cmath>

namespace llmroute::engine {

Duration full_jitter(const Resilience& resilience, int round, Random& random) {
  constexpr int kMostDoublings = 20;  // more would only overflow what backoff_max cuts anyway
  const double grown =
      to_ms(resilience.backoff_base) * std::ldexp(1.0, std::clamp(round, 0, kMostDoublings));
  return from_ms(random.unit() * std::max(0.0, std::min(grown, to_ms(resilience.backoff_max))));
}

}  // namespace llmroute::engine
