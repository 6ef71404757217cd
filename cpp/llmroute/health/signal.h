// What a signal may hear and say. A signal derives from Signal and hides the hooks it needs; the
// board calls them statically, so a hook that is not hidden costs nothing.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "llmroute/base/time.h"
#include "llmroute/base/units.h"
#include "llmroute/model/deployment.h"
#include "llmroute/model/outcome.h"

namespace llmroute::health {

// The work of one attempt, as estimated before it and corrected by usage after it.
struct Work {
  Tokens input;
  Tokens output;
  std::uint32_t epoch = 0;  // of the breaker, stamped by on_start: tells stale outcomes apart
  Duration idle{};          // of the deployment before it, stamped by on_start; 0: it was not idle
  float cold_ms = 0;        // above 0: it was a cold start, which took so much longer; by the board
  double shared_s = -1;     // stamped by on_start, see InFlight; negative: it was not
};

// Receives name/value pairs of a signal: "in_flight", 3.0. Names are snake_case with the unit as
// suffix, unique over all signals.
class NumberSink {
 public:
  virtual ~NumberSink() = default;
  virtual void number(std::string_view name, double value) = 0;
};

struct Signal {
  void configure(const Deployment&, const Resilience&) {}
  void on_start(Instant, Work&) {}
  void on_first_content(Instant, Duration /*ttft*/, Work) {}
  // Called once for every started attempt, also for a cancelled one. `work` is what on_start saw.
  void on_outcome(Instant, const Outcome&, Work) {}
  void describe(Instant, NumberSink&) const {}
};

}  // namespace llmroute::health
