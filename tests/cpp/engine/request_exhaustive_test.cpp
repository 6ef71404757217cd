// Every sequence of outcomes over a small model, judged by a referee that knows the rules in its own
// words: it reads the finished decision and the script, and shares no code with the engine.
#include <gtest/gtest.h>

#include <set>

#include "engine/drive.h"
#include "engine/world.h"

namespace llmroute::engine {
namespace {

// a (two keys, 8k), b (8k) and c (32k) in order; too long prompts go to d (128k), filtered ones to e.
constexpr DeploymentIndex kA = 0, kD = 3, kE = 4;
constexpr std::int64_t kWindows[] = {8'000, 8'000, 32'000, 128'000, 0};

Inventory small_model() {
  Inventory inventory = make_inventory({"a", "b", "c", "d", "e"});
  for (DeploymentIndex d = 0; d < kE; ++d) {
    inventory.deployments[d].context_tokens = Tokens{kWindows[d]};
  }
  inventory.deployments[kA].keys = {parse_secret("one"), parse_secret("two")};
  inventory.groups[0].on_context_too_long = {split_off(inventory, "long", {"d"})};
  inventory.groups[0].on_content_filter = {split_off(inventory, "lenient", {"e"})};
  return inventory;
}

struct Event {
  const char* name;
  std::optional<ErrorKind> kind;  // none: success
  std::optional<Duration> retry_after;
  bool content = false;
};
const Event kEvents[] = {
    {"ok", std::nullopt, {}, false},
    {"ok after content", std::nullopt, {}, true},
    {"server_error", ErrorKind::server_error, {}, false},
    {"rate_limit 1 s", ErrorKind::rate_limit, Duration(seconds(1)), false},
    {"overloaded", ErrorKind::overloaded, {}, false},
    {"authentication", ErrorKind::authentication, {}, false},
    {"not_found", ErrorKind::not_found, {}, false},
    {"context_length", ErrorKind::context_length, {}, false},
    {"content_filter", ErrorKind::content_filter, {}, false},
    {"bad_request", ErrorKind::bad_request, {}, false},
    {"cut after content", ErrorKind::stream_interrupted, {}, true},
};
using Script = std::vector<const Event*>;

std::string words(const Script& script) {
  std::string text;
  for (const Event* event : script) text += std::string(event->name) + ", ";
  return text;
}

// --- the referee --------------------------------------------------------------------------------

class Referee {
 public:
  Referee(const Script& script, const Decision& decision, const RequestOptions& options)
      : script_(script), decision_(decision), options_(options) {}

  void judge() {
    const auto& attempts = decision_.attempts;
    for (std::size_t i = 0; i < attempts.size(); ++i) {
      judge_start(i);
      if (attempts[i].outcome.cancelled) {
        judge_deadline();
        return;
      }
      digest(attempts[i], *script_[i]);
    }
    judge_end();
  }

 private:
  bool reachable(DeploymentIndex d) const {
    if (gone_.count(d) != 0) return false;
    if (filtered_) return d == kE || (d == kD && long_open_after_filter_);
    if (d == kE) return false;
    if (d == kD) return too_long_;
    return kWindows[d] > window_;
  }

  void judge_start(std::size_t i) {
    const AttemptRecord& now = decision_.attempts[i];
    const DeploymentIndex d = now.deployment;
    if (!now.charged) {
      EXPECT_TRUE(may_rotate_) << "free of charge without a reason";
      EXPECT_EQ(d, kA);
      EXPECT_NE(now.key, decision_.attempts[i - 1].key) << "the same key again";
      EXPECT_EQ(now.waited, Duration::zero());
      rotating_ = may_rotate_ = false;
      return;
    }
    EXPECT_FALSE(rotating_) << "there was another key";
    rotating_ = may_rotate_ = false;
    EXPECT_TRUE(reachable(d)) << "attempt " << i + 1 << " goes where it must not: " << d;
    for (DeploymentIndex other = 0; other <= kE; ++other) {
      if (other == d || !reachable(other) || cooled_.count(other) != 0) continue;
      const bool before = tries_[other] < tries_[d] || (tries_[other] == tries_[d] && other < d);
      EXPECT_FALSE(before) << "attempt " << i + 1 << ": " << other << " was next, not " << d;
    }
    if (tries_[d] == 0 && cooled_.count(d) == 0) {
      EXPECT_EQ(now.waited, Duration::zero()) << "nothing to wait for";
    }
    ++tries_[d];
    ++charged_;
  }

