#include "llmroute/wire/json.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "llmroute/base/random.h"

namespace llmroute::wire {
namespace {

TEST(JsonView, KnowsTypes) {
  using Type = JsonView::Type;
  EXPECT_EQ(JsonView(" {} ").type(), Type::object);
  EXPECT_EQ(JsonView("[]").type(), Type::array);
  EXPECT_EQ(JsonView("\"\"").type(), Type::string);
  EXPECT_EQ(JsonView("-1").type(), Type::number);
  EXPECT_EQ(JsonView("true").type(), Type::boolean);
  EXPECT_EQ(JsonView("false").type(), Type::boolean);
  EXPECT_EQ(JsonView("null").type(), Type::null);
  EXPECT_EQ(JsonView().type(), Type::missing);
}

TEST(JsonView, FindsMembersAndWalksPaths) {
  const JsonView view(R"( { "a" : {"b": [10, {"c": "deep"}]} , "x\u0079": 2, "a": 3 } )");
  EXPECT_EQ(view.at("a", "b").first_element().next().value()["c"].string(), "deep");
  EXPECT_EQ(view["xy"].integer(), 2);
  EXPECT_TRUE(view["a"].is_object()) << "the first of two equal keys counts";
  EXPECT_TRUE(view["none"].missing());
  EXPECT_TRUE(view.at("none", "of", "these").missing());
  EXPECT_TRUE(JsonView("[1]")["a"].missing());
}

TEST(JsonView, IteratesInOrderWithAnySpacing) {
  std::string seen;
  const JsonView object("{ \"a\" :1 ,\n\"b\":[ ] , \"\": \"\" }");
  for (auto m = object.first_member(); m; m = m.next()) {
    seen += m.key_view().string() + "=" + std::string(m.value().raw()) + ";";
  }
  EXPECT_EQ(seen, "a=1;b=[ ];=\"\";");
  seen.clear();
  const JsonView array("[ 1 , \"]\" ,{\"k\":\"}\"}, [ [2] ] , null ]");
  for (auto e = array.first_element(); e; e = e.next()) {
    seen += std::string(e.value().raw()) + ";";
  }
  EXPECT_EQ(seen, "1;\"]\";{\"k\":\"}\"};[ [2] ];null;");
  EXPECT_FALSE(JsonView("{ }").first_member());
  EXPECT_FALSE(JsonView("[ ]").first_element());
  EXPECT_FALSE(JsonView("1").first_member());
}

TEST(JsonView, UnescapesStrings) {
  EXPECT_EQ(JsonView(R"("a\"b\\c\/d\b\f\n\r\t")").string(), "a\"b\\c/d\b\f\n\r\t");
  EXPECT_EQ(JsonView(R"("\u0041\u00e9\u20ac\ud83d\ude00")").string(),
            "A\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80");
  EXPECT_EQ(JsonView("\"\xC3\xA9\"").string(), "\xC3\xA9");
  EXPECT_EQ(JsonView("1").string(), "");
  EXPECT_TRUE(JsonView(R"("a\u0062")").equals("ab"));
  EXPECT_FALSE(JsonView(R"("ab")").equals("abc"));
  EXPECT_FALSE(JsonView("null").equals("null"));
}

TEST(JsonView, ReadsNumbers) {
  EXPECT_EQ(JsonView("-12").integer(), -12);
  EXPECT_EQ(JsonView("1e3").integer(), 1000);
  EXPECT_EQ(JsonView("5.0").integer(), 5);
  EXPECT_FALSE(JsonView("5.5").integer());
  EXPECT_FALSE(JsonView("1e300").integer());
  EXPECT_FALSE(JsonView("99999999999999999999").integer());
  EXPECT_FALSE(JsonView("\"5\"").integer());
  EXPECT_DOUBLE_EQ(JsonView("2.5e-1").number().value_or(0), 0.25);
  EXPECT_EQ(JsonView("true").boolean(), true);
  EXPECT_FALSE(JsonView("1").boolean());
}

TEST(JsonView, NumbersNearZeroAreZeroAndThoseBeyondAllAreNone) {
  const std::string zeros(400, '0');
  for (const std::string& text : std::vector<std::string>{
           "1e-400", "-1e-400", "555554E-4525517777726", "1e-99999999999999999999",
           "0." + zeros + "1", "0." + zeros + "1e+10", "123.5e-500", "0e-99999999999999999999",
           "0.0e99999999999999999999"}) {
    EXPECT_EQ(JsonView(text).number(), 0.0) << text;
  }
  for (const std::string& text :
       std::vector<std::string>{"1e400", "-1e400", "1e99999999999999999999", "1" + zeros,
                                "1" + zeros + "e-10", "12.5E+4525517777726"}) {
    EXPECT_FALSE(JsonView(text).number().has_value()) << text;
  }
}

TEST(JsonView, LongStringsAcrossVectorsAreSkippedWhole) {
  for (std::size_t size : {0U, 15U, 16U, 17U, 31U, 64U, 1000U}) {
    const std::string text = "{\"a\":\"" + std::string(size, 'x') + "\\\"\\\\\",\"b\":7}";
    ASSERT_TRUE(validate_json(text));
    EXPECT_EQ(JsonView(text)["b"].integer(), 7) << size;
  }
}

TEST(JsonWriter, KeepsCommasRight) {
  std::string out;
  JsonWriter w(out);
  w.begin_object().key("a").integer(-1).key("b").begin_array().string("x").null().boolean(true);
  w.begin_object().end_object().end_array().key("c").raw("[1]").key("d").number(0.1).end_object();
  EXPECT_EQ(out, R"({"a":-1,"b":["x",null,true,{}],"c":[1],"d":0.1})");
}

TEST(JsonWriter, WritesNoNumbersThatJsonLacks) {
  std::string out;
  JsonWriter(out)
      .begin_array()
      .number(std::nan(""))
      .number(std::numeric_limits<double>::infinity());
  EXPECT_EQ(out, "[null,null");
}

TEST(JsonWriter, EscapesSoThatReadingGivesTheSameBack) {
  Random random(11);
  for (int round = 0; round < 500; ++round) {
    std::string text;
    const auto size = random.below(70);
    for (std::uint64_t i = 0; i < size; ++i) {
      const auto pick = random.below(10);
      if (pick == 0) {
        text += "\xE2\x82\xAC";
      } else {
        text.push_back(static_cast<char>(random.below(128)));
      }
    }
    std::string out;
    JsonWriter(out).string(text);
    ASSERT_TRUE(validate_json(out)) << out;
    EXPECT_EQ(JsonView(out).string(), text);
  }
}

TEST(JsonView, AppendsNoMoreThanAskedForAndWholeCharacters) {
  struct Case {
    std::string json;
    std::size_t max_bytes;
    std::string appended;
  };
  const std::vector<Case> cases = {
      {R"("abc")", 0, ""},
      {R"("abc")", 2, "ab"},
      {R"("abc")", 3, "abc"},
      {R"("abc")", 9, "abc"},
      {R"("")", 3, ""},
      {R"("ab  ")", 3, "ab "},
      {R"("a\nb")", 1, "a"},
      {R"("a\nb")", 2, "a\n"},
      {R"("a\nb")", 3, "a\nb"},
      {"\"a\xC3\xA9z\"", 2, "a"},
      {"\"a\xC3\xA9z\"", 3, "a\xC3\xA9"},
      {R"("a\u00e9z")", 2, "a"},
      {R"("a\u00e9z")", 3, "a\xC3\xA9"},
      {R"("\ud83d\ude00")", 3, ""},
      {R"("\ud83d\ude00\"")", 4, "\xF0\x9F\x98\x80"},
  };
  for (const Case& c : cases) {
    std::string out = "=";
    EXPECT_TRUE(JsonView(c.json).append_string(out, c.max_bytes));
    EXPECT_EQ(out, "=" + c.appended) << c.json << " " << c.max_bytes;
  }
  std::string untouched = "x";
  EXPECT_FALSE(JsonView("17").append_string(untouched, 5));
  EXPECT_EQ(untouched, "x");
}

TEST(JsonView, AKnownValueIsNotReadAgain) {
  // Quotes that would confuse a second reading prove that there is none.
  const std::string text = R"({"a":1,"big":[""""""],"z":2})";
  const std::string_view known = std::string_view(text).substr(13, 8);
  std::string seen;
  for (auto m = JsonView(text).first_member(known); m; m = m.next()) {
    seen += m.key_view().string() + "=" + std::string(m.value().raw()) + " ";
  }
  EXPECT_EQ(seen, R"(a=1 big=[""""""] z=2 )");
}

}  // namespace
}  // namespace llmroute::wire
