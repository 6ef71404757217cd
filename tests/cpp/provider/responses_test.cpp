#include <gtest/gtest.h>

#include <array>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "llmroute/base/random.h"
#include "llmroute/base/text.h"
#include "llmroute/provider/dialect.h"
#include "llmroute/provider/responses_parts.h"
#include "llmroute/wire/json.h"

namespace llmroute::provider {
namespace {

using wire::JsonView;

const Dialect& dialect() { return *find_dialect("responses"); }

ChatRequest asking(const std::string& body) {
  ChatRequest request;
  request.body = body;
  return request;
}

TEST(Responses, SpeaksItsHeadersAndAddress) {
  Deployment d;
  d.model = "m";
  d.base_url = "https://api.test/v1";
  d.headers = {{"x-team", "blue"}};
  const auto encoded =
      dialect().encode(asking(R"({"messages":[{"role":"user","content":"hi"}]})"), d, Secret("sk"));
  ASSERT_TRUE(encoded);
  EXPECT_EQ(encoded->http.url, "https://api.test/v1/responses");
  EXPECT_EQ(encoded->http.headers.find("authorization"), "Bearer sk");
  EXPECT_EQ(encoded->http.headers.find("x-team"), "blue");
}

TEST(Responses, PassesTextsIdsAndArgumentsByteByByte) {
  const auto encoded = dialect().encode(
      asking(
          R"({"messages":[{"role":"user","content":"\u0041\/ é"},{"role":"assistant",)"
          R"("tool_calls":[{"id":"a\/\u0062","function":{"name":"f","arguments":"{\"x\": 1e2 }"}}]},)"
          R"({"role":"tool","tool_call_id":"a\/\u0062","content":"\n"}]})"),
      Deployment(), Secret());
  ASSERT_TRUE(encoded);
  const std::string& body = encoded->http.body;
  EXPECT_NE(body.find(R"("content":"\u0041\/ é")"), std::string::npos) << body;
  EXPECT_NE(body.find(R"("call_id":"a\/\u0062","name":"f","arguments":"{\"x\": 1e2 }")"),
            std::string::npos);
  EXPECT_NE(body.find(R"("call_id":"a\/\u0062","output":"\n")"), std::string::npos);
}

TEST(Responses, CarriesALargeImageWithoutTouchingItsBytes) {
  const std::string image(4'000'000, 'A');
  const auto encoded = dialect().encode(
      asking(R"({"messages":[{"role":"user","content":[{"type":"image_url","image_url":)"
             R"({"url":"data:image/jpeg;base64,)" +
             image + R"("}}]}]})"),
      Deployment(), Secret());
  ASSERT_TRUE(encoded);
  EXPECT_NE(encoded->http.body.find("\"image_url\":\"data:image/jpeg;base64," + image + "\""),
            std::string::npos);
}

TEST(Responses, ItsOwnShapeKeepsItsBytes) {
  ChatRequest request = asking(R"({"messages":[]})");
  request.facts.shape = Shape::responses;
  request.native = "{ \"input\" : [ {\"a\" :1.50} ],\"model\":\"x\", \"include\":[\"\\u0041\"] }";
  Deployment d;
  d.model = "m\"x";
  const auto encoded = dialect().encode(request, d, Secret());
  ASSERT_TRUE(encoded);
  EXPECT_EQ(encoded->http.body,
            "{\"model\":\"m\\\"x\",\"input\":[ {\"a\" :1.50} ],\"include\":[\"\\u0041\"]}");
}

TEST(Responses, RefusesWhatHasNoPlaceByName) {
  for (const std::string key : {"stop", "seed", "logit_bias", "frequency_penalty", "functions",
                                "presence_penalty", "web_search_options", "top_k"}) {
    const auto encoded = dialect().encode(
        asking(R"({"messages":[{"role":"user","content":"hi"}],")" + key + "\":1}"), Deployment(),
        Secret());
    ASSERT_FALSE(encoded) << key;
    EXPECT_EQ(encoded.error().kind, ErrorKind::bad_request);
    EXPECT_EQ(encoded.error().path, key);
    EXPECT_NE(encoded.error().message.find("responses"), std::string::npos);
  }
}

