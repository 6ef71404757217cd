// How busy a deployment says it is: by its metrics page, or by what was reported of it. Units:
// requests; shares, 0 to 1; tokens a second.
//
// Every gauge is believed until it is too old (kLoadMisses looks, or what the report allows), and is
// unknown then. Between two readings own attempts are credited:
//
//   others = max(0, running + queue - own attempts in flight at the reading)
//
// so that own + others is what is there now, as far as anybody knows; running is taken to be the own
// attempts where it is unknown. Without data: no others, and a pressure of 1.
//
//   pressure = 1 / (1 - fill), at most 20    fill: kv_cache; where neither that, queue nor running is
//                                            known: utilisation; else 0
//
// The room that is left decides how long one more has to wait (as in an M/M/1 queue); a processor is
// fully used long before it is overloaded, so its use counts only where nothing better is known.
#pragma once

#include <array>
#include <optional>

#include "llmroute/health/signal.h"
#include "llmroute/model/load.h"

namespace llmroute::health {

// What policies read of it.
struct LoadView {
  Instant until{};  // then nothing of it is known
  float others = 0, waiting = 0;
  float pressure = 1;
};

class Load : public Signal {
 public:
  // Values that cannot be (see plausible) and absent ones leave what is known.
  void report(Instant now, const LoadReading& reading, Duration valid, std::uint32_t own_attempts);
  void describe(Instant now, NumberSink& sink) const;

  std::optional<double> value(LoadGauge gauge, Instant now) const;
  LoadView view(Instant now) const;

 private:
  struct Gauge {
    double value = 0;
    Instant at{}, until{};
  };

  std::array<Gauge, slugs<LoadGauge>().size()> gauges_{};
  double own_ = 0;  // attempts in flight when running or queue was last told
};

}  // namespace llmroute::health
