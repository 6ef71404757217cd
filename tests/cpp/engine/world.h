// A world around a dispatcher: requests come, providers answer after a while, timers fire; all under
// a clock that jumps from event to event. It counts and checks by itself and shares no code with the
// engine: it knows the actions and what each promises, nothing else.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "llmroute/engine/dispatcher.h"

namespace llmroute::engine {

inline constexpr Duration kHangs = Duration::max();

// What a provider does with an attempt: content (if any) after `content`, the end after `total`
// (kHangs: never).
struct Answer {
  Duration total = milliseconds(100);
  Outcome outcome;
  std::optional<Duration> content;
};

inline Answer answers_well(Duration total) {
  Answer answer;
  answer.total = total;
  answer.outcome.usage.reported = true;
  return answer;
}

inline Answer answers_with(ErrorKind kind, Duration total,
                           std::optional<Duration> retry_after = std::nullopt) {
  Answer answer;
  answer.total = total;
  answer.outcome.failure = make_failure(kind, "");
  answer.outcome.failure->retry_after = retry_after;
  return answer;
}

// One request from its submission to its end.
struct Life {
  Instant submitted{};
  Instant deadline = kNever;
  int attempts_allowed = 0;
  bool may_restart = false;
  int attempts = 0;
  int ends = 0;
  Instant ended{};
  std::map<AttemptId, Instant> running;  // since when
  bool content = false;                  // of a running attempt or the last one
  bool runs(AttemptId attempt) const { return running.count(attempt) != 0; }
  DecisionPtr decision;
};

class World {
 public:
  using Provider = std::function<Answer(DeploymentIndex, Instant, Random&)>;

  World(Inventory inventory, std::uint64_t seed, Provider provider)
      : random_(mix64(seed)), dispatcher_(seed), provider_(std::move(provider)) {
    configure(std::move(inventory));
  }

  void configure(Inventory inventory) {
    attempts_by_default_ = inventory.resilience.attempts;
    for (const Group& group : inventory.groups) hedging_ = hedging_ || group.hedge.has_value();
    const auto done =
        dispatcher_.configure(std::make_shared<const Inventory>(std::move(inventory)));
    ASSERT_TRUE(done) << done.error().message;
  }

  RequestId submit(RequestOptions options = {}) {
    const RequestId id = lives_.size() + 1;
    Life& life = lives_.emplace_back();
    if (options.model.empty()) options.model = "main";
    life.submitted = now_;
    if (options.deadline) life.deadline = now_ + *options.deadline;
    life.attempts_allowed = options.attempts.value_or(attempts_by_default_);
    life.may_restart = options.on_interrupt == OnInterrupt::restart;
    auto request = std::make_shared<ChatRequest>();
    request->options = std::move(options);
    request->facts.prompt_tokens = Tokens{100};
    Actions actions;
    EXPECT_EQ(dispatcher_.submit(std::move(request), now_, WallTime{}, actions), id);
    apply(actions);
    return id;
  }

  // One request every `gap` for as long as `length`; whatever else is due happens in between.
  void traffic(Duration gap, Duration length, const RequestOptions& options = {}) {
    const Instant end = now_ + length;
    for (Instant at = now_; at < end; at += gap) {
      run_until(at);
      submit(options);
    }
    run_until(end);
  }

  void run_until(Instant when) {
    while (!events_.empty() && events_.begin()->first.first <= when) {
      auto event = events_.extract(events_.begin());
      now_ = std::max(now_, event.key().first);
      event.mapped()();
    }
    now_ = std::max(now_, when);
  }
  void run_to_the_end() {
    while (!events_.empty()) run_until(events_.begin()->first.first);
  }

  void cancel(RequestId id) {
    Actions actions;
    dispatcher_.cancel(id, now_, actions);
    apply(actions);
  }
  void outcome(RequestId id, AttemptId attempt, Outcome outcome) {
    Actions actions;
    Life* life = find(id);
    if (life != nullptr) life->running.erase(attempt);
    dispatcher_.on_outcome(id, attempt, now_, std::move(outcome), {}, actions);
    apply(actions);
  }
  void content(RequestId id, AttemptId attempt) {
    Actions actions;
    Life* life = find(id);
    if (life != nullptr && life->runs(attempt)) life->content = true;
    dispatcher_.on_content(id, attempt, now_, milliseconds(1), actions);
    apply(actions);
  }
  void timer(RequestId id) {
    Actions actions;
    dispatcher_.on_timer(id, now_, actions);
    apply(actions);
  }

  // Every request has ended once, and nothing is thought to be under way.
  void expect_rest() {
    for (std::size_t i = 0; i < lives_.size(); ++i) {
      EXPECT_EQ(lives_[i].ends, 1) << "request " << i + 1;
    }
    EXPECT_EQ(dispatcher_.in_flight(), 0U);
    for (DeploymentIndex d = 0; d < dispatcher_.board().size(); ++d) {
      const auto& gauge = dispatcher_.board().at(d).get<health::InFlight>();
      EXPECT_EQ(gauge.attempts(), 0U) << "deployment " << d;
      EXPECT_EQ(gauge.tokens().count, 0) << "deployment " << d;
    }
  }

