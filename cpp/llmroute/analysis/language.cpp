#include "llmroute/analysis/language.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#include <iterator>
#include <utility>
#include <vector>

#include "llmroute/analysis/language_tables.h"
#include "llmroute/analysis/letters.h"

namespace llmroute::analysis {

namespace {

constexpr std::array<std::string_view, 29> kKnown = {
    "ar", "bg", "cs", "da", "de", "el", "en", "es", "fi", "fr", "he", "hi", "hu", "id", "it",
    "ja", "ko", "nl", "no", "pl", "pt", "ro", "ru", "sv", "th", "tr", "uk", "vi", "zh"};

constexpr std::size_t kTables = std::size(kLanguageTables);
static_assert(kTables <= 64, "a set of languages is one word");
using Languages = std::uint64_t;

// --- tables, made once ---------------------------------------------------------------------------

constexpr std::size_t kLongestWord = 24;  // bytes; no word of the tables is longer

std::uint32_t hash_of(std::string_view word) {
  std::uint32_t hash = 2'166'136'261U;  // FNV-1a
  for (const char c : word) hash = (hash ^ static_cast<unsigned char>(c)) * 16'777'619U;
  return hash ^ (hash >> 15U);
}

class Tables {
 public:
  Tables() {
    for (std::size_t i = 0; i < kTables; ++i) {
      const Languages language = Languages{1} << i;
      std::string_view words = kLanguageTables[i].words;
      while (!words.empty()) {
        const std::size_t size = std::min(words.find(' '), words.size());
        slot(words.substr(0, size)).second |= language;
        words.remove_prefix(std::min(size + 1, words.size()));
      }
      add_letters(kLanguageTables[i].letters, language);
    }
    std::sort(letters_.begin(), letters_.end());
  }

  Languages of_word(std::string_view word) const {
    return const_cast<Tables*>(this)->slot(word, false).second;
  }

  Languages of_letter(char32_t c) const {
    const auto at = std::lower_bound(letters_.begin(), letters_.end(), std::pair(c, Languages{0}));
    return at != letters_.end() && at->first == c ? at->second : 0;
  }

 private:
  using Word = std::pair<std::string_view, Languages>;

  Word& slot(std::string_view word, bool add = true) {
    std::size_t at = hash_of(word) % words_.size();
    while (!words_[at].first.empty() && words_[at].first != word) at = (at + 1) % words_.size();
    if (add) words_[at].first = word;
    return words_[at];
  }

  void add_letters(std::string_view letters, Languages language) {
    for (std::size_t at = 0; at < letters.size();) {
      const char32_t c = next_character(letters, at);
      const auto same = std::find_if(letters_.begin(), letters_.end(),
                                     [c](const auto& letter) { return letter.first == c; });
      if (same != letters_.end()) {
        same->second |= language;
      } else {
        letters_.emplace_back(c, language);
      }
    }
  }

