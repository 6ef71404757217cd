#include "llmroute/base/text.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

namespace llmroute {
namespace {

using namespace std::string_view_literals;

TEST(NearestName, FindsWhatWasMeant) {
  const std::vector<std::string_view> names = {"deployments", "groups",  "version", "weighted",
                                               "weight",      "ordered", "ca",      "ab"};
  struct Case {
    std::string_view wrong, nearest;
  };
  const Case cases[] = {
      {"deployment", "deployments"},
      {"gruops", "groups"},
      {"Groups", "groups"},
      {"wieght", "weight"},
      {"weigted", "weighted"},
      {"ordred", "ordered"},
      {"ac", "ca"},
      {"aa", "ca"},
      {"banana", ""},
      {"", ""},
      {"groups", "groups"},
  };
  for (const Case& c : cases) {
    EXPECT_EQ(nearest_name(c.wrong, names), c.nearest) << c.wrong;
  }
  EXPECT_EQ(nearest_name("x", std::vector<std::string_view>{"y"}), "");
  EXPECT_EQ(nearest_name("groups", {}), "");
}

TEST(NearestName, ATranspositionIsOneEdit) {
  const std::vector<std::string_view> names = {"abx", "bac"};
  EXPECT_EQ(nearest_name("abc", names), "abx");  // one each: the first wins
  const std::vector<std::string_view> farther = {"axy", "bac"};
  EXPECT_EQ(nearest_name("abc", farther), "bac");
}

TEST(NearestName, LongTextsAreBounded) {
  const std::string name(5'000, 'a');
  const std::string wrong = name + "b";
  const std::vector<std::string_view> names = {name};
  EXPECT_EQ(nearest_name(wrong, names), name);
}

TEST(IsUtf8, TellsWellFormedFromNot) {
  struct Case {
    std::string_view text;
    bool good;
  };
  const Case cases[] = {
      {"", true},
      {"plain ASCII that is longer than one word", true},
      {"\0"sv, true},
      {"Gr\xC3\xBC\xC3\x9F"
       "e",
       true},
      {"\xE2\x82\xAC", true},
      {"\xF0\x9F\x98\x80", true},
      {"\xF4\x8F\xBF\xBF", true},
      {"12345678\xC3\xBC", true},
      {"\xC3", false},
      {"1234567\xC3", false},
      {"\x80", false},
      {"\xC0\xAF", false},          // overlong
      {"\xE0\x9F\xBF", false},      // overlong
      {"\xF0\x8F\xBF\xBF", false},  // overlong
      {"\xED\xA0\x80", false},      // surrogate
      {"\xF4\x90\x80\x80", false},  // above U+10FFFF
      {"\xF5\x80\x80\x80", false},
      {"\xE2\x82", false},
      {"\xE2\x82"
       "A",
       false},
      {"\xFF\xFE", false},
  };
  for (const Case& c : cases) EXPECT_EQ(is_utf8(c.text), c.good) << c.text;
}

TEST(IsUtf8, EveryTwoByteSequence) {
  for (unsigned lead = 0x80; lead < 0x100; ++lead) {
    for (unsigned next = 0; next < 0x100; ++next) {
      const char bytes[] = {static_cast<char>(lead), static_cast<char>(next)};
      const bool good = lead >= 0xC2 && lead <= 0xDF && next >= 0x80 && next <= 0xBF;
      ASSERT_EQ(is_utf8(std::string_view(bytes, 2)), good) << lead << ' ' << next;
    }
  }
}

TEST(Ellipsize, CutsAtCharacters) {
  struct Case {
    std::string_view text;
    std::size_t max_bytes;
    std::string_view cut;
  };
  const Case cases[] = {
      {"short", 5, "short"},
      {"longer text", 7, "long\xE2\x80\xA6"},
      {"abc\xC3\xBC"
       "def",
       7, "abc\xE2\x80\xA6"},
      {"abcdef", 2, "ab"},
      {"abcdef", 0, ""},
      {"", 0, ""},
      {"\xC3\xBC\xC3\xBC", 3, "\xE2\x80\xA6"},
  };
  for (const Case& c : cases) {
    const std::string cut = ellipsize(c.text, c.max_bytes);
    EXPECT_EQ(cut, c.cut);
    EXPECT_LE(cut.size(), c.max_bytes);
    EXPECT_TRUE(is_utf8(cut));
  }
}

TEST(Text, CaseAndSpaces) {
  EXPECT_TRUE(equals_ignore_case("Content-Type", "content-TYPE"));
  EXPECT_FALSE(equals_ignore_case("a", "ab"));
  EXPECT_FALSE(equals_ignore_case("[", "{"));  // 32 apart, but no letters
  EXPECT_EQ(to_lower("AZaz09[\xC3\x9C"), "azaz09[\xC3\x9C");
  EXPECT_EQ(trim(" \t a b\t "), "a b");
  EXPECT_EQ(trim(" \t"), "");
  EXPECT_EQ(trim(""), "");
  EXPECT_EQ(trim("\n"), "\n");
}

}  // namespace
}  // namespace llmroute
