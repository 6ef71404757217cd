// Bytes from the network that nobody promised anything about: no crash, no hang, a named failure.
#include <gtest/gtest.h>

#include <map>
#include <string>
#include <vector>

#include "llmroute/base/random.h"
#include "llmroute/base/text.h"
#include "llmroute/provider/dialect.h"
#include "llmroute/wire/json.h"

namespace llmroute::provider {
namespace {

std::vector<std::string> hostile_documents() {
  const std::string deep(100'000, '[');
  std::string objects;
  for (int i = 0; i < 100'000; ++i) objects += "{\"a\":";
  std::string many = "{";
  for (int i = 0; i < 20'000; ++i) many += "\"choices\":[],";
  return {"",
          " ",
          "{",
          "null",
          deep,
          deep + std::string(100'000, ']'),
          objects,
          objects + "1" + std::string(100'000, '}'),
          many + "\"content\":[]}",
          "{\"choices\":[{\"message\":{\"content\":\"\xFF\xFE\"}}]}",
          R"({"choices":[{"message":{"content":"\ud800"}}]})",
          "{\"choices\":[{\"message\":{}}],\"usage\":{\"prompt_tokens\":" +
              std::string(10'000, '9') + ",\"completion_tokens\":1e999}}",
          R"({"content":[{"type":"text","text":5},{"type":"tool_use"},7,null,[]],"usage":[]})",
          R"({"content":[],"stop_reason":{"a":1},"usage":{"input_tokens":-5}})",
          R"({"error":{"message":{"a":[1]},"code":[],"type":{}}})",
          R"({"choices":{"0":{}},"content":{}})",
          std::string("{\"a\":\"\0\"}", 9),
          "<!DOCTYPE html><title>502</title>"};
}

TEST(Robustness, HostileRepliesAreFailuresOrReplies) {
  for (const Dialect* dialect : dialects()) {
    for (const std::string& body : hostile_documents()) {
      const auto read = dialect->read_reply(body);
      if (const auto* failure = std::get_if<Failure>(&read)) {
        EXPECT_FALSE(failure->message.empty());
        EXPECT_TRUE(is_utf8(failure->message));
        continue;
      }
      const auto turned = dialect->to_openai(body);
      ASSERT_TRUE(turned);
      EXPECT_TRUE(wire::validate_json(*turned)) << *turned;
    }
  }
}

TEST(Robustness, HostileErrorsGetAClassAndReadableWords) {
  for (const Dialect* dialect : dialects()) {
    for (const std::string& body : hostile_documents()) {
      const Failure failure = dialect->classify({400, {}}, body, WallTime{});
      EXPECT_EQ(failure.kind, ErrorKind::bad_request) << body.substr(0, 60);
      EXPECT_TRUE(is_utf8(failure.message));
      EXPECT_TRUE(is_utf8(failure.provider_code));
    }
  }
}

TEST(Robustness, HostileEventsFailOrSayNothing) {
  for (const Dialect* dialect : dialects()) {
    for (const std::string& body : hostile_documents()) {
      const auto decoder = dialect->stream_decoder(Deployment());
      std::vector<Delta> out;
      auto failure = decoder->feed("data: " + body + "\n\n", out);
      EXPECT_TRUE(out.empty());
      if (!failure) failure = decoder->finish(out);
      EXPECT_TRUE(failure) << body.substr(0, 60);
    }
  }
}

TEST(Robustness, HostileDocumentsInsteadOfAStreamFail) {
  for (const Dialect* dialect : dialects()) {
    for (const std::string& body : hostile_documents()) {
      const auto decoder = dialect->stream_decoder(Deployment());
      std::vector<Delta> out;
      auto failure = decoder->feed(body, out);
      if (!failure) failure = decoder->finish(out);
      EXPECT_TRUE(failure) << body.substr(0, 60);
      EXPECT_TRUE(out.empty());
    }
  }
}

// Requests are checked before they get here, but a mistake above must not become a crash.
TEST(Robustness, OddRequestsAreErrorsOrValidBodies) {
  const std::vector<std::string> bodies = {
      R"({"messages":[]})",
      R"({"messages":5})",
      R"({})",
      R"({"messages":[{"role":"user","content":[5,null,"x",[],{}]}]})",
      R"({"messages":[{"role":"user","content":[{"type":"image_url"}]}]})",
      R"({"messages":[{"role":"user","content":[{"type":"image_url","image_url":{"url":""}}]}]})",
      R"({"messages":[{"role":"assistant","tool_calls":[5,{"function":{}}]}],"tools":[5,{}]})",
      R"({"messages":[{"role":"tool","tool_call_id":7}],"tool_choice":5,"stop":{},"user":[]})",
      R"({"messages":[{"role":"user","content":"a"}],"messages":[{"role":"user","content":"b"}],)"
      R"("model":"x","model":"y","temperature":1e400,"max_tokens":1e400,"n":1.5})",
      R"({"messages":[{"role":"user","content":"a"}],"":1})",
      R"({"messages":[{"role":"user","content":"a"}],"response_format":"json","tools":{}})"};
  for (const Dialect* dialect : dialects()) {
    for (const std::string& body : bodies) {
      for (const bool drop : {false, true}) {
        ChatRequest request;
        request.body = body;
        request.options.drop_unsupported = drop;
        const auto encoded = dialect->encode(request, Deployment(), Secret());
        if (encoded) {
          EXPECT_TRUE(wire::validate_json(encoded->http.body)) << encoded->http.body;
        } else {
          EXPECT_FALSE(encoded.error().path.empty()) << body;
        }
      }
    }
  }
}

TEST(Robustness, DamagedStreamsNeverEndWell) {
  Random random(5);
  const std::string openai =
      "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"a\"},\"finish_reason\":null}]}\n\n"
      "data: {\"choices\":[{\"index\":0,\"delta\":{\"tool_calls\":[{\"index\":0,\"id\":\"t\","
      "\"function\":{\"name\":\"f\",\"arguments\":\"{}\"}}]},\"finish_reason\":\"stop\"}]}\n\n";
  const std::string anthropic =
      "data: "
      "{\"type\":\"content_block_start\",\"index\":0,\"content_block\":{\"type\":\"tool_use\"}}"
      "\n\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"text\":\"a\"}}\n\n";
  const std::string gemini =
      "data: {\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"a\"},{\"functionCall\":"
      "{\"name\":\"f\",\"args\":{\"a\":[1]}}}]},\"index\":0}],\"usageMetadata\":"
      "{\"promptTokenCount\":1}}\r\n\r\n";
  const std::map<std::string_view, std::string> texts = {
      {"openai", openai}, {"anthropic", anthropic}, {"gemini", gemini}};
  for (const Dialect* dialect : dialects()) {
    const auto found = texts.find(dialect->name());
    if (found == texts.end()) continue;
    const std::string& text = found->second;
    for (int round = 0; round < 3000; ++round) {
      std::string damaged = text;
      for (std::uint64_t hits = 1 + random.below(3); hits > 0; --hits) {
        damaged[random.below(damaged.size())] = static_cast<char>(random.below(256));
      }
      const auto decoder = dialect->stream_decoder(Deployment());
      std::vector<Delta> out;
      auto failure = decoder->feed(damaged, out);
      if (!failure) failure = decoder->finish(out);
      EXPECT_TRUE(failure) << "no terminator was sent";
      for (const Delta& delta : out) EXPECT_TRUE(is_utf8(delta.text));
    }
  }
}

}  // namespace
}  // namespace llmroute::provider
