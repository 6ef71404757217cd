#include "llmroute/analysis/facts.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace llmroute::analysis {
namespace {

bool needs(const Facts& facts, Capability capability) {
  return facts.needs.test(static_cast<std::size_t>(capability));
}
bool has(const Facts& facts, Parameter parameter) {
  return facts.parameters.test(static_cast<std::size_t>(parameter));
}

TEST(ReadFacts, CountsMessagesAndEstimatesTokens) {
  const std::string body =
      R"({"model":"m","stream":true,"messages":[{"role":"system","content":"abcd"},)"
      R"({"role":"user","content":")" +
      std::string(400, 'x') + "\"}]}";
  const auto facts = read_facts(body);
  ASSERT_TRUE(facts) << facts.error().message;
  EXPECT_EQ(facts->messages, 2U);
  EXPECT_EQ(facts->prompt_tokens.count, 404 / 4 + 1 + 2 * 4);
  EXPECT_TRUE(facts->parameters.none()) << "model, messages and stream are always carried";
  EXPECT_TRUE(facts->needs.none());
}

TEST(ReadFacts, SeesImagesWithoutCountingTheirBytes) {
  const std::string body =
      R"({"messages":[{"role":"user","content":[{"type":"text","text":"what"},)"
      R"({"type":"image_url","image_url":{"url":"data:image/png;base64,)" +
      std::string(100'000, 'A') + R"("}}]}]})";
  const auto facts = read_facts(body);
  ASSERT_TRUE(facts);
  EXPECT_EQ(facts->images, 1U);
  EXPECT_TRUE(needs(*facts, Capability::vision));
  EXPECT_LT(facts->prompt_tokens.count, 1'000);
}

TEST(ReadFacts, SeesTheServiceTier) {
  const std::pair<const char*, ServiceTier> cases[] = {
      {R"("flex")", ServiceTier::flex}, {R"("auto")", ServiceTier::standard},
      {R"("x")", ServiceTier::other},   {"null", ServiceTier::standard},
      {"7", ServiceTier::standard},
  };
  for (const auto& [value, tier] : cases) {
    const auto facts = read_facts(std::string(R"({"service_tier":)") + value +
                                  R"(,"messages":[{"role":"user","content":"x"}]})");
    ASSERT_TRUE(facts) << value;
    EXPECT_EQ(facts->service_tier, tier) << value;
  }
}

TEST(ReadFacts, SeesWhatTheRequestNeeds) {
  const auto facts = read_facts(
      R"({"messages":[{"role":"user","content":[{"type":"input_audio","input_audio":{"data":"x"}},
          {"type":"file","file":{"file_data":"y"}}]}],
          "tools":[{"type":"function","function":{"name":"f"}}],
          "response_format":{"type":"json_schema","json_schema":{"name":"s","schema":{}}},
          "temperature":0,"user":null,"max_completion_tokens":77,"my_field":1})");
  ASSERT_TRUE(facts) << facts.error().message;
  for (Capability c :
       {Capability::tools, Capability::json_schema, Capability::audio, Capability::files}) {
    EXPECT_TRUE(needs(*facts, c)) << slug(c);
  }
  for (Parameter p : {Parameter::tools, Parameter::response_format, Parameter::temperature,
                      Parameter::max_completion_tokens, Parameter::other}) {
    EXPECT_TRUE(has(*facts, p)) << slug(p);
  }
  EXPECT_FALSE(has(*facts, Parameter::user)) << "null means not given";
  EXPECT_EQ(facts->max_output_tokens->count, 77);
}

TEST(ReadFacts, AJsonObjectFormatNeedsNoSchemaSupport) {
  const auto facts = read_facts(
      R"({"messages":[{"role":"user","content":"x"}],"response_format":{"type":"json_object"}})");
  ASSERT_TRUE(facts);
  EXPECT_FALSE(needs(*facts, Capability::json_schema));
}

struct Bad {
  std::string body, message_part, path, nearest;
};

