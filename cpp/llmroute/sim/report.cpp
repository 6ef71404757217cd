#include "llmroute/sim/report.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "llmroute/wire/json.h"

namespace llmroute::sim {

namespace {

using wire::JsonWriter;

constexpr std::size_t kBatches = 20;

double share(double part, double whole) { return whole > 0 ? part / whole : 0; }

// Nearest rank; not-a-number where there is nothing. Reorders.
double percentile(std::vector<double>& values, double q) {
  if (values.empty()) return std::numeric_limits<double>::quiet_NaN();
  const auto rank = static_cast<std::ptrdiff_t>(
      std::max(std::ceil(q * static_cast<double>(values.size())), 1.0) - 1);
  std::nth_element(values.begin(), values.begin() + rank, values.end());
  return values[static_cast<std::size_t>(rank)];
}

double mean(const std::vector<double>& values) {
  double sum = 0;
  for (const double value : values) sum += value;
  return values.empty() ? std::numeric_limits<double>::quiet_NaN()
                        : sum / static_cast<double>(values.size());
}

// Of answered requests in [begin, end) that have such a number.
std::vector<double> answered(const Columns& c, const std::vector<double>& column, std::size_t begin,
                             std::size_t end) {
  std::vector<double> values;
  values.reserve(end - begin);
  for (std::size_t i = begin; i < end; ++i) {
    if (c.ok[i] != 0 && !std::isnan(column[i])) values.push_back(column[i]);
  }
  return values;
}

void write_times(JsonWriter& w, std::string_view name, std::vector<double> values) {
  const double average = mean(values);
  w.key(name).begin_object();
  w.key("p50").number(percentile(values, 0.50)).key("p95").number(percentile(values, 0.95));
  w.key("p99").number(percentile(values, 0.99)).key("mean").number(average).end_object();
}

struct Totals {
  std::int64_t requests = 0, failures = 0, attempts = 0, hedges = 0, unknown_costs = 0;
  double known_usd = 0;
  // Not-a-number where a part is unknown: a sum is only as good as its worst part.
  double cost_usd() const {
    return unknown_costs > 0 ? std::numeric_limits<double>::quiet_NaN() : known_usd;
  }
};

Totals totals_of(const Columns& c, std::size_t begin, std::size_t end) {
  Totals t;
  t.requests = static_cast<std::int64_t>(end - begin);
  for (std::size_t i = begin; i < end; ++i) {
    t.failures += c.ok[i] == 0 ? 1 : 0;
    t.attempts += c.attempts[i];
    t.hedges += c.hedges[i];
    if (std::isnan(c.cost_usd[i])) {
      ++t.unknown_costs;
    } else {
      t.known_usd += c.cost_usd[i];
    }
  }
  return t;
}

void write_failures(JsonWriter& w, const Columns& c) {
  std::vector<std::int64_t> counts(slugs<ErrorKind>().size());
  for (std::size_t i = 0; i < c.size(); ++i) {
    if (c.ok[i] == 0) ++counts[c.error[i]];
  }
  w.key("failures_by_kind").begin_object();
  for (std::size_t kind = 0; kind < counts.size(); ++kind) {
    if (counts[kind] > 0) w.key(slugs<ErrorKind>()[kind]).integer(counts[kind]);
  }
  w.end_object();
}

void write_deployments(JsonWriter& w, const Report& report) {
  struct Tally {
    std::int64_t answered = 0, first = 0, first_failed = 0;
  };
  std::vector<Tally> tallies(report.deployments.size());
  const Columns& c = report.columns;
  std::int64_t all = 0;
  for (std::size_t i = 0; i < c.size(); ++i) {
    if (c.deployment[i] >= 0) {
      ++tallies[static_cast<std::size_t>(c.deployment[i])].answered;
      ++all;
    }
    if (c.first[i] < 0) continue;
    Tally& tally = tallies[static_cast<std::size_t>(c.first[i])];
    ++tally.first;
    tally.first_failed += c.first_ok[i] == 0 ? 1 : 0;
  }
  w.key("deployments").begin_object();
  for (std::size_t d = 0; d < tallies.size(); ++d) {
    const Tally& tally = tallies[d];
    w.key(report.deployments[d]).begin_object();
    w.key("answered").integer(tally.answered);
    w.key("share").number(share(static_cast<double>(tally.answered), static_cast<double>(all)));
    w.key("first_attempts").integer(tally.first);
    w.key("first_failures").integer(tally.first_failed).end_object();
  }
  w.end_object();
}

void write_batches(JsonWriter& w, const Columns& c) {
  w.key("batches").begin_array();
  for (std::size_t batch = 0; batch < kBatches; ++batch) {
    const std::size_t begin = c.size() * batch / kBatches;
    const std::size_t end = c.size() * (batch + 1) / kBatches;
    if (begin == end) continue;
    const Totals t = totals_of(c, begin, end);
    w.begin_object().key("requests").integer(t.requests).key("failures").integer(t.failures);
    w.key("attempts").integer(t.attempts).key("cost_usd").number(t.cost_usd());
    w.key("ttft_ms_mean").number(mean(answered(c, c.ttft_ms, begin, end)));
    w.key("total_ms_mean").number(mean(answered(c, c.total_ms, begin, end))).end_object();
  }
  w.end_array();
}

}  // namespace

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
}

void Columns::set(std::size_t row, const Decision& decision) {
  ok[row] = decision.status == DecisionStatus::ok ? 1 : 0;
  if (decision.failure) error[row] = static_cast<std::uint8_t>(decision.failure->kind);
  attempts[row] = static_cast<std::int32_t>(decision.attempts.size());
  total_ms[row] = to_ms(decision.total);
  if (decision.cost.kind != CostKind::unknown) cost_usd[row] = decision.cost.usd.value();
  if (decision.chosen) deployment[row] = static_cast<std::int32_t>(*decision.chosen);
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

std::string summary_json(const Report& report) {
  const Columns& c = report.columns;
  const Totals t = totals_of(c, 0, c.size());
  std::string out;
  JsonWriter w(out);
  w.begin_object().key("requests").integer(t.requests).key("failures").integer(t.failures);
  write_failures(w, c);
  w.key("attempts").integer(t.attempts);
  w.key("amplification")
      .number(share(static_cast<double>(t.attempts), static_cast<double>(t.requests)));
  w.key("hedges").integer(t.hedges);
  write_times(w, "ttft_ms", answered(c, c.ttft_ms, 0, c.size()));
  write_times(w, "total_ms", answered(c, c.total_ms, 0, c.size()));
  w.key("cost_usd").number(t.cost_usd()).key("known_cost_usd").number(t.known_usd);
  w.key("unknown_costs").integer(t.unknown_costs);
  write_deployments(w, report);
  write_batches(w, c);
  w.end_object();
  return out;
}

}  // namespace llmroute::sim
