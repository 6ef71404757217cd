#include "llmroute/health/board.h"

#include <algorithm>
#include <string>
#include <unordered_map>

#include "llmroute/base/stable_hash.h"
#include "llmroute/model/treatment.h"

namespace llmroute::health {

namespace {

std::string identity(const Deployment& d) {
  return d.name + '\n' + d.provider + '\n' + d.model + '\n' + d.base_url;
}

Admission refused(Reason reason, Duration left) {
  return {reason, static_cast<float>(to_ms(left)), 0};
}

// Of literals only a hash: a map of names is no place for secrets.
std::string account_name(const Deployment& d, const SecretSource& key) {
  std::string name = d.provider + '\n' + d.base_url + '\n' + key.describe();
  if (key.origin == SecretOrigin::literal) {
    name += '\n' + std::to_string(stable_hash(key.literal.reveal()));
  }
  return name;
}

// Until when a key has nothing left, by the headers of its last answer.
std::optional<Duration> used_up_for(const AnnouncedLimits& said) {
  std::optional<Duration> wait;
  for (const AnnouncedWindow& window : said.windows) {
    if (!window.remaining || *window.remaining > 0 || !window.reset) continue;
    // A distant reset that nobody explains may be the end of a slow refill.
    const bool believed =
        window.refill == Refill::at_once || *window.reset <= defaults::kMaxRetryAfter;
    if (believed) wait = std::max(wait.value_or(Duration::zero()), *window.reset);
  }
  return wait;
}

// What makes an answer a cold start, in milliseconds that it took longer; 0: nothing.
float cold_ms(const DeploymentHealth& h, const Outcome& outcome, const Work& work) {
  if (!outcome.ok()) return 0;
  if (outcome.load) {
    const bool loaded = *outcome.load >= Duration(defaults::kColdLoad);
    return loaded ? static_cast<float>(to_ms(*outcome.load)) : 0;
  }
  const Latency& warm = h.get<Latency>();
  if (!warm.measured()) return 0;
  if (outcome.content_started && outcome.ttft) {
    return ColdStart::extra_ms(work.idle, to_ms(*outcome.ttft), warm.expected_ttft_ms(work));
  }
  return ColdStart::extra_ms(work.idle, to_ms(outcome.total), warm.expected_total_ms(work));
}

// The first answer of all went into the latency; it goes out again where it was a cold start.
void judge_first(DeploymentHealth& h, Instant now, const Outcome& outcome, const Work& work) {
  if (!outcome.ok() || work.cold_ms > 0) return;
  Work done = work;
  if (outcome.usage.reported) done.output = outcome.usage.output;
  const double ms = to_ms(outcome.total) / total_work(done);
  ColdStart& cold = h.get<ColdStart>();
  if (cold.unmasks_first(ms)) {
    h.get<Latency>().forget();
    if (outcome.content_started && outcome.ttft) {
      h.get<Latency>().on_first_content(now, *outcome.ttft, work);
    }
  }
  cold.note_first(work.idle, ms);
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
  loads_.assign(health_.size(), LoadView{});
  gather_accounts(inventory);
  // The keys of a pool begin anew, so nothing is known that a time would be needed for.
  for (std::size_t i = 0; i < health_.size(); ++i) {
    refresh(static_cast<DeploymentIndex>(i), Instant{});
    // Without a time what is told has not expired; a view says itself until when it holds.
    loads_[i] = health_[i].get<Load>().view(Instant{});
  }
}

void Board::gather_accounts(const Inventory& inventory) {
  std::unordered_map<std::string, std::uint32_t> known;
  accounts_.clear();
  account_of_.assign(inventory.deployments.size(), {});
  for (std::size_t i = 0; i < inventory.deployments.size(); ++i) {
    const Deployment& deployment = inventory.deployments[i];
    for (std::size_t key = 0; key < deployment.keys.size(); ++key) {
      const auto next = static_cast<std::uint32_t>(accounts_.size());
      const auto [at, added] = known.emplace(account_name(deployment, deployment.keys[key]), next);
      if (added) accounts_.emplace_back();
      account_of_[i].push_back(at->second);
      accounts_[at->second].push_back(
          {static_cast<DeploymentIndex>(i), static_cast<std::uint16_t>(key)});
    }
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
  if (exhausted > now) {
    answer = refused(Reason::rate_limit_exhausted, exhausted - now);
    answer.b = h.get<RateLimits>().exhausted_window();
    return answer;
  }
  return admit_keys(h, now);
}

Admission Board::admit_keys(const DeploymentHealth& h, Instant now) const {
  const Keys& keys = h.get<Keys>();
  if (keys.usable(now)) return {};
  // Where a key is only limited, the deployment cools with it; else nobody knows when.
  const Instant back = keys.next_change(now);
  if (back != kNever) return refused(Reason::cooling_down, back - now);
  return {Reason::no_usable_key, static_cast<float>(keys.dead()), static_cast<float>(keys.size())};
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
  const Latency& warm = health_[index].get<Latency>();
  if (warm.measured()) {
    work.cold_ms = ColdStart::extra_ms(work.idle, to_ms(ttft), warm.expected_ttft_ms(work));
  }
  health_[index].each([&](auto& signal) { signal.on_first_content(now, ttft, work); });
  refresh(index, now);
}

void Board::on_outcome(DeploymentIndex index, std::uint16_t key, Instant now,
                       const Outcome& outcome, Work work) {
  DeploymentHealth& h = health_[index];
  work.cold_ms = cold_ms(h, outcome, work);
  judge_first(h, now, outcome, work);
  h.each([&](auto& signal) { signal.on_outcome(now, outcome, work); });
  blame_key(index, key, now, outcome);
  refresh(index, now);
}

// What an outcome says about the key it was made with.
void Board::blame_key(DeploymentIndex index, std::uint16_t key, Instant now,
                      const Outcome& outcome) {
  DeploymentHealth& h = health_[index];
  Keys& keys = h.get<Keys>();
  if (keys.size() > 1) {
    if (const auto wait = used_up_for(outcome.limits)) keys.cool(key, add_saturated(now, *wait));
  }
  if (outcome.ok()) keys.on_success(key, now);
  if (!outcome.failure || outcome.cancelled) return;
  const Failure& failure = *outcome.failure;
  const Treatment treatment = treatment_of(failure);
  const bool concerns_key = treatment.cools == Cools::key || treatment.cools == Cools::account;
  if (!concerns_key) return;
  const bool refused_key = fault_of(failure) == Fault::key && !treatment.believed;
  if (keys.size() == 0 && refused_key) {
    // Nothing but the deployment to leave alone, and nothing that could be put right in a pool.
    h.get<Cooldown>().cool(now, make_failure(ErrorKind::overloaded, {}));
  } else if (treatment.cools == Cools::account) {
    park_account(index, key, now, treatment.cooling);
  } else if (refused_key) {
    keys.refuse(key, now, treatment.cooling);
  } else if (keys.size() > 1) {
    keys.cool(key, now, failure);
  } else {
    h.get<Cooldown>().cool(now, failure);
  }
}

void Board::park_account(DeploymentIndex index, std::uint16_t key, Instant now, Duration time) {
  if (key >= account_of_[index].size()) return;  // of another inventory
  health_[index].get<Keys>().refuse(key, now, time);
  for (const PoolKey& same : accounts_[account_of_[index][key]]) {
    if (same.deployment == index) continue;
    health_[same.deployment].get<Keys>().refuse(same.key, now, time);
    refresh(same.deployment, now);
  }
}

void Board::renew_key(PoolKey key, Instant now) {
  if (key.deployment >= health_.size()) return;
  health_[key.deployment].get<Keys>().renew(key.key);
  refresh(key.deployment, now);
}

void Board::learn(DeploymentIndex index, Instant now, const Lack& lack, const Facts& facts) {
  Lacks& lacks = health_[index].get<Lacks>();
  lacks.learn(now, lack, facts);
  hot_[index].lacking = lacks.any();
}

Admission Board::check_lacks_slowly(DeploymentIndex index, Instant now, const Facts& facts) const {
  Admission answer;
  answer.reason = health_[index].get<Lacks>().against(now, facts, answer.a);
  return answer;
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
  hot.may_be_cold = h.get<ColdStart>().known();
  hot.in_flight = h.get<InFlight>().attempts();
  hot.failure_share = static_cast<float>(h.get<ErrorRate>().counts(now).failure_share());
  hot.failure_share_at = now;
  hot.token_ratio = static_cast<float>(h.get<TokenRatio>().ratio());
  hot.blocked_until = std::max(h.get<Cooldown>().until(), h.get<RateLimits>().exhausted_until());
  hot.lacking = h.get<Lacks>().any();
  const Breaker& breaker = h.get<Breaker>();
  hot.plain = breaker.status() == BreakerStatus::closed && breaker.ramp(now) >= 1.0 &&
              h.get<Keys>().all_fresh();
}

void Board::report_load(DeploymentIndex index, Instant now, const LoadReading& reading,
                        Duration valid) {
  Load& load = health_[index].get<Load>();
  load.report(now, reading, valid, hot_[index].in_flight);
  loads_[index] = load.view(now);
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

std::uint16_t Board::pick_key(DeploymentIndex index, Instant now) {
  Keys& keys = health_[index].get<Keys>();
  return keys.pick(now).value_or(keys.least_bad());
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
