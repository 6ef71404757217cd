// Deployments as they stand for one request: what a Python policy may look at.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "llmroute/engine/dispatcher.h"

namespace llmroute::engine {

struct CandidateView {
  CandidateRecord record;
  double weight = 1.0;
  std::vector<std::pair<std::string, double>> signals;  // every number of the health board
};

// The candidates that the filters keep, in the order of the decision that would be made now. Under
// whatever serialises the dispatcher.
std::vector<CandidateView> candidate_views(Dispatcher& dispatcher, const ChatRequest& request,
                                           Instant now, WallTime wall);

}  // namespace llmroute::engine
