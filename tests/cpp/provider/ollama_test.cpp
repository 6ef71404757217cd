#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "llmroute/base/random.h"
#include "llmroute/base/text.h"
#include "llmroute/provider/dialect.h"
#include "llmroute/provider/ollama_parts.h"
#include "llmroute/wire/json.h"

namespace llmroute::provider {
namespace {

ReplySummary read(std::string_view body) {
  const auto read = find_dialect("ollama")->read_reply(body);
  EXPECT_TRUE(std::holds_alternative<ReplySummary>(read));
  return std::holds_alternative<ReplySummary>(read) ? std::get<ReplySummary>(read) : ReplySummary();
}

TEST(Ollama, NeedsNoKey) {
  ChatRequest request;
  request.body = R"({"messages":[{"role":"user","content":"hi"}]})";
  Deployment d;
  d.model = "llama3";
  d.base_url = "http://127.0.0.1:11434/";
  const auto encoded = find_dialect("ollama")->encode(request, d, Secret());
  ASSERT_TRUE(encoded);
  EXPECT_EQ(encoded->http.url, "http://127.0.0.1:11434/api/chat");
  EXPECT_FALSE(encoded->http.headers.find("authorization"));
  EXPECT_EQ(encoded->http.body, R"({"model":"llama3","messages":[{"role":"user","content":"hi"}],)"
                                R"("stream":false,"truncate":false})");
}

TEST(Ollama, CarriesALargeImageWithoutTouchingItsBytes) {
  const std::string image(4'000'000, 'A');
  ChatRequest request;
  request.body = R"({"messages":[{"role":"user","content":[{"type":"image_url","image_url":)"
                 R"({"url":"data:image\/jpeg;base64,)" +
                 image + R"(\/"}}]}]})";
  const auto encoded = find_dialect("ollama")->encode(request, Deployment(), Secret());
  ASSERT_TRUE(encoded);
  EXPECT_TRUE(wire::validate_json(encoded->http.body));
  EXPECT_NE(encoded->http.body.find("\"images\":[\"" + image + "\\/\"]"), std::string::npos);
}

TEST(Ollama, ArgumentsStandAsTheJsonTheyAre) {
  ChatRequest request;
  request.body = R"({"messages":[{"role":"user","content":"hi"},{"role":"assistant",)"
                 R"("tool_calls":[{"id":"x","function":{"name":"f",)"
                 R"("arguments":" { \"b\" : 1.50e1, \"a\":\"\\u00e9\" } "}}]}]})";
  const auto encoded = find_dialect("ollama")->encode(request, Deployment(), Secret());
  ASSERT_TRUE(encoded);
  EXPECT_NE(encoded->http.body.find(R"("arguments":{ "b" : 1.50e1, "a":"\u00e9" })"),
            std::string::npos)
      << encoded->http.body;
}

TEST(Ollama, DeepArgumentsDoNotDeepenTheRequest) {
  const std::string deep = std::string(62, '[') + std::string(62, ']');
  ChatRequest request;
  request.body = R"({"messages":[{"role":"user","content":"hi"},{"role":"assistant",)"
                 R"("tool_calls":[{"id":"x","function":{"name":"f","arguments":"{\"a\":)" +
                 deep + R"(}"}}]}]})";
  const auto encoded = find_dialect("ollama")->encode(request, Deployment(), Secret());
  ASSERT_FALSE(encoded);
  EXPECT_EQ(encoded.error().path, "messages[1].tool_calls");
}

TEST(Ollama, TellsHowLongLoadingTook) {
  const std::string head = R"({"message":{"content":"a"},"done":true,"done_reason":"stop")";
  const ReplySummary cold =
      read(head + R"(,"load_duration":2500000000,"total_duration":4000000000})");
  EXPECT_EQ(cold.load, std::optional<Duration>(milliseconds(2500)));
  EXPECT_EQ(cold.total, std::optional<Duration>(seconds(4)));
  EXPECT_FALSE(read(head + "}").load) << "unknown is not zero";
  for (const char* absurd : {"-1", "1e30", "\"5\"", "86400000000001", "null"}) {
    EXPECT_FALSE(read(head + ",\"load_duration\":" + absurd + "}").load) << absurd;
  }
  const auto decoder = find_dialect("ollama")->stream_decoder(Deployment());
  std::vector<Delta> out;
  ASSERT_FALSE(decoder->feed(head + ",\"load_duration\":7}\n", out));
  EXPECT_EQ(decoder->summary().load, std::optional<Duration>(Duration(7)));
  const auto embedded = find_dialect("ollama")->read_embeddings(
      R"({"embeddings":[[1]],"load_duration":9,"prompt_eval_count":1})");
  ASSERT_TRUE(std::holds_alternative<ReplySummary>(embedded));
  EXPECT_EQ(std::get<ReplySummary>(embedded).load, std::optional<Duration>(Duration(9)));
}

