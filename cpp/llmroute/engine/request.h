// The machine of one request: which attempt next, how long to wait, when to give up.
//
// (event, now) -> actions; no IO. Owned by the dispatcher, used under its lock, destroyed after its
// Finish action. The rules, by how the last attempt ended:
//
//   rate_limit                       next candidate; with none left, wait as long as was asked
//   connect, protocol, attempt_timeout, overloaded, server_error, stream_interrupted
//                                    next candidate; with all tried once, back off (full jitter)
//                                    and go around again
//   context_length                   only known larger windows, then groups in on_context_too_long
//   content_filter                   only groups in on_content_filter
//   authentication, quota_exhausted  another key of the pool (not charged), else next candidate
//   permission_denied, not_found     next candidate, this one never again
//   bad_request and the rest         never another attempt
//
// After content was seen nothing is tried again unless the caller asked for on_interrupt=restart.
// A candidate is checked again when its turn comes. Where the rest is only cooling or out of keys
// for a while, the request waits for the first of them, if that is within max_retry_after and the
// deadline; an open breaker is never waited for. Every attempt but the first draws on the router's
// retry budget, unless nothing speaks against where it goes.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "llmroute/engine/dispatcher.h"

namespace llmroute::engine {

// What a machine may touch of its dispatcher during one event.
struct Surroundings {
  const InventoryPtr& inventory;  // the current one
  health::Board& board;
  policy::Planner& planner;
  RetryBudget& retry_budget;
  Instant now;
  Actions& actions;
};

class RequestMachine {
 public:
  RequestMachine(RequestId id, std::shared_ptr<const ChatRequest> request, InventoryPtr inventory,
                 std::uint64_t seed, Instant now, WallTime wall);

  void begin(Surroundings& s, GroupIndex group);
  // Ends it before it began.
  void refuse(Surroundings& s, Failure failure);
  void on_content(Surroundings& s, AttemptId attempt, Duration ttft);
  void on_outcome(Surroundings& s, AttemptId attempt, Outcome outcome,
                  std::vector<std::string> dropped);
  void on_timer(Surroundings& s);
  void cancel(Surroundings& s);
  // Plans and hands over the decision as it stands, status pending.
  DecisionPtr explain(Surroundings& s, GroupIndex group);

  bool finished() const { return finished_; }
  void note_planned(Duration planned) { decision_.planned = planned; }

 private:
  // A place of the plan and what became of it.
  struct Step {
    policy::PlanStep plan;
    int tries = 0;
    bool banned = false;
  };
  struct Choice {
    Step* step = nullptr;          // the one to try now, or null
    Instant unblocked = kNever;    // else: when waiting would help
  };

  void plan(Surroundings& s, GroupIndex group);
  bool extend(Surroundings& s, const std::vector<GroupIndex>& groups);
  void take_steps(const std::vector<policy::PlanStep>& planned, std::size_t from,
                  std::size_t from_record);
  void advance(Surroundings& s);
  Choice choose(Surroundings& s);
  health::Admission admission(Surroundings& s, const Step& step) const;
  void start(Surroundings& s, Step& step, bool charged);
  void react(Surroundings& s, const Failure& failure);
  void react_too_long(Surroundings& s, Step& failed, const Failure& failure);
  void react_filtered(Surroundings& s, const Failure& failure);
  void react_key(Surroundings& s, Step& step);
  bool wait_until(Surroundings& s, Instant when);
  void end_attempt(Surroundings& s, Outcome outcome, std::vector<std::string> dropped);
  Cost cost_of_attempt(const Outcome& outcome, const Deployment& deployment) const;
  void give_up(Surroundings& s, std::string note = {});
  void finish(Surroundings& s, DecisionStatus status, std::optional<Failure> failure);
  Failure no_candidate(Surroundings& s) const;
  void arm(Surroundings& s);
  void stop_running(Surroundings& s);
  std::optional<DeploymentIndex> current_index(Surroundings& s, DeploymentIndex index) const;
  bool running() const { return running_step_ != nullptr; }
  const Deployment& deployment_of(const Step& step) const;

  RequestId id_;
  std::shared_ptr<const ChatRequest> request_;
  InventoryPtr inventory_;   // the one it began with; its indices are used throughout
  Random random_;
  Decision decision_;
  Instant submitted_;
  Instant deadline_ = kNever;
  GroupIndex group_ = 0;
  std::vector<Step> steps_;
  int attempts_left_ = 0;
  // The running attempt.
  Step* running_step_ = nullptr;
  health::Work work_;
  Instant attempt_started_{};
  bool content_seen_ = false;
  // Waiting.
  Instant wait_until_ = kNever;
  Duration waited_{};
  bool backed_off_ = false;  // the wait before another round is over
  Instant armed_ = kNever;
  bool extended_too_long_ = false, extended_filtered_ = false;
  bool finished_ = false;
};

}  // namespace llmroute::engine
