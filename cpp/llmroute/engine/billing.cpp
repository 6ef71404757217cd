#include "llmroute/engine/billing.h"

#include <algorithm>

namespace llmroute::engine {

Cost attempt_cost(const Outcome& outcome, const Deployment& deployment, const Facts& facts) {
  const Usage& said = outcome.usage;
  const bool counted = said.reported && (said.input.count > 0 || said.output.count > 0);
  if (outcome.ok() || outcome.content_started || counted) return cost_of(said, deployment.price);
  const bool may_be_billed = outcome.cancelled || (outcome.failure && outcome.failure->ambiguous);
  if (!may_be_billed) return Cost{Usd{}, CostKind::exact};
  Usage usage;
  usage.input = std::max(said.input, facts.prompt_tokens);
  usage.output = said.output;
  return cost_of(usage, deployment.price);
}

Usage usage_when_stopped(const Facts& facts, Duration since_content) {
  Usage usage;
  usage.input = facts.prompt_tokens;
  const auto tokens = static_cast<std::int64_t>(to_ms(since_content) / defaults::kPriorMsPerToken);
  usage.output.count =
      std::clamp(tokens, std::int64_t{1}, std::max(std::int64_t{1}, facts.expected_output().count));
  return usage;
}

}  // namespace llmroute::engine
