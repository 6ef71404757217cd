// The parts of the OpenAI dialect, for openai*.cpp alone.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "llmroute/provider/chat_parts.h"
#include "llmroute/provider/dialect.h"
#include "llmroute/wire/json.h"

namespace llmroute::provider {

// The body of POST /chat/completions: the caller's bytes but for the few fields that change. What
// the provider refuses is an error of kind bad_request, or is added to `dropped` where allowed.
Result<std::string> encode_openai(const ChatRequest& request, const Deployment& deployment,
                                  std::vector<std::string>& dropped);

// `messages` and `tools` as this provider takes them: developer messages as the system's where the
// quirks say so, and without the members that it does not keep, which `losses` lists.
void write_openai_messages(wire::JsonWriter& writer, wire::JsonView messages, const Quirks& quirks,
                           Losses& losses);
void write_openai_tools(wire::JsonWriter& writer, wire::JsonView tools, const Quirks& quirks,
                        Losses& losses);

// The body of a caller of another API (facts.shape) without what chat completions have no place for,
// which goes to `losses`; of no use where that holds an error. `quirks` say what the provider takes
// beside OpenAI's.
std::string without_foreign(const ChatRequest& request, const Quirks& quirks, Losses& losses);

// A checked reply with its content as one text, and its thinking as `reasoning_content`.
std::string openai_to_openai(wire::JsonView reply);

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
