#include "llmroute/health/token_ratio.h"

#include <algorithm>

#include "llmroute/model/defaults.h"

namespace llmroute::health {

namespace {

constexpr double kKeep = 0.98;  // half of what is known is from the last 34 answers
constexpr double kMostOfOne = 4.0;
constexpr double kLeast = 0.5, kMost = 2.0;

}  // namespace

void TokenRatio::on_outcome(Instant, const Outcome& outcome, Work work) {
  if (!outcome.ok() || !outcome.usage.reported || outcome.usage.input.count <= 0) return;
  if (work.input.count <= 0) return;
  const auto estimated = static_cast<double>(work.input.count);
  const double reported = std::clamp(static_cast<double>(outcome.usage.input.count),
                                     estimated / kMostOfOne, estimated * kMostOfOne);
  estimated_ = estimated_ * kKeep + estimated;
  reported_ = reported_ * kKeep + reported;
  answers_ = std::min(answers_ + 1, defaults::kTokenRatioAnswers);
}

double TokenRatio::ratio() const {
  if (answers_ < defaults::kTokenRatioAnswers) return 1.0;
  return std::clamp(reported_ / estimated_, kLeast, kMost);
}

void TokenRatio::describe(Instant, NumberSink& sink) const { sink.number("token_ratio", ratio()); }

}  // namespace llmroute::health
