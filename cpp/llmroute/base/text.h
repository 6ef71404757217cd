// Small string helpers that several layers need.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

namespace llmroute {

// The candidate with the smallest edit distance (Damerau, optimal string alignment; transpositions
// cost 1, ASCII case is ignored), or empty where none is within a third of the longer length or one
// edit. The first of equals wins. For "did you mean".
std::string_view nearest_name(std::string_view wrong, std::span<const std::string_view> names);

// True for well-formed UTF-8 (no overlong forms, no surrogates, at most U+10FFFF).
bool is_utf8(std::string_view text);

// At most `max_bytes`, cut at a character boundary, with an ellipsis where something was cut.
std::string ellipsize(std::string_view text, std::size_t max_bytes);

bool equals_ignore_case(std::string_view a, std::string_view b);  // ASCII
std::string to_lower(std::string_view text);                      // ASCII
std::string_view trim(std::string_view text);                     // spaces and tabs

}  // namespace llmroute
