// How many tokens a deployment's model counts in prompts for each that was estimated (analysis/tokens.h).
// Unit: tokens per estimated token.
//
//   ratio = sum of reported / sum of estimated tokens, both decaying by kKeep per answer
//
// so long prompts weigh more, which cost more. One answer counts as at most four times what was
// estimated, or a quarter, since an image can be anything. Answers without usage do not count.
// Without data, or fewer than kTokenRatioAnswers: 1. Never outside 0.5 to 2.
#pragma once

#include "llmroute/health/signal.h"

namespace llmroute::health {

class TokenRatio : public Signal {
 public:
  void on_outcome(Instant, const Outcome& outcome, Work work);
  void describe(Instant, NumberSink& sink) const;

  double ratio() const;

 private:
  double reported_ = 0, estimated_ = 0;
  int answers_ = 0;
};

}  // namespace llmroute::health
