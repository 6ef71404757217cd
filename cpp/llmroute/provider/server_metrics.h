// The load of an inference server, as its metrics page has it.
#pragma once

#include <string_view>

#include "llmroute/model/load.h"

namespace llmroute::provider {

// Reads a page of Prometheus text: of vLLM, SGLang, TensorRT-LLM, Triton, llama.cpp and others whose
// names are in server_metrics.cpp, or of anybody by the names in `spec`. Counts of several series
// (engines, replicas) are summed, shares averaged; where some are labelled with the deployment's
// `model`, those alone. What is not there is unknown; what cannot be (see plausible) too.
LoadReading read_server_metrics(std::string_view page, const LoadSpec& spec,
                                std::string_view model);

}  // namespace llmroute::provider
