// What a character is, as far as matching and telling languages need it: no tables of Unicode, no
// locale. Pure functions.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace llmroute::analysis {

enum class Letter : std::uint8_t {
  none,    // punctuation, symbols, white space, control characters
  word,    // a letter, mark or digit of a script that parts words by spaces
  joined,  // of one that does not: Han, Kana, Thai, Lao, Khmer, Burmese; and Hangul, since Korean
           // hangs its particles onto words
};

Letter letter_of(char32_t c);
bool is_white_space(char32_t c);

// Lower case by simple mapping in ASCII, Latin (Latin-1, Extended-A, Vietnamese, Romanian), Greek
// (final sigma is sigma), Cyrillic and full-width Latin; the curly apostrophe becomes the straight
// one. All else stays.
char32_t fold(char32_t c);

// The character at `at`, which is moved past it. A byte that begins none gives U+FFFD.
char32_t next_character(std::string_view text, std::size_t& at);

}  // namespace llmroute::analysis
