#include <gtest/gtest.h>

#include <string>

#include "llmroute/provider/dialect.h"
#include "llmroute/provider/openai_parts.h"
#include "llmroute/wire/json.h"

namespace llmroute::provider {
namespace {

TEST(OpenAi, SpeaksItsHeadersAndAddress) {
  ChatRequest request;
  request.body = R"({"messages":[]})";
  Deployment d;
  d.model = "m";
  d.base_url = "https://api.test/v1";
  d.headers = {{"x-team", "blue"}};
  const auto encoded = find_dialect("openai")->encode(request, d, Secret("sk-1"));
  ASSERT_TRUE(encoded);
  EXPECT_EQ(encoded->http.url, "https://api.test/v1/chat/completions");
  EXPECT_EQ(encoded->http.headers.find("authorization"), "Bearer sk-1");
  EXPECT_EQ(encoded->http.headers.find("x-team"), "blue");
  EXPECT_EQ(encoded->http.headers.find("content-type"), "application/json");
}

TEST(OpenAi, PassesEveryByteButWhatChanges) {
  ChatRequest request;
  const std::string messages = "[ {\"role\" : \"user\",\"content\":\"\\u0041\\/ \xC3\xA9\"} ]";
  request.body = "{ \"messages\" : " + messages + " , \"temperature\":0.70 }";
  Deployment d;
  d.model = "m\"x";
  const auto encoded = find_dialect("openai")->encode(request, d, Secret());
  ASSERT_TRUE(encoded);
  EXPECT_EQ(encoded->http.body,
            "{\"model\":\"m\\\"x\",\"messages\":" + messages + ",\"temperature\":0.70}");
}

TEST(OpenAi, KeepsTheBytesOfMessagesThatOnlyMentionOthersMembers) {
  // A name in a text, or as a key of an argument or a schema, is nobody's member.
  const std::string messages =
      R"([{"role":"user","content":"say \"cache_control\": yes"},{"role":"assistant","content":null,)"
      R"("tool_calls":[{"id":"a","type":"function","function":{"name":"f","arguments":"{}","x" :)"
      R"({"is_error":true}}}]}])";
  ChatRequest request;
  request.body = "{\"messages\":" + messages + "}";
  const auto encoded = find_dialect("openai")->encode(request, Deployment(), Secret());
  ASSERT_TRUE(encoded);
  EXPECT_NE(encoded->http.body.find(messages), std::string::npos) << encoded->http.body;
  EXPECT_TRUE(encoded->dropped_parameters.empty());
}

TEST(OpenAi, FindsOthersMembersHoweverTheyAreWritten) {
  for (const std::string key : {"\"thinking_blocks\"", "\"thinking_blocks\" \n", "\"is_error\"\t",
                                "\"reasoning_details\"", "\"cache_control\"  "}) {
    ChatRequest request;
    request.body = "{\"messages\":[{" + key + ":[1],\"role\":\"user\",\"content\":\"x\"}]}";
    const auto encoded = find_dialect("openai")->encode(request, Deployment(), Secret());
    ASSERT_TRUE(encoded);
    EXPECT_NE(encoded->http.body.find(R"([{"role":"user","content":"x"}])"), std::string::npos)
        << encoded->http.body;
    ASSERT_EQ(encoded->dropped_parameters.size(), 1U);
    EXPECT_EQ(encoded->dropped_parameters[0].substr(0, 12), "messages[0].");
  }
}

TEST(OpenAi, CountsSoundAndImages) {
  const Usage usage = read_openai_usage(wire::JsonView(
      R"({"prompt_tokens":100,"completion_tokens":50,"prompt_tokens_details":{"audio_tokens":10,)"
      R"("image_tokens":20,"cached_tokens":5},"completion_tokens_details":{"audio_tokens":40,)"
      R"("image_tokens":60,"reasoning_tokens":null}})"));
  EXPECT_EQ(usage.audio_input, Tokens{10});
  EXPECT_EQ(usage.image_input, Tokens{20});
  EXPECT_EQ(usage.cached_input, Tokens{5});
  EXPECT_EQ(usage.audio_output, Tokens{40});
  EXPECT_EQ(usage.image_output, Tokens{50}) << "a part is never more than the whole";
  EXPECT_EQ(usage.output, Tokens{50});
}

TEST(OpenAi, AFailureOfTheProviderIsNeverAStop) {
  for (const std::string word : {"network_error", "error", "unknown", "aborted", "STOP", ""}) {
    EXPECT_EQ(openai_finish_reason(word), word);
  }
  EXPECT_EQ(openai_finish_reason("sensitive"), "content_filter");
  EXPECT_EQ(openai_finish_reason("eos"), "stop");
  EXPECT_EQ(openai_finish_reason("model_length"), "length");
  EXPECT_EQ(openai_finish_reason("model_context_window_exceeded"), "length");
}

TEST(OpenAi, CopiesALargeImageOnce) {
  ChatRequest request;
  request.body = R"({"messages":[{"role":"user","content":[{"type":"image_url","image_url":)"
                 R"({"url":"data:image/png;base64,)" +
                 std::string(4'000'000, 'A') + R"("}}]}],"stream":true})";
  request.options.stream = true;
  Deployment d;
  d.model = "m";
  const auto encoded = find_dialect("openai")->encode(request, d, Secret());
  ASSERT_TRUE(encoded);
  // Room was made once: the text never had to move.
  EXPECT_LE(encoded->http.body.capacity(), request.body.size() + 512);
  EXPECT_NE(encoded->http.body.find(R"("stream":true,"stream_options":{"include_usage":true}})"),
            std::string::npos);
}

