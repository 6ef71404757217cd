// The parts of the Ollama dialect, for ollama*.cpp alone.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "llmroute/provider/chat_parts.h"
#include "llmroute/provider/dialect.h"
#include "llmroute/wire/json.h"

namespace llmroute::provider {

// The body of POST /api/chat. What the dialect cannot carry is an error of kind bad_request, or is
// added to `dropped` where the caller allows it.
Result<std::string> encode_ollama(const ChatRequest& request, const Deployment& deployment,
                                  const ParameterSet& unsupported,
                                  std::vector<std::string>& dropped);

// Writes `messages`.
void write_ollama_messages(wire::JsonWriter& writer, wire::JsonView messages, Losses& losses);

// The members of a reply and of a line of a stream, which have one shape.
struct OllamaReply {
  wire::JsonView model, created_at, message, done, done_reason, logprobs, error, embeddings;
  wire::JsonView prompt_eval_count, eval_count, load_duration, total_duration;
  explicit OllamaReply(wire::JsonView whole);
  bool failed() const;  // there is an error in it
};

// The id of a tool call that has none of its own: by its place in the reply.
std::string ollama_call_id(wire::JsonView call, std::size_t index);

// Usage, times and finish reason of the last line, or of a whole reply. A reply that calls tools
// says "stop".
void read_ollama_end(const OllamaReply& reply, bool calls_tools, ReplySummary& summary);

// A checked reply in OpenAI's shape.
std::string ollama_to_openai(const OllamaReply& reply, const ReplySummary& summary);

std::unique_ptr<StreamDecoder> ollama_stream();

}  // namespace llmroute::provider
