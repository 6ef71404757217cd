#include "llmroute/sim/measures.h"

#include <limits>

namespace llmroute::sim {

namespace {

constexpr double kUnknown = std::numeric_limits<double>::quiet_NaN();

}  // namespace

Measures::Measures(const World& world, const std::vector<Deployment>& deployments) {
  models_.reserve(deployments.size());
  for (const Deployment& deployment : deployments) models_.push_back(&world.of(deployment.name));
}

double Measures::quality(const Decision& decision, std::string_view task) const {
  if (decision.status != DecisionStatus::ok || !decision.chosen) return kUnknown;
  return models_[*decision.chosen]->quality_of(task).value_or(kUnknown);
}

double Measures::carbon_g(const Decision& decision) const {
  double grams = 0;
  for (const AttemptRecord& attempt : decision.attempts) {
    const Usage& usage = attempt.outcome.usage;
    const std::int64_t tokens = usage.input.count + usage.output.count;
    if (tokens == 0) continue;
    const auto rate = models_[attempt.deployment]->grams_co2_per_1k_tokens;
    grams += rate.value_or(kUnknown) * static_cast<double>(tokens) / 1'000;
  }
  return grams;
}

}  // namespace llmroute::sim