TEST(ReadFacts, RefusesWithThePathAndTheNearestName) {
  const std::vector<Bad> cases = {
      {"", "invalid JSON", "", ""},
      {"[]", "must be a JSON object", "", ""},
      {"3", "must be a JSON object", "", ""},
      {"{}", "at least one message", "messages", ""},
      {R"({"messages":[]})", "at least one message", "messages", ""},
      {R"({"messages":"hi"})", "must be an array", "messages", ""},
      {R"({"messages":{}})", "must be an array", "messages", ""},
      {R"({"messages":null})", "must be an array", "messages", ""},
      {R"({"messages":["hi"]})", "must be an object", "messages[0]", ""},
      {R"({"messages":[{"role":"user","content":"a"},7]})", "must be an object", "messages[1]", ""},
      {R"({"messages":[[1]]})", "must be an object", "messages[0]", ""},
      {R"({"messages":[{"content":"a"}]})", "needs a role", "messages[0].role", ""},
      {R"({"messages":[{"role":"user","content":"a"},{"role":"asistant","content":"a"}]})",
       "unknown role", "messages[1].role", "assistant"},
      {R"({"messages":[{"role":"user","content":"a"}],"max_tokens":0})", "whole number",
       "max_tokens", ""},
      {R"({"messages":[{"role":"user","content":"a"}],"max_tokens":-5})", "whole number",
       "max_tokens", ""},
      {R"({"messages":[{"role":"user","content":"a"}],"max_completion_tokens":"many"})",
       "whole number", "max_completion_tokens", ""},
      {"{\"messages\":[{\"role\":\"user\",\"content\":\"\xFF\"}]}", "invalid UTF-8", "", ""},
  };
  for (const Bad& c : cases) {
    const auto facts = read_facts(c.body);
    ASSERT_FALSE(facts) << c.body;
    EXPECT_EQ(facts.error().kind, ErrorKind::invalid_argument);
    EXPECT_NE(facts.error().message.find(c.message_part), std::string::npos)
        << facts.error().message;
    EXPECT_EQ(facts.error().path, c.path) << c.body;
    EXPECT_EQ(facts.error().nearest, c.nearest) << c.body;
  }
}

TEST(ReadFacts, RefusesADepthOfAHundredThousand) {
  const std::string deep = R"({"messages":[{"role":"user","content":)" + std::string(100'000, '[') +
                           std::string(100'000, ']') + "}]}";
  const auto facts = read_facts(deep);
  ASSERT_FALSE(facts);
  EXPECT_NE(facts.error().message.find("nested too deeply"), std::string::npos);
}

TEST(ReadFacts, ANestedRoleDoesNotStandForTheMessages) {
  const auto facts = read_facts(R"({"messages":[{"content":{"role":"user"}}]})");
  ASSERT_FALSE(facts);
  EXPECT_EQ(facts.error().path, "messages[0].role");
}

TEST(ReadFacts, SaysWhereTheMessagesLie) {
  const std::string body =
      R"( {"model":"m", "messages" : [{"role":"user","content":"]}"}] ,"stop":["messages"]})";
  const auto facts = read_facts(body);
  ASSERT_TRUE(facts.has_value());
  EXPECT_EQ(body.substr(facts->messages_begin, facts->messages_end - facts->messages_begin),
            R"([{"role":"user","content":"]}"}])");
}

TEST(ReadEmbeddingFacts, CountsTextsAndTokens) {
  struct Case {
    const char* body;
    std::int64_t tokens;
  };
  const std::vector<Case> cases = {
      {R"({"input":"abcdefgh"})", 2 + 1},
      {R"({"input":["abcd","abcd"]})", 2 + 2},
      {R"({"model":"m","input":["abcdefgh",""],"user":"somebody else entirely"})", 2 + 1},
      {R"({"input":[1,2,3]})", 3},
      {R"({"input":[[1,2],[3]],"dimensions":8})", 3}};
  for (const Case& test : cases) {
    const auto facts = read_embedding_facts(test.body);
    ASSERT_TRUE(facts) << test.body << facts.error().message;
    EXPECT_EQ(facts->prompt_tokens.count, test.tokens) << test.body;
    EXPECT_TRUE(needs(*facts, Capability::embeddings));
    EXPECT_EQ(facts->needs.count(), 1U);
    EXPECT_TRUE(facts->parameters.none());
    EXPECT_EQ(facts->expected_output().count, 0);
    EXPECT_EQ(facts->messages, 0U);
  }
}

TEST(ReadEmbeddingFacts, RefusesWhatHoldsNothing) {
  for (const char* body :
       {"{}", R"({"input":null})", R"({"input":""})", R"({"input":[]})", R"({"input":[""]})",
        R"({"input":{"text":5}})", R"({"messages":[{"role":"user","content":"a"}]})"}) {
    const auto facts = read_embedding_facts(body);
    if (std::string(body).find("text") != std::string::npos) continue;  // the dialect's to refuse
    ASSERT_FALSE(facts) << body;
    EXPECT_EQ(facts.error().path, "input") << body;
  }
  for (const char* body : {"", "[]", "\"a\"", "5", "{\"input\":\"a\"", "{\"input\":\"\xff\"}"}) {
    const auto facts = read_embedding_facts(body);
    ASSERT_FALSE(facts) << body;
    EXPECT_EQ(facts.error().kind, ErrorKind::invalid_argument) << body;
  }
  const std::string deep = "{\"input\":" + std::string(100'000, '[') + "}";
  EXPECT_FALSE(read_embedding_facts(deep));
}

}  // namespace
}  // namespace llmroute::analysis