TEST(Ollama, AReplyThatCallsToolsKeepsTheProvidersWord) {
  const ReplySummary summary = read(
      R"({"message":{"tool_calls":[{"function":{"name":"f"}}]},"done":true,"done_reason":"stop"})");
  EXPECT_EQ(summary.finish_reason, "tool_calls");
  EXPECT_EQ(summary.raw_finish_reason, "stop");
}

TEST(Ollama, AnUnfinishedLastLineCountsOnlyWhereItIsTheEnd) {
  struct Case {
    const char* bytes;
    std::optional<ErrorKind> failure;
    std::size_t deltas;
  };
  const std::vector<Case> cases = {
      {R"({"message":{"content":"a"},"done":true,"done_reason":"stop"})", std::nullopt, 2},
      {R"({"message":{"content":"a"},"done":false})", ErrorKind::stream_interrupted, 0},
      {R"({"message":{"content":"a"},"done":true)", ErrorKind::stream_interrupted, 0},
      {R"({"error":"model runner stopped"})", ErrorKind::server_error, 0},
      {R"({"error":"model runner)", ErrorKind::stream_interrupted, 0},
      {"<html>", ErrorKind::protocol, 0},
      {"", ErrorKind::stream_interrupted, 0}};
  for (const Case& test : cases) {
    const auto decoder = find_dialect("ollama")->stream_decoder(Deployment());
    std::vector<Delta> out;
    ASSERT_FALSE(decoder->feed(test.bytes, out));
    const auto failure = decoder->finish(out);
    EXPECT_EQ(failure ? std::optional(failure->kind) : std::nullopt, test.failure) << test.bytes;
    EXPECT_EQ(out.size(), test.deltas) << test.bytes;
    EXPECT_EQ(decoder->terminated(), !test.failure) << test.bytes;
  }
}

TEST(Ollama, ALineIsBounded) {
  const auto decoder = find_dialect("ollama")->stream_decoder(Deployment());
  std::vector<Delta> out;
  const std::string much(1U << 20, 'x');
  std::optional<Failure> failure;
  int megabytes = 0;
  for (; megabytes < 20 && !failure; ++megabytes) failure = decoder->feed(much, out);
  ASSERT_TRUE(failure);
  EXPECT_EQ(failure->kind, ErrorKind::protocol);
  EXPECT_LE(megabytes, 17);
}

TEST(Ollama, ADocumentOverSeveralLinesIsBounded) {
  const auto decoder = find_dialect("ollama")->stream_decoder(Deployment());
  std::vector<Delta> out;
  std::string lines = "{\n";
  for (int i = 0; i < 20'000; ++i) lines += "\"message\": \"x\",\n";
  ASSERT_FALSE(decoder->feed(lines, out));
  const auto failure = decoder->finish(out);
  ASSERT_TRUE(failure);
  EXPECT_EQ(failure->kind, ErrorKind::protocol);
}

TEST(Ollama, TooManyToolCallsAreNotBelieved) {
  const auto decoder = find_dialect("ollama")->stream_decoder(Deployment());
  std::string line = R"({"message":{"tool_calls":[)";
  for (int i = 0; i < 2048; ++i) line += i == 0 ? "{}" : ",{}";
  line += "]}}\n";
  std::vector<Delta> out;
  ASSERT_FALSE(decoder->feed(line + line, out));
  const auto failure = decoder->feed(line, out);
  ASSERT_TRUE(failure);
  EXPECT_EQ(failure->kind, ErrorKind::protocol);
}

TEST(Ollama, DamagedStreamsNeverEndWell) {
  Random random(5);
  const std::string text =
      "{\"message\":{\"content\":\"a\"},\"done\":false}\n"
      "{\"message\":{\"thinking\":\"b\",\"tool_calls\":[{\"function\":{\"name\":\"f\","
      "\"arguments\":{\"a\":1}}}]},\"done\":false}\n";
  for (int round = 0; round < 3000; ++round) {
    std::string damaged = text;
    for (std::uint64_t hits = 1 + random.below(3); hits > 0; --hits) {
      damaged[random.below(damaged.size())] = static_cast<char>(random.below(256));
    }
    const auto decoder = find_dialect("ollama")->stream_decoder(Deployment());
    std::vector<Delta> out;
    auto failure = decoder->feed(damaged, out);
    if (!failure) failure = decoder->finish(out);
    EXPECT_TRUE(failure) << "no end was sent";
    for (const Delta& delta : out) EXPECT_TRUE(is_utf8(delta.text));
  }
}

}  // namespace
}  // namespace llmroute::provider
