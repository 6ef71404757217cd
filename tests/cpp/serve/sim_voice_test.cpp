#include "llmroute/serve/sim_voice.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace llmroute::serve {
namespace {

using Json = nlohmann::json;

constexpr SimError::Kind kKinds[] = {SimError::Kind::bad_request,    SimError::Kind::context_length,
                                     SimError::Kind::authentication, SimError::Kind::not_found,
                                     SimError::Kind::quota,          SimError::Kind::rate_limit,
                                     SimError::Kind::server_error,   SimError::Kind::overloaded};

TEST(SimVoice, ErrorsHaveTheShapeOfTheirDialect) {
  for (const SimError::Kind kind : kKinds) {
    const SimError error{kind, "said \"so\"", 0};
    const SimReply openai = openai_voice().error(error, "1");
    EXPECT_GE(openai.status, 400);
    const Json o = Json::parse(openai.body)["error"];
    EXPECT_EQ(o["message"], "said \"so\"");
    EXPECT_TRUE(o["type"].is_string());
    EXPECT_TRUE(o.contains("param") && o.contains("code"));

    const SimReply anthropic = anthropic_voice().error(error, "1");
    EXPECT_GE(anthropic.status, 400);
    const Json a = Json::parse(anthropic.body);
    EXPECT_EQ(a["type"], "error");
    EXPECT_EQ(a["error"]["message"], "said \"so\"");
    EXPECT_EQ(a["request_id"], "req_1");
  }
}

TEST(SimVoice, KeysComeFromTheRightHeader) {
  wire::Headers headers;
  headers.add("Authorization", "Bearer o-key");
  headers.add("X-Api-Key", "a-key");
  EXPECT_EQ(openai_voice().key_of(headers), "o-key");
  EXPECT_EQ(anthropic_voice().key_of(headers), "a-key");
  wire::Headers basic;
  basic.add("authorization", "Basic x");
  EXPECT_EQ(openai_voice().key_of(basic), "");
  EXPECT_EQ(anthropic_voice().key_of(basic), "");
}

TEST(SimVoice, LimitHeaders) {
  SimLimits limits;
  limits.requests_limit = 60;
  limits.requests_remaining = 59;
  limits.reset = milliseconds(1'500);
  limits.now = WallTime(seconds(1'769'860'800));
  wire::Headers openai;
  openai_voice().headers("1", limits, openai);
  EXPECT_EQ(openai.find("x-ratelimit-limit-requests"), "60");
  EXPECT_EQ(openai.find("x-ratelimit-reset-requests"), "1500ms");
  wire::Headers anthropic;
  anthropic_voice().headers("1", limits, anthropic);
  EXPECT_EQ(anthropic.find("anthropic-ratelimit-requests-remaining"), "59");
  EXPECT_EQ(anthropic.find("anthropic-ratelimit-requests-reset"), "2026-01-31T12:00:02Z");
}

SimAnswer tool_answer() {
  SimAnswer answer;
  answer.request.model = "m";
  answer.request.tool = "find";
  answer.tool_id = "t1";
  answer.pieces = {"{\"echo\":", " \"x\"}"};
  return answer;
}

TEST(SimVoice, AnthropicToolStream) {
  const SimAnswer answer = tool_answer();
  std::string out;
  anthropic_voice().open(answer, out);
  anthropic_voice().piece(answer, 0, out);
  anthropic_voice().close(answer, out);
  EXPECT_NE(out.find(R"("content_block":{"type":"tool_use","id":"t1","name":"find","input":{}})"),
            std::string::npos)
      << out;
  EXPECT_NE(out.find(R"({"type":"input_json_delta","partial_json":"{\"echo\":"})"),
            std::string::npos)
      << out;
  EXPECT_NE(out.find(R"("stop_reason":"tool_use")"), std::string::npos);
}

TEST(SimVoice, StopReasons) {
  SimAnswer answer;
  answer.pieces = {"a"};
  const auto reason = [&] {
    return Json::parse(anthropic_voice().whole(answer))["stop_reason"].get<std::string>();
  };
  EXPECT_EQ(reason(), "end_turn");
  answer.stop = "x";
  EXPECT_EQ(reason(), "stop_sequence");
  answer.cut_short = true;
  EXPECT_EQ(reason(), "max_tokens");
  EXPECT_EQ(Json::parse(openai_voice().whole(answer))["choices"][0]["finish_reason"], "length");
}

TEST(SimVoice, AToolCutShortIsStillJson) {
  SimAnswer answer = tool_answer();
  answer.pieces.pop_back();
  answer.cut_short = true;
  EXPECT_TRUE(Json::accept(anthropic_voice().whole(answer)));
  EXPECT_TRUE(Json::accept(openai_voice().whole(answer)));
}

}  // namespace
}  // namespace llmroute::serve
