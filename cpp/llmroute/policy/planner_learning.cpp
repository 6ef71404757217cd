// What ended requests teach the policies, and what of it outlives a configuration.
#include <algorithm>

#include "llmroute/policy/moves.h"
#include "llmroute/policy/planner.h"

namespace llmroute::policy {

namespace {

// Whether the deployment answered; nothing where it is not to blame, or was not heard out.
std::optional<bool> verdict_of(const AttemptRecord& attempt) {
  const Outcome& outcome = attempt.outcome;
  if (!attempt.finished || outcome.cancelled) return std::nullopt;
  if (!outcome.failure) return true;
  const Fault fault = fault_of(outcome.failure->kind);
  if (fault == Fault::deployment || fault == Fault::key) return false;
  return std::nullopt;
}

std::optional<GroupIndex> group_of(const Decision& decision, DeploymentIndex deployment) {
  const auto& records = decision.candidates;
  const auto found = std::find_if(records.begin(), records.end(), [&](const CandidateRecord& c) {
    return c.deployment == deployment && c.rank >= 0;
  });
  if (found != records.end()) return found->group;
  const auto reserve = std::find_if(records.begin(), records.end(), [&](const CandidateRecord& c) {
    return c.deployment == deployment;
  });
  return reserve == records.end() ? std::nullopt : std::optional(reserve->group);
}

void pass_on(const std::unique_ptr<Policy>& from, const std::unique_ptr<Policy>& to,
             std::span<const std::optional<DeploymentIndex>> now_at) {
  if (from && to && from->learns() && to->learns()) to->take_over(*from, now_at);
}

}  // namespace

RequestTraits traits_of(const Facts& facts) {
  const auto needs = [&facts](Capability capability) {
    return facts.needs.test(static_cast<std::size_t>(capability));
  };
  return {facts.prompt_tokens, needs(Capability::tools),
          facts.images > 0 || needs(Capability::vision)};
}

void Planner::learn(const Decision& decision) {
  if (!any_learns_ || !decision.inventory) return;
  const Inventory& theirs = *decision.inventory;
  for (const AttemptRecord& attempt : decision.attempts) {
    Lesson lesson;
    lesson.answered = verdict_of(attempt);
    const auto asked = group_of(decision, attempt.deployment);
    if (!lesson.answered || !asked) continue;
    const auto group = group_there(theirs, *asked, *inventory_);
    const auto deployment = deployment_there(theirs, attempt.deployment, *inventory_);
    if (!group || !deployment) continue;
    lesson.deployment = *deployment;
    lesson.request = traits_of(decision.facts);
    lesson.total_ms = to_ms(attempt.outcome.total);
    if (attempt.cost.kind != CostKind::unknown) lesson.usd = attempt.cost.usd.value();
    learn(*group, lesson);
  }
}

void Planner::learn(GroupIndex group, const Lesson& lesson) {
  if (!any_learns_ || group >= by_group_.size()) return;
  by_group_[group]->learn(lesson);
  if (observers_[group]) observers_[group]->learn(lesson);
  for (auto it = overrides_.lower_bound({group, {}});
       it != overrides_.end() && it->first.first == group; ++it) {
    it->second->learn(lesson);
  }
}

// The key of an override under the next inventory; nothing where no such rule is there any more.
std::optional<std::string> Planner::override_there(const std::string& key,
                                                   const Inventory& next) const {
  if (key[0] != '#') return key;
  const Rule& rule = inventory_->rules[std::stoul(key.substr(1))];
  for (std::size_t i = 0; i < next.rules.size(); ++i) {
    const auto& policy = next.rules[i].policy;
    if (next.rules[i].name == rule.name && policy && policy->name == rule.policy->name) {
      return "#" + std::to_string(i);
    }
  }
  return std::nullopt;
}

Planner::Overrides Planner::hand_over(const Inventory& next, Policies& by_group,
                                      Policies& observers) const {
  std::vector<std::optional<DeploymentIndex>> now_at;
  for (DeploymentIndex d = 0; d < inventory_->deployments.size(); ++d) {
    now_at.push_back(deployment_there(*inventory_, d, next));
  }
  const auto there = [&](GroupIndex group) { return group_there(*inventory_, group, next); };
  for (GroupIndex g = 0; g < by_group_.size(); ++g) {
    const auto group = there(g);
    if (!group) continue;
    pass_on(by_group_[g], by_group[*group], now_at);
    pass_on(observers_[g], observers[*group], now_at);
  }
  Overrides out;
  for (const auto& [key, policy] : overrides_) {
    const auto group = there(key.first);
    const auto name = override_there(key.second, next);
    if (!policy->learns() || !group || !name) continue;
    const bool by_rule = (*name)[0] == '#';
    const PolicySpec* spec = by_rule ? &*next.rules[std::stoul(name->substr(1))].policy : nullptr;
    auto made = find_policy(by_rule ? spec->name : *name)
                    ->make(next.groups[*group], by_rule ? spec->options : PolicySpec{}.options);
    pass_on(policy, made, now_at);
    out[{*group, *name}] = std::move(made);
  }
  return out;
}

}  // namespace llmroute::policy
