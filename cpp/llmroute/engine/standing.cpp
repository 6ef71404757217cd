#include "llmroute/engine/standing.h"

#include <limits>

#include "llmroute/policy/fence.h"

namespace llmroute::engine {

namespace {

// No pool is this large, so the board blames no key for it.
constexpr std::uint16_t kNoKey = std::numeric_limits<std::uint16_t>::max();

}  // namespace

std::optional<DeploymentIndex> Standing::place(DeploymentIndex index) const {
  if (same()) return index;
  const Deployment& mine = mine_.deployments[index];
  const auto found = senses_.current.find_deployment(mine.name);
  if (!found) return std::nullopt;
  const Deployment& theirs = senses_.current.deployments[*found];
  const bool unchanged = theirs.provider == mine.provider && theirs.model == mine.model &&
                         theirs.base_url == mine.base_url;
  return unchanged ? found : std::nullopt;
}

std::optional<GroupIndex> Standing::group_there(GroupIndex group) const {
  if (same()) return group;
  return senses_.current.find_group(mine_.groups[group].name);
}

health::Admission Standing::admit(DeploymentIndex index, GroupIndex group, bool last_usable) const {
  if (ruling_ != nullptr && ruling_->bars(index)) {
    return policy::breach_of(*ruling_, ruling_->asked->facts, index, 0);
  }
  const auto there = place(index);
  if (!there) return {};
  const health::Admission healthy = last_usable ? senses_.board.admit_last(*there, senses_.now)
                                                : senses_.board.admit(*there, senses_.now);
  return healthy.reason == Reason::kept ? admit_by_claims(index, group) : healthy;
}

Tokens Standing::tokens(DeploymentIndex index) const {
  const auto there = place(index);
  return there ? claims_.tokens_at(senses_.board.hot(*there).token_ratio) : claims_.tokens();
}

std::optional<limits::Shortage> Standing::shortage(DeploymentIndex index, GroupIndex group) const {
  if (!senses_.ledger.any()) return std::nullopt;
  const auto there = place(index);
  const auto in_group = group_there(group);
  if (!there || !in_group) return std::nullopt;
  auto found = senses_.ledger.shortage(*there, *in_group, senses_.now, tokens(index));
  const auto own = own_shortage();
  return own && (!found || own->free_at > found->free_at) ? own : found;
}

health::Admission Standing::admit_by_claims(DeploymentIndex index, GroupIndex group) const {
  if (const auto found = shortage(index, group)) {
    const double wait = found->free_at == kNever ? 0.0 : to_ms(found->free_at - senses_.now);
    const auto code =
        static_cast<std::uint32_t>(found->limit) + std::uint32_t{kRuleStride} * found->rule;
    return {Reason::limit_reached, static_cast<float>(code), static_cast<float>(wait)};
  }
  if (!claims_.has_budgets()) return {};
  const Hindrance found = claims_.hindrance(senses_.budgets, mine_.deployments[index], senses_.now);
  return {found.reason, found.a, found.b};
}

bool Standing::trusted(DeploymentIndex index) const {
  const auto there = place(index);
  return there && senses_.board.trusted(*there, senses_.now);
}

bool Standing::proven(DeploymentIndex index) const {
  const auto there = place(index);
  if (!there || !senses_.proofs[*there]) return false;
  return senses_.now - *senses_.proofs[*there] <= defaults::kProofAge;
}

Instant Standing::next_change(DeploymentIndex index, GroupIndex group) const {
  const auto there = place(index);
  if (!there) return kNever;
  if (const auto found = shortage(index, group)) return found->free_at;
  if (claims_.has_budgets()) {
    const Hindrance found =
        claims_.hindrance(senses_.budgets, mine_.deployments[index], senses_.now);
    if (found.reason != Reason::kept) return senses_.now + from_ms(static_cast<double>(found.b));
  }
  return senses_.board.next_change(*there, senses_.now);
}

std::optional<Duration> Standing::usual_time(DeploymentIndex index, bool stream,
                                             double share) const {
  const auto there = place(index);
  if (!there) return std::nullopt;
  const health::Latency& latency = senses_.board.at(*there).get<health::Latency>();
  const health::Sketch& sketch = stream ? latency.ttft_sketch() : latency.total_sketch();
  if (sketch.count() < defaults::kHedgeSamples) return std::nullopt;
  return from_ms(sketch.upper_bound(share));
}

std::uint16_t Standing::pick_key(DeploymentIndex index, std::size_t rotations) {
  const std::size_t size = mine_.deployments[index].keys.size();
  if (size == 0) return 0;
  if (!same()) return static_cast<std::uint16_t>(rotations % size);
  std::uint16_t key = 0;
  for (std::size_t i = 0; i < size; ++i) {
    key = senses_.board.pick_key(index, senses_.now);
    if (senses_.ledger.key_has_room(index, key, senses_.now, tokens(index))) break;
  }
  return key;
}

limits::AccountIds Standing::accounts(DeploymentIndex index, GroupIndex group,
                                      std::uint16_t key) const {
  const auto there = place(index);
  const auto in_group = group_there(group);
  if (!there || !in_group) return {};
  return senses_.ledger.of_place(*there, *in_group, same() ? key : kNoKey);
}

void Standing::on_start(DeploymentIndex index, health::Work& work) {
  if (const auto there = place(index)) {
    senses_.board.on_start(*there, senses_.now, work);
  }
}

void Standing::on_first_content(DeploymentIndex index, Duration ttft, health::Work work) {
  if (const auto there = place(index)) {
    senses_.board.on_first_content(*there, senses_.now, ttft, work);
    senses_.proofs[*there] = senses_.now;
  }
}

void Standing::learn(DeploymentIndex index, const Lack& lack, const Facts& facts) {
  if (const auto there = place(index)) senses_.board.learn(*there, senses_.now, lack, facts);
}

void Standing::on_outcome(DeploymentIndex index, std::uint16_t key, const Outcome& outcome,
                          health::Work work) {
  if (const auto there = place(index)) {
    senses_.board.on_outcome(*there, same() ? key : kNoKey, senses_.now, outcome, work);
    if (outcome.ok()) senses_.proofs[*there] = senses_.now;
  }
}

std::optional<double> Standing::busy_hours(DeploymentIndex index, const health::Work& work) const {
  const auto there = place(index);
  if (!there || work.shared_s < 0) return std::nullopt;
  const double until = senses_.board.at(*there).get<health::InFlight>().shared_s(senses_.now);
  if (until < work.shared_s) return std::nullopt;
  return (until - work.shared_s) / 3'600;
}

}  // namespace llmroute::engine
