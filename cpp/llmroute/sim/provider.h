// One modelled provider under the virtual clock: what becomes of an attempt, and its line of waiters.
//
// Chance belongs to the attempt (seed, request, deployment, number), not to the order of events, so
// that two policies on the same traffic meet the same luck. Owned by the simulator; single-threaded.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>

#include "llmroute/base/random.h"
#include "llmroute/model/outcome.h"
#include "llmroute/sim/world.h"

namespace llmroute::sim {

// What the provider will do with an attempt that it serves.
struct Service {
  Duration first = Duration::zero();  // to the first token
  Duration whole = Duration::zero();  // to the end
  std::optional<Failure> failure;     // at the end, instead of an answer
  bool content = true;                // `first` brings content
  bool hangs = false;                 // nothing ever comes
};

class Provider {
 public:
  // `start`: the simulation's first instant. `model` outlives it.
  Provider(const ProviderModel& model, Instant start) : model_(&model), start_(start) {}

  // A refusal at the door (limits, a full line, trouble), or nothing: it may be served.
  std::optional<Service> refuse(Instant now, Random& chance);
  Service serve(Instant now, Random& chance, std::int32_t output_tokens) const;

  // The places at the counter. `enter` is false where the attempt must wait in line.
  bool enter();
  // Frees a place; gives the next in line, who takes it.
  std::optional<std::uint32_t> leave();
  void wait_in_line(std::uint32_t attempt) { line_.push_back(attempt); }
  void leave_line(std::uint32_t attempt);
  std::size_t waiting() const { return line_.size(); }

 private:
  const TroubleSpec* trouble_at(Instant now, Random& chance) const;
  Service failing(ErrorKind kind, Duration after) const;

  const ProviderModel* model_;
  Instant start_;
  std::uint32_t serving_ = 0;
  std::deque<std::uint32_t> line_;
  Instant allowance_{};  // of the rate limit (GCRA): when the next request is due at the latest
};

}  // namespace llmroute::sim
