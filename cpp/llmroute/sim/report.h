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
  std::vector<double> ttft_ms;       // until the first content, from submission; not-a-number: none
  std::vector<double> total_ms;      // until the end, from submission
  std::vector<double> cost_usd;      // not-a-number: unknown
  std::vector<std::uint8_t> error;   // index in ErrorKind where ok is 0
  std::vector<std::int32_t> tenant;  // index in Report::tenants; -1: none
  std::vector<std::uint8_t> priority;
  std::vector<double> queued_ms;            // spent in line
  std::vector<std::uint8_t> cache;          // index in CacheStatus
  std::vector<std::int32_t> input_tokens;   // of what was answered
  std::vector<std::int32_t> output_tokens;  // the same
  std::vector<double> quality;              // of the answer; not-a-number: unknown, or none
  std::vector<double> carbon_g;             // of all attempts; not-a-number: unknown

  void resize(std::size_t rows);
  std::size_t size() const { return at_ms.size(); }
  void set(std::size_t row, const Decision& decision);
};

struct Report {
  Columns columns;
  std::vector<std::string> deployments;  // names of the indices
  std::vector<std::string> tenants;      // the same
  // What the simulation left behind, 0 where all is well: requests and attempts that never ended, and
  // places in line.
  std::size_t left_in_flight = 0, left_waiting = 0;
  std::string experiments = "{}";  // as engine::Experiments::json() has it at the end
};

// {"requests", "failures", "failures_by_kind", "attempts", "amplification", "hedges",
// "ttft_ms" and "total_ms" as {"p50", "p95", "p99", "mean"}, "queued_ms" (the same of the "requests"
// that stood in line), "cost_usd" (null where a part is unknown), "known_cost_usd", "unknown_costs",
// "carbon_g", "known_carbon_g", "unknown_carbon" (the same), "quality" (mean of the "known_quality"
// answers of which it is known), "deployments": {name: {"answered", "share", "first_attempts",
// "first_failures"}}, "tenants": {name: {"requests", "answered", "tokens", "share", "total_ms_p95"}},
// "more_tenants", "priorities": {word: {...}}, "batches": [...], "experiments" (what arms have seen),
// "left_in_flight", "left_waiting"}.
//
// Of tenants those with the most tokens, at most kMostTenants, in the order of Report::tenants. A batch
// is a twentieth of the requests in a row: {"requests", "failures", "total_ms_mean", "ttft_ms_mean",
// "cost_usd", "attempts", "carbon_g", "quality_mean"}.
std::string summary_json(const Report& report);
inline constexpr std::size_t kMostTenants = 100;

}  // namespace llmroute::sim
