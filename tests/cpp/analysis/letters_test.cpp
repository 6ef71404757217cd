#include "llmroute/analysis/letters.h"

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

namespace llmroute::analysis {
namespace {

TEST(LetterOf, KnowsWordsAndWhatPartsThem) {
  for (const char32_t c : {U'a', U'Z', U'0', U'é', U'ß', U'ª', U'µ', U'ő', U'λ', U'ж', U'א', U'ع',
                           U'क', U'ế', U'\u0301', U'５', U'Ａ', U'Ա'}) {
    EXPECT_EQ(letter_of(c), Letter::word) << std::hex << static_cast<unsigned>(c);
  }
  for (const char32_t c :
       {U' ',  U'\n',   U'.',      U'-',  U'_', U'@',      U'\'',     U'`',     U'{',
        U'~',  U'\x7f', U'\u00A0', U'«',  U'»', U'×',      U'÷',      U'¿',     U'’',
        U'…',  U'€',    U'→',      U'─',  U'।', U'،',      U'؟',      U'、',    U'。',
        U'「', U'・',   U'！',     U'～', U'😀', U'\uFFFD', U'\uFEFF', U'\u200B'}) {
    EXPECT_EQ(letter_of(c), Letter::none) << std::hex << static_cast<unsigned>(c);
  }
  for (const char32_t c : {U'中', U'々', U'〇', U'の', U'ア', U'ー', U'ｱ', U'ก', U'ລ', U'မ', U'ខ',
                           U'한', U'ㄅ', U'𠀀'}) {
    EXPECT_EQ(letter_of(c), Letter::joined) << std::hex << static_cast<unsigned>(c);
  }
}

TEST(Fold, LowersWhatHasACase) {
  const std::vector<std::pair<std::u32string, std::u32string>> cases = {
      {U"ABZ az09_", U"abz az09_"},
      {U"ÀÖØÞ×÷ßÿ", U"àöøþ×÷ßÿ"},
      {U"ĀĂĄĆČĎĐĘĚĞİıĲĶĹŁŃŇŊŐŒŘŚŞŠŤŮŰŴŶŸŹŻŽſ", U"āăąćčďđęěğiıĳķĺłńňŋőœřśşšťůűŵŷÿźżžs"},
      {U"ĸŉ", U"ĸŉ"},
      {U"ȘȚșțƠƯơư", U"șțșțơươư"},
      {U"ẾỬẠẽẞ", U"ếửạẽß"},
      {U"ΆΈΉΊΌΎΏΑΣΩΪΫς", U"άέήίόύώασωϊϋσ"},
      {U"ЀЁЂЃЄІЇАЯабяҐЎӁӘ", U"ѐёђѓєіїаяабяґўӂә"},
      {U"ＡＺａ", U"ａｚａ"},
      {U"’中ก한", U"'中ก한"},
  };
  for (const auto& [capital, small] : cases) {
    ASSERT_EQ(capital.size(), small.size());
    for (std::size_t i = 0; i < capital.size(); ++i) {
      EXPECT_EQ(fold(capital[i]), small[i]) << std::hex << static_cast<unsigned>(capital[i]);
    }
  }
}

TEST(Fold, TwiceIsOnce) {
  for (char32_t c = 0; c < 0x11000; ++c) {
    ASSERT_EQ(fold(fold(c)), fold(c)) << std::hex << static_cast<unsigned>(c);
  }
}

TEST(IsWhiteSpace, KnowsWhatUnicodeAdds) {
  for (const char32_t c : {U' ', U'\t', U'\n', U'\v', U'\f', U'\r', U'\u0085', U'\u00A0', U'\u2003',
                           U'\u2028', U'\u202F', U'\u205F', U'\u3000'}) {
    EXPECT_TRUE(is_white_space(c)) << std::hex << static_cast<unsigned>(c);
    EXPECT_EQ(letter_of(c), Letter::none) << std::hex << static_cast<unsigned>(c);
  }
  for (const char32_t c : {U'a', U'_', U'\0', U'\x1c', U'\u200B'}) {
    EXPECT_FALSE(is_white_space(c)) << std::hex << static_cast<unsigned>(c);
  }
}

TEST(NextCharacter, ReadsUtf8AndSurvivesWhatIsNone) {
  const std::vector<std::pair<std::string, std::u32string>> cases = {
      {"", U""},
      {"aé€😀", U"aé€😀"},
      {std::string("\0z", 2), std::u32string(U"\0z", 2)},
      {"\x80z", U"\uFFFDz"},
      {"\xC3", U"\uFFFD"},
      {"\xC3z", U"\uFFFDz"},
      {"\xE2\x82z", U"\uFFFD\uFFFDz"},
      {"\xF0\x9F\x98", U"\uFFFD\uFFFD\uFFFD"},
      {"\xFF\xFE", U"\uFFFD\uFFFD"},
  };
  for (const auto& [text, characters] : cases) {
    std::u32string read;
    for (std::size_t at = 0; at < text.size();) read.push_back(next_character(text, at));
    EXPECT_EQ(read, characters) << text;
  }
}

}  // namespace
}  // namespace llmroute::analysis
