// How quickly a deployment answers: time to first token and total time. Unit: milliseconds.
//
// Two readings of each. An average for ranking: EWMA with time decay that jumps up to a slower
// sample at once and comes down with time constant kLatencyDecay (peak EWMA, Finagle), taken of
// latency per unit of work, so that a deployment which happens to get long requests does not look
// slow. And p50 / p95 sketches of the latencies themselves, for people and Python policies.
//
//   work of a first token = 1 + input tokens / 4,000         (prefill grows with the prompt)
//   work of a whole reply = (20 + output tokens) / (20 + 256)
//
// Only successes count: an instant failure must not look like a fast server. Cold starts do not: they
// are learned apart (cold_start.h). Without data: the
// priors of model/defaults.h, and `measured()` is false.
#pragma once

#include "llmroute/health/signal.h"
#include "llmroute/health/sketch.h"
#include "llmroute/model/defaults.h"

namespace llmroute::health {

// EWMA that rises at once and falls with time.
class PeakAverage {
 public:
  explicit PeakAverage(double prior) : value_(prior) {}
  void add(Instant now, double sample);
  double value() const { return value_; }
  Instant last() const { return last_; }  // of the last sample

 private:
  double value_;
  Instant last_{};
  bool measured_ = false;
};

double ttft_work(Work work);
double total_work(Work work);

class Latency : public Signal {
 public:
  void on_first_content(Instant now, Duration ttft, Work work);
  void on_outcome(Instant now, const Outcome& outcome, Work work);
  void describe(Instant, NumberSink& sink) const;
  // What was measured was no usual answer: begin anew.
  void forget() { *this = Latency(); }

  bool measured() const { return measured_; }
  // Expected milliseconds for work of this size on an idle deployment.
  double expected_ttft_ms(Work work) const;
  double expected_total_ms(Work work) const;
  double ttft_average_ms() const { return ttft_.value(); }
  double total_average_ms() const { return total_.value(); }
  Instant total_average_at() const { return total_.last(); }
  double ttft_p50_ms() const { return ttft_p50_; }
  double ttft_p95_ms() const { return ttft_p95_; }
  double total_p50_ms() const { return total_p50_; }
  double total_p95_ms() const { return total_p95_; }
  const Sketch& ttft_sketch() const { return ttft_sketch_; }
  const Sketch& total_sketch() const { return total_sketch_; }

 private:
  PeakAverage ttft_{defaults::kPriorTtftMs};
  PeakAverage total_{defaults::kPriorTotalMs};
  Sketch ttft_sketch_, total_sketch_;
  // Quantiles are read at every decision and change at every outcome, so they are kept.
  double ttft_p50_ = defaults::kPriorTtftMs, ttft_p95_ = 2 * defaults::kPriorTtftMs;
  double total_p50_ = defaults::kPriorTotalMs, total_p95_ = 2 * defaults::kPriorTotalMs;
  bool measured_ = false;
};

}  // namespace llmroute::health
