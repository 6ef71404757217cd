// Requests that wait because nothing can serve them now: one bounded line per group asked for.
//
// The order within a line is by priority class, then fair between flows (tenants) by tokens:
// start-time fair queueing. Each flow's first waiter carries
//
//   start  = max(virtual time, end of the flow's last one)
//   end    = start + tokens / weight of the flow
//
// and the smallest start comes first; the virtual time of a class is the start of who was served last.
// When a request turns out to have taken other than the estimated tokens, its flow's end is corrected.
// Source: Goyal, Vin and Cheng, Start-time Fair Queueing (1996).
//
// Where `max_waiting` are in line (all lines together), a newcomer displaces somebody of the least urgent
// class: the youngest of the flow that has the most tokens waiting by its weight. If that class is its
// own, only where its own flow has fewer; if it is more urgent, nobody. So one flow's crowd cannot keep
// the others out of a full line.
//
// Single-threaded, under the dispatcher's lock. Lines are known by the group's name, for requests of
// several configurations may stand in one.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "llmroute/model/limits.h"

namespace llmroute::engine {

using RequestId = std::uint64_t;

struct Waiter {
  RequestId id = 0;
  std::string line;  // name of a group
  Priority priority = kStandard;
  std::string flow;  // whose share it counts in
  std::int64_t tokens = 1;
};

class WaitQueue {
 public:
  void configure(const QueueSpec& spec) { spec_ = spec; }

  bool empty() const { return places_.empty(); }
  std::size_t size() const { return places_.size(); }
  std::size_t size(const std::string& line) const;
  std::vector<std::string> lines() const;  // those with somebody in them

  // Who has to go so that this one may come: nothing where there is room, the newcomer itself (0) where
  // nobody has to.
  std::optional<RequestId> to_displace(const Waiter& newcomer) const;
  void push(Waiter waiter);
  void remove(RequestId id);  // does not wait: nothing
  bool holds(RequestId id) const { return places_.count(id) != 0; }

  // The first of each flow of a line, in the order in which they are to be tried.
  std::vector<RequestId> heads(const std::string& line) const;
  // It leaves its line because it is served: its flow pays.
  void serve(RequestId id);
  // A served one took `extra` tokens more (or, negative, fewer) than was thought.
  void correct(const std::string& line, Priority priority, const std::string& flow,
               std::int64_t extra);

 private:
  struct Flow {
    double weight = 1;
    double end = 0;                                        // of the last one served
    double start = 0;                                      // of the first waiter
    std::int64_t tokens = 0;                               // of all that wait
    std::deque<std::pair<std::uint64_t, Waiter>> waiters;  // with the number of their arrival
  };
  struct Class {
    double virtual_time = 0;
    std::map<std::string, Flow> flows;
    std::set<std::pair<std::pair<double, std::uint64_t>, std::string>> order;  // heads by start
  };
  using Line = std::map<Priority, Class>;
  struct PlaceInLine {
    std::string line, flow;
    Priority priority;
  };

  const Flow* heaviest(Priority priority) const;
  double load_with(const Waiter& newcomer) const;
  double weight_of(const std::string& flow) const;
  void enlist(Class& of, const std::string& name, Flow& flow);
  static void delist(Class& of, const std::string& name, Flow& flow);
  void drop(RequestId id, bool served);
  void forget_idle(Class& of);

  QueueSpec spec_;
  std::map<std::string, Line> lines_;
  std::unordered_map<RequestId, PlaceInLine> places_;
  std::multiset<Priority> by_urgency_;  // of all that wait
  std::uint64_t arrivals_ = 0;
};

}  // namespace llmroute::engine
