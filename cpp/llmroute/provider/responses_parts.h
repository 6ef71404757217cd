// The parts of the Responses dialect, for responses*.cpp alone.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "llmroute/provider/chat_parts.h"
#include "llmroute/provider/dialect.h"
#include "llmroute/wire/json.h"

namespace llmroute::provider {

// The body of POST /responses. What the dialect cannot carry is an error of kind bad_request, or is
// added to `dropped` where the caller allows it.
Result<std::string> encode_responses(const ChatRequest& request, const Deployment& deployment,
                                     const ParameterSet& unsupported,
                                     std::vector<std::string>& dropped);

struct InputOptions {
  bool stored = false;         // the provider keeps replies, so an id alone stands for an item
  bool developer_role = true;  // false: developer messages are sent as system messages
  bool sealed = false;         // out: reasoning went back that only the provider can read
};

// Writes `input`: the conversation as a list of items.
void write_responses_input(wire::JsonWriter& writer, wire::JsonView messages, Losses& losses,
                           InputOptions& options);

// Input and output tokens hold their details. `reported` only where the main counts can be read.
Usage read_responses_usage(wire::JsonView usage);

// How a response ended that has not failed.
struct ResponseEnd {
  std::string finish_reason;  // canonical; the raw word where nobody knows it
  std::string raw;            // the reason that it is incomplete, or its status
};
// `status` where it does not say its own.
ResponseEnd read_response_end(wire::JsonView response, bool has_calls,
                              std::string_view status = {});

// "failed", "cancelled", or an error beside whatever status.
bool response_failed(wire::JsonView response);
Failure read_response_failure(wire::JsonView response);

// What a text refers to, as chat completions have it; empty for what has no place there.
std::string chat_annotation(wire::JsonView annotation);

// True for an item that calls one of the caller's tools.
bool is_call(wire::JsonView item_type);

// A checked reply in OpenAI's chat shape.
std::string responses_to_openai(wire::JsonView reply, const ReplySummary& summary);

std::unique_ptr<StreamDecoder> responses_stream();

}  // namespace llmroute::provider
