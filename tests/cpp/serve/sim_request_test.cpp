#include "llmroute/serve/sim_request.h"

#include <gtest/gtest.h>

#include <string>

namespace llmroute::serve {
namespace {

SimOptions openai() {
  SimOptions options;
  options.output_tokens = 12;
  return options;
}
SimOptions anthropic() {
  SimOptions options = openai();
  options.dialect = SimDialect::anthropic;
  return options;
}

SimRequest understood(const SimOptions& options, const std::string& body) {
  auto read = read_sim_request(options, body);
  if (const auto* error = std::get_if<SimError>(&read)) {
    ADD_FAILURE() << error->message;
    return {};
  }
  return std::get<SimRequest>(read);
}

constexpr char kHello[] = R"("messages": [{"role": "user", "content": "Hello there"}])";

TEST(SimRequest, ReadsTheParametersThatMatter) {
  const SimRequest request =
      understood(openai(), std::string(R"({"model": "m", "stream": true, "max_completion_tokens": 5,
        "stop": ["x", "y"], "stream_options": {"include_usage": true},
        "response_format": {"type": "json_object"}, )") +
                               kHello + "}");
  EXPECT_EQ(request.model, "m");
  EXPECT_TRUE(request.stream);
  EXPECT_TRUE(request.include_usage);
  EXPECT_EQ(request.max_tokens, 5);
  EXPECT_EQ(request.stops.size(), 2U);
  EXPECT_TRUE(request.wants_json);
  EXPECT_EQ(request.asked, "Hello there");
  EXPECT_GT(request.prompt_tokens.count, 5);
}

TEST(SimRequest, FindsTheTextInParts) {
  const char* body = R"({"model": "m", "max_tokens": 9, "messages": [
    {"role": "user", "content": [{"type": "text", "text": "see"},
      {"type": "image", "source": {}}, {"type": "text", "text": "this"}]}]})";
  EXPECT_EQ(understood(anthropic(), body).asked, "see this");
  const char* result = R"({"model": "m", "max_tokens": 9, "messages": [
    {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t",
      "content": [{"type": "text", "text": "42"}]}]}],
    "tools": [{"name": "find", "input_schema": {}}], "tool_choice": {"type": "auto"}})";
  const SimRequest request = understood(anthropic(), result);
  EXPECT_EQ(request.asked, "42");
  EXPECT_EQ(request.tool, "");
}

TEST(SimRequest, CallsATool) {
  struct Case {
    const char* said;
    const char* choice;
    const char* tool;
  };
  const Case cases[] = {
      {"Hello", "null", ""},
      {"Please use a tool", "null", "find"},
      {"please FETCH it", "null", "fetch"},
      {"Hello", "\"required\"", "find"},
      {"Hello", "\"none\"", ""},
      {"use a tool", "\"none\"", ""},
      {"Hello", R"({"type": "function", "function": {"name": "fetch"}})", "fetch"},
      {"Hello", R"({"type": "any"})", "find"},
      {"Hello", R"({"type": "tool", "name": "fetch"})", "fetch"},
  };
  for (const Case& c : cases) {
    const std::string body =
        std::string(R"({"model": "m", "messages": [{"role": "user", "content": ")") + c.said +
        R"("}], "tools": [{"type": "function", "function": {"name": "find"}}, {"name": "fetch"}],
        "tool_choice": )" +
        c.choice + "}";
    EXPECT_EQ(understood(openai(), body).tool, c.tool) << c.said << ' ' << c.choice;
  }
}

TEST(SimRequest, RefusesWhatAProviderWould) {
  SimOptions picky = openai();
  picky.models = {"known"};
  picky.context_tokens = Tokens{3};
  SimOptions claude = anthropic();
  claude.context_tokens = Tokens{3};
  struct Case {
    SimOptions options;
    std::string body;
    SimError::Kind kind;
    const char* words;
  };
  const std::string hello = kHello;
  const Case cases[] = {
      {openai(), "{", SimError::Kind::bad_request, "could not parse"},
      {openai(), "{" + hello + "}", SimError::Kind::bad_request, "model"},
      {openai(), R"({"model": "m", "messages": []})", SimError::Kind::bad_request, "messages"},
      {openai(), R"({"model": "m"})", SimError::Kind::bad_request, "messages"},
      {picky, R"({"model": "other", )" + hello + "}", SimError::Kind::not_found, "other"},
      {picky, R"({"model": "known", )" + hello + "}", SimError::Kind::context_length,
       "This model's maximum context length is 3 tokens"},
      {anthropic(), R"({"model": "m", )" + hello + "}", SimError::Kind::bad_request, "max_tokens"},
      {claude, R"({"model": "m", "max_tokens": 1, )" + hello + "}", SimError::Kind::context_length,
       "prompt is too long: "},
      {openai(), std::string(100'000, '['), SimError::Kind::bad_request, "could not parse"},
  };
  for (const Case& c : cases) {
    const auto read = read_sim_request(c.options, c.body);
    const auto* error = std::get_if<SimError>(&read);
    ASSERT_NE(error, nullptr) << c.body.substr(0, 80);
    EXPECT_EQ(error->kind, c.kind) << c.body.substr(0, 80);
    EXPECT_NE(error->message.find(c.words), std::string::npos) << error->message;
  }
}

SimRequest asked(const std::string& text) {
  SimRequest request;
  request.model = "m";
  request.asked = text;
  request.prompt_tokens = {7};
  return request;
}

TEST(SimAnswer, RepeatsTheQuestionAndFillsUp) {
  const SimAnswer answer = answer_to(asked("Hello there"), openai(), 1, 99);
  EXPECT_EQ(answer.text().rfind("m heard: Hello there ", 0), 0U) << answer.text();
  EXPECT_EQ(answer.pieces.size(), 12U);
  EXPECT_EQ(answer.usage.input, Tokens{7});
  EXPECT_EQ(answer.usage.output, Tokens{12});
  EXPECT_FALSE(answer.cut_short);
}

TEST(SimAnswer, IsTheSameForTheSameSeed) {
  EXPECT_EQ(answer_to(asked("a"), openai(), 1, 99).text(),
            answer_to(asked("a"), openai(), 1, 99).text());
  EXPECT_NE(answer_to(asked("a"), openai(), 1, 99).text(),
            answer_to(asked("a"), openai(), 1, 98).text());
  EXPECT_NE(answer_to(asked("a"), openai(), 1, 99).id, answer_to(asked("a"), openai(), 2, 99).id);
}

TEST(SimAnswer, KeepsTheCallersBounds) {
  SimRequest bounded = asked("Hello");
  bounded.max_tokens = 3;
  const SimAnswer cut = answer_to(bounded, openai(), 1, 1);
  EXPECT_EQ(cut.pieces.size(), 3U);
  EXPECT_TRUE(cut.cut_short);

  SimRequest stopped = asked("one STOP two");
  stopped.stops = {"two", "STOP"};
  const SimAnswer stop = answer_to(stopped, openai(), 1, 1);
  EXPECT_EQ(stop.text(), "m heard: one ");
  EXPECT_EQ(stop.stop, "STOP");
  EXPECT_EQ(stop.usage.output.count, static_cast<std::int64_t>(stop.pieces.size()));
}

TEST(SimAnswer, JsonWhereJsonIsAsked) {
  SimRequest request = asked("say \"hi\"\n");
  request.wants_json = true;
  EXPECT_EQ(answer_to(request, openai(), 1, 1).text(), R"({"echo": "say \"hi\"\n"})");
}

}  // namespace
}  // namespace llmroute::serve
