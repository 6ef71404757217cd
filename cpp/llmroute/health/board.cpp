#include "llmroute/health/board.h"

#include <algorithm>
#include <unordered_map>

namespace llmroute::health {

namespace {

std::string identity(const Deployment& d) {
  return d.name + '\n' + d.provider + '\n' + d.model + '\n' + d.base_url;
}

Admission refused(Reason reason, Duration left) {
  return {reason, static_cast<float>(to_ms(left)), 0};
}

// What a failure says about the key it was made with.
void blame_key(DeploymentHealth& h, std::uint16_t key, Instant now, const Failure& failure) {
  Keys& keys = h.get<Keys>();
  if (failure.kind == ErrorKind::authentication || failure.kind == ErrorKind::quota_exhausted) {
    keys.kill(key);
  } else if (failure.kind == ErrorKind::rate_limit && keys.size() > 1) {
    // With other keys in the pool the limit is this key's; with one key it is the deployment's.
    keys.cool(key, add_saturated(now, failure.retry_after.value_or(defaults::kCooldown)));
  } else if (failure.kind == ErrorKind::rate_limit) {
    h.get<Cooldown>().cool(now, failure.retry_after);
  }
}

}  // namespace

void Board::configure(const Inventory& inventory) {
  std::unordered_map<std::string, std::size_t> before;
  for (std::size_t i = 0; i < identities_.size(); ++i) before.emplace(identities_[i], i);
  std::vector<DeploymentHealth> health(inventory.deployments.size());
  std::vector<std::string> identities;
  identities.reserve(inventory.deployments.size());
  for (std::size_t i = 0; i < inventory.deployments.size(); ++i) {
    const Deployment& deployment = inventory.deployments[i];
    identities.push_back(identity(deployment));
    const auto known = before.find(identities.back());
    if (known != before.end()) health[i] = std::move(health_[known->second]);
    health[i].each([&](auto& signal) { signal.configure(deployment, inventory.resilience); });
  }
  health_ = std::move(health);
  identities_ = std::move(identities);
  hot_.assign(health_.size(), Hot{});
  // The keys of a pool begin anew, so nothing is known that a time would be needed for.
  for (std::size_t i = 0; i < health_.size(); ++i) {
    refresh(static_cast<DeploymentIndex>(i), Instant{});
  }
}

Admission Board::admit_slowly(DeploymentIndex index, Instant now) const {
  const DeploymentHealth& h = health_[index];
  Admission answer;
  answer.reason = h.get<Breaker>().admits(now, answer.a, answer.b);
  if (answer.reason != Reason::kept) return answer;
  const Instant cooling = h.get<Cooldown>().until();
  if (cooling > now) return refused(Reason::cooling_down, cooling - now);
  const Instant exhausted = h.get<RateLimits>().exhausted_until();
  if (exhausted > now) return refused(Reason::rate_limit_exhausted, exhausted - now);
  const Keys& keys = h.get<Keys>();
  if (!keys.usable(now)) {
    return {Reason::no_usable_key, static_cast<float>(keys.dead()),
            static_cast<float>(keys.size())};
  }
  return answer;
}

Admission Board::admit_last(DeploymentIndex index, Instant now) const {
  const Admission usual = admit(index, now);
  // Only a breaker may be overruled: a provider that says "wait" is believed, a dead key stays dead.
  if (usual.reason != Reason::breaker_open && usual.reason != Reason::breaker_probing) return usual;
  const Instant until = health_[index].get<Breaker>().throttled_until();
  if (until > now) return refused(Reason::throttled, until - now);
  return {};
}

void Board::on_start(DeploymentIndex index, Instant now, Work& work) {
  health_[index].each([&](auto& signal) { signal.on_start(now, work); });
  refresh(index, now);
}

void Board::on_first_content(DeploymentIndex index, Instant now, Duration ttft, Work work) {
  health_[index].each([&](auto& signal) { signal.on_first_content(now, ttft, work); });
  refresh(index, now);
}

void Board::on_outcome(DeploymentIndex index, std::uint16_t key, Instant now,
                       const Outcome& outcome, Work work) {
  DeploymentHealth& h = health_[index];
  h.each([&](auto& signal) { signal.on_outcome(now, outcome, work); });
  if (outcome.failure && !outcome.cancelled) blame_key(h, key, now, *outcome.failure);
  refresh(index, now);
}

void Board::refresh(DeploymentIndex index, Instant now) {
  const DeploymentHealth& h = health_[index];
  Hot& hot = hot_[index];
  const Latency& latency = h.get<Latency>();
  hot.ttft_average_ms = latency.ttft_average_ms();
  hot.total_average_ms = latency.total_average_ms();
  hot.total_average_at = latency.total_average_at();
  hot.ttft_p50_ms = static_cast<float>(latency.ttft_p50_ms());
  hot.ttft_p95_ms = static_cast<float>(latency.ttft_p95_ms());
  hot.measured = latency.measured();
  hot.in_flight = h.get<InFlight>().attempts();
  hot.failure_share = static_cast<float>(h.get<ErrorRate>().counts(now).failure_share());
  hot.failure_share_at = now;
  hot.token_ratio = static_cast<float>(h.get<TokenRatio>().ratio());
  hot.blocked_until = std::max(h.get<Cooldown>().until(), h.get<RateLimits>().exhausted_until());
  const Breaker& breaker = h.get<Breaker>();
  hot.plain = breaker.status() == BreakerStatus::closed && breaker.ramp(now) >= 1.0 &&
              h.get<Keys>().all_fresh();
}

double Board::penalty_slowly(DeploymentIndex index, Instant now) const {
  const Hot& hot = hot_[index];
  const DeploymentHealth& h = health_[index];
  double share = hot.failure_share;
  // Failures fade with time even where no event refreshes them.
  if (now - hot.failure_share_at > Duration(defaults::kErrorWindow) / 10) {
    share = h.get<ErrorRate>().counts(now).failure_share();
  }
  constexpr double kWorstShare = 0.95;  // a penalty of 20 is as good as never
  return 1.0 / ((1.0 - std::min(share, kWorstShare)) * h.get<Breaker>().ramp(now));
}

std::optional<std::uint16_t> Board::pick_key(DeploymentIndex index, Instant now) {
  return health_[index].get<Keys>().pick(now);
}

bool Board::trusted(DeploymentIndex index, Instant now) const {
  const DeploymentHealth& h = health_[index];
  if (h.get<Breaker>().status() != BreakerStatus::closed) return false;
  return h.get<ErrorRate>().counts(now).failure_share() < 0.5;
}

Instant Board::next_change(DeploymentIndex index, Instant now) const {
  const DeploymentHealth& h = health_[index];
  Instant earliest = h.get<Breaker>().next_change(now);
  for (Instant until : {h.get<Cooldown>().until(), h.get<RateLimits>().exhausted_until(),
                        h.get<Breaker>().throttled_until(), h.get<Keys>().next_change(now)}) {
    if (until > now) earliest = std::min(earliest, until);
  }
  return earliest;
}

void Board::describe(DeploymentIndex index, Instant now, NumberSink& sink) const {
  health_[index].each([&](const auto& signal) { signal.describe(now, sink); });
}

}  // namespace llmroute::health
