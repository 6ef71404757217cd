#include "llmroute/engine/standing.h"

#include <limits>

namespace llmroute::engine {

namespace {

// No pool is this large, so the board blames no key for it.
constexpr std::uint16_t kNoKey = std::numeric_limits<std::uint16_t>::max();

}  // namespace

std::optional<DeploymentIndex> Standing::place(DeploymentIndex index) const {
  if (same()) return index;
  const Deployment& mine = mine_.deployments[index];
  const auto found = current_.find_deployment(mine.name);
  if (!found) return std::nullopt;
  const Deployment& theirs = current_.deployments[*found];
  const bool unchanged = theirs.provider == mine.provider && theirs.model == mine.model &&
                         theirs.base_url == mine.base_url;
  return unchanged ? found : std::nullopt;
}

health::Admission Standing::admit(DeploymentIndex index, bool last_usable) const {
  const auto there = place(index);
  if (!there) return {};
  const health::Admission healthy =
      last_usable ? board_.admit_last(*there, now_) : board_.admit(*there, now_);
  return healthy.reason == Reason::kept ? admit_by_limits(index) : healthy;
}

health::Admission Standing::admit_by_limits(DeploymentIndex index) const {
  if (!ledger_.any()) return {};
  const auto there = place(index);
  if (!there) return {};
  const auto shortage = ledger_.shortage(*there, now_, tokens_);
  if (!shortage) return {};
  const double wait = shortage->free_at == kNever ? 0.0 : to_ms(shortage->free_at - now_);
  return {Reason::limit_reached, static_cast<float>(shortage->limit), static_cast<float>(wait)};
}

bool Standing::trusted(DeploymentIndex index) const {
  const auto there = place(index);
  return there && board_.trusted(*there, now_);
}

bool Standing::proven(DeploymentIndex index) const {
  const auto there = place(index);
  if (!there || !proofs_[*there]) return false;
  return now_ - *proofs_[*there] <= defaults::kProofAge;
}

Instant Standing::next_change(DeploymentIndex index) const {
  const auto there = place(index);
  if (!there) return kNever;
  if (const auto shortage = ledger_.shortage(*there, now_, tokens_)) return shortage->free_at;
  return board_.next_change(*there, now_);
}

std::optional<Duration> Standing::usual_time(DeploymentIndex index, bool stream,
                                             double share) const {
  const auto there = place(index);
  if (!there) return std::nullopt;
  const health::Latency& latency = board_.at(*there).get<health::Latency>();
  const health::Sketch& sketch = stream ? latency.ttft_sketch() : latency.total_sketch();
  if (sketch.count() < defaults::kHedgeSamples) return std::nullopt;
  return from_ms(sketch.upper_bound(share));
}

std::uint16_t Standing::pick_key(DeploymentIndex index, std::size_t rotations) {
  const std::size_t size = mine_.deployments[index].keys.size();
  if (size == 0) return 0;
  if (same()) return board_.pick_key(index, now_).value_or(0);
  return static_cast<std::uint16_t>(rotations % size);
}

void Standing::on_start(DeploymentIndex index, health::Work& work) {
  if (const auto there = place(index)) {
    board_.on_start(*there, now_, work);
    ledger_.reserve(*there, now_, tokens_);
  }
}

void Standing::on_first_content(DeploymentIndex index, Duration ttft, health::Work work) {
  if (const auto there = place(index)) {
    board_.on_first_content(*there, now_, ttft, work);
    proofs_[*there] = now_;
  }
}

void Standing::on_outcome(DeploymentIndex index, std::uint16_t key, const Outcome& outcome,
                          health::Work work) {
  if (const auto there = place(index)) {
    board_.on_outcome(*there, same() ? key : kNoKey, now_, outcome, work);
    const Usage& usage = outcome.usage;
    ledger_.settle(*there, tokens_,
                   usage.reported ? std::optional(usage.input + usage.output) : std::nullopt);
    if (outcome.ok()) proofs_[*there] = now_;
  }
}

}  // namespace llmroute::engine