TEST(OpenAi, RefusesAStreamWithMoreCallsThanAnyoneBelieves) {
  Deployment d;
  const auto decoder = find_dialect("openai")->stream_decoder(d);
  std::vector<Delta> out;
  std::optional<Failure> failure;
  for (int i = 0; i < 5000 && !failure; ++i) {
    failure = decoder->feed(R"(data: {"choices":[{"delta":{"tool_calls":[{"id":"t)" +
                                std::to_string(i) + "\"}]}}]}\n\n",
                            out);
  }
  ASSERT_TRUE(failure);
  EXPECT_EQ(failure->kind, ErrorKind::protocol);
  EXPECT_EQ(out.size(), 4096U);
}

TEST(OpenAi, FailsAnEventWithoutEnd) {
  Deployment d;
  const auto decoder = find_dialect("openai")->stream_decoder(d);
  std::vector<Delta> out;
  std::optional<Failure> failure = decoder->feed("data: {\"a\":\"", out);
  const std::string megabyte(1U << 20, 'x');
  int fed = 0;
  while (!failure && fed < 40) {
    failure = decoder->feed(megabyte, out);
    ++fed;
  }
  ASSERT_TRUE(failure);
  EXPECT_EQ(failure->kind, ErrorKind::protocol);
  EXPECT_LE(fed, 18) << "the bound is 16 MiB";
}

TEST(OpenAi, SummarisesAsItGoes) {
  Deployment d;
  const auto decoder = find_dialect("openai")->stream_decoder(d);
  std::vector<Delta> out;
  EXPECT_FALSE(
      decoder->feed("data: {\"choices\":[{\"delta\":{},\"finish_reason\":\"length\"}],"
                    "\"usage\":{\"prompt_tokens\":3,\"completion_tokens\":4}}\n\n",
                    out));
  EXPECT_FALSE(decoder->terminated());
  EXPECT_EQ(decoder->summary().finish_reason, "length");
  EXPECT_EQ(decoder->summary().usage.output, Tokens{4});
  const auto cut = decoder->finish(out);
  ASSERT_TRUE(cut);
  EXPECT_EQ(cut->kind, ErrorKind::stream_interrupted);
  EXPECT_NE(cut->message.find("[DONE]"), std::string::npos);
}

}  // namespace
}  // namespace llmroute::provider
