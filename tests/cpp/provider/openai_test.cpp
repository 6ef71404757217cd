#include <gtest/gtest.h>

#include <string>
#include <vector>

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

Result<Encoded> encode_for(Shape shape, const std::string& body, bool extras) {
  ChatRequest request;
  request.body = body;
  request.facts.shape = shape;
  Deployment d;
  d.quirks.extras = extras;
  return find_dialect("openai")->encode(request, d, Secret());
}

// By shape of the caller, and by whether the server takes more than OpenAI does: the path that is
// refused; empty where all is sent.
TEST(OpenAi, RefusesWhatOnlyTheCallersApiHas) {
  struct Case {
    std::string member;  // beside one message
    std::string strict, lenient;
  };
  const std::vector<Case> cases = {
      {R"("seed":1,"moderation":{},"prompt_cache_options":{})", "", ""},
      {R"("top_k":5)", "top_k", ""},
      {R"("chat_template_kwargs":{})", "chat_template_kwargs", ""},
      {R"("previous_response_id":"r")", "previous_response_id", "previous_response_id"},
      {R"("container":"c")", "container", "container"},
      {R"("background":null)", "", ""},
      {R"("cache_control":{"type":"ephemeral"})", "", ""},
      {R"("tools":[{"type":"web_search_20250305","name":"w"}])", "tools", "tools"},
      {R"("tools":[{"type":"custom","name":"w"}])", "tools", "tools"},
      {R"("tool_choice":{"type":"file_search"})", "tool_choice", "tool_choice"},
      {R"("tool_choice":{"type":"allowed_tools","allowed_tools":{"tools":[{"type":"mcp"}]}})",
       "tool_choice", "tool_choice"},
      {R"("tool_choice":{"type":"function","function":{"name":"f"}})", "", ""},
  };
  for (const Case& c : cases) {
    const std::string body = R"({"messages":[{"role":"user","content":"hi"}],)" + c.member + "}";
    for (const bool extras : {false, true}) {
      for (const Shape shape : {Shape::messages, Shape::responses, Shape::chat}) {
        const auto encoded = encode_for(shape, body, extras);
        const std::string path = shape == Shape::chat ? "" : extras ? c.lenient : c.strict;
        ASSERT_EQ(encoded.has_value(), path.empty()) << body << extras;
        if (encoded) continue;
        EXPECT_EQ(encoded.error().path, path);
        EXPECT_EQ(encoded.error().kind, ErrorKind::bad_request);
      }
    }
  }
}

TEST(OpenAi, RefusesPartsThatHaveNoPlaceInAMessage) {
  struct Case {
    std::string role, part;
    bool strict, lenient;  // it is sent
  };
  const std::string image = R"({"type":"image_url","image_url":{"url":"https://x/y.png"}})";
  const std::vector<Case> cases = {
      {"user", image, true, true},
      {"tool", image, false, true},
      {"assistant", image, false, false},
      {"system", image, false, false},
      {"assistant", R"({"type":"refusal","refusal":"no"})", true, true},
      {"user", R"({"type":"refusal","refusal":"no"})", false, false},
      {"user", R"({"type":"search_result"})", false, false},
      {"user", R"({"type":"text"})", false, false},
      {"user", R"("text")", false, false},
      {"assistant", R"({"type":"web_search_tool_result"})", false, false},
      {"tool", R"({"type":"tool_reference"})", false, false},
  };
  for (const Case& c : cases) {
    const std::string body =
        R"({"messages":[{"role":")" + c.role + R"(","content":[)" + c.part + "]}]}";
    for (const bool extras : {false, true}) {
      const auto encoded = encode_for(Shape::messages, body, extras);
      ASSERT_EQ(encoded.has_value(), extras ? c.lenient : c.strict) << body << extras;
      if (encoded) {
        EXPECT_NE(encoded->http.body.find(c.part), std::string::npos) << encoded->http.body;
      } else {
        EXPECT_EQ(encoded.error().path, "messages[0].content");
      }
      EXPECT_TRUE(encode_for(Shape::chat, body, extras)) << "passed on as it came";
    }
  }
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
