// Since when kept connections have been idle.
//
// Curl says neither when it reuses a connection nor how long that one had waited; it only names the
// two ports before each request. Loop thread only.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <unordered_map>

#include "llmroute/base/time.h"

namespace llmroute::net {

class IdleTimes {
 public:
  using Key = std::uint32_t;
  // Two servers may share it; the worst of that is one resend more or less.
  static Key key(int local_port, int remote_port) {
    return (static_cast<Key>(local_port) << 16U) | (static_cast<Key>(remote_port) & 0xFFFFU);
  }

  // One more request uses the connection. Gives since when it had been idle; nothing if others use
  // it too, or if it is new.
  std::optional<Instant> use(Key connection) {
    Entry& entry = entries_[connection];
    ++entry.users;
    if (entry.users > 1 || entry.since == kNever) return std::nullopt;
    return entry.since;
  }
  // One request less.
  void release(Key connection, Instant now) {
    const auto found = entries_.find(connection);
    if (found == entries_.end() || found->second.users == 0) return;
    // The entry stays for the next time: no memory is given back and taken again per request.
    if (--found->second.users == 0) found->second.since = now;
    if (entries_.size() > kMaxEntries) entries_.clear();
  }
  // The connection is dead.
  void forget(Key connection) { entries_.erase(connection); }

 private:
  struct Entry {
    Instant since = kNever;
    std::uint32_t users = 0;
  };
  // Connections that close while idle are never reported; losing the times of those that live only
  // costs a resend that might have been.
  static constexpr std::size_t kMaxEntries = 16'384;
  std::unordered_map<Key, Entry> entries_;
};

}  // namespace llmroute::net
