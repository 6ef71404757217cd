// What a server says of how busy it is.
#pragma once

#include <array>
#include <cmath>
#include <optional>
#include <string>

#include "llmroute/base/enum.h"
#include "llmroute/base/time.h"
#include "llmroute/model/defaults.h"

namespace llmroute {

LLMROUTE_ENUM(LoadGauge,
              queue,               // requests that wait there for a place
              running,             // requests that it works on
              kv_cache,            // share of its key-value cache in use, 0 to 1
              utilisation,         // share of its processor in use, 0 to 1
              tokens_per_second);  // that it generates

// Absent: unknown, never 0.
struct LoadReading {
  std::array<std::optional<double>, slugs<LoadGauge>().size()> values{};

  std::optional<double>& operator[](LoadGauge gauge) {
    return values[static_cast<std::size_t>(gauge)];
  }
  const std::optional<double>& operator[](LoadGauge gauge) const {
    return values[static_cast<std::size_t>(gauge)];
  }
  bool any() const {
    for (const auto& value : values) {
      if (value) return true;
    }
    return false;
  }
};

// A number that this gauge can have: finite, not negative, a share at most 1.
inline bool plausible(LoadGauge gauge, double value) {
  const bool share = gauge == LoadGauge::kv_cache || gauge == LoadGauge::utilisation;
  return std::isfinite(value) && value >= 0 && value <= (share ? 1.0 : 1e9);
}

// Where a deployment's load is read, [deployments.NAME.load].
struct LoadSpec {
  std::string metrics;  // URL of Prometheus text
  Duration every = defaults::kLoadEvery;
  // By gauge: the metric that has it, `name` or `name{label="value"}`; empty: those that are known.
  std::array<std::string, slugs<LoadGauge>().size()> names{};
};

}  // namespace llmroute
