#include "llmroute/engine/billing.h"

#include <algorithm>
#include <optional>

namespace llmroute::engine {

namespace {

// What may have to be paid for; nothing for a refusal or an error.
std::optional<Usage> billed_usage(const Outcome& outcome, Tokens prompt) {
  const Usage& said = outcome.usage;
  const bool counted = said.reported && (said.input.count > 0 || said.output.count > 0);
  if (outcome.ok() || outcome.content_started || counted) return said;
  const bool may_be_billed = outcome.cancelled || (outcome.failure && outcome.failure->ambiguous);
  if (!may_be_billed) return std::nullopt;
  Usage usage;
  usage.input = std::max(said.input, prompt);
  usage.output = said.output;
  return usage;
}

}  // namespace

Cost attempt_cost(const Outcome& outcome, const Deployment& deployment, const Facts& facts,
                  const Charge& charge) {
  if (deployment.price.usd_per_hour) return cost_of({}, deployment.price, charge);
  const auto usage = billed_usage(outcome, facts.prompt_tokens);
  return usage ? cost_of(*usage, deployment.price, charge) : Cost{Usd{}, CostKind::exact};
}

Tokens billed_tokens(const Outcome& outcome, Tokens prompt) {
  const auto usage = billed_usage(outcome, prompt);
  return usage ? usage->input + usage->output : Tokens{};
}

std::optional<Usd> most_cost(const Usage& usage, const Price& price, ServiceTier tier) {
  if (!price.input_usd_per_million) return std::nullopt;
  if (!price.output_usd_per_million && usage.output.count > 0) return std::nullopt;
  const auto most_at = [&](int utc_minute) {
    Price dearest;
    static_cast<Rates&>(dearest) = rates_of(price, usage.input, {tier, utc_minute, {}});
    const auto raise = [&](RateField to, RateField other) {
      if (dearest.*other > dearest.*to) dearest.*to = dearest.*other;  // nothing is least
    };
    raise(&Rates::input_usd_per_million, &Rates::cache_write_usd_per_million);
    raise(&Rates::input_usd_per_million, &Rates::cache_write_hour_usd_per_million);
    raise(&Rates::output_usd_per_million, &Rates::reasoning_usd_per_million);
    return cost_of(usage, dearest).usd;
  };
  Usd most = most_at(Charge::kSomeTime);
  for (const PriceWindow& window : price.windows) {
    most = std::max(most, most_at(window.from_minute));
  }
  return most;
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
