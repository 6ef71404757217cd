// Requests with their times, as columns: from a log, or made by a seeded generator.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "llmroute/base/enum.h"
#include "llmroute/base/error.h"
#include "llmroute/base/time.h"

namespace llmroute {

LLMROUTE_ENUM(Arrivals, poisson, constant);

}  // namespace llmroute

namespace llmroute::sim {

struct TrafficRow {
  Duration at = Duration::zero();  // since the start; rows are in order of it
  std::uint32_t model = 0;         // index in Traffic::models
  std::int32_t prompt_tokens = 0;
  std::int32_t output_tokens = 0;  // what the answer really has
};

struct Traffic {
  std::vector<std::string> models;
  std::vector<TrafficRow> rows;
  bool stream = true;
  std::optional<Duration> deadline;  // of every request
};

// Makes traffic from {"requests": n, "rate_per_second": r, ...}; docs/simulation.md lists the keys.
// The same seed makes the same traffic. ErrorKind::config for what is wrong.
Result<Traffic> make_traffic(std::string_view json, std::uint64_t seed);

}  // namespace llmroute::sim