  std::array<Word, 4096> words_{};  // open addressing, about half full
  std::vector<std::pair<char32_t, Languages>> letters_;
};

const Tables& tables() {
  static const Tables made;
  return made;
}

// --- scripts -------------------------------------------------------------------------------------

enum Script : std::uint8_t {
  latin,
  cyrillic,
  greek,
  hebrew,
  arabic,
  devanagari,
  thai,
  hangul,
  kana,
  han,
  other,
  scripts
};

Script script_of(char32_t c) {
  if (c < 0x250 || (c >= 0x300 && c <= 0x36F) || (c >= 0x1E00 && c <= 0x1EFF)) return latin;
  if (c >= 0x370 && c <= 0x3FF) return greek;
  if (c >= 0x400 && c <= 0x52F) return cyrillic;
  if (c >= 0x590 && c <= 0x5FF) return hebrew;
  if (c >= 0x600 && c <= 0x6FF) return arabic;
  if (c >= 0x900 && c <= 0x97F) return devanagari;
  if (c >= 0xE00 && c <= 0xE7F) return thai;
  if (c >= 0x1F00 && c <= 0x1FFF) return greek;
  if ((c >= 0x1100 && c <= 0x11FF) || (c >= 0xAC00 && c <= 0xD7AF)) return hangul;
  if ((c >= 0x3040 && c <= 0x30FF) || (c >= 0xFF66 && c <= 0xFF9F)) return kana;
  if ((c >= 0x3400 && c <= 0x4DBF) || (c >= 0x4E00 && c <= 0x9FFF) ||
      (c >= 0xF900 && c <= 0xFAFF) || c >= 0x20000 || c == 0x3005) {
    return han;
  }
  return other;
}

bool ascii_digit(char32_t c) { return c >= U'0' && c <= U'9'; }

// Letters of Persian, Urdu and their neighbours, which Arabic lacks.
bool beyond_arabic(char32_t c) {
  static constexpr std::u32string_view kLetters = U"پچژگکیٹڈڑںےہھۆێەړښې";
  return kLetters.find(c) != std::u32string_view::npos;
}

// --- evidence ------------------------------------------------------------------------------------

// A word or letter that few languages have says more.
double weight_of(Languages languages, bool word) {
  const int count = std::popcount(languages);
  if (word) return count == 1 ? 3.0 : count == 2 ? 2.0 : count == 3 ? 1.2 : 0.6;
  return count == 1 ? 1.5 : count == 2 ? 1.0 : count == 3 ? 0.7 : 0.25;
}

constexpr double kEnough = 3.5;         // the sum of the weights that a language needs
constexpr double kShareOfWords = 0.12;  // of the words are in its table
constexpr std::size_t kMaxEvidence = 1024;

// What was seen of a text, in one pass.
class Reading {
 public:
  explicit Reading(std::string_view text) {
    std::size_t at = 0;
    while (at < text.size()) read(next_character(text, at));
    end_token();
  }

  std::string_view language() const {
    // A character of Han or Hangul stands for about three letters of an alphabet.
    double total = 0;
    std::array<double, scripts> share{};
    for (std::size_t s = 0; s < scripts; ++s) {
      share[s] = letters_[s] * (s == hangul || s == kana || s == han ? 3.0 : 1.0);
      total += share[s];
    }
    if (total < 4) return "";
    for (double& s : share) s /= total;
    if (share[kana] + share[han] > 0.6) return share[kana] > 0.1 * share[han] ? "ja" : "zh";
    const auto best = std::max_element(share.begin(), share.end());
    if (*best <= 0.6) return "";
    switch (static_cast<Script>(best - share.begin())) {
      case latin:
      case cyrillic: return by_evidence();
      case greek: return "el";
      case hebrew: return "he";
      case arabic: return beyond_arabic_ * 40 > letters_[arabic] ? "" : "ar";
      case devanagari: return beyond_hindi_ ? "" : "hi";
      case thai: return "th";
      case hangul: return "ko";
      default: return "";
    }
  }

 private:
  // Tokens are parted by white space and dashes. A token counts as words where it holds nothing but
  // letters, with apostrophes and hyphens between and punctuation around: this leaves out code,
  // addresses and numbers.
  void read(char32_t raw) {
    if (is_white_space(raw) || raw == 0x2013 || raw == 0x2014 || raw == 0x2026) return end_token();
    const char32_t c = fold(raw);
    const Letter letter = letter_of(c);
    if (letter == Letter::none || ascii_digit(c)) return sign(c);
    if (after_sign_ && in_token_) plain_ = false;
    in_token_ = true;
    const Script script = script_of(c);
    ++letters_[script];
    if (script == arabic && beyond_arabic(c)) ++beyond_arabic_;
    if (c == U'ळ') beyond_hindi_ = true;  // of Marathi
    if (c >= 0x80) {
      if (const Languages has = tables().of_letter(c))
        token_letters_[token_letter_count_++ % 16] = has;
    }
    append(c);
  }

  void sign(char32_t c) {
    if (c == U'\'' || c == U'-' || c == 0x2010) return end_word();
    if (c == 0xBF || c == 0xA1) {  // the Spanish signs before a question, an exclamation
      add(tables().of_letter(c), false);
      return;
    }
    static constexpr std::u32string_view kAround = U".,;:!?\"()[]*`«»„“”‘‹›…";
    if (kAround.find(c) == std::u32string_view::npos) plain_ = false;
    if (in_token_) after_sign_ = true;
  }