  // Of the requests submitted in [from, to).
  struct Sum {
    int requests = 0, attempts = 0, ok = 0;
    double goodput() const { return static_cast<double>(ok) / std::max(requests, 1); }
    double amplification() const { return static_cast<double>(attempts) / std::max(requests, 1); }
  };
  Sum sum(Instant from, Instant to) const {
    Sum sum;
    for (const Life& life : lives_) {
      if (life.submitted < from || life.submitted >= to) continue;
      ++sum.requests;
      sum.attempts += life.attempts;
      sum.ok += life.decision && life.decision->status == DecisionStatus::ok ? 1 : 0;
    }
    return sum;
  }
  // Attempts that began in [from, to), whichever request they belong to.
  int started(Instant from, Instant to) const {
    const auto first = std::lower_bound(starts_.begin(), starts_.end(), from);
    return static_cast<int>(std::lower_bound(first, starts_.end(), to) - first);
  }

  Dispatcher& dispatcher() { return dispatcher_; }
  Instant now() const { return now_; }
  Random& random() { return random_; }
  std::vector<Life>& lives() { return lives_; }
  Life* find(RequestId id) { return id == 0 || id > lives_.size() ? nullptr : &lives_[id - 1]; }

 private:
  void apply(const Actions& actions) {
    for (const Action& action : actions) std::visit([this](const auto& a) { execute(a); }, action);
  }

  void execute(const StartAttempt& action) {
    Life& life = lives_[action.request - 1];
    EXPECT_EQ(life.ends, 0) << "an attempt after the end";
    EXPECT_LT(life.running.size(), hedging_ ? 2U : 1U) << "too many attempts at once";
    EXPECT_TRUE(life.running.empty() || !life.content) << "a hedge after content";
    EXPECT_FALSE(life.content && !life.may_restart) << "a fallback after content";
    EXPECT_LT(now_, life.deadline) << "an attempt after the deadline";
    EXPECT_EQ(action.attempt, static_cast<AttemptId>(++life.attempts));
    life.running.emplace(action.attempt, now_);
    EXPECT_TRUE(!life.content || restarted_) << "content again without a restart";
    restarted_ = false;
    life.content = false;
    starts_.push_back(now_);
    const RequestId id = action.request;
    const AttemptId attempt = action.attempt;
    const Answer answer = provider_(action.deployment, now_, random_);
    if (answer.content) {
      at(now_ + *answer.content, [this, id, attempt] {
        if (lives_[id - 1].runs(attempt)) content(id, attempt);
      });
    }
    if (answer.total == kHangs) return;
    at(now_ + answer.total, [this, id, attempt, outcome = answer.outcome] {
      if (!lives_[id - 1].runs(attempt)) return;  // cancelled: not reported
      Outcome ended = outcome;
      ended.total = now_ - lives_[id - 1].running.at(attempt);
      this->outcome(id, attempt, std::move(ended));
    });
  }
  void execute(const CancelAttempt& action) {
    Life& life = lives_[action.request - 1];
    EXPECT_EQ(life.running.erase(action.attempt), 1U) << "cancelled what does not run";
  }
  void execute(const SetTimer& action) {
    EXPECT_EQ(lives_[action.request - 1].ends, 0) << "a timer after the end";
    const std::uint64_t stamp = ++timer_stamps_[action.request];
    if (action.when == kNever) return;
    const RequestId id = action.request;
    at(action.when, [this, id, stamp] {
      if (timer_stamps_[id] == stamp) timer(id);
    });
  }
  void execute(const EmitRestart& action) {
    EXPECT_TRUE(lives_[action.request - 1].content) << "a restart without content";
    restarted_ = true;
  }
  void execute(const AskStore&) {}
  void execute(const Mirror&) { ADD_FAILURE() << "no shadow is configured here"; }
  void execute(const Switched&) { ADD_FAILURE() << "no experiment is configured here"; }
  void execute(const Finish& action) {
    Life& life = lives_[action.request - 1];
    EXPECT_EQ(++life.ends, 1) << "a second end";
    EXPECT_TRUE(life.running.empty()) << "the end while an attempt runs";
    life.ended = now_;
    life.decision = action.decision;
    check(life, action);
  }

  void check(const Life& life, const Finish& finish) {
    const Decision& d = *finish.decision;
    EXPECT_EQ(d.attempts.size(), static_cast<std::size_t>(life.attempts));
    EXPECT_EQ(d.failure.has_value(), d.status != DecisionStatus::ok);
    EXPECT_EQ(finish.attempt != 0, d.status == DecisionStatus::ok);
    EXPECT_EQ(d.total, now_ - life.submitted);
    int charged = 0;
    Duration last{};
    for (const AttemptRecord& attempt : d.attempts) {
      charged += attempt.charged ? 1 : 0;
      EXPECT_TRUE(attempt.finished);
      EXPECT_GE(attempt.started, last);
      EXPECT_GE(attempt.waited, Duration::zero());
      last = attempt.started;
    }
    EXPECT_LE(charged, life.attempts_allowed);
    if (d.status == DecisionStatus::pending) ADD_FAILURE() << "an end that is none";
  }

  template <class F>
  void at(Instant when, F&& event) {
    events_.emplace(std::pair(when, ++event_number_), std::forward<F>(event));
  }

  Random random_;
  Dispatcher dispatcher_;
  Provider provider_;
  int attempts_by_default_ = 0;
  Instant now_{seconds(1000)};
  std::map<std::pair<Instant, std::uint64_t>, std::function<void()>> events_;
  std::uint64_t event_number_ = 0;
  std::vector<Life> lives_;
  std::vector<Instant> starts_;
  std::map<RequestId, std::uint64_t> timer_stamps_;
  bool restarted_ = false;
  bool hedging_ = false;  // some configuration so far asked for it
};

}  // namespace llmroute::engine
