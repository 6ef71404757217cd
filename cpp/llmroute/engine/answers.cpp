#include "llmroute/engine/answers.h"

#include <algorithm>

#include "llmroute/policy/moves.h"

namespace llmroute::engine {

namespace {

std::optional<GroupIndex> group_of_chosen(const Decision& decision) {
  for (const CandidateRecord& candidate : decision.candidates) {
    if (decision.chosen == candidate.deployment) return candidate.group;
  }
  return std::nullopt;
}

// The same experiment and arm by name; false where they are gone.
bool move_record(ExperimentRecord& record, const Inventory& from, const Inventory& to) {
  const Experiment& old = from.experiments[record.experiment];
  for (std::uint32_t e = 0; e < to.experiments.size(); ++e) {
    if (to.experiments[e].name != old.name) continue;
    const auto& arms = to.experiments[e].arms;
    for (std::uint32_t a = 0; a < arms.size(); ++a) {
      if (arms[a].name != old.arms[record.arm].name) continue;
      record.experiment = e;
      record.arm = a;
      return true;
    }
  }
  return false;
}

}  // namespace

void Answers::remember(const Decision& decision, const Inventory& current) {
  if (most_ == 0) return;
  Memo memo;
  memo.answered = decision.chosen.has_value();
  memo.deployment = decision.chosen;
  memo.group = group_of_chosen(decision);
  memo.request = policy::traits_of(decision.facts);
  memo.experiments = decision.experiments;
  if (decision.inventory) move(memo, *decision.inventory, current);
  const auto [entry, added] = memos_.insert_or_assign(decision.request_id, std::move(memo));
  if (!added) return;
  if (ring_.size() < most_) {
    ring_.push_back(&entry->first);
    return;
  }
  const std::string oldest = *ring_[next_];
  memos_.erase(oldest);
  ring_[next_] = &entry->first;
  next_ = (next_ + 1) % ring_.size();
}

Answers::Memo* Answers::find(const std::string& request_id) {
  const auto found = memos_.find(request_id);
  return found == memos_.end() ? nullptr : &found->second;
}

void Answers::move(Memo& memo, const Inventory& from, const Inventory& to) {
  if (&from == &to) return;
  if (memo.group) memo.group = policy::group_there(from, *memo.group, to);
  if (memo.deployment) memo.deployment = policy::deployment_there(from, *memo.deployment, to);
  std::erase_if(memo.experiments,
                [&](ExperimentRecord& record) { return !move_record(record, from, to); });
}

void Answers::move(const Inventory& from, const Inventory& to) {
  for (auto& [id, memo] : memos_) move(memo, from, to);
}

}  // namespace llmroute::engine
