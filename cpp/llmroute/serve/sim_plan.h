// Everything chance decides about one simulated request: pure, so that one seed means one history.
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "llmroute/serve/sim_options.h"

namespace llmroute::serve {

struct SimPlan {
  Duration ttft{};              // from the request to the first token
  std::optional<Fault> fault;   // what goes wrong
  std::uint64_t text_seed = 0;  // of the answer's filling words
};

// `number` counts all requests of the provider from 1, `since_set` those since the faults were set.
// A latency or text never depends on the faults, nor one fault's chance on another's window.
SimPlan plan_request(const SimOptions& options, std::span<const Fault> faults, std::uint64_t number,
                     std::uint64_t since_set, Duration elapsed);

}  // namespace llmroute::serve
