// The parts of the Bedrock dialect, for bedrock*.cpp alone.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "llmroute/provider/chat_parts.h"
#include "llmroute/provider/classify.h"
#include "llmroute/provider/dialect.h"
#include "llmroute/wire/json.h"

namespace llmroute::provider {

// What the one API hides and its models do not: who is behind a model id.
struct BedrockModel {
  enum class Family : std::uint8_t { claude, nova, nova2, gpt_oss, qwen, other, opaque };
  explicit BedrockModel(std::string_view id);

  Family family;
  ModelVersion version;  // of Claude

  bool claude() const { return family == Family::claude; }
  // An ARN that names no model: whatever Claude knows is sent, for the provider to judge.
  bool opaque() const { return family == Family::opaque; }
  bool caches() const {
    return claude() || opaque() || family == Family::nova || family == Family::nova2;
  }
  bool caches_tools() const { return claude() || opaque(); }  // and for an hour
  bool takes_thinking() const { return claude() || opaque(); }
};

// What Anthropic's own API has as a header is a member of additionalModelRequestFields here.
inline constexpr std::string_view kBedrockBetaHeader = "anthropic-beta";

// The body of POST /model/{id}/converse. What the dialect cannot carry is an error of kind
// bad_request, or is added to `dropped` where the caller allows it.
Result<std::string> encode_bedrock(const ChatRequest& request, const Deployment& deployment,
                                   const ParameterSet& unsupported,
                                   std::vector<std::string>& dropped);

// Writes `messages` and `system`. Turns of one role that follow each other become one.
void write_bedrock_messages(wire::JsonWriter& writer, wire::JsonView messages,
                            const BedrockModel& model, Losses& losses);

// {"cachePoint": ...} for a cache_control mark that the model may know.
void write_cache_point(wire::JsonWriter& writer, wire::JsonView cache_control,
                       const BedrockModel& model);

// Signs the request, or adds the bearer token; bedrock_key.cpp has the rule. Last of all, for the
// signature covers the rest. ErrorKind::authentication for a key that is neither whole, config
// where a signature needs a region and nobody says which.
Result<void> authorize_bedrock(wire::Request& request, const Deployment& deployment,
                               const Secret& key, WallTime now);

// "us.amazon.nova-lite-v1:0" as a segment of a path.
std::string bedrock_path(std::string_view model, std::string_view operation);

// The Converse usage object; input is made inclusive.
Usage read_bedrock_usage(wire::JsonView object);

// OpenAI's word for a stop reason; one that nobody knows, or that names a failure, stays as it is.
std::string bedrock_finish_reason(std::string raw);

// A member of `thinking_blocks` for what a reasoningContent block held: signed text, or bytes that
// only the provider can read. Empty for unsigned text, which cannot be sent back.
std::string signed_thinking(std::string_view text, std::string_view signature);
std::string redacted_thinking(std::string_view bytes);
// The base64 blob that `redacted_thinking` was made from.
std::string redacted_blob(std::string_view data);

// A checked reply in OpenAI's shape.
std::string bedrock_to_openai(wire::JsonView reply, const ReplySummary& summary,
                              std::string_view model);

std::unique_ptr<StreamDecoder> bedrock_stream(bool requires_terminator);

// Errors: the fields of a document in any of AWS's forms, and their class. `status` as for
// classify_error.
ErrorFields read_bedrock_fields(wire::JsonView document);
Failure bedrock_failure(int status, ErrorFields fields);
Failure classify_bedrock(const wire::ResponseHead& head, std::string_view body);

// Embeddings by InvokeModel, whose body is each model's own.
Result<std::string> encode_bedrock_embeddings(const ChatRequest& request,
                                              const Deployment& deployment,
                                              std::vector<std::string>& dropped);
std::variant<ReplySummary, Failure> read_bedrock_embeddings(std::string_view body);
Result<std::string> bedrock_embeddings_to_openai(std::string_view body, std::string_view model);

}  // namespace llmroute::provider
