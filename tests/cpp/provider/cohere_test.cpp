#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "llmroute/base/random.h"
#include "llmroute/base/text.h"
#include "llmroute/provider/cohere_parts.h"
#include "llmroute/provider/dialect.h"
#include "llmroute/wire/json.h"

namespace llmroute::provider {
namespace {

TEST(Cohere, SpeaksItsHeadersAndAddress) {
  ChatRequest request;
  request.body = R"({"messages":[{"role":"user","content":"hi"}]})";
  Deployment d;
  d.model = "command-x";
  d.base_url = "https://api.test";
  const auto encoded = find_dialect("cohere")->encode(request, d, Secret("co-2"));
  ASSERT_TRUE(encoded);
  EXPECT_EQ(encoded->http.url, "https://api.test/v2/chat");
  EXPECT_EQ(encoded->http.headers.find("authorization"), "Bearer co-2");
  EXPECT_EQ(encoded->http.body,
            R"({"model":"command-x","messages":[{"role":"user","content":"hi"}]})");
}

TEST(Cohere, CarriesALargeImageWithoutTouchingItsBytes) {
  const std::string image(4'000'000, 'A');
  ChatRequest request;
  request.body = R"({"messages":[{"role":"user","content":[{"type":"image_url","image_url":)"
                 R"({"url":"data:image\/jpeg;base64,)" +
                 image + R"("}}]}]})";
  const auto encoded = find_dialect("cohere")->encode(request, Deployment(), Secret());
  ASSERT_TRUE(encoded);
  EXPECT_TRUE(wire::validate_json(encoded->http.body));
  EXPECT_NE(encoded->http.body.find(R"("url":"data:image\/jpeg;base64,)" + image + "\""),
            std::string::npos);
}

TEST(Cohere, ArgumentsOfToolCallsKeepTheirBytes) {
  const std::string arguments = R"("{ \"a\":\u0022\\u00e9\", \"b\" : 1.50e1 }")";
  ChatRequest request;
  request.body = R"({"messages":[{"role":"user","content":"hi"},{"role":"assistant",)"
                 R"("tool_calls":[{"id":"x","function":{"name":"f","arguments":)" +
                 arguments + R"(}}]},{"role":"tool","tool_call_id":"x","content":"y"}]})";
  const auto encoded = find_dialect("cohere")->encode(request, Deployment(), Secret());
  ASSERT_TRUE(encoded);
  EXPECT_NE(encoded->http.body.find("\"arguments\":" + arguments), std::string::npos);
}

TEST(Cohere, ReadsFinishReasons) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"COMPLETE", "stop"},     {"STOP_SEQUENCE", "stop"},
      {"MAX_TOKENS", "length"}, {"TOOL_CALL", "tool_calls"},
      {"ERROR", "ERROR"},       {"ERROR_TOXIC", "content_filter"},
      {"TIMEOUT", "TIMEOUT"},   {"ERROR_LIMIT", "ERROR_LIMIT"},
      {"complete", "complete"}, {"", ""}};
  for (const auto& [raw, canonical] : cases) EXPECT_EQ(cohere_finish_reason(raw), canonical);
}

TEST(Cohere, TellsTheProvidersOwnWordToo) {
  const auto read = find_dialect("cohere")->read_reply(
      R"({"id":"c","message":{"role":"assistant","content":[]},"finish_reason":"STOP_SEQUENCE"})");
  ASSERT_TRUE(std::holds_alternative<ReplySummary>(read));
  EXPECT_EQ(std::get<ReplySummary>(read).raw_finish_reason, "STOP_SEQUENCE");
  EXPECT_FALSE(std::get<ReplySummary>(read).usage.reported);
  const auto decoder = find_dialect("cohere")->stream_decoder(Deployment());
  std::vector<Delta> out;
  ASSERT_FALSE(
      decoder->feed("data: {\"type\":\"message-end\",\"delta\":{\"finish_reason\":"
                    "\"MAX_TOKENS\"}}\n\n",
                    out));
  ASSERT_EQ(out.size(), 1U);
  EXPECT_EQ(out[0].finish_reason, "length");
  EXPECT_EQ(out[0].extra, "MAX_TOKENS");
  EXPECT_EQ(decoder->summary().raw_finish_reason, "MAX_TOKENS");
  EXPECT_TRUE(decoder->terminated());
}

TEST(Cohere, AModelIsNamedWhereTheReplyNamesNone) {
  const auto turned = find_dialect("cohere")->to_openai(
      R"({"id":"c","message":{"content":[{"type":"text","text":"a"}]}})", "command-x");
  ASSERT_TRUE(turned);
  EXPECT_EQ(wire::JsonView(*turned)["model"].string(), "command-x");
}

TEST(Cohere, ReadsLimitsAndWaits) {
  wire::ResponseHead head;
  head.status = 429;
  head.headers.add("retry-after-ms", "250");
  head.headers.add("x-ratelimit-limit-requests", "20");
  head.headers.add("x-ratelimit-remaining-requests", "0");
  const auto* dialect = find_dialect("cohere");
  EXPECT_EQ(dialect->classify(head, R"({"message":"slow"})", WallTime{}).retry_after,
            std::optional<Duration>(milliseconds(250)));
  EXPECT_EQ(dialect->read_limits(head.headers, WallTime{}).requests_remaining, 0);
  EXPECT_FALSE(dialect->read_limits({}, WallTime{}).any());
}

TEST(Cohere, TooManyToolCallsAreNotBelieved) {
  const auto decoder = find_dialect("cohere")->stream_decoder(Deployment());
  const std::string start =
      "data: {\"type\":\"tool-call-start\",\"index\":0,\"delta\":{\"message\":{\"tool_calls\":{"
      "\"id\":\"a\",\"function\":{\"name\":\"f\"}}}}}\n\n";
  std::vector<Delta> out;
  for (int i = 0; i < 4096; ++i) ASSERT_FALSE(decoder->feed(start, out));
  const auto failure = decoder->feed(start, out);
  ASSERT_TRUE(failure);
  EXPECT_EQ(failure->kind, ErrorKind::protocol);
}

TEST(Cohere, DamagedStreamsNeverEndWell) {
  Random random(5);
  const std::string text =
      "data: "
      "{\"type\":\"content-delta\",\"delta\":{\"message\":{\"content\":{\"text\":\"a\"}}}}\n\n"
      "data: {\"type\":\"tool-call-start\",\"index\":0,\"delta\":{\"message\":{\"tool_calls\":{"
      "\"id\":\"t\",\"function\":{\"name\":\"f\",\"arguments\":\"{\"}}}}}\n\n"
      "data: {\"type\":\"tool-call-delta\",\"index\":0,\"delta\":{\"message\":{\"tool_calls\":{"
      "\"function\":{\"arguments\":\"}\"}}}}}\n\n";
  for (int round = 0; round < 3000; ++round) {
    std::string damaged = text;
    for (std::uint64_t hits = 1 + random.below(3); hits > 0; --hits) {
      damaged[random.below(damaged.size())] = static_cast<char>(random.below(256));
    }
    const auto decoder = find_dialect("cohere")->stream_decoder(Deployment());
    std::vector<Delta> out;
    auto failure = decoder->feed(damaged, out);
    if (!failure) failure = decoder->finish(out);
    EXPECT_TRUE(failure) << "no end was sent";
    for (const Delta& delta : out) EXPECT_TRUE(is_utf8(delta.text));
  }
}

}  // namespace
}  // namespace llmroute::provider