TEST(Responses, CountsAllKindsOfTokens) {
  const Usage usage = read_responses_usage(JsonView(
      R"({"input_tokens":100,"input_tokens_details":{"cached_tokens":40,"cache_write_tokens":30,)"
      R"("audio_tokens":5,"image_tokens":600},"output_tokens":20,"output_tokens_details":)"
      R"({"reasoning_tokens":8,"audio_tokens":3}})"));
  EXPECT_TRUE(usage.reported);
  EXPECT_EQ(usage.cached_input, Tokens{40});
  EXPECT_EQ(usage.cache_write, Tokens{30});
  EXPECT_EQ(usage.audio_input, Tokens{5});
  EXPECT_EQ(usage.image_input, Tokens{100}) << "a part is never more than the whole";
  EXPECT_EQ(usage.reasoning, Tokens{8});
  EXPECT_EQ(usage.audio_output, Tokens{3});
  for (const char* none : {"{}", "null", "5", R"({"input_tokens":3})", R"({"output_tokens":3})",
                           R"({"input_tokens":"3","output_tokens":1})"}) {
    EXPECT_FALSE(read_responses_usage(JsonView(none)).reported) << none;
  }
}

TEST(Responses, NoEndIsTakenForAStopThatIsNone) {
  struct Case {
    const char* response;
    bool calls;
    const char* finish;
    const char* raw;
  };
  constexpr std::array kCases = {
      Case{R"({"status":"completed"})", false, "stop", "completed"},
      Case{R"({"status":"completed"})", true, "tool_calls", "completed"},
      Case{R"({"status":"incomplete","incomplete_details":{"reason":"max_output_tokens"}})", true,
           "length", "max_output_tokens"},
      Case{R"({"status":"incomplete","incomplete_details":{"reason":"content_filter"}})", false,
           "content_filter", "content_filter"},
      Case{R"({"status":"incomplete","incomplete_details":{}})", false, "incomplete", "incomplete"},
      Case{R"({"status":"incomplete"})", true, "incomplete", "incomplete"},
      Case{R"({"status":"in_progress"})", false, "in_progress", "in_progress"},
      Case{R"({"status":"complete"})", false, "complete", "complete"},
      Case{R"({})", false, "", ""}};
  for (const Case& c : kCases) {
    const ResponseEnd end = read_response_end(JsonView(c.response), c.calls);
    EXPECT_EQ(end.finish_reason, c.finish) << c.response;
    EXPECT_EQ(end.raw, c.raw) << c.response;
  }
  EXPECT_EQ(read_response_end(JsonView("{}"), false, "completed").finish_reason, "stop");
}

std::optional<Failure> feed(StreamDecoder& decoder, const std::string& json,
                            std::vector<Delta>& out) {
  return decoder.feed("data: " + json + "\n\n", out);
}

TEST(ResponsesStream, BoundsWhatABrokenStreamCanMakeItHold) {
  const auto decoder = dialect().stream_decoder(Deployment());
  std::vector<Delta> out;
  std::optional<Failure> failure;
  for (int i = 0; i < 5000 && !failure; ++i) {
    failure = feed(*decoder,
                   R"({"type":"response.output_item.added","output_index":)" + std::to_string(i) +
                       R"(,"item":{"type":"function_call","call_id":"c","name":"f"}})",
                   out);
  }
  ASSERT_TRUE(failure);
  EXPECT_EQ(failure->kind, ErrorKind::protocol);
  EXPECT_EQ(out.size(), 4096U);
  EXPECT_EQ(out.back().tool_index, 4095);
}

TEST(ResponsesStream, SummarisesAtItsEndAlone) {
  const auto decoder = dialect().stream_decoder(Deployment());
  std::vector<Delta> out;
  EXPECT_FALSE(feed(*decoder,
                    R"({"type":"response.in_progress","response":{"status":"in_progress",)"
                    R"("usage":{"input_tokens":1,"output_tokens":1}}})",
                    out));
  EXPECT_FALSE(decoder->summary().usage.reported);
  EXPECT_TRUE(decoder->summary().finish_reason.empty());
  EXPECT_FALSE(feed(*decoder,
                    R"({"type":"response.incomplete","response":{"incomplete_details":)"
                    R"({"reason":"max_output_tokens"},"usage":{"input_tokens":3,)"
                    R"("output_tokens":4}}})",
                    out));
  EXPECT_TRUE(decoder->terminated());
  EXPECT_EQ(decoder->summary().finish_reason, "length");
  EXPECT_EQ(decoder->summary().raw_finish_reason, "max_output_tokens");
  EXPECT_EQ(decoder->summary().usage.output, Tokens{4});
  ASSERT_EQ(out.size(), 2U);
  EXPECT_EQ(out[0].extra, "max_output_tokens");
}

TEST(ResponsesStream, AnEndWithoutAStatusIsWhatItsEventSays) {
  const auto decoder = dialect().stream_decoder(Deployment());
  std::vector<Delta> out;
  EXPECT_FALSE(feed(*decoder, R"({"type":"response.completed","response":{}})", out));
  EXPECT_EQ(decoder->summary().finish_reason, "stop");
}

