// least_latency: where the answer is expected soonest.
//
//   score = (expected milliseconds + expected cold start)
//           x (attempts in flight + 1) x penalty / weight x (1 + jitter x u)
//
// Expected milliseconds are the deployment's peak EWMA of total time per unit of work, times the work
// of this request (see health/latency.h), so long requests do not make a deployment look slow. An
// average that no answer has renewed is believed less and less: it fades by 1 / (1 + t + t^2 / 2), t
// in time constants since the last answer (close to e^-t), down to a little more than the quickest
// average. So one that was slow is asked again when the others are busy, and not before. The expected
// cold start is how likely the deployment is cold after it was idle, times what that has taken so far
// (health/cold_start.h); 0 where none was seen. The in-flight term keeps callers from meeting at the
// quickest one, and u, uniform in [0, 1), parts near-ties: plain greedy latency is unstable. A member
// without data is taken to be as quick as the quickest measured one while it is idle, so it gets its
// chance, and to have the prior when it is not. Knobs: jitter, 0 to 1, default 0.1. Source: Finagle's
// peak EWMA balancer.
#include <algorithm>
#include <limits>

#include "llmroute/model/defaults.h"
#include "llmroute/policy/builtin.h"

namespace llmroute::policy {

namespace {

constexpr double kStillWorse = 1.25;  // times the quickest: more than the usual jitter

double faded(const health::Hot& hot, Instant now, double quickest) {
  const double floor = kStillWorse * quickest;
  if (!hot.measured || hot.total_average_ms <= floor) return hot.total_average_ms;
  constexpr double kPerConstant =
      1.0 / static_cast<double>(Duration(defaults::kLatencyDecay).count());
  const double t = static_cast<double>((now - hot.total_average_at).count()) * kPerConstant;
  return std::max(hot.total_average_ms / (1.0 + t + t * t / 2), floor);
}

// Everything by value: a score that is written could else be one of its inputs.
inline double answer_ms(const RankContext& context, const Ranked& c, double work, double quickest) {
  const health::Hot& hot = context.board.hot(c.deployment);
  const bool try_it = !hot.measured && hot.in_flight == 0;
  const double average =
      try_it ? std::min(quickest, hot.total_average_ms) : faded(hot, context.now, quickest);
  const double cold = context.board.cold_extra_ms(c.deployment, context.now);
  return (average * work + cold) * load_of(context, c);
}

}  // namespace

ExpectedLatency::ExpectedLatency(const RankContext& context, std::span<const Ranked> candidates)
    : context_(context),
      work_(health::total_work({context.facts.prompt_tokens, context.facts.expected_output()})),
      quickest_(std::numeric_limits<double>::infinity()) {
  for (const Ranked& c : candidates) {
    const health::Hot& hot = context.board.hot(c.deployment);
    if (hot.measured) quickest_ = std::min(quickest_, hot.total_average_ms);
  }
}

double ExpectedLatency::ms(const Ranked& candidate) const {
  return answer_ms(context_, candidate, work_, quickest_);
}

namespace {

class LeastLatency final : public Policy {
 public:
  explicit LeastLatency(double jitter) : jitter_(jitter) {}

  void rank(const RankContext& context, std::span<Ranked> candidates) override {
    const ExpectedLatency expected(context, candidates);
    const double work = expected.work(), quickest = expected.quickest();
    for (Ranked& c : candidates) {
      c.score = answer_ms(context, c, work, quickest) * (1.0 + jitter_ * context.random.unit());
      c.tie = static_cast<double>(c.record);
    }
    order_by_score(candidates);
  }

 private:
  double jitter_;
};

}  // namespace

std::unique_ptr<Policy> make_least_latency(const Group&, const PolicyOptions& options) {
  return std::make_unique<LeastLatency>(option_or(options, "jitter", 0.1));
}

}  // namespace llmroute::policy