  void append(char32_t c) {
    const std::size_t more = c < 0x80 ? 1 : c < 0x800 ? 2 : 3;
    if (word_size_ + more > kLongestWord || c > 0xFFFF) {
      word_size_ = kLongestWord + 1;  // too long for the tables
      return;
    }
    char* p = &word_[word_size_];
    if (more == 1) {
      p[0] = static_cast<char>(c);
    } else {
      const unsigned lead = more == 2 ? 0xC0U | (c >> 6U) : 0xE0U | (c >> 12U);
      p[0] = static_cast<char>(lead);
      if (more == 3) p[1] = static_cast<char>(0x80U | ((c >> 6U) & 0x3FU));
      p[more - 1] = static_cast<char>(0x80U | (c & 0x3FU));
    }
    word_size_ += more;
  }

  // Words of a token are held back until the token is known to be plain.
  void end_word() {
    if (word_size_ == 0) return;
    if (token_word_count_ < token_words_.size()) {
      const bool known = word_size_ <= kLongestWord;
      token_words_[token_word_count_++] =
          known ? tables().of_word({word_.data(), word_size_}) : Languages{0};
    }
    word_size_ = 0;
  }

  void end_token() {
    end_word();
    if (plain_) {
      words_ += static_cast<double>(token_word_count_);
      for (std::size_t i = 0; i < token_word_count_; ++i) add(token_words_[i], true);
      const std::size_t letters = std::min(token_letter_count_, token_letters_.size());
      for (std::size_t i = 0; i < letters; ++i) add(token_letters_[i], false);
    }
    token_word_count_ = token_letter_count_ = 0;
    in_token_ = after_sign_ = false;
    plain_ = true;
  }

  void add(Languages languages, bool word) {
    if (languages == 0 || evidence_count_ == kMaxEvidence) return;
    evidence_[evidence_count_++] = {languages, weight_of(languages, word), word};
  }

  std::string_view by_evidence() const {
    std::array<double, kTables> score{};
    std::array<double, kTables> found{};
    for (std::size_t i = 0; i < evidence_count_; ++i) {
      for (Languages left = evidence_[i].languages; left != 0; left &= left - 1) {
        const auto language = static_cast<std::size_t>(std::countr_zero(left));
        score[language] += evidence_[i].weight;
        if (evidence_[i].word) found[language] += 1;
      }
    }
    const auto best =
        static_cast<std::size_t>(std::max_element(score.begin(), score.end()) - score.begin());
    if (score[best] < kEnough || found[best] < kShareOfWords * words_ || found[best] == 0)
      return "";
    for (std::size_t rival = 0; rival < kTables; ++rival) {
      if (rival == best || score[rival] * 2 <= score[best] - 1) continue;  // beaten by far
      if (!beats(best, rival)) return "";
    }
    return kLanguageTables[best].code;
  }

  // Of what only one of the two has the best needs more than twice as much: else the text may be
  // the rival's, or of both.
  bool beats(std::size_t best, std::size_t rival) const {
    double own = 0, rivals = 0;
    for (std::size_t i = 0; i < evidence_count_; ++i) {
      const bool of_best = (evidence_[i].languages >> best) & 1U;
      const bool of_rival = (evidence_[i].languages >> rival) & 1U;
      if (of_best && !of_rival) own += evidence_[i].weight;
      if (of_rival && !of_best) rivals += evidence_[i].weight;
    }
    return own >= 1.0 + 2.0 * rivals;
  }

  struct Evidence {
    Languages languages;
    double weight;
    bool word;
  };

  std::array<double, scripts> letters_{};
  double beyond_arabic_ = 0;
  bool beyond_hindi_ = false;
  std::array<char, kLongestWord + 4> word_{};
  std::size_t word_size_ = 0;
  std::array<Languages, 8> token_words_{};
  std::array<Languages, 16> token_letters_{};
  std::size_t token_word_count_ = 0, token_letter_count_ = 0;
  bool in_token_ = false, after_sign_ = false, plain_ = true;
  double words_ = 0;
  std::array<Evidence, kMaxEvidence> evidence_;
  std::size_t evidence_count_ = 0;
};

}  // namespace

std::string_view language_of(std::string_view text) {
  std::size_t size = std::min(text.size(), kMaxLanguageBytes);
  while (size < text.size() && size > 0 &&
         (static_cast<unsigned char>(text[size]) & 0xC0U) == 0x80U) {
    --size;
  }
  return Reading(text.substr(0, size)).language();
}

std::span<const std::string_view> known_languages() { return kKnown; }

}  // namespace llmroute::analysis
