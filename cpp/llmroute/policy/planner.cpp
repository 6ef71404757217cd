#include "llmroute/policy/planner.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "llmroute/policy/fence.h"

namespace llmroute::policy {

namespace {

constexpr float kNoScore = std::numeric_limits<float>::quiet_NaN();

void fill(CandidateRecord& record, DeploymentIndex deployment, GroupIndex group,
          const health::Hot& hot, double usd) {
  record.deployment = deployment;
  record.group = group;
  record.score = kNoScore;
  record.ttft_p50_ms = hot.ttft_p50_ms;
  record.ttft_p95_ms = hot.ttft_p95_ms;
  record.in_flight = hot.in_flight;
  record.measured = hot.measured;
  record.estimated_usd = usd;
}

// What a cached input token costs less than another; 0 where that is not known.
double saving_of(const Price& price) {
  if (!price.input_usd_per_million || !price.cached_input_usd_per_million) return 0;
  return std::max(0.0, *price.input_usd_per_million - *price.cached_input_usd_per_million) * 1e-6;
}

void append(GroupIndex group, CandidateRecord& record, std::uint32_t index,
            std::vector<PlanStep>& steps) {
  record.rank = static_cast<std::int16_t>(steps.size());
  steps.push_back({record.deployment, group, index});
}

bool excludes(const RequestOptions& options, const std::string& name) {
  return std::find(options.exclude.begin(), options.exclude.end(), name) != options.exclude.end();
}

bool stopped_by_breaker(Reason reason) {
  return reason == Reason::breaker_open || reason == Reason::breaker_probing;
}

Result<std::unique_ptr<Policy>> make_policy(const Group& group, const std::string& name,
                                            const std::map<std::string, double>& options) {
  const PolicyEntry* entry = find_policy(name);
  if (entry == nullptr) {
    return make_error(ErrorKind::config, "unknown policy \"" + name + "\"",
                      "groups." + group.name + ".policy");
  }
  return entry->make(group, options);
}

}  // namespace

void order_by_score(std::span<Ranked> candidates) {
  struct Best {
    double score, tie;
    std::size_t at;
    bool before(const Best& other) const {
      return score != other.score ? score < other.score : tie < other.tie;
    }
  };
  std::array<Best, kExactlyRanked> best;  // so far, in order
  std::size_t found = 0;
  for (std::size_t i = 0; i < candidates.size(); ++i) {
    const Ranked& c = candidates[i];
    // Not-a-number must not break the ordering: an unknown score goes last.
    const double score = std::isnan(c.score) ? std::numeric_limits<double>::infinity() : c.score;
    const Best next{score, c.tie, i};
    if (found == best.size() && !next.before(best.back())) continue;
    std::size_t place = found < best.size() ? found++ : best.size() - 1;
    for (; place > 0 && next.before(best[place - 1]); --place) best[place] = best[place - 1];
    best[place] = next;
  }
  for (std::size_t i = 0; i < found; ++i) {
    std::swap(candidates[i], candidates[best[i].at]);
    for (std::size_t j = i + 1; j < found; ++j) {
      if (best[j].at == i) best[j].at = best[i].at;  // it has just been moved there
    }
  }
}

Result<void> Planner::configure(InventoryPtr inventory) {
  std::vector<std::unique_ptr<Policy>> by_group;
  by_group.reserve(inventory->groups.size());
  for (const Group& group : inventory->groups) {
    const PolicySpec& spec = group.policy;
    auto made = spec.python ? make_policy(group, spec.stand_in, {})
                            : make_policy(group, spec.name, spec.options);
    if (!made) return made.error();
    by_group.push_back(std::move(*made));
  }
  std::vector<std::unique_ptr<Policy>> observers(inventory->groups.size());
  for (std::size_t i = 0; i < observers.size(); ++i) {
    const Group& group = inventory->groups[i];
    if (!group.observe) continue;
    auto made = make_policy(group, group.observe->name, group.observe->options);
    if (!made) return made.error();
    observers[i] = std::move(*made);
  }
  const auto learns = [](const std::unique_ptr<Policy>& policy) {
    return policy != nullptr && policy->learns();
  };
  overrides_ = any_learns_ ? hand_over(*inventory, by_group, observers) : Overrides{};
  by_group_ = std::move(by_group);
  observers_ = std::move(observers);
  any_learns_ = !overrides_.empty() || std::any_of(by_group_.begin(), by_group_.end(), learns) ||
                std::any_of(observers_.begin(), observers_.end(), learns);
  fitness_.clear();
  savings_.clear();
  for (const Deployment& d : inventory->deployments) {
    fitness_.push_back(fitness_of(d));
    savings_.push_back(saving_of(d.price));
  }
  places_.clear();
  for (const Group& group : inventory->groups) {
    std::vector<Place>& places = places_.emplace_back();
    for (const Member& member : group.members) {
      const auto weight = static_cast<float>(member.weight);
      places.push_back({member.deployment, weight, 1.0F / weight, member.priorities});
    }
  }
  seen_.assign(inventory->deployments.size(), 0);
  ranked_.reserve(inventory->deployments.size());
  inventory_ = std::move(inventory);
  return {};
}

AffinityRecord Planner::plan(GroupIndex group, const ChatRequest& request,
                             const health::Board& board, Instant now, Random& random,
                             std::vector<CandidateRecord>& records, std::vector<PlanStep>& steps,
                             const cache::Preference& preference, int utc_minute) {
  utc_minute_ = utc_minute;
  terms_.clear();
  observed_.clear();
  mark_seen(records);
  consider(group, request, board, now, preference, records);
  if (request.options.order && follow_order(request.options, records)) {
    for (const Ranked& r : ranked_) append(group, records[r.record], r.record, steps);
  } else {
    rank_kept(group, request, board, now, random, records, steps);
  }
  for (const GroupIndex fallback : behind(group, request.options)) {
    consider(fallback, request, board, now, preference, records);
    rank_kept(fallback, request, board, now, random, records, steps);
  }
  if (steps.empty()) rescue_last(board, now, records, steps);
  if (!preference.any()) return {};
  return stay(request, board, now, preference, records, steps);
}

void Planner::extend(GroupIndex group, const ChatRequest& request, const health::Board& board,
                     Instant now, Random& random, std::vector<CandidateRecord>& records,
                     std::vector<PlanStep>& steps, const cache::Preference& preference,
                     int utc_minute) {
  utc_minute_ = utc_minute;
  terms_.clear();
  observed_.clear();
  mark_seen(records);
  consider(group, request, board, now, preference, records);
  rank_kept(group, request, board, now, random, records, steps);
}

std::span<const GroupIndex> Planner::behind(GroupIndex group, const RequestOptions& options) {
  if (!options.fallbacks) return inventory_->groups[group].fallbacks;
  listed_.clear();
  for (const std::string& name : *options.fallbacks) {
    // Each was known when the request came in.
    if (const auto found = inventory_->find_group(name)) listed_.push_back(*found);
  }
  return listed_;
}

void Planner::mark_seen(const std::vector<CandidateRecord>& records) {
  ++stamp_;
  for (const CandidateRecord& r : records) {
    if (r.reason == Reason::kept) seen_[r.deployment] = stamp_;
  }
}

void Planner::consider(GroupIndex group, const ChatRequest& request, const health::Board& board,
                       Instant now, const cache::Preference& preference,
                       std::vector<CandidateRecord>& records) {
  ranked_.clear();
  const Demand demand(request.facts, request.options.headers);
  const std::span<const Place> places = places_[group];
  records.reserve(records.size() + places.size());
  // What does not change goes into locals: a store into a record could else be one into a member.
  const std::span<const Fitness> fitness = fitness_;
  const std::span<std::uint32_t> seen = seen_;
  const Ruling* const ruling = ruling_of(request);
  const bool fenced = ruling != nullptr && !ruling->constraints.empty();
  const bool choosy = !request.options.exclude.empty() || preference.bound;
  const std::uint32_t stamp = stamp_;
  const Priority priority = request.options.priority;
  for (const Place& place : places) {
    const DeploymentIndex d = place.deployment;
    if (seen[d] == stamp) continue;
    const bool barred = place.priorities.any() && !place.priorities.test(priority);
    if (!barred) seen[d] = stamp;  // else another group may still have it for all
    const health::Hot& hot = board.hot(d);
    const double usd = fitness[d].plain_price ? demand.usd(fitness[d], hot.token_ratio)
                                              : expected_usd(inventory_->deployments[d].price,
                                                             request.facts, hot, utc_minute_);
    CandidateRecord& record = records.emplace_back();
    fill(record, d, group, hot, usd);
    const bool doubtful = choosy || !demand.fits(fitness[d], hot.token_ratio);
    health::Admission verdict;
    if (fenced) verdict = breach_of(*ruling, request.facts, d, usd);
    if (verdict.reason != Reason::kept) {
      // The end of it: nothing else is looked at.
    } else if (barred) {
      verdict = {Reason::priority_not_served, static_cast<float>(priority), 0};
    } else if (doubtful) {
      verdict = judge(d, request, preference, hot.token_ratio);
    }
    if (verdict.reason == Reason::kept) verdict = board.check_lacks(d, now, request.facts);
    if (verdict.reason == Reason::kept) verdict = board.admit(d, now);
    if (verdict.reason != Reason::kept) {
      record.reason = verdict.reason;
      record.a = verdict.a;
      record.b = verdict.b;
      continue;
    }
    Ranked& ranked = ranked_.emplace_back();
    ranked.deployment = d;
    ranked.record = static_cast<std::uint32_t>(records.size() - 1);
    const auto penalty = static_cast<float>(board.penalty(d, now));
    ranked.weight = penalty > 1 ? place.weight / penalty : place.weight;
    ranked.load_factor = penalty > 1 ? place.load_factor * penalty : place.load_factor;
    ranked.usd = static_cast<float>(usd);
  }
  if (!preference.warm.empty()) credit(preference, board, records);
}

// The slow way, for those that the caller excludes, that lack something or do not hold something.
health::Admission Planner::judge(DeploymentIndex d, const ChatRequest& request,
                                 const cache::Preference& preference, float token_ratio) const {
  const RequestOptions& options = request.options;
  const auto& deployments = inventory_->deployments;
  if (excludes(options, deployments[d].name)) return {Reason::excluded, 0, 0};
  if (preference.bound && d != *preference.bound &&
      !cache::same_account(deployments[d], deployments[*preference.bound])) {
    return {Reason::bound_elsewhere, 0, 0};
  }
  return check_fit(request.facts, options, fitness_[d], token_ratio);
}

void Planner::credit(const cache::Preference& preference, const health::Board& board,
                     std::vector<CandidateRecord>& records) {
  for (Ranked& ranked : ranked_) {
    const auto warm = static_cast<double>(scaled(preference.warm_at(ranked.deployment).count,
                                                 board.hot(ranked.deployment).token_ratio));
    double& usd = records[ranked.record].estimated_usd;
    usd -= warm * savings_[ranked.deployment];
    ranked.usd = static_cast<float>(usd);
  }
}

AffinityRecord Planner::stay(const ChatRequest& request, const health::Board& board, Instant now,
                             const cache::Preference& preference,
                             std::vector<CandidateRecord>& records, std::vector<PlanStep>& steps) {
  const auto record = [&preference](AffinityKind kind, DeploymentIndex d) {
    return AffinityRecord{kind, d, preference.warm_at(d)};
  };
  const auto& held = preference.conversation;
  const bool wanted = held && !request.options.order && board.trusted(*held, now);
  const auto found = std::find_if(steps.begin(), steps.end(), [&](const PlanStep& step) {
    return wanted && step.deployment == *held;
  });
  if (found != steps.end()) {
    std::rotate(steps.begin(), found, found + 1);
    for (std::size_t i = 0; i < steps.size(); ++i) {
      records[steps[i].record].rank = static_cast<std::int16_t>(i);
    }
  }
  if (preference.bound) return record(AffinityKind::bound, *preference.bound);
  if (found != steps.end()) return record(AffinityKind::conversation, *held);
  if (steps.empty() || preference.warm_at(steps[0].deployment).count == 0) return {};
  return record(AffinityKind::prefix, steps[0].deployment);
}

void Planner::rank_kept(GroupIndex group, const ChatRequest& request, const health::Board& board,
                        Instant now, Random& random, std::vector<CandidateRecord>& records,
                        std::vector<PlanStep>& steps) {
  if (ranked_.empty()) return;
  const RankContext context{*inventory_, board,    request.facts, now,
                            random,      &request, &terms_,       ledger_};
  if (observers_[group]) observe(group, context);
  policy_for(group, request).rank(context, ranked_);
  for (const Ranked& r : ranked_) {
    CandidateRecord& record = records[r.record];
    record.score = static_cast<float>(r.score);
    record.probability = r.probability;
    append(group, record, r.record, steps);
  }
}

// Puts `ranked_` into the order a Python policy chose. False where none of its names is there any
// more (health may have changed since it looked): the built-in decides then.
bool Planner::follow_order(const RequestOptions& options, std::vector<CandidateRecord>& records) {
  std::size_t placed = 0;
  for (const std::string& name : *options.order) {
    const auto wanted = inventory_->find_deployment(name);
    const auto found =
        std::find_if(ranked_.begin() + static_cast<std::ptrdiff_t>(placed), ranked_.end(),
                     [&](const Ranked& r) { return wanted && r.deployment == *wanted; });
    if (found == ranked_.end()) continue;
    std::rotate(ranked_.begin() + static_cast<std::ptrdiff_t>(placed), found, found + 1);
    ++placed;
  }
  if (placed == 0) return false;
  for (std::size_t i = placed; i < ranked_.size(); ++i) {
    records[ranked_[i].record].reason = Reason::not_in_order;
  }
  ranked_.resize(placed);
  return true;
}

void Planner::rescue_last(const health::Board& board, Instant now,
                          std::vector<CandidateRecord>& records, std::vector<PlanStep>& steps) {
  CandidateRecord* best = nullptr;
  for (CandidateRecord& record : records) {
    if (!stopped_by_breaker(record.reason)) continue;
    // The one that may be tried again soonest; the first of equals, so that it can be repeated.
    if (best == nullptr ||
        board.next_change(record.deployment, now) < board.next_change(best->deployment, now)) {
      best = &record;
    }
  }
  if (best == nullptr) return;
  const health::Admission verdict = board.admit_last(best->deployment, now);
  best->last_usable = true;
  best->reason = verdict.reason;
  best->a = verdict.a;
  best->b = verdict.b;
  if (verdict.reason != Reason::kept) return;
  append(best->group, *best, static_cast<std::uint32_t>(best - records.data()), steps);
}

// Before the policy itself, on a copy of the candidates and of the generator: it changes nothing.
void Planner::observe(GroupIndex group, const RankContext& context) {
  watched_ = ranked_;
  Random random = context.random;
  const RankContext aside{context.inventory, context.board, context.facts, context.now, random,
                          context.request,   nullptr,       context.ledger};
  observers_[group]->rank(aside, watched_);
  observed_.push_back({inventory_->groups[group].observe->name, watched_.front().deployment});
}

const Ruling* Planner::ruling_of(const ChatRequest& request) const {
  const Ruling* ruling = request.ruling.get();
  return ruling != nullptr && ruling->inventory == inventory_ ? ruling : nullptr;
}

Policy& Planner::policy_for(GroupIndex group, const ChatRequest& request) {
  const auto& named = request.options.policy;
  const Ruling* ruling = ruling_of(request);
  const PolicyEntry* entry = named ? find_policy(*named) : nullptr;
  if (entry != nullptr) {
    auto& made = overrides_[{group, *named}];
    if (!made) made = entry->make(inventory_->groups[group], {});
    any_learns_ = any_learns_ || made->learns();
    return *made;
  }
  if (ruling == nullptr || ruling->policy == nullptr) return *by_group_[group];
  // The names of policies hold no such sign.
  auto& made = overrides_[{group, "#" + std::to_string(ruling->policy_rule)}];
  if (!made) {
    made =
        find_policy(ruling->policy->name)->make(inventory_->groups[group], ruling->policy->options);
    any_learns_ = any_learns_ || made->learns();
  }
  return *made;
}

}  // namespace llmroute::policy
