// The parts of the Cohere dialect, for cohere*.cpp alone.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "llmroute/provider/chat_parts.h"
#include "llmroute/provider/dialect.h"
#include "llmroute/wire/json.h"

namespace llmroute::provider {

// The body of POST /v2/chat. What the dialect cannot carry is an error of kind bad_request, or is
// added to `dropped` where the caller allows it.
Result<std::string> encode_cohere(const ChatRequest& request, const Deployment& deployment,
                                  const ParameterSet& unsupported,
                                  std::vector<std::string>& dropped);

// Writes `messages`.
void write_cohere_messages(wire::JsonWriter& writer, wire::JsonView messages, Losses& losses);

// The body of POST /v2/embed.
Result<std::string> encode_cohere_embeddings(const ChatRequest& request,
                                             const Deployment& deployment,
                                             std::vector<std::string>& dropped);

// What is billed, where the reply says so: that is what a price is for, and it leaves out what the
// provider itself puts before every prompt. Else the tokens that the model saw, with the cached
// ones among them (those count the provider's own part too, so they fit no billed total).
Usage read_cohere_usage(wire::JsonView usage);

// OpenAI's word for a finish reason; ERROR, TIMEOUT and those of the future stay as they are.
std::string cohere_finish_reason(std::string raw);

// A checked reply in OpenAI's shape.
std::string cohere_to_openai(wire::JsonView reply, const ReplySummary& summary,
                             std::string_view model);

std::unique_ptr<StreamDecoder> cohere_stream(bool requires_terminator);

}  // namespace llmroute::provider
