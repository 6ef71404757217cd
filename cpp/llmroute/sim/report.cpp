#include "llmroute/sim/report.h"

#include <limits>

namespace llmroute::sim {

void Columns::resize(std::size_t rows) {
  constexpr double kNone = std::numeric_limits<double>::quiet_NaN();
  at_ms.resize(rows);
  ok.resize(rows);
  deployment.resize(rows, -1);
  first.resize(rows, -1);
  first_ok.resize(rows);
  attempts.resize(rows);
  hedges.resize(rows);
  ttft_ms.resize(rows, kNone);
  total_ms.resize(rows, kNone);
  cost_usd.resize(rows, kNone);
  error.resize(rows);
  tenant.resize(rows, -1);
  priority.resize(rows, kStandard);
  queued_ms.resize(rows);
  cache.resize(rows);
  input_tokens.resize(rows);
  output_tokens.resize(rows);
  quality.resize(rows, kNone);
  carbon_g.resize(rows, kNone);
}

void Columns::set(std::size_t row, const Decision& decision) {
  ok[row] = decision.status == DecisionStatus::ok ? 1 : 0;
  if (decision.failure) error[row] = static_cast<std::uint8_t>(decision.failure->kind);
  attempts[row] = static_cast<std::int32_t>(decision.attempts.size());
  total_ms[row] = to_ms(decision.total);
  if (decision.cost.kind != CostKind::unknown) cost_usd[row] = decision.cost.usd.value();
  if (decision.chosen) deployment[row] = static_cast<std::int32_t>(*decision.chosen);
  queued_ms[row] = to_ms(decision.queued);
  cache[row] = static_cast<std::uint8_t>(decision.cache.status);
  input_tokens[row] = static_cast<std::int32_t>(decision.usage.input.count);
  output_tokens[row] = static_cast<std::int32_t>(decision.usage.output.count);
  for (const AttemptRecord& attempt : decision.attempts) {
    hedges[row] = static_cast<std::uint8_t>(hedges[row] + (attempt.hedge ? 1 : 0));
    if (attempt.outcome.ok() && attempt.outcome.ttft) {
      ttft_ms[row] = to_ms(attempt.started + *attempt.outcome.ttft);
    }
  }
  if (decision.attempts.empty()) return;
  first[row] = static_cast<std::int32_t>(decision.attempts.front().deployment);
  first_ok[row] = decision.attempts.front().outcome.ok() ? 1 : 0;
}

}  // namespace llmroute::sim
