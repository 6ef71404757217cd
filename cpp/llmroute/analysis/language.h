// In which language a text is written, as far as that can be told cheaply and surely.
//
// The script tells Chinese, Japanese, Korean, Thai, Hebrew, Arabic, Greek and Hindi. Where many
// languages share one (Latin, Cyrillic), frequent function words and letters with marks are counted;
// the best language must have enough of them and leave every other, known or not, far behind. A text
// that is too short, mixed, code, or in a language that is not known gives "": a wrong answer is
// worse than none. Tables were written for this file; nothing was trained.
//
// Pure functions, linear in what is read; they allocate nothing (the tables are made once, when
// first asked).
#pragma once

#include <cstddef>
#include <span>
#include <string_view>

namespace llmroute::analysis {

inline constexpr std::size_t kMaxLanguageBytes = 4096;  // of a text are read, from its beginning

// An ISO 639-1 code out of known_languages(), or "" where it cannot be told.
std::string_view language_of(std::string_view text);

std::span<const std::string_view> known_languages();  // in alphabetical order

}  // namespace llmroute::analysis
