#include "llmroute/provider/classify.h"

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "llmroute/base/text.h"

namespace llmroute::provider {
namespace {

ErrorFields read(const std::string& json) {
  EXPECT_TRUE(wire::validate_json(json)) << json;
  return read_error_fields(wire::JsonView(json));
}

TEST(ReadErrorFields, KnowsEveryShape) {
  struct Case {
    std::string json, type, code, message;
  };
  const std::vector<Case> cases = {
      {R"({"error":{"type":"t","code":"c","message":"m"}})", "t", "c", "m"},
      {R"({"error":{"code":400,"message":"m","status":"S"}})", "S", "400", "m"},
      {R"({"error":"m"})", "", "", "m"},
      {R"({"error":"m","type":"t","code":7})", "t", "7", "m"},
      {R"({"type":"error","error":{"type":"t","message":"m"}})", "t", "", "m"},
      {R"({"object":"error","message":"m","type":"t","code":40})", "t", "40", "m"},
      {R"({"message":"m"})", "", "", "m"},
      {R"({"detail":"m"})", "", "", "m"},
      {R"({"detail":[{"msg":"m"},{"msg":"n"}]})", "", "", "m"},
      {R"([{"error":{"message":"m"}}])", "", "", "m"},
      {R"({"error":{"error":{"type":"t","message":"m"}}})", "t", "", "m"},
      {R"({"error":{"message":"m","error":{"message":"inner"}}})", "", "", "m"},
      {R"({"error":{"message":["no text"],"code":null}})", "", "", ""}};
  for (const Case& c : cases) {
    const ErrorFields fields = read(c.json);
    EXPECT_TRUE(fields.found) << c.json;
    EXPECT_EQ(fields.type, c.type) << c.json;
    EXPECT_EQ(fields.code, c.code) << c.json;
    EXPECT_EQ(fields.message, c.message) << c.json;
  }
}

TEST(ReadErrorFields, FindsNoneWhereThereIsNone) {
  for (const char* json : {"{}", "[]", "5", "\"rate limit\"", "[[]]", R"({"error":null})",
                           R"({"error":5})", R"({"choices":[]})", R"({"detail":{"a":1}})"}) {
    EXPECT_FALSE(read(json).found) << json;
  }
}

TEST(ClassifyError, LetsAStatusInTheCodeSpeakInsideASuccess) {
  const std::vector<std::pair<std::string, ErrorKind>> cases = {
      {"429", ErrorKind::rate_limit},   {"402", ErrorKind::quota_exhausted},
      {"503", ErrorKind::overloaded},   {"500", ErrorKind::server_error},
      {"400", ErrorKind::bad_request},  {"404", ErrorKind::not_found},
      {"200", ErrorKind::server_error}, {"4290", ErrorKind::server_error},
      {"4x9", ErrorKind::server_error}, {"", ErrorKind::server_error}};
  for (const auto& [code, kind] : cases) {
    ErrorFields fields;
    fields.code = code;
    fields.found = true;
    const Failure failure = classify_error(200, fields);
    EXPECT_EQ(failure.kind, kind) << code;
    EXPECT_EQ(failure.status, 200);
    // A real status outranks the number in a code.
    EXPECT_EQ(classify_error(401, fields).kind, ErrorKind::authentication) << code;
  }
}

TEST(ClassifyError, AnchorsWhatItReadsInMessages) {
  const std::vector<std::pair<std::string, ErrorKind>> cases = {
      {"prompt is too long: 210000 tokens > 200000 maximum", ErrorKind::context_length},
      {"This model's maximum context length is 8192 tokens.", ErrorKind::context_length},
      {"This endpoint's maximum context length is 8192 tokens.", ErrorKind::context_length},
      {"Prompt contains 40000 tokens, too large", ErrorKind::context_length},
      {"The input token count (70) exceeds", ErrorKind::context_length},
      {" prompt is too long: 210000 tokens", ErrorKind::bad_request},
      {"prompt is too long: tokens", ErrorKind::bad_request},
      {"Prompt is too long: 5", ErrorKind::bad_request},
      {"'prompt is too long: 5' is no name", ErrorKind::bad_request},
      {"Invalid text: This model's maximum context length is 8192", ErrorKind::bad_request},
      {"Your credit balance is too low to access the Anthropic API. Pay.",
       ErrorKind::quota_exhausted},
      {"Your credit balance is too low", ErrorKind::bad_request}};
  for (const auto& [message, kind] : cases) {
    ErrorFields fields;
    fields.message = message;
    EXPECT_EQ(classify_error(400, fields).kind, kind) << message;
    // Nowhere but in a request's own fault are words read at all.
    EXPECT_EQ(classify_error(500, fields).kind, ErrorKind::server_error) << message;
    EXPECT_EQ(classify_error(429, fields).kind, ErrorKind::rate_limit) << message;
  }
}

TEST(ClassifyError, BoundsWhatItRepeats) {
  ErrorFields fields;
  fields.message = std::string(100'000, 'm');
  fields.code = std::string(100'000, 'c');
  const Failure failure = classify_error(400, fields);
  EXPECT_LE(failure.message.size(), 510U);
  EXPECT_LE(failure.provider_code.size(), 90U);
  fields.message.clear();
  for (int i = 0; i < 400; ++i) fields.message += "\xE2\x82\xAC";
  EXPECT_TRUE(is_utf8(classify_error(400, fields).message)) << "cut inside a character";
}

TEST(ClassifyResponse, SaysWhatItSawWhereThereIsNoErrorObject) {
  EXPECT_NE(classify_response(302, "").message.find("base_url"), std::string::npos);
  EXPECT_EQ(classify_response(302, R"({"error":{"type":"rate_limit_error"}})").kind,
            ErrorKind::protocol);
  EXPECT_EQ(classify_response(500, "").message, "an error without a body");
  EXPECT_FALSE(classify_response(500, "<html>secret</html>").message.empty());
  EXPECT_EQ(classify_response(500, "<html>secret</html>").message.find("secret"),
            std::string::npos);
  EXPECT_EQ(classify_response(400, "{\"error\":{\"message\":\"\xFF\"}}").kind,
            ErrorKind::bad_request);
}

TEST(ClassifyResponse, GivesEveryStatusAClass) {
  for (int status = 300; status < 600; ++status) {
    const ErrorKind kind = classify_response(status, "").kind;
    const bool retriable = kind == ErrorKind::server_error || kind == ErrorKind::overloaded ||
                           kind == ErrorKind::rate_limit;
    if (status < 400) {
      EXPECT_EQ(kind, ErrorKind::protocol) << status;
    } else if (status >= 500) {
      EXPECT_TRUE(retriable) << status;
    } else {
      const bool passing = status == 408 || status == 409 || status == 425 || status == 429;
      EXPECT_EQ(retriable, passing) << status;
    }
  }
}

}  // namespace
}  // namespace llmroute::provider
