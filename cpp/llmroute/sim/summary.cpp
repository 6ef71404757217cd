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

// Members of an object.
void write_times(JsonWriter& w, std::vector<double> values) {
  const double average = mean(values);
  w.key("p50").number(percentile(values, 0.50)).key("p95").number(percentile(values, 0.95));
  w.key("p99").number(percentile(values, 0.99)).key("mean").number(average);
}

// A sum is only as good as its worst part.
struct Sum {
  double known = 0;
  std::int64_t unknown = 0;
  void add(double value) {
    if (std::isnan(value)) {
      ++unknown;
    } else {
      known += value;
    }
  }
  // Not-a-number where a part is unknown.
  double whole() const { return unknown > 0 ? std::numeric_limits<double>::quiet_NaN() : known; }
};

struct Totals {
  std::int64_t requests = 0, failures = 0, attempts = 0, hedges = 0;
  Sum usd, carbon_g;
};

Totals totals_of(const Columns& c, std::size_t begin, std::size_t end) {
  Totals t;
  t.requests = static_cast<std::int64_t>(end - begin);
  for (std::size_t i = begin; i < end; ++i) {
    t.failures += c.ok[i] == 0 ? 1 : 0;
    t.attempts += c.attempts[i];
    t.hedges += c.hedges[i];
    t.usd.add(c.cost_usd[i]);
    t.carbon_g.add(c.carbon_g[i]);
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

void write_queued(JsonWriter& w, const Columns& c) {
  std::vector<double> values;
  for (const double queued : c.queued_ms) {
    if (queued > 0) values.push_back(queued);
  }
  w.key("queued_ms").begin_object();
  w.key("requests").integer(static_cast<std::int64_t>(values.size()));
  write_times(w, std::move(values));
  w.end_object();
}

void write_sum(JsonWriter& w, std::string_view name, const Sum& sum) {
  w.key(name).number(sum.whole()).key("known_" + std::string(name)).number(sum.known);
}

// Requests of one kind: a tenant, a class.
struct Share {
  std::int64_t requests = 0, tokens = 0;
  std::vector<double> total_ms;  // of those that were answered
};

// `which` gives the kind of a request; -1: none.
template <class Which>
std::vector<Share> shares_of(const Columns& c, std::size_t kinds, Which which) {
  std::vector<Share> shares(kinds);
  for (std::size_t i = 0; i < c.size(); ++i) {
    const auto kind = which(i);
    if (kind < 0 || static_cast<std::size_t>(kind) >= kinds) continue;
    Share& of = shares[static_cast<std::size_t>(kind)];
    ++of.requests;
    if (c.ok[i] == 0) continue;
    of.tokens += std::int64_t{c.input_tokens[i]} + c.output_tokens[i];
    of.total_ms.push_back(c.total_ms[i]);
  }
  return shares;
}

void write_share(JsonWriter& w, Share& of, std::int64_t all_tokens) {
  w.begin_object().key("requests").integer(of.requests);
  w.key("answered").integer(static_cast<std::int64_t>(of.total_ms.size()));
  w.key("tokens").integer(of.tokens);
  w.key("share").number(share(static_cast<double>(of.tokens), static_cast<double>(all_tokens)));
  w.key("total_ms_p95").number(percentile(of.total_ms, 0.95)).end_object();
}

std::int64_t tokens_of(const std::vector<Share>& shares) {
  std::int64_t all = 0;
  for (const Share& of : shares) all += of.tokens;
  return all;
}

void write_tenants(JsonWriter& w, const Report& report) {
  std::vector<Share> shares = shares_of(report.columns, report.tenants.size(),
                                        [&](std::size_t i) { return report.columns.tenant[i]; });
  std::vector<std::size_t> most(shares.size());
  for (std::size_t i = 0; i < most.size(); ++i) most[i] = i;
  std::stable_sort(most.begin(), most.end(), [&](std::size_t a, std::size_t b) {
    return shares[a].tokens > shares[b].tokens;
  });
  if (most.size() > kMostTenants) most.resize(kMostTenants);
  std::sort(most.begin(), most.end());
  const std::int64_t all = tokens_of(shares);
  w.key("tenants").begin_object();
  for (const std::size_t tenant : most) {
    w.key(report.tenants[tenant]);
    write_share(w, shares[tenant], all);
  }
  w.end_object();
  w.key("more_tenants").integer(static_cast<std::int64_t>(shares.size() - most.size()));
}

void write_priorities(JsonWriter& w, const Columns& c) {
  std::vector<Share> shares =
      shares_of(c, kPriorities, [&](std::size_t i) { return int{c.priority[i]}; });
  const std::int64_t all = tokens_of(shares);
  w.key("priorities").begin_object();
  for (std::size_t priority = 0; priority < shares.size(); ++priority) {
    if (shares[priority].requests == 0) continue;
    w.key(priority_word(static_cast<Priority>(priority)));
    write_share(w, shares[priority], all);
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
    w.key("attempts").integer(t.attempts).key("cost_usd").number(t.usd.whole());
    w.key("carbon_g").number(t.carbon_g.whole());
    w.key("quality_mean").number(mean(answered(c, c.quality, begin, end)));
    w.key("ttft_ms_mean").number(mean(answered(c, c.ttft_ms, begin, end)));
    w.key("total_ms_mean").number(mean(answered(c, c.total_ms, begin, end))).end_object();
  }
  w.end_array();
}

}  // namespace

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
  w.key("ttft_ms").begin_object();
  write_times(w, answered(c, c.ttft_ms, 0, c.size()));
  w.end_object().key("total_ms").begin_object();
  write_times(w, answered(c, c.total_ms, 0, c.size()));
  w.end_object();
  write_queued(w, c);
  write_sum(w, "cost_usd", t.usd);
  w.key("unknown_costs").integer(t.usd.unknown);
  write_sum(w, "carbon_g", t.carbon_g);
  w.key("unknown_carbon").integer(t.carbon_g.unknown);
  const std::vector<double> quality = answered(c, c.quality, 0, c.size());
  w.key("quality").number(mean(quality));
  w.key("known_quality").integer(static_cast<std::int64_t>(quality.size()));
  write_deployments(w, report);
  write_tenants(w, report);
  write_priorities(w, c);
  write_batches(w, c);
  w.key("experiments").raw(report.experiments);
  w.key("left_in_flight").integer(static_cast<std::int64_t>(report.left_in_flight));
  w.key("left_waiting").integer(static_cast<std::int64_t>(report.left_waiting));
  w.end_object();
  return out;
}

}  // namespace llmroute::sim
