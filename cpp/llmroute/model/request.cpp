#include "llmroute/model/request.h"

#include <algorithm>

#include "llmroute/model/defaults.h"

namespace llmroute {

Tokens Facts::expected_output() const {
  const Tokens guess{defaults::kGuessedOutputTokens};
  return max_output_tokens ? std::min(*max_output_tokens, guess) : guess;
}

}  // namespace llmroute
