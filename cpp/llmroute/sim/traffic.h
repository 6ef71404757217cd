// Requests with their times, as columns: from a log, or made by a seeded generator.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "llmroute/base/enum.h"
#include "llmroute/base/error.h"
#include "llmroute/base/time.h"
#include "llmroute/model/request.h"

namespace llmroute {

LLMROUTE_ENUM(Arrivals, poisson, constant);

}  // namespace llmroute

namespace llmroute::sim {

struct TrafficRow {
  Duration at = Duration::zero();  // since the start; rows are in order of it
  std::uint32_t model = 0;         // index in Traffic::models
  std::int32_t prompt_tokens = 0;
  std::int32_t output_tokens = 0;      // what the answer has, unless it is cut at the most
  std::int32_t max_output_tokens = 0;  // what the request says; 0: nothing
  std::uint32_t labels = 0;            // index in Traffic::labels
  std::uint32_t conversation = 0;      // its number from 1; 0: none
  std::uint32_t turn = 1;              // of the conversation
  std::int32_t known_tokens = 0;       // of the prompt: that of the turn before
  Priority priority = kStandard;

  std::int32_t answer_tokens() const {
    return max_output_tokens > 0 ? std::min(output_tokens, max_output_tokens) : output_tokens;
  }
};

// 2026-01-01T00:00:00Z
inline constexpr WallTime kTrafficStart{seconds(1'767'225'600)};

struct Traffic {
  std::vector<std::string> models;
  std::vector<Metadata> labels = {{}};  // metadata of requests, each set once
  std::vector<TrafficRow> rows;
  bool stream = true;
  std::optional<Duration> deadline;  // of every request
  WallTime start = kTrafficStart;    // what the clock on the wall shows then
};

// A date with or without time, in UTC: 2026-03-29, 2026-03-29T01:30, 2026-03-29T01:30:00Z.
std::optional<WallTime> start_from(std::string_view text);

// Makes traffic from {"requests": n, "rate_per_second": r, ...}; docs/simulation.md lists the keys.
// The same seed makes the same traffic. ErrorKind::config for what is wrong.
Result<Traffic> make_traffic(std::string_view json, std::uint64_t seed);

}  // namespace llmroute::sim
