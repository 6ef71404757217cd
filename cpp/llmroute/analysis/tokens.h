// How many tokens a text is, without a tokenizer: every character has the weight that characters of
// its script had on average in a real one.
//
// Pure functions, integers only: the same text weighs the same everywhere. The weights were fitted to a vocabulary of 200,000 tokens; docs/prices.md has the error that was
// measured, and what is left of it per model is learned while running (health/token_ratio.h).
#pragma once

#include <cstdint>
#include <string_view>

#include "llmroute/base/units.h"

namespace llmroute::analysis {

// A token's.
inline constexpr std::uint64_t kTokenWeight = 100;

// Of text as it stands between the quotes of a JSON string, escapes and all, in UTF-8. Broken
// characters weigh something, too.
std::uint64_t text_weight(std::string_view text);

// Of text that weighs so much in that many messages.
Tokens estimate_prompt(std::uint64_t weight, std::uint32_t messages, std::uint32_t images);

}  // namespace llmroute::analysis
