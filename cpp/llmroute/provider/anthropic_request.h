// The request side of the Anthropic dialect, for anthropic.cpp alone.
#pragma once

#include <string>
#include <vector>

#include "llmroute/provider/dialect.h"

namespace llmroute::provider {

// The body of POST /messages. What the dialect cannot carry is an error of kind bad_request, or is
// added to `dropped` where the caller allows it.
Result<std::string> encode_anthropic(const ChatRequest& request, const Deployment& deployment,
                                     const ParameterSet& unsupported,
                                     std::vector<std::string>& dropped);

}  // namespace llmroute::provider
