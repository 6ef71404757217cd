// A share of a router's requests, sent to another router as well, and how the two did.
//
// The other one may have any configuration: this is how a whole new one is tried on real traffic. A
// request is sent there when its own answer is on its way; nobody waits for what becomes of it. Copies
// are judged by the other router's rules and constraints, and never mirrored again.
//
// Thread-safe. Holds the other router; two that mirror each other are kept alive until one of them
// stops.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <string>

#include "llmroute/model/decision.h"
#include "llmroute/model/request.h"

namespace llmroute::runtime {

class Router;

class Mirror : public std::enable_shared_from_this<Mirror> {
 public:
  // `share` of the requests, 0..1, drawn by a hash of their ids.
  Mirror(std::shared_ptr<Router> other, double share) : other_(std::move(other)), share_(share) {}

  // A request of this router has ended. Copies of others and what was not sent are passed over.
  void on_finish(const ChatRequest& request, const Decision& decision);
  // {"share", "here": {...}, "there": {requests, failures, mean_ms, mean_usd}}: of the same requests.
  std::string json() const;

 private:
  struct Side {
    std::uint64_t requests = 0, failures = 0, priced = 0, answered = 0;
    double ms = 0, usd = 0;  // sums
    void add(const Decision& decision);
  };
  const std::shared_ptr<Router> other_;
  const double share_;
  mutable std::mutex mutex_;
  Side here_, there_;  // guarded by mutex_
};

}  // namespace llmroute::runtime
