// Watches a simulation from outside and says what may not happen.
//
// It knows the inventory, the traffic and the actions, and shares no code with the engine: its counts
// and buckets are its own. Faults are sentences; the first dozen are kept.
#pragma once

#include <algorithm>
#include <cmath>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "llmroute/sim/simulator.h"

namespace llmroute::sim {

// Calls of one account: how many are under way, and how many its rate leaves.
class Tally {
 public:
  explicit Tally(const LimitsSpec& spec) : most_(spec.in_flight.value_or(kPlenty)) {
    constexpr double kMinute = 60, kDay = 86'400;
    if (spec.requests_per_minute) add(*spec.requests_per_minute, kMinute);
    if (spec.requests_per_day) add(*spec.requests_per_day, kDay);
  }

  // False where this one is too many.
  bool start(Duration at) {
    bool fits = ++under_way_ <= most_;
    for (Bucket& bucket : buckets_) {
      const double passed = to_seconds(at - bucket.at);
      bucket.level =
          std::min(bucket.size, bucket.level + passed * bucket.size / bucket.seconds) - 1;
      bucket.at = at;
      fits = fits && bucket.level >= -1e-6;
    }
    return fits;
  }
  void end() { --under_way_; }
  std::int64_t under_way() const { return under_way_; }

 private:
  static constexpr std::int64_t kPlenty = 1'000'000'000;
  struct Bucket {
    double size, seconds, level;
    Duration at{};
  };
  void add(std::int64_t limit, double window) {
    const auto size = static_cast<double>(limit);
    buckets_.push_back({size, window, size});
  }

  std::int64_t most_, under_way_ = 0;
  std::vector<Bucket> buckets_;
};

class Oracle {
 public:
  // `scoped`: also the limits under [limits] and the members' priorities.
  Oracle(const Inventory& inventory, const Traffic& traffic, bool scoped = false)
      : inventory_(inventory), traffic_(traffic), scoped_(scoped), asked_(traffic.rows.size()) {
    for (const Deployment& deployment : inventory.deployments) own_.emplace_back(deployment.limits);
    const auto usual = inventory.resilience.deadline;
    deadline_ = traffic.deadline ? traffic.deadline : usual;
  }

  // To be given to simulate(); refer to the oracle.
  Hooks hooks() {
    Hooks hooks;
    hooks.on_action = [this](const engine::Action& action, Duration at) {
      std::visit([&](const auto& what) { on(what, at); }, action);
    };
    hooks.on_outcome = [this](engine::RequestId request, engine::AttemptId attempt, Duration at) {
      if (!end(request, attempt)) fault(request, at, "an attempt that did not run has ended");
    };
    return hooks;
  }

  // After the simulation.
  const std::vector<std::string>& faults(const Report& report) {
    for (std::size_t i = 0; i < asked_.size(); ++i) {
      if (!asked_[i].finished) fault(i + 1, Duration::zero(), "it never ended");
      if (!asked_[i].running.empty()) fault(i + 1, Duration::zero(), "an attempt never ended");
    }
    for (std::size_t i = 0; i < report.columns.size(); ++i) look_at_row(report.columns, i);
    for (const Tally& tally : own_) {
      if (tally.under_way() != 0) fault(0, Duration::zero(), "a deployment is left in use");
    }
    if (report.left_in_flight != 0) fault(0, Duration::zero(), "a gauge did not return to zero");
    if (report.left_waiting != 0) fault(0, Duration::zero(), "somebody was left in line");
    return faults_;
  }

 private:
  struct Asked {
    bool finished = false;
    int attempts = 0;
    std::vector<std::pair<engine::AttemptId, DeploymentIndex>> running;
  };

  void fault(engine::RequestId request, Duration at, const std::string& what) {
    if (faults_.size() >= 12) return;
    faults_.push_back("request " + std::to_string(request) + " at " + std::to_string(to_ms(at)) +
                      " ms: " + what);
  }

  void look_at_row(const Columns& c, std::size_t i) {
    const auto say = [&](bool fine, const char* what) {
      if (!fine) fault(i + 1, Duration::zero(), what);
    };
    say(!std::isnan(c.total_ms[i]), "its row has no end");
    say((c.attempts[i] == 0) == (c.first[i] < 0), "its row has attempts and no first one");
    say(c.attempts[i] == asked_[i].attempts, "its row has another number of attempts");
    say(c.queued_ms[i] >= 0 && c.queued_ms[i] <= c.total_ms[i] + 1e-6, "it waited longer than all");
    if (c.ok[i] == 0) {
      say(c.deployment[i] < 0, "its row failed and was answered");
      return;
    }
    say(c.deployment[i] >= 0, "its row was answered by nobody");
    say(c.ttft_ms[i] <= c.total_ms[i] + 1e-6, "its row began after its end");
  }

  Asked& alive(engine::RequestId request, Duration at) {
    Asked& asked = asked_.at(request - 1);
    if (asked.finished) fault(request, at, "something happens after its end");
    return asked;
  }

  bool late(engine::RequestId request, Duration at) const {
    return deadline_ && at > traffic_.rows.at(request - 1).at + *deadline_;
  }

  void on(const engine::StartAttempt& start, Duration at) {
    Asked& asked = alive(start.request, at);
    if (start.attempt != static_cast<engine::AttemptId>(++asked.attempts)) {
      fault(start.request, at, "attempts are not numbered in order");
    }
    if (asked.attempts > inventory_.resilience.attempts) {
      fault(start.request, at, "more attempts than its budget");
    }
    if (late(start.request, at)) fault(start.request, at, "an attempt after the deadline");
    if (asked.running.size() > 1) fault(start.request, at, "three attempts at a time");
    if (!own_.at(start.deployment).start(at)) {
      fault(start.request, at,
            inventory_.deployments[start.deployment].name + " is over its limit");
    }
    asked.running.emplace_back(start.attempt, start.deployment);
    if (scoped_) start_scoped(start, at);
  }

