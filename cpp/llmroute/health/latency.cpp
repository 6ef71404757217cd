#include "llmroute/health/latency.h"

#include <algorithm>
#include <cmath>

namespace llmroute::health {

double ttft_work(Work work) { return 1.0 + static_cast<double>(work.input.count) / 4000.0; }

double total_work(Work work) {
  constexpr double kFixed = 20.0;
  return (kFixed + static_cast<double>(work.output.count)) /
         (kFixed + static_cast<double>(defaults::kGuessedOutputTokens));
}

void PeakAverage::add(Instant now, double sample) {
  if (!measured_ || sample >= value_) {
    value_ = sample;
  } else {
    const double passed = to_ms(now > last_ ? now - last_ : Duration::zero());
    const double keep = std::exp(-passed / to_ms(defaults::kLatencyDecay));
    // A burst of quick samples within one tick still moves the average a little.
    const double weight = std::min(keep, 0.95);
    value_ = value_ * weight + sample * (1.0 - weight);
  }
  measured_ = true;
  last_ = now;
}

void Latency::on_first_content(Instant now, Duration ttft, Work work) {
  if (work.cold_ms > 0) return;
  const double ms = to_ms(ttft);
  ttft_.add(now, ms / ttft_work(work));
  ttft_sketch_.add(ms);
  ttft_p50_ = ttft_sketch_.quantile(0.50);
  ttft_p95_ = ttft_sketch_.quantile(0.95);
  measured_ = true;
}

void Latency::on_outcome(Instant now, const Outcome& outcome, Work work) {
  if (!outcome.ok() || work.cold_ms > 0) return;
  const double ms = to_ms(outcome.total);
  // The provider's own count where it gave one: the estimate may be far off.
  if (outcome.usage.reported) work.output = outcome.usage.output;
  total_.add(now, ms / total_work(work));
  total_sketch_.add(ms);
  total_p50_ = total_sketch_.quantile(0.50);
  total_p95_ = total_sketch_.quantile(0.95);
  measured_ = true;
}

double Latency::expected_ttft_ms(Work work) const { return ttft_.value() * ttft_work(work); }
double Latency::expected_total_ms(Work work) const { return total_.value() * total_work(work); }

void Latency::describe(Instant, NumberSink& sink) const {
  sink.number("ttft_p50_ms", ttft_p50_);
  sink.number("ttft_p95_ms", ttft_p95_);
  sink.number("total_p50_ms", total_p50_);
  sink.number("total_p95_ms", total_p95_);
  sink.number("ttft_average_ms", ttft_.value());
  sink.number("total_average_ms", total_.value());
  sink.number("latency_measured", measured_ ? 1 : 0);
}

}  // namespace llmroute::health
