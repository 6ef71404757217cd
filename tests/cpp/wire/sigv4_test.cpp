#include "llmroute/wire/sigv4.h"

#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <utility>
#include <vector>

namespace llmroute::wire {
namespace {

constexpr AwsCredentials kExample = {"AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", {}};
constexpr AwsScope kScope = {"us-east-1", "service"};

// 2015-08-30T12:36:00Z, the moment of the published vectors.
constexpr WallTime kMoment{seconds(1'440'938'160)};

using Headers = std::vector<std::pair<std::string, std::string>>;

struct Vector {
  const char* name;
  const char* method;
  const char* url;
  Headers headers;
  const char* body;
  const char* token;
  const char* signed_headers;
  const char* signature;
};

// A token without a meaning, in the form that they have.
constexpr const char* kToken =
    "AQoDYXdzEPT//////////"
    "wEXAMPLEtc764bNrC9SAPBSM22wDOk4x4HIZ8j4FZTwdQWLWsKWHGBuFqwAeMicRXmxfpSPfIe"
    "oIYRqTflfKD8YUuwthAx7mSEI/qkPpKPi/"
    "kMcGdQrmGdeehM4IC1NtBmUpp2wUE8phUZampKsburEDy0KPkyQDYwT7WZ0wq"
    "5VSXDvp75YU9HFvlRd8Tx6q6fE8YQcHNVXAkiY9q6d+xo0rKwT38xVqr7ZD0u0iPPkUL64lIZbqBAz+"
    "scqKmlzm8FDrypNC"
    "9Yjc8fPOLn9FX9KSYvKTr4rvx3iSIlTJabIQwj2ICCR/oLxBA==";

Request request_of(const Vector& v) {
  Request request;
  request.method = v.method;
  request.url = v.url;
  for (const auto& [name, value] : v.headers) request.headers.add(name, value);
  request.body = v.body;
  return request;
}

// The answers that AWS publishes for its test suite, signed by us to the digit.
TEST(Sigv4, GivesThePublishedSignatures) {
  const std::vector<Vector> vectors = {
      {"get-vanilla",
       "GET",
       "https://example.amazonaws.com/",
       {},
       "",
       "",
       "host;x-amz-date",
       "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"},
      {"no path at all",
       "GET",
       "https://example.amazonaws.com",
       {},
       "",
       "",
       "host;x-amz-date",
       "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"},
      {"the scheme's own port",
       "GET",
       "HTTPS://Example.AmazonAWS.com:443/",
       {},
       "",
       "",
       "host;x-amz-date",
       "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"},
      {"post-vanilla",
       "POST",
       "https://example.amazonaws.com/",
       {},
       "",
       "",
       "host;x-amz-date",
       "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"},
      {"get-vanilla-query-order-key",
       "GET",
       "https://example.amazonaws.com/?Param2=value2&Param1=value1",
       {},
       "",
       "",
       "host;x-amz-date",
       "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500"},
      {"get-vanilla-query-order-value",
       "GET",
       "https://example.amazonaws.com/?Param1=value2&Param1=value1",
       {},
       "",
       "",
       "host;x-amz-date",
       "5772eed61e12b33fae39ee5e7012498b51d56abc0abb7c60486157bd471c4694"},
      {"post-x-www-form-urlencoded",
       "POST",
       "https://example.amazonaws.com/",
       {{"Content-Type", "application/x-www-form-urlencoded"}},
       "Param1=value1",
       "",
       "content-type;host;x-amz-date",
       "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a"},
      {"get-header-value-trim",
       "GET",
       "https://example.amazonaws.com/",
       {{"My-Header1", " value1"}, {"My-Header2", " \"a   b   c\""}},
       "",
       "",
       "host;my-header1;my-header2;x-amz-date",
       "acc3ed3afb60bb290fc8d2dd0098b9911fcaa05412b367055dee359757a9c736"},
      {"post-sts-header-before",
       "POST",
       "https://example.amazonaws.com/",
       {},
       "",
       kToken,
       "host;x-amz-date;x-amz-security-token",
       "85d96828115b5dc0cfc3bd16ad9e210dd772bbebba041836c64533a82be05ead"},
      {"get-utf8",
       "GET",
       "https://example.amazonaws.com/\xE1\x88\xB4",
       {},
       "",
       "",
       "host;x-amz-date",
       "8318018e0b0f223aa2bbf98705b62bb787dc9c0e678f255a891fd03141be5d85"},
      {"get-unreserved",
       "GET",
       "https://example.amazonaws.com/"
       "-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz",
       {},
       "",
       "",
       "host;x-amz-date",
       "07ef7494c76fa4850883e2b006601f940f8a34d404d0cfa977f52a65bbf5f24f"},
      {"get-slashes and dots",
       "GET",
       "https://example.amazonaws.com/./example/../a//b/",
       {},
       "",
       "",
       "host;x-amz-date",
       "125084d05882beb82770f7553eca9dc5479bd484c2579776817cc0a340800974"},
  };
  for (const Vector& v : vectors) {
    SCOPED_TRACE(v.name);
    Request request = request_of(v);
    AwsCredentials credentials = kExample;
    credentials.session_token = v.token;
    ASSERT_TRUE(sign_aws_request(request, credentials, kScope, kMoment));
    EXPECT_EQ(request.headers.find("x-amz-date"), "20150830T123600Z");
    EXPECT_EQ(request.headers.find("x-amz-security-token").value_or(""), v.token);
    EXPECT_EQ(request.headers.find("authorization"),
              std::string("AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/"
                          "aws4_request, SignedHeaders=") +
                  v.signed_headers + ", Signature=" + v.signature);
  }
}

std::string signature(Request request, const AwsScope& scope, const char* token = "",
                      WallTime now = kMoment) {
  AwsCredentials credentials = kExample;
  credentials.session_token = token;
  EXPECT_TRUE(sign_aws_request(request, credentials, scope, now));
  const std::string text(request.headers.find("authorization").value_or(""));
  return text.substr(text.find("SignedHeaders="));
}

// Against botocore 1.44.8: an encoded path is encoded again, a port is part of the host.
TEST(Sigv4, SignsWhatBedrockIsAsked) {
  Request request;
  request.url =
      "https://bedrock-runtime.eu-central-1.amazonaws.com/model/"
      "us.anthropic.claude-sonnet-4-5-20250929-v1%3A0/converse";
  request.headers.add("content-type", "application/json");
  request.headers.add("X-Team", "a");
  request.body = R"({"messages":[]})";
  EXPECT_EQ(signature(request, {"eu-central-1", "bedrock"}),
            "SignedHeaders=content-type;host;x-amz-date;x-team, Signature="
            "676afd5a28824737e9ca9abebe2423d1927847989101f3730748498ff65f9ba0");
  Request local;
  local.url =
      "http://127.0.0.1:8080/model/"
      "arn%3Aaws%3Abedrock%3Aus-east-1%3A1%3Ainference-profile%2Fx/converse-stream";
  local.headers.add("content-type", "application/json");
  local.body = "{\"a\":\"\xC3\xA9\"}";
  EXPECT_EQ(signature(local, {"us-gov-west-1", "bedrock"}, "TOKEN/+="),
            "SignedHeaders=content-type;host;x-amz-date;x-amz-security-token, Signature="
            "f2633eaa0e4db48fca54a2506c2905cbf02d9ad42bb0a378a2af2b87f0f89de2");
}

TEST(Sigv4, WhatMayChangeOnTheWayIsNotSigned) {
  Request request;
  request.url = "https://example.amazonaws.com/";
  const std::string plain = signature(request, kScope);
  for (const char* name : {"User-Agent", "Accept", "Accept-Encoding", "Connection", "Expect",
                           "Content-Length", "Transfer-Encoding", "X-Amzn-Trace-Id"}) {
    request.headers.add(name, "x");
  }
  EXPECT_EQ(signature(request, kScope), plain);
  request.headers.add("x-other", "x");
  EXPECT_NE(signature(request, kScope), plain);
}

TEST(Sigv4, EverythingElseCounts) {
  Request request;
  request.url = "https://example.amazonaws.com/a";
  request.body = "b";
  const std::string plain = signature(request, kScope);
  Request other = request;
  other.body = "c";
  EXPECT_NE(signature(other, kScope), plain);
  other = request;
  other.url += "?q";
  EXPECT_NE(signature(other, kScope), plain);
  other = request;
  other.method = "PUT";
  EXPECT_NE(signature(other, kScope), plain);
  EXPECT_NE(signature(request, {"us-east-2", "service"}), plain);
  EXPECT_NE(signature(request, {"us-east-1", "other"}), plain);
  EXPECT_NE(signature(request, kScope, "", kMoment + seconds(1)), plain);
  EXPECT_EQ(signature(request, kScope, "", kMoment + milliseconds(1)), plain);
}

TEST(Sigv4, QueriesAreEncodedOnceAndSortedAsEncoded) {
  const auto of = [](const char* query) {
    Request request;
    request.url = std::string("https://example.amazonaws.com/?") + query;
    return signature(request, kScope);
  };
  EXPECT_EQ(of("a=b c"), of("a=b%20c"));
  EXPECT_EQ(of("a"), of("a="));
  EXPECT_EQ(of("&&b=2&a=1&"), of("a=1&b=2"));
  EXPECT_NE(of("a=%"), of("a=%25%25"));
  EXPECT_EQ(of("a=%"), of("a=%25"));
  EXPECT_EQ(of("\xE1\x88\xB4=bar"), of("%E1%88%B4=bar"));
}

TEST(Sigv4, DatesAreThoseOfTheCalendar) {
  const std::vector<std::pair<std::int64_t, const char*>> cases = {
      {0, "19700101T000000Z"},
      {951'782'399, "20000228T235959Z"},
      {951'868'800, "20000301T000000Z"},
      {1'795'651'200, "20261126T000000Z"},
      {4'107'542'400, "21000301T000000Z"}};
  for (const auto& [second, text] : cases) {
    Request request;
    request.url = "https://example.amazonaws.com/";
    ASSERT_TRUE(sign_aws_request(request, kExample, kScope, WallTime(seconds(second))));
    EXPECT_EQ(request.headers.find("x-amz-date"), text);
  }
}

TEST(Sigv4, AUrlWithoutAHostIsAnError) {
  for (const char* url : {"", "example.com/", "https:///path", "https://"}) {
    Request request;
    request.url = url;
    const auto signed_ = sign_aws_request(request, kExample, kScope, kMoment);
    ASSERT_FALSE(signed_) << url;
    EXPECT_EQ(signed_.error().kind, ErrorKind::invalid_argument);
    EXPECT_TRUE(request.headers.items().empty());
  }
}

}  // namespace
}  // namespace llmroute::wire
