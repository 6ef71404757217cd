// An embeddings request taken apart, and a reply put together, for the dialects that turn both
// around. For files of this folder only; views live as long as the request's body.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "llmroute/provider/chat_parts.h"
#include "llmroute/provider/dialect.h"
#include "llmroute/wire/json.h"

namespace llmroute::provider {

// The members of OpenAI's embeddings body; nulls count as absent. What no dialect of this kind can
// carry goes to the losses: token arrays as input, members that nobody knows. Vectors always come
// back as numbers, so encoding_format is left out where it asks for anything else; `user` is a hint.
struct EmbeddingBody {
  wire::JsonView input, dimensions, input_type;
  EmbeddingBody(const ChatRequest& request, Losses& losses);
};

// `key` and the texts, always as an array; a malformed input goes to the losses.
void write_texts(wire::JsonWriter& writer, std::string_view key, wire::JsonView input,
                 Losses& losses);

// OpenAI's list of vectors. `vectors`: an array of arrays of numbers, copied as they came. Usage is
// written where reported.
std::string embeddings_json(wire::JsonView vectors, std::string_view model, const Usage& usage);

}  // namespace llmroute::provider
