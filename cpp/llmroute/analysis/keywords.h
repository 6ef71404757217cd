// Many phrases looked for in one pass over a text.
//
// What counts as an occurrence:
//   - Case does not matter (see fold in letters.h), and a run of white space is one space.
//   - Whole words: where a phrase begins or ends with a letter or digit, the character beside it is
//     none. A sign at its edge parts words by itself (".pdf" is in "a.pdf"), and so does a letter of
//     a script that writes words without spaces (Letter::joined), at the edge or beside it.
//
// The phrases become one automaton (Aho and Corasick, 1975) over classes of bytes, in which the
// boundary of a word is a symbol of its own. The time of a match is linear in the text and does not grow
// with the phrases, but for what the processor's cache cannot hold. States near the root have whole
// rows, up to kMaxTableBytes; deeper ones know their children and where to fall back to.
//
// A KeywordSet is built once and immutable; match may be called by any number of threads at once,
// and allocates nothing once `found` has its size.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace llmroute::analysis {

inline constexpr std::size_t kMaxPhrases = 10'000;
inline constexpr std::size_t kMaxPhraseBytes = 256;
inline constexpr std::size_t kMaxPhrasesBytes = 200'000;  // of all phrases together
inline constexpr std::size_t kMaxTableBytes = 4U << 20;

struct Phrase {
  std::string text;
  std::uint32_t list = 0;  // the index of the list it belongs to
};

// What is wrong with a phrase, as the end of a sentence ("has 300 bytes; at most 256 are taken");
// "" for nothing.
std::string phrase_problem(std::string_view phrase);
// What is wrong with that many phrases of that many bytes together.
std::string phrases_problem(std::size_t count, std::size_t bytes);

class KeywordSet {
 public:
  KeywordSet() = default;  // no list, finds nothing
  // Every phrase has no problem, its list is below `lists`; others are passed over. The caller
  // keeps to the bounds of phrases_problem.
  KeywordSet(std::span<const Phrase> phrases, std::size_t lists);

  // Sets `found` to lists() flags: whether any phrase of the list occurs. Stops where all are found.
  void match(std::string_view text, std::vector<bool>& found) const;

  std::size_t lists() const { return lists_; }
  std::size_t bytes() const;  // of memory, about

 private:
  class Builder;
  class Reader;
  using State = std::uint32_t;  // numbered by depth, the root is 0

  State sparse_next(State state, std::uint8_t symbol) const;
  State number_of(std::uint32_t entry) const;

  std::size_t lists_ = 0;
  std::size_t symbols_ = 0;                  // classes of bytes; 0 is that of bytes in no phrase
  std::array<std::uint8_t, 256> classes_{};  // of bytes, and of the boundary of a word
  std::array<std::uint8_t, 256>
      run_classes_{};  // of ASCII letters and digits, any case; others: none
  // For each state with a row, by class: the next state as a tagged entry (see keywords.cpp).
  std::vector<std::uint32_t> table_;
  State dense_ = 0;  // states below have a row
  // By state: its children, which lie together; the class that leads to it; its longest suffix; the
  // nearest state among itself and its suffixes that ends phrases (0: none); the lists of these.
  std::vector<State> first_child_, fallback_, ending_;
  std::vector<std::uint8_t> symbol_;
  std::vector<std::uint32_t> first_list_, ended_lists_;
};

}  // namespace llmroute::analysis
