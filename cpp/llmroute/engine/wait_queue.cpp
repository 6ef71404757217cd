#include "llmroute/engine/wait_queue.h"

#include <algorithm>

namespace llmroute::engine {

namespace {

constexpr std::size_t kMostIdleFlows = 1'024;  // remembered per class, for what they still owe

}  // namespace

std::size_t WaitQueue::size(const std::string& line) const {
  const auto found = lines_.find(line);
  if (found == lines_.end()) return 0;
  std::size_t count = 0;
  for (const auto& [priority, one] : found->second) {
    for (const auto& entry : one.order) count += one.flows.at(entry.second).waiters.size();
  }
  return count;
}

std::vector<std::string> WaitQueue::lines() const {
  std::vector<std::string> out;
  for (const auto& [name, line] : lines_) {
    const bool any = std::any_of(line.begin(), line.end(),
                                 [](const auto& entry) { return !entry.second.order.empty(); });
    if (any) out.push_back(name);
  }
  return out;
}

// Of all lines: the one with the most tokens waiting by its weight, of equals the one whose last came
// last.
const WaitQueue::Flow* WaitQueue::heaviest(Priority priority) const {
  const Flow* best = nullptr;
  const auto heavier = [](const Flow& a, const Flow& b) {
    const double mine = static_cast<double>(a.tokens) / a.weight;
    const double other = static_cast<double>(b.tokens) / b.weight;
    return mine != other ? mine > other : a.waiters.back().first > b.waiters.back().first;
  };
  for (const auto& [name, line] : lines_) {
    const auto of = line.find(priority);
    if (of == line.end()) continue;
    for (const auto& entry : of->second.order) {
      const Flow& flow = of->second.flows.at(entry.second);
      if (best == nullptr || heavier(flow, *best)) best = &flow;
    }
  }
  return best;
}

double WaitQueue::weight_of(const std::string& flow) const {
  const auto found = spec_.weights.find(flow);
  return found == spec_.weights.end() ? 1.0 : found->second;
}

double WaitQueue::load_with(const Waiter& newcomer) const {
  std::int64_t tokens = newcomer.tokens;
  const auto line = lines_.find(newcomer.line);
  if (line != lines_.end()) {
    const auto of = line->second.find(newcomer.priority);
    if (of != line->second.end()) {
      const auto flow = of->second.flows.find(newcomer.flow);
      if (flow != of->second.flows.end()) tokens += flow->second.tokens;
    }
  }
  return static_cast<double>(tokens) / weight_of(newcomer.flow);
}

std::optional<RequestId> WaitQueue::to_displace(const Waiter& newcomer) const {
  if (places_.size() < spec_.max_waiting) return std::nullopt;
  if (by_urgency_.empty()) return RequestId{0};
  const Priority worst = *by_urgency_.rbegin();
  if (worst < newcomer.priority) return RequestId{0};
  const Flow* flow = heaviest(worst);
  const double load = static_cast<double>(flow->tokens) / flow->weight;
  if (worst == newcomer.priority && load_with(newcomer) >= load) return RequestId{0};
  return flow->waiters.back().second.id;
}

void WaitQueue::push(Waiter waiter) {
  const std::uint64_t arrival = ++arrivals_;
  places_.emplace(waiter.id, PlaceInLine{waiter.line, waiter.flow, waiter.priority});
  by_urgency_.insert(waiter.priority);
  Class& of = lines_[waiter.line][waiter.priority];
  forget_idle(of);
  const std::string name = waiter.flow;
  Flow& flow = of.flows[name];
  flow.weight = weight_of(name);
  flow.tokens += waiter.tokens;
  flow.waiters.emplace_back(arrival, std::move(waiter));
  if (flow.waiters.size() == 1) enlist(of, name, flow);
}

void WaitQueue::enlist(Class& of, const std::string& name, Flow& flow) {
  flow.start = std::max(of.virtual_time, flow.end);
  of.order.insert({{flow.start, flow.waiters.front().first}, name});
}

void WaitQueue::delist(Class& of, const std::string& name, Flow& flow) {
  of.order.erase({{flow.start, flow.waiters.front().first}, name});
}

// A flow that waits for nothing and owes nothing is as good as a new one.
void WaitQueue::forget_idle(Class& of) {
  if (of.flows.size() < kMostIdleFlows) return;
  std::erase_if(of.flows, [&of](const auto& entry) {
    return entry.second.waiters.empty() && entry.second.end <= of.virtual_time;
  });
}

void WaitQueue::drop(RequestId id, bool served) {
  const auto found = places_.find(id);
  if (found == places_.end()) return;
  const PlaceInLine place = std::move(found->second);
  places_.erase(found);
  by_urgency_.erase(by_urgency_.find(place.priority));
  Class& of = lines_[place.line][place.priority];
  Flow& flow = of.flows[place.flow];
  const auto at = std::find_if(flow.waiters.begin(), flow.waiters.end(),
                               [id](const auto& entry) { return entry.second.id == id; });
  const bool first = at == flow.waiters.begin();
  if (first) delist(of, place.flow, flow);
  if (served) {
    of.virtual_time = std::max(of.virtual_time, flow.start);
    flow.end =
        std::max(flow.start, flow.end) + static_cast<double>(at->second.tokens) / flow.weight;
  }
  flow.tokens -= at->second.tokens;
  flow.waiters.erase(at);
  if (first && !flow.waiters.empty()) enlist(of, place.flow, flow);
}

void WaitQueue::remove(RequestId id) { drop(id, false); }

void WaitQueue::serve(RequestId id) { drop(id, true); }

std::vector<RequestId> WaitQueue::heads(const std::string& line) const {
  std::vector<RequestId> out;
  const auto found = lines_.find(line);
  if (found == lines_.end()) return out;
  for (const auto& [priority, one] : found->second) {
    for (const auto& entry : one.order) {
      out.push_back(one.flows.at(entry.second).waiters.front().second.id);
    }
  }
  return out;
}

void WaitQueue::correct(const std::string& line, Priority priority, const std::string& flow,
                        std::int64_t extra) {
  const auto in_line = lines_.find(line);
  if (in_line == lines_.end()) return;
  const auto of = in_line->second.find(priority);
  if (of == in_line->second.end()) return;
  const auto found = of->second.flows.find(flow);
  if (found == of->second.flows.end()) return;
  found->second.end += static_cast<double>(extra) / found->second.weight;
}

}  // namespace llmroute::engine