  void digest(const AttemptRecord& attempt, const Event& event) {
    if (!event.kind) return;
    const DeploymentIndex d = attempt.deployment;
    switch (*event.kind) {
      case ErrorKind::rate_limit: digest_limit(attempt); break;
      case ErrorKind::overloaded: cooled_.insert(d); break;
      case ErrorKind::not_found: gone_.insert(d); break;
      case ErrorKind::authentication:
        may_rotate_ = d == kA && ++keys_lost_ < 2;
        rotating_ = may_rotate_ && cooled_.count(d) == 0 && limited_.empty();
        if (!may_rotate_) gone_.insert(d);
        if (may_rotate_ && !rotating_) cooled_.insert(d);  // the other key may be cooling
        break;
      case ErrorKind::context_length:
        gone_.insert(d);
        too_long_ = true;
        long_open_after_filter_ = filtered_;
        window_ = std::max(window_, kWindows[d] == 0 ? 100 : kWindows[d]);
        break;
      case ErrorKind::content_filter:
        gone_.insert(d);
        filtered_ = true;
        long_open_after_filter_ = false;
        break;
      default: break;
    }
  }

  // Of a pool the key alone is left alone, and the other one serves at once.
  void digest_limit(const AttemptRecord& attempt) {
    const DeploymentIndex d = attempt.deployment;
    const bool other_fresh = d == kA && keys_lost_ == 0 && limited_.empty();
    if (d == kA) limited_.insert(attempt.key);
    may_rotate_ = d == kA && ++limits_ < 2;
    rotating_ = may_rotate_ && other_fresh && cooled_.count(d) == 0;
    if (!rotating_) cooled_.insert(d);
  }

  bool any_reachable() const {
    for (DeploymentIndex d = 0; d <= kE; ++d) {
      if (reachable(d)) return true;
    }
    return false;
  }

  // Something still ran: beyond the script it was cancelled by the test, else by the deadline.
  void judge_deadline() const {
    if (decision_.status == DecisionStatus::cancelled) {
      EXPECT_GT(decision_.attempts.size(), script_.size());
      return;
    }
    ASSERT_TRUE(options_.deadline) << "stopped by nobody";
    EXPECT_EQ(decision_.failure->kind, ErrorKind::deadline_exceeded);
    EXPECT_EQ(decision_.total, *options_.deadline);
  }

  void judge_end() {
    const Event& last = *script_[decision_.attempts.size() - 1];
    if (!last.kind) {
      EXPECT_EQ(decision_.status, DecisionStatus::ok);
      return;
    }
    ASSERT_EQ(decision_.status, DecisionStatus::failed);
    const ErrorKind said = decision_.failure->kind;
    const bool cut = last.content && options_.on_interrupt == OnInterrupt::raise;
    const bool callers = *last.kind == ErrorKind::bad_request;
    if (options_.deadline) {
      EXPECT_LE(decision_.total, *options_.deadline) << "it ends at the deadline, not after it";
    }
    const bool nowhere = !rotating_ && !any_reachable();
    const bool used_up = charged_ >= *options_.attempts && !rotating_;
    if (said == ErrorKind::deadline_exceeded) {
      EXPECT_TRUE(options_.deadline) << "a deadline that nobody set";
      return;
    }
    if (!options_.deadline) {
      EXPECT_TRUE(cut || callers || nowhere || used_up) << "gave up too early";
    }
    if (cut || callers || decision_.attempts.size() == 1) {
      EXPECT_TRUE(said == *last.kind || options_.deadline);
    } else {
      EXPECT_TRUE(said == ErrorKind::all_attempts_failed || said == *last.kind);
    }
  }

