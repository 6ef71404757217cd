// The parts of the Anthropic dialect, for anthropic*.cpp alone.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "llmroute/provider/chat_parts.h"
#include "llmroute/provider/dialect.h"
#include "llmroute/wire/json.h"

namespace llmroute::provider {

// The body of POST /messages. What the dialect cannot carry is an error of kind bad_request, or is
// added to `dropped` where the caller allows it.
Result<std::string> encode_anthropic(const ChatRequest& request, const Deployment& deployment,
                                     const ParameterSet& unsupported,
                                     std::vector<std::string>& dropped);

// What max_tokens is where the caller gives none, for the provider wants one.
Tokens default_max_tokens(const Deployment& deployment);

// Writes `messages` and `system`. Turns of one role that follow each other become one.
void write_anthropic_messages(wire::JsonWriter& writer, wire::JsonView messages, Losses& losses);

// True where the conversation stands inside a tool loop whose assistant turn has lost its thinking
// blocks: a thinking budget is refused there.
bool lacks_thinking_blocks(wire::JsonView messages);

// Adds what one usage object says to `usage`, in which input is inclusive; members that are absent
// keep what an earlier event said, for the stream's counts are cumulative. `fresh` is the
// provider's own count without the cached parts; it lives as long as `usage`.
void read_anthropic_usage(wire::JsonView object, Usage& usage, Tokens& fresh);

// OpenAI's word for a stop reason; one that nobody knows stays as it is, for it must not look like
// a normal end.
std::string anthropic_finish_reason(std::string raw);

// A checked reply in OpenAI's shape.
std::string anthropic_to_openai(wire::JsonView reply, const ReplySummary& summary);

std::unique_ptr<StreamDecoder> anthropic_stream(bool requires_terminator);

}  // namespace llmroute::provider
