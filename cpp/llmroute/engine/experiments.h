// What experiments have seen so far, and the end of arms that are surely worse.
//
// Every request that ends is looked at once: whether it failed, its times, its cost, later its score.
// An arm is compared with the first one, at all times, by tests that stay valid while one looks
// (policy/sequential.h). The chance that a sound arm is ever rolled back is at most kAlpha for an
// experiment: each of its guards and arms gets an equal part of it.
//
// A request counts where its arm was drawn and acted on. A failure counts unless it is the caller's own
// (a bad request, a deadline, a cancel) or the business's (a rule, a budget). Of a shadow the requests
// that are mirrored are the control.
//
// Owned by the dispatcher and used under its lock. What was seen is kept over changes of the
// configuration where the experiment stays as it was.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "llmroute/base/error.h"
#include "llmroute/model/decision.h"
#include "llmroute/policy/rule_book.h"
#include "llmroute/policy/sequential.h"

namespace llmroute::engine {

// An arm gets all requests from now on, or no longer. To be told to people, and to be remembered under
// the experiment's name for the next process.
struct Switched {
  std::string experiment;
  std::string state;   // for restore()
  std::string notice;  // a sentence
};

class Experiments {
 public:
  static constexpr double kAlpha = 0.05;
  static constexpr std::size_t kMaxUnits = 100'000;  // that the check of shares tells apart

  // Sets the switches of the book as they were, where the experiment stays as it was.
  void configure(policy::RuleBookPtr book);

  // A request that has ended; true where that rolled an arm back, see take_switched().
  bool note(const Decision& decision);
  // A score for one that ended before.
  void score(const std::vector<ExperimentRecord>& records, double score);
  std::vector<Switched> take_switched();

  // All requests to that arm; an empty name: as drawn again, with nothing seen. ErrorKind::
  // invalid_argument with the nearest name.
  Result<Switched> switch_to(std::string_view experiment, std::string_view arm,
                             std::string_view reason);
  // What an earlier process remembered; nothing happens where the experiment is another one now.
  void restore(std::string_view experiment, std::string_view state);

  // {"name": {"kind", "mode", "state", "reason", "arms": [{...}], "ratio": {...}}}
  std::string json() const;

 private:
  // Of one arm; the sides of control are in each, for each arm is compared by itself.
  struct Tally {
    explicit Tally(const Experiment& experiment);
    std::uint64_t requests = 0, failures = 0;
    policy::Difference errors, cost, score;
    policy::QuantileDifference ttft, total;
  };
  struct Course {
    explicit Course(const Experiment& experiment);
    std::string definition;  // another one begins anew
    std::vector<Tally> arms;
    policy::RatioCheck ratio;
    std::unordered_set<std::uint64_t> units;
    std::int32_t switched = policy::ArmSwitches::kAsDrawn;
    std::string reason;
  };
  struct Seen {  // of one request; absent: unknown
    bool failed = false;
    std::optional<double> ttft_ms, total_ms, cost_usd;
  };
  static std::optional<Seen> seen_in(const Decision& decision);
  void count(Course& course, std::uint32_t arm, const Seen& seen);
  void count_unit(Course& course, const Experiment& experiment, std::uint32_t arm,
                  const Decision& decision);
  bool guard(std::uint32_t index);
  std::string worse_words(const Experiment& experiment, const Course& course, std::uint32_t arm,
                          double alpha) const;
  void throw_switch(std::uint32_t index, std::int32_t arm, std::string reason);
  Switched describe(std::uint32_t index) const;
  std::optional<std::uint32_t> find(std::string_view experiment) const;

  policy::RuleBookPtr book_;
  std::vector<Course> courses_;  // by index in the inventory's experiments
  std::vector<Switched> news_;
};

}  // namespace llmroute::engine
