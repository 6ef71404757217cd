// Drives a dispatcher by hand: a small inventory, a clock that the test moves, and actions as text.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "llmroute/engine/dispatcher.h"

namespace llmroute::engine {

// deployments "a".."d" in group "main" (ordered) unless the test builds its own.
inline Inventory make_inventory(const std::vector<std::string>& names,
                                const std::string& policy = "ordered") {
  Inventory inventory;
  Group main;
  main.name = "main";
  main.policy.name = policy;
  for (const std::string& name : names) {
    const auto index = static_cast<DeploymentIndex>(inventory.deployments.size());
    Deployment d;
    d.name = name;
    d.provider = "p";
    d.model = "m";
    d.dialect = "openai";
    d.base_url = "http://127.0.0.1:1/" + name;
    d.price.input_usd_per_million = 1.0;
    d.price.output_usd_per_million = 2.0;
    inventory.deployments.push_back(d);
    inventory.deployment_index[name] = index;
    main.members.push_back({index, 1.0});
  }
  inventory.groups.push_back(main);
  inventory.group_index["main"] = 0;
  return inventory;
}

inline GroupIndex add_group(Inventory& inventory, const std::string& name,
                            const std::vector<std::string>& members) {
  Group group;
  group.name = name;
  group.policy.name = "ordered";
  for (const std::string& member : members) {
    group.members.push_back({inventory.deployment_index.at(member), 1.0});
  }
  inventory.groups.push_back(group);
  const auto index = static_cast<GroupIndex>(inventory.groups.size() - 1);
  inventory.group_index[name] = index;
  return index;
}

// Moves deployments out of the first group again, into a group of their own.
inline GroupIndex split_off(Inventory& inventory, const std::string& name,
                            const std::vector<std::string>& members) {
  auto& first = inventory.groups[0].members;
  for (const std::string& member : members) {
    const DeploymentIndex index = inventory.deployment_index.at(member);
    std::erase_if(first, [index](const Member& m) { return m.deployment == index; });
  }
  return add_group(inventory, name, members);
}

class Drive {
 public:
  explicit Drive(Inventory inventory, std::uint64_t seed = 1) : dispatcher_(seed) {
    const auto done =
        dispatcher_.configure(std::make_shared<const Inventory>(std::move(inventory)));
    if (!done) throw std::runtime_error(done.error().message);
  }

  // Each call returns what the dispatcher asked for, e.g. "start a; timer 250; ".
  std::string submit(RequestOptions options = {}, std::int64_t prompt_tokens = 100,
                     CapabilitySet needs = {}) {
    auto request = std::make_shared<ChatRequest>();
    request->id = "r" + std::to_string(++submitted_);
    if (options.model.empty()) options.model = "main";
    request->options = std::move(options);
    request->facts.prompt_tokens = Tokens{prompt_tokens};
    request->facts.needs = needs;
    Actions actions;
    id_ = dispatcher_.submit(request, now_, WallTime{now_ - Instant{}}, actions);
    return take(actions);
  }

  std::string fail(ErrorKind kind, std::optional<Duration> retry_after = std::nullopt) {
    Outcome outcome;
    outcome.failure = make_failure(kind, "said so");
    outcome.failure->retry_after = retry_after;
    return end(std::move(outcome));
  }

  std::string ok(std::int64_t input = 10, std::int64_t output = 20) {
    Outcome outcome;
    outcome.usage.input = Tokens{input};
    outcome.usage.output = Tokens{output};
    outcome.usage.reported = true;
    return end(std::move(outcome));
  }

  std::string end(Outcome outcome) {
    outcome.total = now_ - started_[id_];
    Actions actions;
    dispatcher_.on_outcome(id_, attempt_[id_], now_, std::move(outcome), {}, actions);
    return take(actions);
  }

  std::string content() {
    Actions actions;
    dispatcher_.on_content(id_, attempt_[id_], now_, milliseconds(5), actions);
    return take(actions);
  }

  std::string cancel() {
    Actions actions;
    dispatcher_.cancel(id_, now_, actions);
    return take(actions);
  }

