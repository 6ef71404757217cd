#include "llmroute/model/request.h"

#include <algorithm>

#include "llmroute/model/defaults.h"

namespace llmroute {

Tokens Facts::expected_output() const {
  const Tokens guess{defaults::kGuessedOutputTokens};
  return max_output_tokens ? std::min(*max_output_tokens, guess) : guess;
}

std::string_view find_metadata(const Metadata& metadata, std::string_view key) {
  for (const auto& [known, value] : metadata) {
    if (known == key) return value;
  }
  return {};
}

}  // namespace llmroute
