// How long to wait before going around again.
//
// Full jitter: uniform in [0, base * 2^round), the upper end at most `backoff_max`. Requests that
// failed together do not come back together. Pure: the generator is passed in.
#pragma once

#include "llmroute/base/random.h"
#include "llmroute/base/time.h"
#include "llmroute/model/deployment.h"

namespace llmroute::engine {

// `round` counts from 0; a negative one is taken as 0.
Duration full_jitter(const Resilience& resilience, int round, Random& random);

}  // namespace llmroute::engine