  void on(const engine::CancelAttempt& cancel, Duration at) {
    alive(cancel.request, at);
    if (!end(cancel.request, cancel.attempt)) {
      fault(cancel.request, at, "an attempt that does not run is cancelled");
    }
  }

  void on(const engine::Finish& finish, Duration at) {
    Asked& asked = alive(finish.request, at);
    asked.finished = true;
    if (scoped_ && asked.attempts > 0) end_scoped(accounts_of(finish.request, 0, false));
    if (!asked.running.empty()) fault(finish.request, at, "it ends before its attempts");
    if (late(finish.request, at)) fault(finish.request, at, "it ends after its deadline");
    const DecisionStatus status = finish.decision->status;
    if (status == DecisionStatus::pending) {
      fault(finish.request, at, "it ends without a state");
    } else if ((status == DecisionStatus::ok) == finish.decision->failure.has_value()) {
      fault(finish.request, at, "it is answered and failed, or neither");
    }
  }

  void on(const engine::SetTimer& timer, Duration at) {
    if (timer.when != kNever) alive(timer.request, at);
  }
  void on(const engine::EmitRestart& restart, Duration at) { alive(restart.request, at); }
  // Its worlds have neither shadows nor experiments.
  void on(const engine::Mirror& mirror, Duration at) { fault(mirror.of, at, "it was mirrored"); }
  void on(const engine::Switched&, Duration at) { fault(0, at, "an experiment was switched"); }
  void on(const engine::AskStore& ask, Duration at) {
    if (ask.wish.want < 0 || ask.wish.owed < 0) fault(0, at, "a lease of less than nothing");
  }

  bool end(engine::RequestId request, engine::AttemptId attempt) {
    auto& running = asked_.at(request - 1).running;
    const auto found = std::find_if(running.begin(), running.end(),
                                    [&](const auto& one) { return one.first == attempt; });
    if (found == running.end()) return false;
    own_.at(found->second).end();
    if (scoped_) end_scoped(accounts_of(request, found->second, true));
    running.erase(found);
    return true;
  }

  // --- limits of tenants and the like ---------------------------------------------------------------

  void start_scoped(const engine::StartAttempt& start, Duration at) {
    const bool first = start.attempt == 1;
    for (const bool place : {false, true}) {
      if (!place && !first) continue;
      for (const std::string& account : accounts_of(start.request, start.deployment, place)) {
        const auto rule = static_cast<std::size_t>(account.front() - '0');
        const LimitsSpec& spec = inventory_.limits.at(rule).limits;
        if (!scoped_tallies_.try_emplace(account, spec).first->second.start(at)) {
          fault(start.request, at, "the limit " + account + " is passed");
        }
      }
    }
    if (!is_served_there(traffic_.rows.at(start.request - 1).priority, start.deployment)) {
      fault(start.request, at, "a deployment that is not for its priority");
    }
  }

  void end_scoped(const std::vector<std::string>& accounts) {
    for (const std::string& account : accounts) scoped_tallies_.at(account).end();
  }

  // True also where a detour may have led to a group that has no such terms.
  bool is_served_there(Priority priority, DeploymentIndex deployment) const {
    bool member_of_any = false;
    for (const Group& group : inventory_.groups) {
      if (!group.on_exhausted.empty() || !inventory_.budgets.empty()) return true;
      if (group.implicit) continue;
      for (const Member& member : group.members) {
        if (member.deployment != deployment) continue;
        member_of_any = true;
        if (member.priorities.none() || member.priorities.test(priority)) return true;
      }
    }
    return !member_of_any;
  }

  // "0/deployment/d1": at most ten rules; those by group or key are not looked at. `place`: those that
  // count attempts; else those that count requests, from their first attempt to their end.
  std::vector<std::string> accounts_of(engine::RequestId request, DeploymentIndex index,
                                       bool place) const {
    std::vector<std::string> out;
    const TrafficRow& row = traffic_.rows.at(request - 1);
    const Deployment& deployment = inventory_.deployments[index];
    for (std::size_t i = 0; i < inventory_.limits.size(); ++i) {
      const LimitRule& rule = inventory_.limits[i];
      const Scope scope = rule.by.scope;
      const bool of_place = scope == Scope::deployment || scope == Scope::provider;
      if (scope == Scope::group || scope == Scope::key || place != of_place) continue;
      std::string value;
      if (scope == Scope::deployment) value = deployment.name;
      if (scope == Scope::provider) value = deployment.provider;
      if (scope == Scope::metadata) {
        value = find_metadata(traffic_.labels[row.labels], rule.by.key);
      }
      const auto& only = rule.only;
      if (!only.empty() && std::find(only.begin(), only.end(), value) == only.end()) continue;
      out.push_back(std::to_string(i) + "/" + std::string(slug(scope)) + "/" + value);
    }
    return out;
  }

  const Inventory& inventory_;
  const Traffic& traffic_;
  bool scoped_;
  std::optional<Duration> deadline_;
  std::vector<Asked> asked_;
  std::vector<Tally> own_;
  std::map<std::string, Tally> scoped_tallies_;
  std::vector<std::string> faults_;
};

}  // namespace llmroute::sim
