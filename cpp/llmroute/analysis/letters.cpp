#include "llmroute/analysis/letters.h"

#include <algorithm>
#include <iterator>

namespace llmroute::analysis {

namespace {

struct Range {
  char32_t first, last;
  Letter letter;
};

// Sorted, without ASCII; what lies in none of them is a letter, mark or digit.
constexpr Range kRanges[] = {
    {0x80, 0xA9, Letter::none},          // controls, up to the copyright sign
    {0xAB, 0xB1, Letter::none},          // quotation marks, signs
    {0xB4, 0xB4, Letter::none},          // acute accent
    {0xB6, 0xB8, Letter::none},          // pilcrow, middle dot, cedilla
    {0xBB, 0xBF, Letter::none},          // quotation mark, fractions, question mark
    {0xD7, 0xD7, Letter::none},          // times
    {0xF7, 0xF7, Letter::none},          // divided by
    {0x2C2, 0x2C5, Letter::none},        // modifier symbols
    {0x2D2, 0x2DF, Letter::none},        //
    {0x37E, 0x37E, Letter::none},        // Greek question mark
    {0x387, 0x387, Letter::none},        // Greek ano teleia
    {0x55A, 0x55F, Letter::none},        // Armenian punctuation
    {0x589, 0x58A, Letter::none},        //
    {0x5BE, 0x5BE, Letter::none},        // Hebrew punctuation
    {0x5C0, 0x5C0, Letter::none},        //
    {0x5C3, 0x5C3, Letter::none},        //
    {0x5F3, 0x5F4, Letter::none},        //
    {0x600, 0x60F, Letter::none},        // Arabic signs and comma
    {0x61B, 0x61F, Letter::none},        //
    {0x66A, 0x66D, Letter::none},        //
    {0x6D4, 0x6D4, Letter::none},        //
    {0x964, 0x965, Letter::none},        // Devanagari danda
    {0x970, 0x970, Letter::none},        //
    {0xE00, 0x109F, Letter::joined},     // Thai, Lao, Tibetan, Burmese
    {0x1100, 0x11FF, Letter::joined},    // Hangul
    {0x1680, 0x1680, Letter::none},      // Ogham space
    {0x1780, 0x17FF, Letter::joined},    // Khmer
    {0x1950, 0x19FF, Letter::joined},    // Tai Le, New Tai Lue, Khmer symbols
    {0x1A20, 0x1AAF, Letter::joined},    // Tai Tham
    {0x2000, 0x2070, Letter::none},      // punctuation
    {0x207A, 0x207E, Letter::none},      // superscript signs
    {0x208A, 0x208E, Letter::none},      // subscript signs
    {0x20A0, 0x20CF, Letter::none},      // currencies
    {0x2190, 0x245F, Letter::none},      // arrows, mathematics, technical signs
    {0x2500, 0x2BFF, Letter::none},      // boxes, shapes, dingbats
    {0x2E00, 0x2E7F, Letter::none},      // more punctuation
    {0x2E80, 0x2FDF, Letter::joined},    // radicals
    {0x2FF0, 0x3004, Letter::none},      // ideographic punctuation
    {0x3005, 0x3007, Letter::joined},    // repetition mark, zero
    {0x3008, 0x3020, Letter::none},      // brackets
    {0x3021, 0x302F, Letter::joined},    // numerals, tone marks
    {0x3030, 0x3030, Letter::none},      // wavy dash
    {0x3031, 0x3035, Letter::joined},    // Kana repetition marks
    {0x3036, 0x3037, Letter::none},      //
    {0x3038, 0x303C, Letter::joined},    //
    {0x303D, 0x303F, Letter::none},      //
    {0x3041, 0x309A, Letter::joined},    // Hiragana
    {0x309B, 0x309C, Letter::none},      //
    {0x309D, 0x309F, Letter::joined},    //
    {0x30A0, 0x30A0, Letter::none},      // double hyphen
    {0x30A1, 0x30FA, Letter::joined},    // Katakana
    {0x30FB, 0x30FB, Letter::none},      // middle dot
    {0x30FC, 0x318F, Letter::joined},    // Katakana, Bopomofo, Hangul
    {0x31A0, 0x31FF, Letter::joined},    // Bopomofo, strokes, Katakana
    {0x3200, 0x33FF, Letter::none},      // enclosed letters and months
    {0x3400, 0x4DBF, Letter::joined},    // Han
    {0x4DC0, 0x4DFF, Letter::none},      // hexagrams
    {0x4E00, 0xA4CF, Letter::joined},    // Han, Yi
    {0xA960, 0xA97F, Letter::joined},    // Hangul
    {0xA9E0, 0xA9FF, Letter::joined},    // Burmese
    {0xAA60, 0xAADF, Letter::joined},    // Burmese, Tai Viet
    {0xAC00, 0xD7FF, Letter::joined},    // Hangul
    {0xD800, 0xF8FF, Letter::none},      // surrogates, private use
    {0xF900, 0xFAFF, Letter::joined},    // Han
    {0xFD3E, 0xFD3F, Letter::none},      // Arabic ornate parentheses
    {0xFE10, 0xFE1F, Letter::none},      // vertical forms
    {0xFE30, 0xFE6F, Letter::none},      // small forms
    {0xFEFF, 0xFF0F, Letter::none},      // byte order mark, full-width punctuation
    {0xFF1A, 0xFF20, Letter::none},      //
    {0xFF3B, 0xFF40, Letter::none},      //
    {0xFF5B, 0xFF65, Letter::none},      //
    {0xFF66, 0xFFDF, Letter::joined},    // half-width Katakana and Hangul
    {0xFFE0, 0xFFFF, Letter::none},      // full-width signs, specials
    {0x1B000, 0x1B16F, Letter::joined},  // Kana
    {0x1F000, 0x1FAFF, Letter::none},    // emoji and pictures
    {0x20000, 0x3FFFF, Letter::joined},  // Han
    {0xE0000, 0x10FFFF, Letter::none},   // tags, private use
};

// Pairs of neighbours, the capital first.
bool capital_of_pair(char32_t c) {
  const bool even = (c & 1U) == 0;
  if (c < 0x138) return even;                  // Latin Extended-A
  if (c < 0x14A) return !even && c != 0x149;   //
  if (c < 0x178) return even;                  //
  if (c < 0x17F) return !even;                 //
  if (c >= 0x1CD && c <= 0x1DC) return !even;  // Latin Extended-B, of pinyin
  if (c >= 0x1DE && c <= 0x233) return even && c != 0x1F0 && c != 0x1F6 && c != 0x220;
  if (c >= 0x460 && c <= 0x481) return even;    // Cyrillic
  if (c >= 0x48A && c <= 0x4BF) return even;    //
  if (c >= 0x4C1 && c <= 0x4CE) return !even;   //
  if (c >= 0x4D0 && c <= 0x52F) return even;    //
  if (c >= 0x1E00 && c <= 0x1E95) return even;  // Latin Extended Additional
  return c >= 0x1EA0 && c <= 0x1EFF && even;
}

char32_t fold_greek(char32_t c) {
  if (c >= 0x391 && c <= 0x3AB && c != 0x3A2) return c + 0x20;
  switch (c) {
    case 0x386: return 0x3AC;
    case 0x388:
    case 0x389:
    case 0x38A: return c + 0x25;
    case 0x38C: return 0x3CC;
    case 0x38E:
    case 0x38F: return c + 0x3F;
    case 0x3C2: return 0x3C3;
    default: return c;
  }
}

char32_t fold_other(char32_t c) {
  switch (c) {
    case 0x130: return U'i';  // with a dot
    case 0x131: return c;     // without: not a pair
    case 0x178: return 0xFF;
    case 0x17F: return U's';
    case 0x18F: return 0x259;
    case 0x1A0:
    case 0x1AF: return c + 1;  // Vietnamese
    case 0x4C0: return 0x4CF;
    case 0x1E9E: return 0xDF;
    case 0x2019: return U'\'';
    default: break;
  }
  if (c >= 0x370 && c <= 0x3FF) return fold_greek(c);
  if (c >= 0x400 && c <= 0x40F) return c + 0x50;
  if (c >= 0x410 && c <= 0x42F) return c + 0x20;
  if (c >= 0xFF21 && c <= 0xFF3A) return c + 0x20;
  return capital_of_pair(c) ? c + 1 : c;
}

bool continues(std::string_view text, std::size_t at, std::size_t count) {
  if (text.size() - at < count) return false;
  for (std::size_t i = at; i < at + count; ++i) {
    if ((static_cast<unsigned char>(text[i]) & 0xC0U) != 0x80U) return false;
  }
  return true;
}

}  // namespace

Letter letter_of(char32_t c) {
  if (c < 0x80) {  // most of most texts
    const char32_t small = c | 0x20U;
    const bool word = (small >= U'a' && small <= U'z') || (c >= U'0' && c <= U'9');
    return word ? Letter::word : Letter::none;
  }
  const auto* past = std::upper_bound(std::begin(kRanges), std::end(kRanges), c,
                                      [](char32_t x, const Range& r) { return x < r.first; });
  if (past == std::begin(kRanges)) return Letter::word;
  const Range& range = *(past - 1);
  return c <= range.last ? range.letter : Letter::word;
}

bool is_white_space(char32_t c) {
  if (c <= 0x20) return c == 0x20 || (c >= 0x09 && c <= 0x0D);
  switch (c) {
    case 0x85:
    case 0xA0:
    case 0x1680:
    case 0x2028:
    case 0x2029:
    case 0x202F:
    case 0x205F:
    case 0x3000: return true;
    default: return c >= 0x2000 && c <= 0x200A;
  }
}

char32_t fold(char32_t c) {
  if (c < 0x80) return c >= U'A' && c <= U'Z' ? c + 0x20 : c;
  if (c < 0xC0) return c;
  if (c < 0x100) return c <= 0xDE && c != 0xD7 ? c + 0x20 : c;
  return fold_other(c);
}

char32_t next_character(std::string_view text, std::size_t& at) {
  const auto byte = [&](std::size_t i) {
    return static_cast<char32_t>(static_cast<unsigned char>(text[at + i]));
  };
  const char32_t lead = byte(0);
  char32_t c = 0xFFFD;
  std::size_t more = 0;
  if (lead < 0x80) {
    c = lead;
  } else if (lead >= 0xC2 && lead <= 0xDF && continues(text, at + 1, 1)) {
    c = ((lead & 0x1FU) << 6U) | (byte(1) & 0x3FU);
    more = 1;
  } else if (lead >= 0xE0 && lead <= 0xEF && continues(text, at + 1, 2)) {
    c = ((lead & 0x0FU) << 12U) | ((byte(1) & 0x3FU) << 6U) | (byte(2) & 0x3FU);
    more = 2;
  } else if (lead >= 0xF0 && lead <= 0xF4 && continues(text, at + 1, 3)) {
    c = ((lead & 0x07U) << 18U) | ((byte(1) & 0x3FU) << 12U) | ((byte(2) & 0x3FU) << 6U) |
        (byte(3) & 0x3FU);
    more = 3;
  }
  at += 1 + more;
  return c;
}

}  // namespace llmroute::analysis
