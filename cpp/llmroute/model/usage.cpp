#include "llmroute/model/usage.h"

#include <algorithm>

namespace llmroute {

namespace {

Usd priced(Tokens tokens, double usd_per_million) {
  return usd(static_cast<double>(tokens.count) * usd_per_million / 1e6);
}

}  // namespace

Cost cost_of(const Usage& usage, const Price& price) {
  // Embeddings have no output, so nobody names a price of it.
  if (!price.input_usd_per_million) return {};
  if (!price.output_usd_per_million && usage.output.count > 0) return {};
  const double input_price = *price.input_usd_per_million;
  // Some providers report more cached tokens than input; the rest must not become a credit.
  const Tokens cached = std::min(usage.cached_input, usage.input);
  const Tokens written = std::min(usage.cache_write, usage.input - cached);
  const Tokens plain = usage.input - cached - written;
  Cost cost;
  cost.kind = usage.reported ? CostKind::exact : CostKind::estimated;
  cost.usd = priced(plain, input_price) +
             priced(cached, price.cached_input_usd_per_million.value_or(input_price)) +
             priced(written, price.cache_write_usd_per_million.value_or(input_price)) +
             priced(usage.output, price.output_usd_per_million.value_or(0));
  return cost;
}

Cost operator+(const Cost& a, const Cost& b) { return {a.usd + b.usd, std::max(a.kind, b.kind)}; }

}  // namespace llmroute
