#include "llmroute/analysis/texts.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "llmroute/analysis/facts.h"
#include "llmroute/base/text.h"

namespace llmroute::analysis {
namespace {

std::string text_of(const std::string& body) {
  const auto facts = read_facts(body);
  EXPECT_TRUE(facts) << body.substr(0, 200);
  if (!facts) return "(no facts)";
  return user_text(body, facts->messages_begin, facts->messages_end);
}

std::string body_of(const std::string& messages) {
  return R"({"model":"m","messages":[)" + messages + R"(],"user":"not this"})";
}

struct Case {
  const char* name;
  std::string messages;
  std::string text;
};

TEST(UserText, ReadsWhatTheUserWroteAndNothingElse) {
  const std::vector<Case> cases = {
      {"a string", R"({"role":"user","content":"hi there"})", "hi there"},
      {"content before role", R"({"content":"hi","role":"user"})", "hi"},
      {"several, in order",
       R"({"role":"user","content":"a"},{"role":"assistant","content":"no"},{"role":"user","content":"b"})",
       "a\nb"},
      {"other roles",
       R"({"role":"system","content":"s"},{"role":"developer","content":"d"},{"role":"assistant","content":"a"},{"role":"tool","content":"t","tool_call_id":"x"})",
       ""},
      {"parts",
       R"({"role":"user","content":[{"type":"text","text":"a"},{"text":"b","type":"text"}]})",
       "a\nb"},
      {"an image between",
       R"({"role":"user","content":[{"type":"text","text":"a"},{"type":"image_url","image_url":{"url":"data:x"}},{"type":"text","text":"b"}]})",
       "a\nb"},
      {"parts of another type with a text",
       R"({"role":"user","content":[{"type":"refusal","text":"a"},{"type":"text","text":"b"}]})",
       "b"},
      {"a part without type", R"({"role":"user","content":[{"text":"a"}]})", ""},
      {"a part that is no object", R"({"role":"user","content":["a",{"type":"text","text":"b"}]})",
       "b"},
      {"a text that is no string", R"({"role":"user","content":[{"type":"text","text":7}]})", ""},
      {"no content", R"({"role":"user"})", ""},
      {"content null", R"({"role":"user","content":null})", ""},
      {"empty texts keep their lines",
       R"({"role":"user","content":""},{"role":"user","content":"b"})", "\nb"},
      {"escapes", R"({"role":"user","content":"a\n\"b\"\\\t\u00e9\ud83d\ude00"})",
       "a\n\"b\"\\\t\xC3\xA9\xF0\x9F\x98\x80"},
      {"an escaped key", R"({"role":"user","cont\u0065nt":"a"})", "a"},
      {"of two roles the last", R"({"role":"system","content":"a","role":"user"})", "a"},
      {"of two contents the last", R"({"role":"user","content":"a","content":"b"})", "b"},
      {"keys further in are not the message's",
       R"({"role":"assistant","content":"x","extra":{"role":"user","content":"a"}})", ""},
      {"white space",
       "\n {  \"role\" : \"user\" ,\n \"content\" : [ { \"type\":\"text\", "
       "\"text\" : \" a \" } ] } ",
       " a "},
  };
  for (const Case& c : cases) EXPECT_EQ(text_of(body_of(c.messages)), c.text) << c.name;
}

TEST(UserText, FindsTheMessagesWhereverTheyStandInTheBody) {
  EXPECT_EQ(text_of(R"({"messages":[{"role":"user","content":"a"}],"model":"m"})"), "a");
  EXPECT_EQ(text_of(R"({ "model" : "m" , "messages" : [ {"role":"user","content":"a"} ] })"), "a");
}

TEST(UserText, ReadsNoMoreThanItsBound) {
  const std::string long_text(kMaxUserText + 100, 'x');
  EXPECT_EQ(text_of(body_of(R"({"role":"user","content":")" + long_text + "\"}")).size(),
            kMaxUserText);

  std::string many;
  for (int i = 0; i < 40; ++i) {
    many += (i ? "," : "") + (R"({"role":"user","content":")" + std::string(50'000, 'y')) + "\"}";
  }
  const std::string text = text_of(body_of(many));
  EXPECT_EQ(text.size(), kMaxUserText);
  EXPECT_EQ(text[50'000], '\n');
}

TEST(UserText, IsCutBetweenTwoCharacters) {
  for (const std::size_t before : {0UL, 3UL}) {
    std::string plain(before, 'x'), escaped(before, 'x');
    for (std::size_t i = 0; i < kMaxUserText / 4 + 1; ++i) {
      plain += "\xF0\x9F\x98\x80";
      escaped += "\\ud83d\\ude00";
    }
    for (const std::string& content : {plain, escaped}) {
      const std::string text = text_of(body_of(R"({"role":"user","content":")" + content + "\"}"));
      EXPECT_LE(text.size(), kMaxUserText);
      EXPECT_GT(text.size(), kMaxUserText - 4);
      EXPECT_EQ(text.size(), before + (kMaxUserText - before) / 4 * 4);
      EXPECT_TRUE(is_utf8(text)) << before;
    }
  }
}

TEST(UserText, PassesOverImages) {
  const std::string image(3U << 20, 'A');
  const std::string text = text_of(body_of(
      R"({"role":"user","content":[{"type":"image_url","image_url":{"url":"data:image/png;base64,)" +
      image + R"("}},{"type":"text","text":"what is this?"}]})"));
  EXPECT_EQ(text, "what is this?");
  EXPECT_LT(text.capacity(), 1000U) << "nothing of the image was copied";
}

}  // namespace
}  // namespace llmroute::analysis
