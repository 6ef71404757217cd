#include "llmroute/cache/prefix.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "llmroute/analysis/facts.h"

namespace llmroute::cache {
namespace {

ChatRequest marked(const std::string& body, std::uint64_t seed = 1) {
  Inventory inventory;
  inventory.cache.affinity.emplace();
  ChatRequest request;
  request.body = body;
  auto facts = analysis::read_facts(request.body);
  EXPECT_TRUE(facts) << body;
  if (facts) request.facts = *facts;
  mark_prefixes(request, inventory, seed);
  return request;
}

std::string body_of(const std::vector<std::string>& messages, const std::string& rest = "") {
  std::string body = "{\"messages\":[";
  for (const std::string& m : messages) body += (body.back() == '[' ? "" : ",") + m;
  return body + "]" + rest + "}";
}

std::string says(const std::string& role, const std::string& text) {
  return R"({"role":")" + role + R"(","content":")" + text + R"("})";
}

std::uint64_t last(const std::string& body, std::uint64_t seed = 1) {
  return marked(body, seed).prefixes.back().hash;
}

// How many marks from the beginning are the same.
std::size_t shared(const ChatRequest& a, const ChatRequest& b) {
  std::size_t i = 0;
  while (i < a.prefixes.size() && i < b.prefixes.size() &&
         a.prefixes[i].hash == b.prefixes[i].hash) {
    ++i;
  }
  return i;
}

TEST(Prefix, AConversationKeepsItsMarksAsItGrows) {
  std::vector<std::string> messages = {says("system", "be brief"), says("user", "hi")};
  const ChatRequest before = marked(body_of(messages));
  messages.push_back(says("assistant", "hello"));
  messages.push_back(says("user", "how are you?"));
  const ChatRequest after = marked(body_of(messages));
  EXPECT_EQ(before.prefixes.size(), 2U);
  EXPECT_EQ(after.prefixes.size(), 4U);
  EXPECT_EQ(shared(before, after), 2U);
  messages[1] = says("user", "ho");
  EXPECT_EQ(shared(before, marked(body_of(messages))), 1U) << "the system message is the same";
}

TEST(Prefix, WhatMakesADifference) {
  const std::string plain = body_of({says("user", "a b")});
  const std::vector<std::string> others = {
      body_of({says("user", "a  b")}),
      body_of({says("assistant", "a b")}),
      body_of({R"({"content":"a b","role":"user"})"}),
      body_of({R"({"role":"user","content":["a b"]})"}),
      body_of({R"({"role":"user","content":"a b","name":"x"})"}),
      body_of({says("user", "a b")}, R"(,"tools":[{"type":"function"}])"),
      body_of({says("user", "a b")}, R"(,"functions":[{"name":"f"}])"),
      body_of({says("user", "a b")}, R"(,"response_format":{"type":"json_object"})"),
      body_of({says("user", "a"), says("user", "b")}),
  };
  for (std::size_t i = 0; i < others.size(); ++i) {
    EXPECT_NE(last(plain), last(others[i])) << others[i];
    for (std::size_t j = 0; j < i; ++j) EXPECT_NE(last(others[j]), last(others[i])) << i << j;
  }
  EXPECT_NE(last(plain, 1), last(plain, 2)) << "seed";
}

TEST(Prefix, WhatMakesNone) {
  const std::string tools = R"("tools":[{"type":"function","function":{"name":"f"}}])";
  const std::string plain = body_of({says("user", "a b")}, "," + tools);
  const std::vector<std::string> others = {
      "{ \"messages\" : [\n\t{ \"role\": \"user\" , \"content\" : \"a b\" } ] ,\r\n" + tools + "}",
      "{" + tools + R"(,"messages":[)" + says("user", "a b") + "]}",
      body_of({says("user", "a b")}, "," + tools + R"(,"temperature":1,"metadata":{"a":"b"})"),
      body_of({says("user", "a b")}, R"(,"model":"m","stop":["x"],)" + tools),
      body_of({R"({"role":"user","content":"a b","cache_control":{"type":"ephemeral"}})"},
              "," + tools),
      body_of({R"({"role":"user","cache_control":null,"content":"a b"})"}, "," + tools),
  };
  for (const std::string& other : others) EXPECT_EQ(last(plain), last(other)) << other;
}

TEST(Prefix, KeysStringsAndNestingAreNotTakenForEachOther) {
  const auto with = [](const std::string& content) {
    return last(body_of({R"({"role":"user","content":)" + content + "}"}));
  };
  const std::vector<std::string> contents = {
      "[]",           "{}",           R"([["a"]])", R"(["a",[]])", R"([[],"a"])",
      R"({"a":"b"})", R"(["a","b"])", "[1]",        R"(["1"])",    "[12]",
      "[1,2]",        "null",         R"("null")",  R"({"a":{}})", R"({"a":[]})"};
  std::vector<std::uint64_t> seen;
  for (const std::string& content : contents) {
    const std::uint64_t hash = with(content);
    EXPECT_EQ(std::count(seen.begin(), seen.end(), hash), 0) << content;
    seen.push_back(hash);
  }
}

TEST(Prefix, TokensAreThoseOfTheFacts) {
  const std::string image =
      R"({"role":"user","content":[{"type":"text","text":"what is it?"},{"type":"image_url",)"
      R"("image_url":{"url":"data:image/png;base64,AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"}}]})";
  const std::string tools =
      R"(,"tools":[{"type":"function","function":{"name":"f","description":"does this and that"}}])";
  for (const std::string& body :
       {body_of({says("user", "hi")}), body_of({says("system", "be brief"), image}, tools),
        body_of({image, says("assistant", "a cat"), image}, R"(,"stop":["one","two"],"user":"me")"),
        body_of({R"({"role":"user","content":"x","cache_control":{"type":"ephemeral"}})"})}) {
    const ChatRequest request = marked(body);
    EXPECT_EQ(request.prefixes.back().tokens, request.facts.prompt_tokens) << body;
    for (std::size_t i = 1; i < request.prefixes.size(); ++i) {
      EXPECT_GT(request.prefixes[i].tokens, request.prefixes[i - 1].tokens);
    }
  }
}

TEST(Prefix, OfManyMessagesTheFirstAndTheLastAreMarked) {
  const auto request_of = [](int count) {
    std::vector<std::string> messages;
    for (int i = 0; i < count; ++i) messages.push_back(says("user", std::to_string(i)));
    return marked(body_of(messages));
  };
  EXPECT_EQ(request_of(64).prefixes.size(), 64U);
  const ChatRequest before = request_of(199), after = request_of(201);
  ASSERT_EQ(after.prefixes.size(), 64U);
  EXPECT_EQ(shared(before, after), 4U);
  EXPECT_EQ(before.prefixes.back().hash, after.prefixes[61].hash);
  EXPECT_EQ(after.prefixes.back().tokens, after.facts.prompt_tokens);
}

TEST(Prefix, ReadsWhatTheRequestContinues) {
  EXPECT_EQ(marked(body_of({says("user", "a")})).previous_reply, "");
  EXPECT_EQ(
      marked(body_of({says("user", "a")}, R"(,"previous_response_id":"resp_1")")).previous_reply,
      "resp_1");
  EXPECT_EQ(marked(body_of({says("user", "a")}, R"(,"previous_response_id":null)")).previous_reply,
            "");
  EXPECT_EQ(marked(body_of({says("user", "a")}, R"(,"x":{"previous_response_id":"resp_1"})"))
                .previous_reply,
            "");
  EXPECT_EQ(marked(body_of({says("user", "a")},
                           R"(,"previous_response_id":")" + std::string(600, 'x') + "\""))
                .previous_reply,
            "");
}

TEST(Prefix, FindsSealedReasoning) {
  const auto sealed = [](const std::string& message) {
    return marked(body_of({says("user", "a"), message, says("user", "b")})).sealed_reasoning;
  };
  const auto part = [](const std::string& members) {
    return R"({"role":"assistant","content":[{)" + members + "}]}";
  };
  EXPECT_TRUE(sealed(R"({"role":"assistant","content":"","reasoning":{"encrypted_content":"x"}})"));
  EXPECT_TRUE(sealed(part(R"("type":"thinking","thinking":"hm","signature":"abc")")));
  EXPECT_TRUE(sealed(part(R"("signature":"abc","type":"thinking")")));
  EXPECT_TRUE(sealed(part(R"("type":"redacted_thinking","data":"abc")")));
  EXPECT_TRUE(sealed(
      R"({"role":"assistant","content":"","thinking_blocks":[{"type":"thinking","signature":"s"}]})"));
  EXPECT_FALSE(sealed(says("assistant", "encrypted_content")));
  EXPECT_FALSE(sealed(R"({"role":"assistant","content":"","encrypted_content":""})"));
  EXPECT_FALSE(sealed(R"({"role":"assistant","content":"","encrypted_content":null})"));
  EXPECT_FALSE(sealed(part(R"("type":"thinking","thinking":"hm","signature":"")")));
  EXPECT_FALSE(sealed(part(R"("type":"text","text":"thinking","signature":"abc")")));
  EXPECT_FALSE(sealed(part(R"("type":"thinking"},{"type":"text","signature":"abc")")))
      << "of two parts";
}

TEST(Prefix, NothingIsReadWhereNobodyAsks) {
  ChatRequest request;
  request.body = body_of({says("user", "a")}, R"(,"previous_response_id":"resp_1")");
  request.facts = *analysis::read_facts(request.body);
  mark_prefixes(request, Inventory(), 1);
  EXPECT_TRUE(request.prefixes.empty());
  EXPECT_EQ(request.previous_reply, "");
}

TEST(Prefix, ABodyThatWasNeverAcceptedHasNoMarks) {
  Inventory inventory;
  inventory.cache.affinity.emplace();
  for (const char* body :
       {"", "{", "[]", R"({"messages":)", R"({"messages":[{"role":"user"}]} x)"}) {
    ChatRequest request;
    request.body = body;
    mark_prefixes(request, inventory, 1);
    EXPECT_TRUE(request.prefixes.empty()) << body;
  }
}

}  // namespace
}  // namespace llmroute::cache
