// Pages of metrics and the selectors of a configuration: bounded, and readings within their ranges.
#include "llmroute/wire/prometheus.h"
#include "tests/fuzz/fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace llmroute::fuzz;
  Choices choices(data, size);
  const auto selector = llmroute::wire::read_selector(choices.take(choices.below(48)));
  if (selector) MUST_HOLD(!selector->name.empty());
  const std::string_view text = choices.rest();
  llmroute::wire::PrometheusReader reader(text);
  std::size_t samples = 0;
  while (const auto sample = reader.next()) {
    MUST_HOLD(!sample->name.empty());
    MUST_HOLD(++samples <= text.size());
    llmroute::wire::label_of(sample->labels, "model");
    if (selector && selector->matches(*sample)) MUST_HOLD(selector->name == sample->name);
  }
  return 0;
}
