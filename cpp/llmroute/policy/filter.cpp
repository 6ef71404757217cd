#include "llmroute/policy/filter.h"

#include <limits>

#include "llmroute/provider/shapes.h"

namespace llmroute::policy {

namespace {

constexpr double kPerMillion = 1e-6;

template <std::size_t N>
std::size_t first_set(const std::bitset<N>& bits) {
  std::size_t i = 0;
  while (i < N && !bits.test(i)) ++i;
  return i;
}

}  // namespace

Fitness fitness_of(const Deployment& deployment) {
  constexpr double kUnknown = std::numeric_limits<double>::quiet_NaN();
  const Price& price = deployment.price;
  Fitness fitness;
  fitness.unsupported = deployment.unsupported;
  fitness.unsupported.reset(static_cast<std::size_t>(Parameter::beta_headers));
  fitness.forward_headers = &deployment.forward_headers;
  fitness.lacks = deployment.lacks;
  for (const Shape shape : {Shape::messages, Shape::responses}) {
    if (provider::dialect_of(shape) == deployment.dialect) fitness.shape = shape;
  }
  fitness.embedding_model = embedding_id(deployment);
  fitness.context_tokens = deployment.context_tokens.value_or(Tokens{}).count;
  fitness.max_output_tokens = deployment.max_output_tokens.value_or(Tokens{}).count;
  fitness.input_usd = price.input_usd_per_million.value_or(kUnknown) * kPerMillion;
  fitness.output_usd = price.output_usd_per_million.value_or(kUnknown) * kPerMillion;
  fitness.plain_price = price.plain();
  return fitness;
}

double expected_usd(const Price& price, const Facts& facts, const health::Hot& hot,
                    int utc_minute) {
  Charge charge{facts.service_tier, utc_minute, {}};
  if (price.usd_per_hour) {
    const double ms = hot.total_average_ms * health::total_work({{}, facts.expected_output()});
    charge.busy_hours = ms / 3.6e6 / (hot.in_flight + 1.0);
  }
  Usage usage;
  usage.input.count = scaled(facts.prompt_tokens.count, hot.token_ratio);
  usage.output = facts.expected_output();
  const Cost cost = cost_of(usage, price, charge);
  return cost.kind == CostKind::unknown ? std::numeric_limits<double>::quiet_NaN()
                                        : cost.usd.value();
}

health::Admission check_fit(const Facts& facts, const RequestOptions& options,
                            const Fitness& fitness, float token_ratio) {
  const CapabilitySet missing = facts.needs & fitness.lacks;
  if (missing.any()) {
    return {reason_of(static_cast<Capability>(first_set(missing))), 0, 0};
  }
  if (facts.embedding_model != 0 && facts.embedding_model != fitness.embedding_model) {
    return {Reason::embedding_model_differs, 0, 0};
  }
  const ParameterSet unsupported = facts.parameters & fitness.unsupported;
  if (unsupported.any() && !options.drop_unsupported && !as_it_came(facts.shape, fitness)) {
    return {Reason::parameter_not_supported, static_cast<float>(first_set(unsupported)), 0};
  }
  // A body may go as it came; the list says which of the headers beside it go with it.
  if (!options.drop_unsupported && !lets_betas_pass(*fitness.forward_headers, options.headers)) {
    return {Reason::parameter_not_supported, static_cast<float>(Parameter::beta_headers), 0};
  }
  const std::int64_t asked = facts.max_output_tokens.value_or(Tokens{}).count;
  if (fitness.max_output_tokens > 0 && asked > fitness.max_output_tokens) {
    return {Reason::output_too_short, static_cast<float>(asked),
            static_cast<float>(fitness.max_output_tokens)};
  }
  const std::int64_t needed = scaled(facts.prompt_tokens.count, token_ratio) + asked;
  if (fitness.context_tokens > 0 && needed > fitness.context_tokens) {
    return {Reason::context_too_short, static_cast<float>(needed),
            static_cast<float>(fitness.context_tokens)};
  }
  return {};
}

}  // namespace llmroute::policy
