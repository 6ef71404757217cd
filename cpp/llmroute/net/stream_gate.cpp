#include "llmroute/net/stream_gate.h"

#include <algorithm>

namespace llmroute::net {

struct StreamGate::Origin {
  std::string name;
  std::size_t unsent = 0;  // let through, not on a connection yet
  std::size_t sent = 0;
  std::unordered_map<IdleTimes::Key, std::size_t> streams;  // on each connection in use
  std::deque<Pass*> waiting;
  bool listed = false;  // in changed_
};

StreamGate::StreamGate() = default;
StreamGate::~StreamGate() = default;

bool StreamGate::enter(const std::string& origin, std::uint64_t id, Pass& pass) {
  auto& entry = origins_[origin];
  if (!entry) {
    entry = std::make_unique<Origin>();
    entry->name = origin;
  }
  pass.leave();
  pass.gate_ = this;
  pass.origin_ = entry.get();
  pass.id_ = id;
  if (entry->waiting.empty() && has_room(*entry)) {
    ++entry->unsent;
    pass.place_ = Pass::Place::unsent;
    return true;
  }
  entry->waiting.push_back(&pass);
  pass.place_ = Pass::Place::waiting;
  return false;
}

bool StreamGate::has_room(const Origin& origin) const {
  const std::size_t connections = std::max<std::size_t>(origin.streams.size(), 1);
  return origin.unsent == 0 || origin.unsent + origin.sent < connections * kStreamsPerConnection;
}

std::optional<std::uint64_t> StreamGate::next() {
  while (!changed_.empty()) {
    Origin& origin = *changed_.back();
    if (!origin.waiting.empty() && has_room(origin)) {
      Pass& pass = *origin.waiting.front();
      origin.waiting.pop_front();
      ++origin.unsent;
      pass.place_ = Pass::Place::unsent;
      return pass.id_;
    }
    origin.listed = false;
    changed_.pop_back();
    if (origin.waiting.empty() && origin.unsent + origin.sent == 0) {
      origins_.erase(std::string(origin.name));
    }
  }
  return std::nullopt;
}

void StreamGate::changed(Origin& origin) {
  if (origin.listed) return;
  origin.listed = true;
  changed_.push_back(&origin);
}

void StreamGate::Pass::sent(IdleTimes::Key connection) {
  if (place_ == Place::outside || place_ == Place::waiting) return;
  if (place_ == Place::sent) {
    if (--origin_->streams[connection_] == 0) origin_->streams.erase(connection_);
  } else {
    --origin_->unsent;
    ++origin_->sent;
  }
  place_ = Place::sent;
  connection_ = connection;
  ++origin_->streams[connection];
  gate_->changed(*origin_);
}

void StreamGate::Pass::leave() {
  switch (place_) {
    case Place::outside: return;
    case Place::waiting: std::erase(origin_->waiting, this); break;
    case Place::unsent: --origin_->unsent; break;
    case Place::sent:
      --origin_->sent;
      if (--origin_->streams[connection_] == 0) origin_->streams.erase(connection_);
      break;
  }
  place_ = Place::outside;
  gate_->changed(*origin_);
}

}  // namespace llmroute::net
