// score: several things weighed against each other.
//
//   score = sum over the terms of weight x value
//   value = (x - min) / (max - min) over the candidates; all equal: 0; unknown: 1, the worst
//
//   cost            USD of this request, what is warm credited
//   latency         milliseconds to the whole answer, as least_latency expects it
//   headroom        share used up of the limit nearest to its end: the configuration's for the
//                   deployment or its provider, and what the provider announces; unknown: 0
//   carbon          grams of CO2 of this request: energy per token x the grid's intensity in the
//                   region. Where not every candidate's energy is known, the intensity alone for all
//                   (carbon_intensity, g/kWh)
//   quality         1 - quality for the request's task (metadata.task, else "default")
//   load            (attempts in flight + 1) x penalty / weight
//   region_latency  milliseconds from the caller's region by the table [regions], 0 within one.
//                   Where not every candidate's is known, the measured time to the first token for
//                   all (first_token)
//
// A term has one unit for all candidates of a decision: what is not comparable is not compared. Equal
// scores go to the smaller load. Without data: load. Knobs: a weight per term, 0 to 1000, default 0;
// all 0: cost and latency half and half. `headroom`, `carbon`, `quality` and `region_latency` are
// policies of that term alone.
#include <array>
#include <cmath>
#include <limits>

#include "llmroute/limits/ledger.h"
#include "llmroute/policy/builtin.h"

namespace llmroute::policy {

namespace {

constexpr double kUnknown = std::numeric_limits<double>::quiet_NaN();

struct Weighed {
  Term term;
  double weight;
};
using Weights = std::vector<Weighed>;

class Score final : public Policy {
 public:
  explicit Score(Weights weights) : weights_(std::move(weights)) {}

  void rank(const RankContext& context, std::span<Ranked> candidates) override {
    for (Ranked& c : candidates) {
      c.score = 0;
      c.tie = load_of(context, c) + context.random.unit();
    }
    for (const Weighed& weighed : weights_) {
      const Term term = measure(weighed.term, context, candidates);
      add(term, weighed.weight, context, candidates);
    }
    order_by_score(candidates);
  }

 private:
  // Fills raw_; gives the term that it is in the end.
  Term measure(Term term, const RankContext& context, std::span<const Ranked> candidates);
  template <class F>
  bool fill(std::span<const Ranked> candidates, F&& of) {  // true where all are known
    raw_.clear();
    bool all = true;
    for (const Ranked& c : candidates) {
      raw_.push_back(of(c));
      all = all && !std::isnan(raw_.back());
    }
    return all;
  }

  void add(Term term, double weight, const RankContext& context, std::span<Ranked> candidates) {
    double least = std::numeric_limits<double>::infinity(), most = -least;
    for (const double raw : raw_) {
      if (std::isnan(raw)) continue;
      least = std::min(least, raw);
      most = std::max(most, raw);
    }
    for (std::size_t i = 0; i < candidates.size(); ++i) {
      const double raw = raw_[i];
      const double value = std::isnan(raw) ? 1.0
                           : most > least  ? (raw - least) / (most - least)
                                           : 0;
      candidates[i].score += weight * value;
      if (context.terms == nullptr) continue;
      context.terms->push_back({candidates[i].record, term, static_cast<float>(raw),
                                static_cast<float>(value), static_cast<float>(weight)});
    }
  }

