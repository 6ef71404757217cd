// The parts of the Gemini dialect, for gemini*.cpp alone.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "llmroute/provider/chat_parts.h"
#include "llmroute/provider/dialect.h"
#include "llmroute/wire/json.h"

namespace llmroute::provider {

// Version of a Gemini model by its name ("gemini-2.5-flash", "models/gemini-3-pro-preview");
// {0, 0} for any other name, aliases without a number ("gemini-flash-latest") included.
ModelVersion gemini_version(std::string_view model);
// From this one on thinking has levels and calls must come back with their signature.
inline constexpr ModelVersion kGemini3{3, 0};

// "/models/NAME" below the base URL, the name percent-encoded; "models/" and "tunedModels/" in front
// of it stand for themselves.
std::string gemini_model_path(std::string_view model);

// The body of generateContent and streamGenerateContent, which are the same.
Result<std::string> encode_gemini(const ChatRequest& request, const Deployment& deployment,
                                  const ParameterSet& unsupported,
                                  std::vector<std::string>& dropped);

// Writes `contents` and `systemInstruction`. Turns of one role that follow each other become one.
void write_gemini_contents(wire::JsonWriter& writer, wire::JsonView messages, ModelVersion version,
                           Losses& losses);

// A part of a reply's content, found in one walk.
struct GeminiPart {
  wire::JsonView text, signature;
  bool thought = false;
  bool is_call = false;  // functionCall
  wire::JsonView call_id, call_name, arguments;
  bool unfinished_call = false;     // its arguments come in pieces
  wire::JsonView media_type, data;  // inlineData
  bool foreign = false;             // something of the provider's own: executed code ...
  GeminiPart() = default;
  explicit GeminiPart(wire::JsonView part);
};

// What a whole reply or a chunk of a stream holds, found in one walk.
struct GeminiReply {
  wire::JsonView candidates, usage, feedback, error, id, model, created;
  explicit GeminiReply(wire::JsonView whole);
};

// What a reply without candidates says: that the prompt was blocked, or an error.
std::optional<Failure> gemini_refusal(const GeminiReply& reply, wire::JsonView whole);

// Inclusive totals; not reported without a readable count of the prompt.
Usage read_gemini_usage(wire::JsonView object);

// OpenAI's word for a finish reason; one that nobody knows stays as it is, for it must not look like
// a normal end.
std::string gemini_finish_reason(std::string raw, bool has_calls);

// The id of a call that came without: unique as long as the replies' own ids are, and the same
// whenever the same reply is read.
std::string gemini_call_id(std::string_view reply_id, std::size_t choice, std::size_t index);

// `{"type":"thought_signature","signature":...}`, for the answer's text.
std::string gemini_signature_block(wire::JsonView signature);
// `{"google":{"thought_signature":...}}`, for a call or an image; empty without a signature.
std::string gemini_extra(wire::JsonView signature);

// Where the searched pages stand that a candidate's text rests on: url_citation annotations as chat
// completions have them, places in characters. `text`: the answer so far; `parts`: where each of its
// parts begins in it, in bytes.
std::vector<std::string> gemini_annotations(wire::JsonView grounding, std::string_view text,
                                            const std::vector<std::size_t>& parts);

// A checked reply in OpenAI's shape.
std::string gemini_to_openai(wire::JsonView whole, std::string_view model, const Usage& usage);

std::unique_ptr<StreamDecoder> gemini_stream();

// Embeddings; `method` is the last part of the path, as ":batchEmbedContents".
struct GeminiEmbeddings {
  std::string body;
  std::string_view method;
};
Result<GeminiEmbeddings> encode_gemini_embeddings(const ChatRequest& request,
                                                  const Deployment& deployment,
                                                  std::vector<std::string>& dropped);
std::variant<ReplySummary, Failure> read_gemini_embeddings(std::string_view body);
std::string gemini_embeddings_to_openai(wire::JsonView reply, std::string_view model,
                                        const Usage& usage);

}  // namespace llmroute::provider
