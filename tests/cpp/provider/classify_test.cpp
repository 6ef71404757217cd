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
      {R"({"errors":[{"code":7,"message":"m"}]})", "", "7", "m"},
      {R"({"detail":{"code":"c","message":"m"}})", "", "c", "m"},
      {R"({"__type":"a.b#T:http://c","message":"m"})", "T", "", "m"},
      {R"({"Message":"m"})", "", "", "m"},
      {R"({"error":"m","error_type":"t"})", "t", "", "m"},
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

TEST(ReadErrorFields, ReadsWhatIsFurtherInside) {
  const std::string rpc = "type.googleapis.com/google.rpc.";
  const ErrorFields google =
      read(R"({"error":{"code":429,"status":"S","details":[{"@type":")" + rpc +
           R"(ErrorInfo","reason":"R"},{"@type":")" + rpc +
           R"(RetryInfo","retryDelay":"1.5s"},{"@type":")" + rpc +
           R"(QuotaFailure","violations":[{"quotaId":"PerMinute"},{"quotaId":"XPerDayY"}]}]}})");
  EXPECT_EQ(google.reason, "R");
  EXPECT_EQ(google.retry_delay, Duration(milliseconds(1500)));
  EXPECT_TRUE(google.per_day);
  const ErrorFields azure = read(R"({"error":{"param":"p","innererror":{"code":"I"}}})");
  EXPECT_EQ(azure.param, "p");
  EXPECT_EQ(azure.inner_code, "I");
  EXPECT_EQ(read(R"({"error":"m","estimated_time":2})").retry_delay, Duration(seconds(2)));
  // Details of nobody's type are nobody's word.
  const ErrorFields other = read(
      R"({"error":{"details":[{"@type":"x","reason":"R","retryDelay":"1s"},"s",{"quotaId":1}]}})");
  EXPECT_EQ(other.reason, "");
  EXPECT_FALSE(other.retry_delay);
  EXPECT_FALSE(other.per_day);
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

TEST(ClassifyResponse, AGatewayThatGaveUpLeavesItOpenWhetherTheWorkWasDone) {
  for (int status = 400; status < 600; ++status) {
    EXPECT_EQ(classify_response(status, "").ambiguous, status == 504 || status == 524) << status;
  }
}

TEST(ClassifyResponse, APageInFrontOfAProviderRefusesNoKey) {
  EXPECT_EQ(classify_response(403, " \n<html>").cause, Cause::before_provider);
  EXPECT_EQ(classify_response(403, "no").cause, Cause::plain);
  EXPECT_EQ(classify_response(403, R"({"error":{"message":"<html>"}})").cause, Cause::plain);
  EXPECT_EQ(classify_response(401, "<html>").cause, Cause::plain);
  EXPECT_EQ(classify_response(407, R"({"error":{"message":"x"}})").cause, Cause::before_provider);
}

TEST(ClassifyResponse, GooglesDaysEndAtEightInTheMorning) {
  const std::string body =
      R"({"error":{"code":429,"status":"RESOURCE_EXHAUSTED","details":[{"@type":)"
      R"("type.googleapis.com/google.rpc.QuotaFailure","violations":[{"quotaId":"PerDay"}]}]}})";
  const std::vector<std::pair<int, int>> hours = {{0, 8}, {7, 1}, {8, 24}, {9, 23}, {23, 9}};
  for (const auto& [now, wait] : hours) {
    const WallTime at{std::chrono::hours(24 * 20'000 + now)};
    const Failure failure = classify_response({429, {}}, body, at);
    EXPECT_EQ(failure.cause, Cause::daily_quota);
    EXPECT_EQ(failure.retry_after, Duration(std::chrono::hours(wait))) << now;
  }
  // Without a clock nobody knows.
  EXPECT_FALSE(classify_response(429, body).retry_after);
}

TEST(ClassifyResponse, AHeaderDoesNotShortenADaysQuota) {
  const std::string body =
      R"({"error":{"code":429,"status":"RESOURCE_EXHAUSTED","details":[{"@type":)"
      R"("type.googleapis.com/google.rpc.QuotaFailure","violations":[{"quotaId":"PerDay"}]}]}})";
  wire::ResponseHead head{429, {}};
  head.headers.add("retry-after", "2");
  EXPECT_EQ(classify_response(head, body, WallTime{}).retry_after, Duration(std::chrono::hours(8)));
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
      const bool passing = status == 408 || status == 409 || status == 424 || status == 425 ||
                           status == 429 || status == 498;
      EXPECT_EQ(retriable, passing) << status;
    }
  }
}

}  // namespace
}  // namespace llmroute::provider