  // Moves the clock and fires the timers on the way, in order.
  std::string pass(Duration d) {
    const Instant target = now_ + d;
    std::string seen;
    while (true) {
      auto due = timers_.end();
      for (auto it = timers_.begin(); it != timers_.end(); ++it) {
        if (it->second <= target && (due == timers_.end() || it->second < due->second)) due = it;
      }
      if (due == timers_.end()) break;
      now_ = std::max(now_, due->second);
      const RequestId id = due->first;
      timers_.erase(due);
      Actions actions;
      dispatcher_.on_timer(id, now_, actions);
      seen += take(actions);
    }
    now_ = target;
    return seen;
  }

  std::string take(const Actions& actions) {
    std::string seen;
    for (const Action& action : actions) seen += note(action);
    return seen;
  }

  // Answers what the store was asked, from a plain map of what was taken under each key.
  std::string answer_store(bool works = true) {
    std::string seen;
    for (const AskStore& ask : std::exchange(asks_, {})) {
      Actions actions;
      if (works) {
        std::int64_t& sum = taken[ask.wish.key];
        sum += ask.wish.owed;
        const std::int64_t granted =
            std::max<std::int64_t>(std::min(ask.wish.want, ask.wish.limit - sum), 0);
        sum += granted;
        dispatcher_.on_lease(ask.number, store::Grant{granted, sum}, now_, actions);
      } else {
        dispatcher_.on_lease(ask.number, make_error(ErrorKind::capacity, "locked"), now_, actions);
      }
      seen += take(actions);
    }
    return seen;
  }
  std::map<std::string, std::int64_t> taken;

  Dispatcher& dispatcher() { return dispatcher_; }
  const Decision& decision() const { return *decision_; }
  Instant now() const { return now_; }
  RequestId id() const { return id_; }
  void focus(RequestId id) { id_ = id; }
  void focus_attempt(AttemptId attempt) { attempt_[id_] = attempt; }
  bool has_timer() const { return timers_.count(id_) != 0; }
  int finishes(RequestId id) const { return finishes_.count(id) ? finishes_.at(id) : 0; }
  std::uint32_t in_flight(DeploymentIndex d) { return dispatcher_.board().hot(d).in_flight; }

 private:
  std::string note(const Action& action) {
    const auto& names = dispatcher_.inventory()->deployments;
    if (const auto* start = std::get_if<StartAttempt>(&action)) {
      attempt_[start->request] = start->attempt;
      started_[start->request] = now_;
      const std::string key = start->key == 0 ? "" : "/" + std::to_string(start->key);
      return "start " + names[start->deployment].name + key + "; ";
    }
    if (std::get_if<CancelAttempt>(&action) != nullptr) return "stop; ";
    if (const auto* timer = std::get_if<SetTimer>(&action)) {
      timers_.erase(timer->request);
      if (timer->when != kNever) timers_[timer->request] = timer->when;
      return "";
    }
    if (std::get_if<EmitRestart>(&action) != nullptr) return "restart; ";
    if (const auto* ask = std::get_if<AskStore>(&action)) {
      asks_.push_back(*ask);
      return "ask; ";
    }
    if (std::get_if<Mirror>(&action) != nullptr) return "mirror; ";
    if (const auto* switched = std::get_if<Switched>(&action)) {
      return "switched " + switched->experiment + "; ";
    }
    const auto& finish = std::get<Finish>(action);
    decision_ = finish.decision;
    ++finishes_[finish.request];
    if (decision_->status == DecisionStatus::ok) {
      return "ok " + names[*decision_->chosen].name + "; ";
    }
    return "failed " + std::string(slug(decision_->failure->kind)) + "; ";
  }

  Dispatcher dispatcher_;
  Instant now_{seconds(1000)};
  RequestId id_ = 0;
  int submitted_ = 0;
  std::map<RequestId, AttemptId> attempt_;
  std::map<RequestId, Instant> started_;
  std::map<RequestId, Instant> timers_;
  std::map<RequestId, int> finishes_;
  DecisionPtr decision_;
  std::vector<AskStore> asks_;
};

}  // namespace llmroute::engine
