// Rules, constraints and experiments of one inventory, ready to be asked about requests.
//
// apply() reads the request as its caller gave it and gives back one with its Ruling and with what rules
// set. It may be called on any thread; a book is immutable but for its switches. A request is judged
// where it comes in, and again where it meets another inventory than it was judged for, so that nobody
// sees a mix of two.
//
// A rule that says where a request goes says it of the fallbacks too: those that the caller lists are
// taken away. An arm of an experiment only takes the place of the group that was asked for.
//
// Order: rules decide where it goes and how; experiments of the group it goes to draw an arm;
// constraints close what must stay closed. A mirrored request has its group already and meets
// constraints alone.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "llmroute/base/error.h"
#include "llmroute/base/time.h"
#include "llmroute/model/request.h"
#include "llmroute/model/ruling.h"
#include "llmroute/policy/condition.h"
#include "llmroute/policy/fence.h"

namespace llmroute::policy {

// Which arm of an experiment gets all requests, where that was decided while it runs. By index in the
// inventory's experiments; thread-safe.
class ArmSwitches {
 public:
  explicit ArmSwitches(std::size_t experiments) : arms_(experiments) { clear(); }
  static constexpr std::int32_t kAsDrawn = -1;

  std::int32_t at(std::size_t experiment) const {
    return arms_[experiment].load(std::memory_order_relaxed);
  }
  void set(std::size_t experiment, std::int32_t arm) {
    arms_[experiment].store(arm, std::memory_order_relaxed);
  }

 private:
  void clear() {
    for (auto& arm : arms_) arm.store(kAsDrawn, std::memory_order_relaxed);
  }
  std::vector<std::atomic<std::int32_t>> arms_;
};

class RuleBook {
 public:
  // ErrorKind::config for an expression, keyword or language that cannot be used.
  static Result<std::shared_ptr<const RuleBook>> make(InventoryPtr inventory);

  // The request itself where there is nothing in the book. One that was judged before is judged anew
  // from what its caller asked.
  std::shared_ptr<const ChatRequest> apply(std::shared_ptr<const ChatRequest> request,
                                           WallTime wall) const;
  // True where the request was judged by this book, or need not be and was not.
  bool covers(const ChatRequest& request) const {
    if (!request.ruling) return empty();
    return !empty() && request.ruling->inventory == inventory_;
  }

  bool empty() const {
    return inventory_->rules.empty() && inventory_->constraints.empty() &&
           inventory_->experiments.empty();
  }
  const InventoryPtr& inventory() const { return inventory_; }
  // Equal for requests that may get each other's answers.
  Digest fence(const ChatRequest& request) const;
  // Scores that rules and constraints ask for.
  const std::vector<std::string>& scores() const { return conditions_.scores(); }
  ArmSwitches& switches() const { return *switches_; }

 private:
  explicit RuleBook(InventoryPtr inventory);
  Result<void> compile();
  void follow_rules(Subject& subject, Ruling& ruling, ChatRequest& out) const;
  void run_experiments(const ChatRequest& asked, Ruling& ruling) const;
  void take_copy(const std::string& experiment, Ruling& ruling) const;
  void close_doors(Subject& subject, Ruling& ruling) const;

  struct Bounds {  // of a constraint
    std::optional<Conditions::Id> when, unless;
  };
  InventoryPtr inventory_;
  Conditions conditions_;
  std::vector<Conditions::Id> rules_;
  std::vector<Bounds> constraints_;
  Fences fences_;
  std::unique_ptr<ArmSwitches> switches_;
};
using RuleBookPtr = std::shared_ptr<const RuleBook>;

// The group that a request goes to: where its ruling leads, else what was asked for.
std::optional<GroupIndex> group_of(const Inventory& inventory, const ChatRequest& request);

// The arm of an experiment for a unit, by hash: the same for the same salt and unit everywhere.
std::uint32_t draw_arm(const Experiment& experiment, std::string_view unit);

}  // namespace llmroute::policy
