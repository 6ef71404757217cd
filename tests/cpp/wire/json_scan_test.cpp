#include "llmroute/wire/json_scan.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "llmroute/wire/json.h"

namespace llmroute::wire {
namespace {

struct Case {
  std::string text;
  bool valid;
};

TEST(ValidateJson, AcceptsAndRefusesByTheGrammar) {
  const std::vector<Case> cases = {
      {"{}", true},
      {"[]", true},
      {" \t\r\n{ } \n", true},
      {R"({"a":1})", true},
      {R"({"a":[1,2,{"b":null}],"c":true,"d":false})", true},
      {R"("text")", true},
      {"-0.5e+10", true},
      {"0", true},
      {R"(["\u00e9\ud83d\ude00\"\\\/\b\f\n\r\t"])", true},
      {"[\"\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80\"]", true},
      {"", false},
      {"   ", false},
      {"{", false},
      {"[1,]", false},
      {"[,1]", false},
      {"[1 2]", false},
      {R"({"a"})", false},
      {R"({"a":})", false},
      {R"({"a":1,})", false},
      {R"({a:1})", false},
      {R"({"a":1 "b":2})", false},
      {R"({"a":1}})", false},
      {"[1]]", false},
      {"[1}", false},
      {"01", false},
      {"1.", false},
      {".5", false},
      {"1e", false},
      {"-", false},
      {"+1", false},
      {"NaN", false},
      {"nul", false},
      {"truex", false},
      {"\"abc", false},
      {"\"a\nb\"", false},
      {R"("\x")", false},
      {R"("\u12g4")", false},
      {R"("\ud800")", false},
      {R"("\udc00")", false},
      {R"("\ud800\u0041")", false},
      {"\"\x80\"", false},
      {"\"\xC0\xAF\"", false},
      {"\"\xED\xA0\x80\"", false},
      {"\"\xF4\x90\x80\x80\"", false},
      {"\"\xE2\x82\"", false},
      {std::string("\"a\0b\"", 5), false},
      {std::string("\"\\\0\"", 4), false},
      {"{} x", false},
  };
  for (const Case& c : cases) {
    EXPECT_EQ(validate_json(c.text).has_value(), c.valid) << c.text;
  }
}

TEST(ValidateJson, EndsEveryPrefixOfAGoodDocumentWithAnError) {
  const std::string good = R"({"a":[1.5e3,"\u00e9x",{"b":[true,null]}],"c":"d"})";
  ASSERT_TRUE(validate_json(good));
  for (std::size_t cut = 0; cut < good.size(); ++cut) {
    EXPECT_FALSE(validate_json(good.substr(0, cut))) << cut;
  }
}

TEST(ValidateJson, BoundsTheDepthWithoutRecursion) {
  const auto nested = [](std::size_t depth) {
    return std::string(depth, '[') + std::string(depth, ']');
  };
  EXPECT_TRUE(validate_json(nested(64)));
  EXPECT_FALSE(validate_json(nested(65)));
  EXPECT_TRUE(validate_json(nested(200), 200));
  const auto deep = validate_json(nested(100'000), 1'000'000);
  ASSERT_FALSE(deep);
  EXPECT_NE(deep.error().message.find("nested too deeply"), std::string::npos);
}

TEST(ValidateJson, SaysWhereWithoutQuotingTheText) {
  const auto result = validate_json(R"({"secret" 1})");
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().kind, ErrorKind::protocol);
  EXPECT_EQ(result.error().message, "invalid JSON at byte 10: expected a colon");
}

TEST(ValidateJson, FindsSpecialBytesAtEveryPlaceOfAVector) {
  // The quick path reads 16 bytes at once; a fault must be found wherever it falls.
  for (std::size_t size = 0; size < 40; ++size) {
    for (std::size_t at = 0; at < size; ++at) {
      std::string inner(size, 'x');
      inner[at] = '\x01';
      EXPECT_FALSE(validate_json("\"" + inner + "\"")) << size << " " << at;
      inner[at] = '\x80';
      EXPECT_FALSE(validate_json("\"" + inner + "\"")) << size << " " << at;
    }
    EXPECT_TRUE(validate_json("\"" + std::string(size, 'x') + "\""));
  }
}

struct Recorder : JsonEvents {
  bool on_key(std::string_view key) { return note("k:" + std::string(key)); }
  bool on_string(std::string_view text) { return note("s:" + std::string(text)); }
  bool on_literal(std::string_view text) { return note("l:" + std::string(text)); }
  bool on_begin(bool object, const char*) { return note(object ? "{" : "["); }
  bool on_end(bool object, const char*) { return note(object ? "}" : "]"); }
  bool note(std::string what) {
    seen += what + " ";
    return what != stop_at;
  }
  std::string seen, stop_at;
};

TEST(ScanJson, TellsTheHandlerInOrder) {
  Recorder recorder;
  const ScanStatus status = scan_json(R"({"a":[1,"x\n"],"b":{}})", 64, recorder);
  EXPECT_TRUE(status.ok);
  EXPECT_EQ(recorder.seen, "{ k:a [ l:1 s:x\\n ] k:b { } } ");
}

TEST(ScanJson, StopsWhereTheHandlerSays) {
  for (const char* stop : {"{", "k:a", "[", "l:1", "s:x\\n", "]", "}"}) {
    Recorder recorder;
    recorder.stop_at = stop;
    const ScanStatus status = scan_json(R"({"a":[1,"x\n"],"b":{}})", 64, recorder);
    EXPECT_FALSE(status.ok) << stop;
    EXPECT_TRUE(status.stopped) << stop;
  }
}

}  // namespace
}  // namespace llmroute::wire
