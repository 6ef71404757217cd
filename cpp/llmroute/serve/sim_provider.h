// A simulated provider: a real HTTP server on 127.0.0.1 that speaks a dialect and fails on request.
//
// All methods may be called on any thread but the loop's. The loop outlives the provider. Latency
// and token rate run on the loop's timers. The same seed gives the same replies, latencies and
// faults for the same request number.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "llmroute/base/error.h"
#include "llmroute/net/loop.h"
#include "llmroute/serve/sim_options.h"

namespace llmroute::serve {

struct SimStats {
  std::uint64_t requests = 0;  // chat requests that came whole
  std::map<int, std::uint64_t> by_status;
  std::map<std::string, std::uint64_t> faults;  // by slug, as they struck
  std::uint64_t in_flight = 0;
  std::uint64_t aborted_by_client = 0;
  std::uint64_t aborted_by_kill = 0;
  Usage usage;  // of the answers that were begun
  Cost cost;    // of the same; unknown without a price
};

class SimProvider {
 public:
  // Listening when it returns. ErrorKind::connect where the port is taken.
  static Result<std::unique_ptr<SimProvider>> start(net::Loop& loop, SimOptions options);
  ~SimProvider();
  SimProvider(const SimProvider&) = delete;
  SimProvider& operator=(const SimProvider&) = delete;

  std::uint16_t port() const;  // stays the same over kill() and revive()
  std::string url() const;     // what a deployment's base_url should be
  SimStats stats() const;
  std::string stats_json() const;
  // Replaces all faults; their windows count from now.
  void set_faults(std::vector<Fault> faults);
  // Resets every connection and refuses new ones, until revive(). Idempotent.
  void kill();
  Result<void> revive();
  void close();  // kill(), for good

 private:
  class Impl;
  explicit SimProvider(std::shared_ptr<Impl> impl);
  std::shared_ptr<Impl> impl_;  // shared with its timers and connections
};

}  // namespace llmroute::serve
