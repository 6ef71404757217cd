// Prometheus text (exposition format 0.0.4, and OpenMetrics as far as samples go), read line by line.
//
// Views into the text that was given; nothing is allocated or copied but for selectors. A line that is
// not understood is skipped: the page of a stranger is good for what can be read of it.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace llmroute::wire {

struct PrometheusSample {
  std::string_view name;
  std::string_view labels;  // between the braces, as they came; empty: none
  double value = 0;         // may be infinite or not-a-number
};

class PrometheusReader {
 public:
  explicit PrometheusReader(std::string_view text) : rest_(text) {}

  // The next sample, or nothing at the end. Timestamps and exemplars are left out.
  std::optional<PrometheusSample> next();
  std::size_t skipped() const { return skipped_; }  // lines that were not understood

 private:
  std::string_view rest_;
  std::size_t skipped_ = 0;
};

// The value of a label, escapes resolved; nothing where it is not there.
std::optional<std::string> label_of(std::string_view labels, std::string_view name);

// `name` or `name{label="value",other="value"}`: samples of that name which have these labels, with
// others beside them.
struct MetricSelector {
  std::string name;
  std::vector<std::pair<std::string, std::string>> labels;

  bool matches(const PrometheusSample& sample) const;
};
// Nothing for a text that is no such thing.
std::optional<MetricSelector> read_selector(std::string_view text);

}  // namespace llmroute::wire
