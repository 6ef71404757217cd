#include "llmroute/policy/planner.h"

#include <algorithm>
#include <cmath>
#include <limits>

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
  const auto better = [](const Ranked& a, const Ranked& b) {
    // Not-a-number must not break the ordering: an unknown score goes last.
    const double x = std::isnan(a.score) ? std::numeric_limits<double>::infinity() : a.score;
    const double y = std::isnan(b.score) ? std::numeric_limits<double>::infinity() : b.score;
    return x != y ? x < y : a.tie < b.tie;
  };
  const std::size_t exact = std::min(kExactlyRanked, candidates.size());
  std::partial_sort(candidates.begin(), candidates.begin() + static_cast<std::ptrdiff_t>(exact),
                    candidates.end(), better);
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
  by_group_ = std::move(by_group);
  overrides_.clear();
  fitness_.clear();
  for (const Deployment& d : inventory->deployments) fitness_.push_back(fitness_of(d));
  seen_.assign(inventory->deployments.size(), 0);
  ranked_.reserve(inventory->deployments.size());
  inventory_ = std::move(inventory);
  return {};
}

void Planner::plan(GroupIndex group, const ChatRequest& request, const health::Board& board,
                   Instant now, Random& random, std::vector<CandidateRecord>& records,
                   std::vector<PlanStep>& steps) {
  mark_seen(records);
  consider(group, request, board, now, records);
  if (request.options.order && follow_order(request.options, records)) {
    for (const Ranked& r : ranked_) steps.push_back({r.deployment, group, r.record});
  } else {
    rank_kept(group, request, board, now, random, records, steps);
  }
  for (GroupIndex fallback : inventory_->groups[group].fallbacks) {
    consider(fallback, request, board, now, records);
    rank_kept(fallback, request, board, now, random, records, steps);
  }
  if (steps.empty()) rescue_last(board, now, records, steps);
  for (std::size_t i = 0; i < steps.size(); ++i) {
    records[steps[i].record].rank = static_cast<std::int16_t>(i);
  }
}

void Planner::extend(GroupIndex group, const ChatRequest& request, const health::Board& board,
                     Instant now, Random& random, std::vector<CandidateRecord>& records,
                     std::vector<PlanStep>& steps) {
  mark_seen(records);
  const std::size_t before = steps.size();
  consider(group, request, board, now, records);
  rank_kept(group, request, board, now, random, records, steps);
  for (std::size_t i = before; i < steps.size(); ++i) {
    records[steps[i].record].rank = static_cast<std::int16_t>(i);
  }
}

void Planner::mark_seen(const std::vector<CandidateRecord>& records) {
  ++stamp_;
  for (const CandidateRecord& r : records) {
    if (r.reason == Reason::kept) seen_[r.deployment] = stamp_;
  }
}

void Planner::consider(GroupIndex group, const ChatRequest& request, const health::Board& board,
                       Instant now, std::vector<CandidateRecord>& records) {
  ranked_.clear();
  const Facts& facts = request.facts;
  const Amount amount(facts);
  const std::vector<Member>& members = inventory_->groups[group].members;
  records.reserve(records.size() + members.size());
  for (const Member& member : members) {
    const DeploymentIndex d = member.deployment;
    if (seen_[d] == stamp_) continue;
    seen_[d] = stamp_;
    const Fitness& fitness = fitness_[d];
    const double usd = estimate_usd(amount, fitness);
    CandidateRecord& record = records.emplace_back();
    fill(record, d, group, board.hot(d), usd);
    const health::Admission verdict = judge(d, request, board, now);
    if (verdict.reason != Reason::kept) {
      record.reason = verdict.reason;
      record.a = verdict.a;
      record.b = verdict.b;
      continue;
    }
    Ranked& ranked = ranked_.emplace_back();
    ranked.deployment = d;
    ranked.record = static_cast<std::uint32_t>(records.size() - 1);
    const double penalty = board.penalty(d, now);
    ranked.weight = penalty > 1.0 ? member.weight / penalty : member.weight;
    ranked.load_factor = ranked.weight == 1.0 ? 1.0 : 1.0 / ranked.weight;
    ranked.usd = usd;
  }
}

inline health::Admission Planner::judge(DeploymentIndex d, const ChatRequest& request,
                                        const health::Board& board, Instant now) const {
  const RequestOptions& options = request.options;
  if (!options.exclude.empty() && excludes(options, inventory_->deployments[d].name)) {
    return {Reason::excluded, 0, 0};
  }
  if (!fits(request.facts, fitness_[d])) {
    const auto verdict = check_fit(request.facts, options.drop_unsupported, fitness_[d]);
    if (verdict.reason != Reason::kept) return verdict;
  }
  return board.admit(d, now);
}

void Planner::rank_kept(GroupIndex group, const ChatRequest& request, const health::Board& board,
                        Instant now, Random& random, std::vector<CandidateRecord>& records,
                        std::vector<PlanStep>& steps) {
  if (ranked_.empty()) return;
  const RankContext context{*inventory_, board, request.facts, now, random};
  policy_for(group, request.options).rank(context, ranked_);
  for (const Ranked& r : ranked_) {
    steps.push_back({r.deployment, group, r.record});
    records[r.record].score = static_cast<float>(r.score);
    records[r.record].probability = static_cast<float>(r.probability);
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
  steps.push_back(
      {best->deployment, best->group, static_cast<std::uint32_t>(best - records.data())});
}

Policy& Planner::policy_for(GroupIndex group, const RequestOptions& options) {
  if (!options.policy || find_policy(*options.policy) == nullptr) return *by_group_[group];
  auto& made = overrides_[{group, *options.policy}];
  if (!made) made = find_policy(*options.policy)->make(inventory_->groups[group], {});
  return *made;
}

}  // namespace llmroute::policy
