// Holds requests back that curl would give a connection each.
//
// One HTTP/2 connection carries many requests, but while all its streams are taken curl opens a
// connection for every further request of a burst, instead of one for the next hundred. So beyond
// what the known connections to an origin can carry, one request at a time is let through to open
// the next one. Where every request needs its own connection (HTTP/1.1) each new one raises what may
// pass by a hundred, and the gate is never in the way for long.
//
// Loop thread only; knows requests by id and connections by key, nothing of curl.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "llmroute/net/idle_times.h"

namespace llmroute::net {

class StreamGate {
 public:
  static constexpr std::size_t kStreamsPerConnection = 100;  // most servers allow 100 or 128

  struct Origin;

  // One request's place: from enter() to leave() or the destructor.
  class Pass {
   public:
    Pass() = default;
    Pass(const Pass&) = delete;
    Pass& operator=(const Pass&) = delete;
    ~Pass() { leave(); }

    // The request is about to be sent on that connection; again for each resend.
    void sent(IdleTimes::Key connection);
    void leave();

   private:
    friend class StreamGate;
    enum class Place { outside, waiting, unsent, sent };
    StreamGate* gate_ = nullptr;
    Origin* origin_ = nullptr;
    IdleTimes::Key connection_ = 0;
    std::uint64_t id_ = 0;
    Place place_ = Place::outside;
  };

  StreamGate();
  ~StreamGate();  // after its passes
  StreamGate(const StreamGate&) = delete;
  StreamGate& operator=(const StreamGate&) = delete;

  // Requests to the same origin by the same way share connections. True: the request may go on now;
  // false: next() will name it. The pass stays where it is until it is left.
  bool enter(const std::string& origin, std::uint64_t id, Pass& pass);
  // A waiting request that may go on now.
  std::optional<std::uint64_t> next();
  std::size_t origins() const { return origins_.size(); }

 private:
  bool has_room(const Origin& origin) const;
  void changed(Origin& origin);

  std::map<std::string, std::unique_ptr<Origin>> origins_;
  std::vector<Origin*> changed_;  // may have room for someone who waits
};

}  // namespace llmroute::net