  const Weights weights_;
  std::vector<double> raw_;  // scratch, by candidate
};

double used(const RankContext& context, DeploymentIndex d) {
  const double announced = context.board.at(d).get<health::RateLimits>().used(context.now);
  if (context.ledger == nullptr) return announced;
  return std::max(announced, context.ledger->used(d, context.now));
}

double intensity(const RankContext& context, DeploymentIndex d) {
  const auto& regions = context.inventory.regions;
  const auto found = regions.find(context.inventory.deployments[d].region);
  return found == regions.end() ? kUnknown : found->second.carbon_g_per_kwh.value_or(kUnknown);
}

double grams(const RankContext& context, DeploymentIndex d) {
  const auto& energy = context.inventory.deployments[d].wh_per_thousand_tokens;
  if (!energy) return kUnknown;
  const auto tokens = static_cast<double>(context.facts.prompt_tokens.count +
                                          context.facts.expected_output().count);
  const double kwh = tokens * 1e-3 * *energy * 1e-3;
  return kwh * intensity(context, d);
}

double lack_of_quality(const RankContext& context, std::string_view task, DeploymentIndex d) {
  const auto& quality = context.inventory.deployments[d].quality;
  auto found = task.empty() ? quality.end() : quality.find(task);
  if (found == quality.end()) found = quality.find("default");
  return found == quality.end() ? kUnknown : 1.0 - found->second;
}

double table_ms(const RankContext& context, DeploymentIndex d) {
  const std::string& there = context.inventory.deployments[d].region;
  if (context.request == nullptr) return kUnknown;
  const std::string& here = context.request->options.region;
  if (there.empty() || here.empty()) return kUnknown;
  const auto& regions = context.inventory.regions;
  const auto look = [&regions](const std::string& from, const std::string& to) {
    const auto region = regions.find(from);
    if (region == regions.end()) return kUnknown;
    const auto ms = region->second.latency_ms.find(to);
    return ms == region->second.latency_ms.end() ? kUnknown : ms->second;
  };
  const double ms = look(there, here);
  if (!std::isnan(ms)) return ms;
  return there == here ? 0.0 : look(here, there);
}

double first_token_ms(const RankContext& context, DeploymentIndex d) {
  const health::Hot& hot = context.board.hot(d);
  return hot.measured ? hot.ttft_average_ms : kUnknown;
}

Term Score::measure(Term term, const RankContext& context, std::span<const Ranked> candidates) {
  const auto each = [&](auto&& of) {
    return fill(candidates, [&](const Ranked& c) { return of(context, c.deployment); });
  };
  switch (term) {
    case Term::cost: fill(candidates, [](const Ranked& c) { return c.usd; }); break;
    case Term::latency: {
      const ExpectedLatency expected(context, candidates);
      fill(candidates, [&](const Ranked& c) { return expected.ms(c); });
      break;
    }
    case Term::headroom: each(used); break;
    case Term::carbon: {
      const auto& deployments = context.inventory.deployments;
      const bool energies = std::all_of(candidates.begin(), candidates.end(), [&](const Ranked& c) {
        return deployments[c.deployment].wh_per_thousand_tokens.has_value();
      });
      if (!energies) {
        each(intensity);
        return Term::carbon_intensity;
      }
      each(grams);
      break;
    }
    case Term::quality: {
      const std::string_view task = context.request == nullptr
                                        ? std::string_view()
                                        : find_metadata(context.request->options.metadata, "task");
      fill(candidates,
           [&](const Ranked& c) { return lack_of_quality(context, task, c.deployment); });
      break;
    }
    case Term::load: fill(candidates, [&](const Ranked& c) { return load_of(context, c); }); break;
    case Term::region_latency:
      if (!each(table_ms)) {
        each(first_token_ms);
        return Term::first_token;
      }
      break;
    case Term::carbon_intensity:
    case Term::first_token: break;  // only what becomes of others
  }
  return term;
}

std::unique_ptr<Policy> alone(Term term) { return std::make_unique<Score>(Weights{{term, 1.0}}); }

}  // namespace

std::unique_ptr<Policy> make_score(const Group&, const PolicyOptions& options) {
  Weights weights;
  for (const Term term : {Term::cost, Term::latency, Term::headroom, Term::carbon, Term::quality,
                          Term::load, Term::region_latency}) {
    const double weight = option_or(options, slug(term), 0);
    if (weight > 0) weights.push_back({term, weight});
  }
  if (weights.empty()) weights = {{Term::cost, 0.5}, {Term::latency, 0.5}};
  return std::make_unique<Score>(std::move(weights));
}

std::unique_ptr<Policy> make_headroom(const Group&, const PolicyOptions&) {
  return alone(Term::headroom);
}
std::unique_ptr<Policy> make_carbon(const Group&, const PolicyOptions&) {
  return alone(Term::carbon);
}
std::unique_ptr<Policy> make_quality(const Group&, const PolicyOptions&) {
  return alone(Term::quality);
}
std::unique_ptr<Policy> make_region_latency(const Group&, const PolicyOptions&) {
  return alone(Term::region_latency);
}

}  // namespace llmroute::policy
