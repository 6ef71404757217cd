// How likely a deployment is cold after being idle, and what that costs. Units: share, milliseconds.
//
// An answer of a deployment that was idle for kColdIdle or longer is a cold sample where it took
// kColdFactor times and kColdMargin longer than a warm one is expected to; and whenever the server
// says that it loaded the model for kColdLoad or more. Cold samples are kept out of the latency, so a
// deployment that scales to zero does not look slow while it is warm.
//
//   P(cold | idle) = c / (c + w + 1)     c: cold samples of as short an idle time, or shorter
//                                        w: warm samples of as long an idle time, or longer
//   expected extra = P x average of what cold samples took longer (weight 0.3 to the newest)
//
// Idle times are told apart by powers of two from kColdIdle on, so P grows with them, whatever the
// samples. The first answer of all has nothing to be compared with: where the second was as much
// quicker, the first was cold. Without data, and while something is in flight: 0. No knobs.
#pragma once

#include <array>

#include "llmroute/health/signal.h"
#include "llmroute/model/defaults.h"

namespace llmroute::health {

class ColdStart : public Signal {
 public:
  void on_start(Instant now, Work& work);
  void on_outcome(Instant now, const Outcome& outcome, Work work);
  void describe(Instant now, NumberSink& sink) const;

  // How much longer than expected it took, where that makes it a cold start; else 0. `idle` is
  // Work::idle.
  static float extra_ms(Duration idle, double ms, double expected_ms);
  // The very first answer, which took so long per unit of work, turns out to have been cold now
  // that another took `ms`. True once.
  bool unmasks_first(double ms_per_work);

  bool known() const { return cold_ms_ > 0; }  // a cold start was seen
  double probability(Duration idle) const;
  // Milliseconds that a request sent now is expected to take longer.
  double expected_ms(Instant now) const;
  // The first answer came, per unit of work.
  void note_first(Duration idle, double ms_per_work);

 private:
  static constexpr std::size_t kBuckets = 10;  // up to 30 s x 2^9: over four hours
  static std::size_t bucket(Duration idle);
  void count(Duration idle, bool cold);
  void learn(float ms);

  std::array<std::uint16_t, kBuckets> cold_{}, warm_{};
  double cold_ms_ = 0;   // average
  double first_ms_ = 0;  // of the first answer, per unit of work; 0: none to judge
  std::uint32_t in_flight_ = 0;
  std::optional<Instant> idle_since_;  // absent: never used
};

}  // namespace llmroute::health
