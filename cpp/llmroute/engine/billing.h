// What an attempt cost, as far as that can be known.
#pragma once

#include <optional>

#include "llmroute/model/deployment.h"
#include "llmroute/model/outcome.h"
#include "llmroute/model/request.h"

namespace llmroute::engine {

// Of a deployment with a price by the hour: its share of the time, however it ended. Else by its usage
// where the attempt succeeded, its content had begun or the provider counted tokens
// before it failed. An attempt that was stopped or
// whose answer never came may have been worked on: its prompt is counted as an estimate. Providers
// do not bill refusals and errors: exactly nothing. Unknown without a price, unless it is nothing.
Cost attempt_cost(const Outcome& outcome, const Deployment& deployment, const Facts& facts,
                  const Charge& charge);

// The tokens that cost is for. `prompt`: what was sent, estimated.
Tokens billed_tokens(const Outcome& outcome, Tokens prompt);

// The most that so much usage can cost by token, at any time of day: nothing of it read from a cache,
// all of it written to one, all of the answer thought about. Nothing where the price or the service
// tier's is unknown.
std::optional<Usd> most_cost(const Usage& usage, const Price& price, ServiceTier tier);

// An estimate for an attempt that was stopped while content came: its prompt, and what a stream
// usually carries in the time since the first content.
Usage usage_when_stopped(const Facts& facts, Duration since_content);

}  // namespace llmroute::engine