  const Script& script_;
  const Decision& decision_;
  const RequestOptions& options_;
  std::set<DeploymentIndex> gone_, cooled_;
  std::map<DeploymentIndex, int> tries_;
  std::set<std::uint16_t> limited_;  // keys of a that were limited at some time
  int charged_ = 0, keys_lost_ = 0, limits_ = 0;
  std::int64_t window_ = -1;
  bool rotating_ = false, may_rotate_ = false, too_long_ = false, filtered_ = false;
  bool long_open_after_filter_ = false;
};

// --- exploring ----------------------------------------------------------------------------------

class Explorer {
 public:
  Explorer(RequestOptions options, std::size_t depth)
      : options_(std::move(options)), depth_(depth), inventory_(small_model()) {
    inventory_.resilience.breaker.failures = 1'000;  // breakers have tests of their own
  }

  void explore(Script& script) {
    const bool open = run(script);
    if (testing::Test::HasFailure()) {
      FAIL() << "script: " << words(script);
    }
    if (!open || script.size() == depth_) return;
    for (const Event& event : kEvents) {
      script.push_back(&event);
      explore(script);
      if (testing::Test::HasFatalFailure()) return;
      script.pop_back();
    }
  }
  int runs() const { return runs_; }

 private:
  // True where the request waits for an outcome beyond the script.
  bool run(const Script& script) {
    ++runs_;
    std::size_t next = 0;
    World world(inventory_, 1, [&](DeploymentIndex, Instant, Random&) {
      if (next >= script.size()) {
        ++next;
        Answer answer;
        answer.total = kHangs;
        return answer;
      }
      const Event& event = *script[next++];
      Answer answer = event.kind ? answers_with(*event.kind, milliseconds(10), event.retry_after)
                                 : answers_well(milliseconds(10));
      if (event.content) answer.content = milliseconds(5);
      return answer;
    });
    const RequestId id = world.submit(options_);
    world.run_to_the_end();
    const bool ended = world.lives()[0].ends == 1;
    const bool open = next > script.size();
    if (!ended) world.cancel(id);
    world.expect_rest();
    Referee(script, *world.lives()[0].decision, options_).judge();
    return open;
  }

  RequestOptions options_;
  std::size_t depth_;
  Inventory inventory_;
  int runs_ = 0;
};

RequestOptions options_of(int attempts, OnInterrupt on_interrupt) {
  RequestOptions options;
  options.stream = true;
  options.attempts = attempts;
  options.on_interrupt = on_interrupt;
  return options;
}

TEST(RequestMachineExhaustive, KeepsTheRulesInEverySequenceOfFive) {
  Explorer explorer(options_of(5, OnInterrupt::raise), 5);
  Script script;
  explorer.explore(script);
  EXPECT_GT(explorer.runs(), 10'000) << "the model has become too small to mean much";
}

TEST(RequestMachineExhaustive, KeepsThemWhereStreamsBeginAgain) {
  Explorer explorer(options_of(4, OnInterrupt::restart), 4);
  Script script;
  explorer.explore(script);
  EXPECT_GT(explorer.runs(), 3'000);
}

TEST(RequestMachineExhaustive, KeepsThemWithinSmallBudgets) {
  for (int attempts = 1; attempts <= 3; ++attempts) {
    Explorer explorer(options_of(attempts, OnInterrupt::restart), 4);
    Script script;
    explorer.explore(script);
  }
}

TEST(RequestMachineExhaustive, KeepsThemBeforeDeadlines) {
  for (const Duration deadline : {milliseconds(5), milliseconds(15), milliseconds(100),
                                  milliseconds(1'100), milliseconds(3'000)}) {
    RequestOptions options = options_of(4, OnInterrupt::restart);
    options.deadline = deadline;
    Explorer explorer(options, 4);
    Script script;
    explorer.explore(script);
    EXPECT_GT(explorer.runs(), 10);
  }
}

}  // namespace
}  // namespace llmroute::engine