TEST(ResponsesStream, DamageNeverEndsWellNorBreaksATextApart) {
  Random random(5);
  const std::string text =
      "data: "
      "{\"type\":\"response.output_text.delta\",\"output_index\":0,\"delta\":\"h\xC3\xA9\"}\n\n"
      "data: "
      "{\"type\":\"response.output_text.done\",\"output_index\":0,\"text\":\"\xE2\x82\xAC!\"}\n\n"
      "data: {\"type\":\"response.output_item.done\",\"output_index\":1,\"item\":{\"type\":"
      "\"function_call\",\"call_id\":\"c\",\"name\":\"f\",\"arguments\":\"{}\"}}\n\n"
      "data: {\"type\":\"response.output_item.done\",\"output_index\":2,\"item\":{\"type\":"
      "\"reasoning\",\"summary\":[{\"type\":\"summary_text\",\"text\":\"\xF0\x9F\x99\x82\"}]}}\n\n";
  for (int round = 0; round < 3000; ++round) {
    std::string damaged = text;
    for (std::uint64_t hits = random.below(4); hits > 0; --hits) {
      damaged[random.below(damaged.size())] = static_cast<char>(random.below(256));
    }
    const auto decoder = dialect().stream_decoder(Deployment());
    std::vector<Delta> out;
    auto failure = decoder->feed(damaged, out);
    if (!failure) failure = decoder->finish(out);
    EXPECT_TRUE(failure) << "no terminator was sent";
    for (const Delta& delta : out) EXPECT_TRUE(is_utf8(delta.text)) << damaged;
  }
}

// A whole reply and the stream of the same response say the same.
TEST(ResponsesStream, GivesWhatTheWholeReplyGives) {
  const std::string response =
      R"({"id":"r","status":"completed","model":"m","output":[)"
      R"({"type":"reasoning","id":"rs","summary":[{"type":"summary_text","text":"one"},)"
      R"({"type":"summary_text","text":""},{"type":"summary_text","text":"two"}]},)"
      R"({"type":"message","content":[{"type":"output_text","text":"a"},)"
      R"({"type":"output_text","text":"b"}]},{"type":"reasoning","id":"rt","summary":[],)"
      R"("content":[{"type":"reasoning_text","text":"three"}]}]})";
  const auto whole = dialect().to_openai(response);
  ASSERT_TRUE(whole);
  const JsonView choice = JsonView(*whole)["choices"].first_element().value();
  const JsonView message = choice["message"];
  const auto decoder = dialect().stream_decoder(Deployment());
  std::vector<Delta> out;
  EXPECT_FALSE(feed(*decoder, R"({"type":"response.completed","response":)" + response + "}", out));
  std::string text, reasoning, blocks;
  for (const Delta& delta : out) {
    if (delta.kind == DeltaKind::text) text += delta.text;
    if (delta.kind == DeltaKind::reasoning) reasoning += delta.text;
    if (delta.kind == DeltaKind::thinking_block) blocks += (blocks.empty() ? "" : ",") + delta.text;
  }
  EXPECT_EQ(text, message["content"].string());
  EXPECT_EQ(text, "ab");
  EXPECT_EQ(reasoning, message["reasoning_content"].string());
  EXPECT_EQ(reasoning, "one\n\ntwo\n\nthree");
  EXPECT_EQ("[" + blocks + "]", message["thinking_blocks"].raw());
  EXPECT_EQ(decoder->summary().finish_reason, choice["finish_reason"].string());
}

// What a reply gave as thinking_blocks is taken back as it came.
TEST(Responses, ReasoningSurvivesARoundTrip) {
  const std::string item =
      R"({"type":"reasoning","id":"rs_1","summary":[],"encrypted_content":"gA\/=="})";
  const auto reply = dialect().to_openai(
      R"({"status":"completed","output":[)" + item +
      R"(,{"type":"function_call","call_id":"c","name":"f","arguments":"{}"}]})");
  ASSERT_TRUE(reply);
  const JsonView message = JsonView(*reply)["choices"].first_element().value()["message"];
  const auto encoded = dialect().encode(
      asking(R"({"messages":[{"role":"user","content":"hi"},)" + std::string(message.raw()) +
             R"(,{"role":"tool","tool_call_id":"c","content":"1"}]})"),
      Deployment(), Secret());
  ASSERT_TRUE(encoded);
  EXPECT_TRUE(encoded->dropped_parameters.empty());
  EXPECT_NE(encoded->http.body.find(item + R"(,{"type":"function_call","call_id":"c")"),
            std::string::npos)
      << encoded->http.body;
}

}  // namespace
}  // namespace llmroute::provider
