#include "llmroute/analysis/tokens.h"

#include <gtest/gtest.h>

#include <string>

#include "llmroute/analysis/facts.h"

namespace llmroute::analysis {
namespace {

std::string repeated(const std::string& text, int times) {
  std::string out;
  for (int i = 0; i < times; ++i) out += text;
  return out;
}

TEST(TextWeight, DependsOnTheScript) {
  struct Case {
    const char* what;
    std::string text;
    std::uint64_t weight;
  };
  const Case cases[] = {
      {"nothing", "", 0},
      {"letters and a space", "hello world", 10 * 25 + 10},
      {"digits", "2026", 4 * 60},
      {"signs", "{[=", 3 * 35},
      {"a line end as JSON writes it", "a\\nb", 25 + 35 + 25 + 25},
      {"diacritics", "né", 25 + 81},
      {"Vietnamese", "ế", 81},
      {"Greek", "λ", 40},
      {"Cyrillic", "мир", 3 * 33},
      {"Armenian", "բ", 37},
      {"Georgian", "გ", 37},
      {"Hebrew", "ש", 37},
      {"Arabic", "سلام", 4 * 37},
      {"Devanagari", "नम", 2 * 42},
      {"Thai", "กข", 2 * 49},
      {"Hangul", "한국", 2 * 69},
      {"Kana", "かな", 2 * 61},
      {"Han", "汉字", 2 * 85},
      {"rare Han", "𠀀", 85},
      {"an emoji", "😀", 113},
      {"a dash", "—", 100},
  };
  for (const Case& c : cases) EXPECT_EQ(text_weight(c.text), c.weight) << c.what;
}

TEST(TextWeight, EscapesWeighWhatTheyStandFor) {
  const std::pair<const char*, const char*> same[] = {
      {"\\u0041", "A"}, {"\\u0020", " "},           {"\\u00e9", "é"},
      {"\\u0434", "д"}, {"\\u6c49\\u5b57", "汉字"}, {"\\uAC00", "가"},
  };
  for (const auto& [escaped, plain] : same) {
    EXPECT_EQ(text_weight(escaped), text_weight(plain)) << escaped;
    EXPECT_EQ(text_weight(repeated(escaped, 50)), text_weight(repeated(plain, 50))) << escaped;
  }
  EXPECT_EQ(text_weight("\\ud83d\\ude00"), 2 * (113 / 2)) << "both halves of a pair";
  EXPECT_EQ(text_weight("\\\\u0434"), 35U + 35 + 25 + 4 * 60) << "an escaped backslash, then text";
}

// Blocks are summed at once; wherever a text is cut between two characters, the sum is the same.
TEST(TextWeight, IsTheSumOfItsPieces) {
  const std::string texts[] = {
      repeated("The quick brown fox, 1234 times; ", 12),
      repeated("naïve café und Straße ", 12),
      repeated("{\\\"key\\\": [1, 2]}\\n", 12),
      repeated("мир и text 混ぜる 😀 ", 8),
      std::string(1'000, 'x'),
      std::string(64, '\x7f') + "é" + std::string(63, '0'),
  };
  for (const std::string& text : texts) {
    const std::uint64_t whole = text_weight(text);
    for (std::size_t cut = 0; cut <= text.size(); ++cut) {
      const bool inside =
          cut < text.size() && (static_cast<unsigned char>(text[cut]) & 0xC0U) == 0x80;
      if (inside || (cut > 0 && text[cut - 1] == '\\')) continue;
      const std::string_view view = text;
      EXPECT_EQ(text_weight(view.substr(0, cut)) + text_weight(view.substr(cut)), whole) << cut;
    }
  }
}

TEST(TextWeight, SurvivesBrokenCharacters) {
  for (const char* text :
       {"\xC3", "\xE2\x82", "\xF0\x9F\x98", "\xFF\xFE", "\\", "\\u", "\\u12", "\x80"}) {
    EXPECT_LE(text_weight(text), 500U);
    EXPECT_GT(text_weight(std::string(70, 'a') + text), text_weight(std::string(69, 'a')));
  }
}

TEST(EstimatePrompt, CountsMessagesAndImages) {
  EXPECT_EQ(estimate_prompt(0, 0, 0).count, 1);
  EXPECT_EQ(estimate_prompt(1'050, 2, 0).count, 10 + 1 + 8);
  EXPECT_EQ(estimate_prompt(0, 1, 3).count, 1 + 4 + 3 * 800);
}

TEST(ReadFacts, WeighsTextByItsScript) {
  const auto of = [](const std::string& text) {
    const auto facts = read_facts(R"({"messages":[{"role":"user","content":")" + text + "\"}]}");
    return facts ? facts->prompt_tokens.count : -1;
  };
  EXPECT_EQ(of(repeated("д", 300)), 300 * 33 / 100 + 1 + 4) << "150 by bytes";
  EXPECT_EQ(of(repeated("\\u0434", 300)), of(repeated("д", 300))) << "however it is written";
}

}  // namespace
}  // namespace llmroute::analysis
