// Dropping candidates, each with its reason.
#pragma once

#include "llmroute/health/board.h"
#include "llmroute/model/decision.h"
#include "llmroute/model/request.h"

namespace llmroute::policy {

// What the request needs against what the deployment is: capabilities, parameters, context length.
// Does not change during a request. `kept` or the first reason found.
health::Admission check_fit(const Facts& facts, const RequestOptions& options,
                            const Deployment& deployment);

}  // namespace llmroute::policy
