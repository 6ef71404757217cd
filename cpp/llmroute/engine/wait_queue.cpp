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

std::optional<RequestId> WaitQueue::to_displace(Priority priority) const {
  if (places_.size() < spec_.max_waiting) return std::nullopt;
  if (by_urgency_.empty() || by_urgency_.rbegin()->first <= priority) return RequestId{0};
  return by_urgency_.rbegin()->second.second;
}

void WaitQueue::push(Waiter waiter) {
  const std::uint64_t arrival = ++arrivals_;
  places_.emplace(waiter.id, PlaceInLine{waiter.line, waiter.flow, waiter.priority, arrival});
  by_urgency_.insert({waiter.priority, {arrival, waiter.id}});
  Class& of = lines_[waiter.line][waiter.priority];
  forget_idle(of);
  const std::string name = waiter.flow;
  Flow& flow = of.flows[name];
  const auto weight = spec_.weights.find(name);
  flow.weight = weight == spec_.weights.end() ? 1.0 : weight->second;
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
  by_urgency_.erase({place.priority, {place.arrival, id}});
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
