// The failures that the engine itself speaks, built from a decision as it stands.
#pragma once

#include <string_view>

#include "llmroute/engine/standing.h"
#include "llmroute/model/decision.h"

namespace llmroute::engine {

// After the last attempt of a request that has at least one, which failed. A single attempt fails as
// what it was; several, or one with a `note` on why no other followed, as all_attempts_failed with
// the last one's words, status and retry_after.
Failure attempts_failed(const Decision& decision, std::string_view note);

// Nothing was sent: budget_exceeded where a budget is in the way, capacity where nothing but limits are,
// each naming whom it counts; else no_candidate. Each candidate with its reason (shortened), and as retry_after the time until
// the first of those that are out only for the moment may be back.
Failure no_candidate(const Decision& decision, const Standing& standing);

}  // namespace llmroute::engine
