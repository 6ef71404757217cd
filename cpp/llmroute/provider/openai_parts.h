// The parts of the OpenAI dialect, for openai*.cpp alone.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "llmroute/provider/dialect.h"
#include "llmroute/wire/json.h"

namespace llmroute::provider {

// The body of POST /chat/completions: the caller's bytes but for the few fields that change. What
// the provider refuses is an error of kind bad_request, or is added to `dropped` where allowed.
Result<std::string> encode_openai(const ChatRequest& request, const Deployment& deployment,
                                  std::vector<std::string>& dropped);

// Normalises what compatible providers do differently: where cached tokens are told, and whether
// completion_tokens holds the reasoning. `reported` only where the main counts can be read.
Usage read_openai_usage(wire::JsonView usage);

// Words of compatible providers for the same thing; anything unknown stays as it is.
std::string openai_finish_reason(std::string raw);

// The body of POST /embeddings, likewise.
Result<std::string> encode_openai_embeddings(const ChatRequest& request,
                                             const Deployment& deployment,
                                             std::vector<std::string>& dropped);
// Checks that a reply holds an embedding, as numbers or as base64, and reads its usage.
std::variant<ReplySummary, Failure> read_openai_embeddings(std::string_view body);

std::unique_ptr<StreamDecoder> openai_stream(bool requires_terminator);

}  // namespace llmroute::provider
