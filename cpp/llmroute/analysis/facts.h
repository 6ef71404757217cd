// What can be read from a request body without understanding it.
#pragma once

#include <string_view>

#include "llmroute/base/error.h"
#include "llmroute/model/request.h"

namespace llmroute::analysis {

// Checks the body (JSON object, UTF-8, depth, size, `messages` a non-empty array of objects with a
// known role) and reads the facts that filters and policies look at. Kind invalid_argument, with
// the path of the offending part ("messages[2].role") and the nearest valid name.
Result<Facts> read_facts(std::string_view body);

// The same of an embeddings body: `input`, a text or an array (of texts, or of tokens), not empty. It
// needs embeddings and has no output.
Result<Facts> read_embedding_facts(std::string_view body);

}  // namespace llmroute::analysis
