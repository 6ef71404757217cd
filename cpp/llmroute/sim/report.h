// What came of a simulation: a row per request, as columns, and its summary.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "llmroute/model/decision.h"

namespace llmroute::sim {

// Parallel vectors, by request in the order of submission.
struct Columns {
  std::vector<double> at_ms;             // submission, since the start
  std::vector<std::uint8_t> ok;          // 1: answered
  std::vector<std::int32_t> deployment;  // that answered; -1: none
  std::vector<std::int32_t> first;       // of the first attempt; -1: none
  std::vector<std::uint8_t> first_ok;    // 1: the first attempt answered
  std::vector<std::int32_t> attempts;
  std::vector<std::uint8_t> hedges;
  std::vector<double> ttft_ms;      // until the first content, from submission; not-a-number: none
  std::vector<double> total_ms;     // until the end, from submission
  std::vector<double> cost_usd;     // not-a-number: unknown
  std::vector<std::uint8_t> error;  // index in ErrorKind where ok is 0

  void resize(std::size_t rows);
  std::size_t size() const { return at_ms.size(); }
  void set(std::size_t row, const Decision& decision);
};

struct Report {
  Columns columns;
  std::vector<std::string> deployments;  // names of the indices
};

// {"requests", "failures", "failures_by_kind", "attempts", "amplification", "hedges", "ttft_ms" and
// "total_ms" as {"p50", "p95", "p99", "mean"}, "cost_usd" (null where a part is unknown), "known_cost_usd", "unknown_costs", "deployments": {name:
// {"answered", "share", "first_attempts", "first_failures"}}, "batches": [...]}. A batch is a
// twentieth of the requests in a row: {"requests", "failures", "total_ms_mean", "ttft_ms_mean",
// "cost_usd", "attempts"}.
std::string summary_json(const Report& report);

}  // namespace llmroute::sim
