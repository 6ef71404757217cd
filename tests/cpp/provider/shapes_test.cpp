#include "llmroute/provider/shapes.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "llmroute/provider/dialect.h"

namespace llmroute::provider {
namespace {

using Json = nlohmann::json;

ChatForm form_of(Shape shape, const Json& body) {
  const auto form = to_chat(shape, body.dump());
  EXPECT_TRUE(form.has_value()) << (form ? "" : form.error().message);
  return form ? *form : ChatForm{"null", {}};
}

// In any order: the bodies of these tests do not keep theirs.
std::set<std::string> left_out(const ChatForm& form) {
  return {form.left_out.begin(), form.left_out.end()};
}

Json chat_of(Shape shape, const Json& body) { return Json::parse(form_of(shape, body).body); }

TEST(MessagesShape, ParametersFindTheirNames) {
  const Json chat = chat_of(Shape::messages, Json::parse(R"({
    "model": "fast", "max_tokens": 100, "temperature": 0.5, "top_k": 5, "stream": true,
    "stop_sequences": ["END"], "metadata": {"user_id": "u1"}, "service_tier": "standard_only",
    "system": "Be brief.", "thinking": {"type": "enabled", "budget_tokens": 5000},
    "tools": [{"name": "f", "description": "d", "input_schema": {"type": "object"},
               "cache_control": {"type": "ephemeral"}},
              {"type": "web_search_20250305", "name": "web_search"}],
    "tool_choice": {"type": "any", "disable_parallel_tool_use": true},
    "messages": [{"role": "user", "content": "hi"}]})"));
  EXPECT_EQ(chat, Json::parse(R"({
    "model": "fast", "max_tokens": 100, "temperature": 0.5, "top_k": 5, "stop": ["END"],
    "user": "u1", "service_tier": "default", "reasoning_effort": "medium",
    "tools": [{"type": "function", "cache_control": {"type": "ephemeral"},
               "function": {"name": "f", "description": "d", "parameters": {"type": "object"}}},
              {"type": "web_search_20250305", "name": "web_search"}],
    "tool_choice": "required", "parallel_tool_calls": false,
    "messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "hi"}]})"));
}

TEST(MessagesShape, TurnsKeepCallsResultsImagesAndThinking) {
  const Json chat = chat_of(Shape::messages, Json::parse(R"({"messages": [
    {"role": "user", "content": [
      {"type": "text", "text": "look", "cache_control": {"type": "ephemeral"}},
      {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "QUJD"}},
      {"type": "image", "source": {"type": "url", "url": "https://x/y.png"}},
      {"type": "document", "title": "a.pdf",
       "source": {"type": "base64", "media_type": "application/pdf", "data": "QQ=="}}]},
    {"role": "assistant", "content": [
      {"type": "thinking", "thinking": "hm", "signature": "s"},
      {"type": "text", "text": "one moment"},
      {"type": "tool_use", "id": "t1", "name": "f", "input": {"a": 1}}]},
    {"role": "user", "content": [
      {"type": "tool_result", "tool_use_id": "t1", "content": "42", "is_error": true},
      {"type": "text", "text": "and now?"}]},
    {"role": "assistant", "content": "done"}]})"));
  EXPECT_EQ(chat["messages"], Json::parse(R"([
    {"role": "user", "content": [
      {"type": "text", "text": "look", "cache_control": {"type": "ephemeral"}},
      {"type": "image_url", "image_url": {"url": "data:image/png;base64,QUJD"}},
      {"type": "image_url", "image_url": {"url": "https://x/y.png"}},
      {"type": "file", "file": {"filename": "a.pdf",
                                "file_data": "data:application/pdf;base64,QQ=="}}]},
    {"role": "assistant", "content": [{"type": "text", "text": "one moment"}],
     "thinking_blocks": [{"type": "thinking", "thinking": "hm", "signature": "s"}],
     "tool_calls": [{"id": "t1", "type": "function",
                     "function": {"name": "f", "arguments": "{\"a\":1}"}}]},
    {"role": "tool", "tool_call_id": "t1", "content": "42", "is_error": true},
    {"role": "user", "content": [{"type": "text", "text": "and now?"}]},
    {"role": "assistant", "content": "done"}])"));
}

TEST(MessagesShape, ASystemPromptKeepsItsPlaceInTheConversation) {
  const Json chat = chat_of(Shape::messages, Json::parse(R"({"system": "a", "messages": [
    {"role": "user", "content": "hi"},
    {"role": "system", "content": "from now on in French"},
    {"role": "assistant", "content": "bon"},
    {"role": "system", "content": [
      {"type": "text", "text": "briefly", "cache_control": {"type": "ephemeral"}}]}]})"));
  EXPECT_EQ(chat["messages"], Json::parse(R"([
    {"role": "system", "content": "a"},
    {"role": "user", "content": "hi"},
    {"role": "system", "content": "from now on in French"},
    {"role": "assistant", "content": "bon"},
    {"role": "system", "content": [
      {"type": "text", "text": "briefly", "cache_control": {"type": "ephemeral"}}]}])"));
}

TEST(MessagesShape, DocumentsByTextAndAddressFindAPlace) {
  const ChatForm form = form_of(Shape::messages, Json::parse(R"({"messages": [{"role": "user",
    "content": [
      {"type": "document", "title": "t", "citations": {"enabled": true},
       "source": {"type": "text", "media_type": "text/plain", "data": "so \u00e9"}},
      {"type": "document", "source": {"type": "url", "url": "https://x/a.pdf"}},
      {"type": "document", "source": {"type": "content", "content": "c"}}]}]})"));
  EXPECT_EQ(Json::parse(form.body)["messages"][0]["content"], Json::parse(R"([
    {"type": "text", "text": "so \u00e9"},
    {"type": "file", "file": {"file_data": "https://x/a.pdf"}},
    {"type": "document", "source": {"type": "content", "content": "c"}}])"));
  EXPECT_EQ(left_out(form),
            (std::set<std::string>{"messages[0].content.title", "messages[0].content.citations"}));
}

TEST(MessagesShape, ADocumentWithoutItsTextKeepsItsType) {
  for (const char* source : {R"({"type": "text"})", R"({"type": "text", "data": 5})"}) {
    const Json document = {{"type", "document"}, {"source", Json::parse(source)}};
    const Json message = {{"role", "user"}, {"content", Json::array({document})}};
    const Json chat = chat_of(Shape::messages, {{"messages", Json::array({message})}});
    EXPECT_EQ(chat["messages"][0]["content"][0], document);
  }
}

TEST(MessagesShape, HintsOfItsOwnAreLeftOutByName) {
  const ChatForm form = form_of(Shape::messages, Json::parse(R"({
    "metadata": {"user_id": "u", "trace": "t"}, "thinking": {"type": "adaptive", "display": "omitted"},
    "output_config": {"effort": "low", "task_budget": {"total": 9}},
    "tools": [{"type": "custom", "name": "f", "input_schema": {}, "defer_loading": true,
               "eager_input_streaming": null},
              {"name": "g", "input_schema": {}, "defer_loading": true, "input_examples": []}],
    "messages": [
      {"role": "user", "content": [{"type": "text", "text": "a", "citations": null}]},
      {"role": "assistant", "content": [
        {"type": "text", "text": "b", "citations": [{"type": "char_location"}]},
        {"type": "tool_use", "id": "t", "name": "f", "input": {}, "caller": {"type": "direct"}}]},
      {"role": "user", "content": [
        {"type": "tool_result", "tool_use_id": "t", "content": "c", "is_error": false}]}]})"));
  EXPECT_EQ(left_out(form),
            (std::set<std::string>{"metadata.trace", "thinking.display",
                                   "output_config.task_budget", "tools.defer_loading",
                                   "messages[1].content.citations", "messages[1].content.caller"}));
  const Json chat = Json::parse(form.body);
  EXPECT_EQ(chat["user"], "u");
  EXPECT_EQ(chat["tools"][1], Json::parse(R"({"type": "function",
    "function": {"name": "g", "parameters": {}}})"));
  EXPECT_EQ(chat["messages"][1]["content"], Json::parse(R"([{"type": "text", "text": "b"}])"));
  const ChatForm worded = form_of(Shape::messages, Json::parse(R"({"messages": [],
    "output_config": {"effort": "low"}, "thinking": {"type": "enabled", "budget_tokens": 2000}})"));
  EXPECT_EQ(worded.left_out, std::vector<std::string>{"thinking.budget_tokens"});
}

TEST(MessagesShape, AnImageThatOnlyItsApiHasKeepsItsType) {
  const Json chat = chat_of(Shape::messages, Json::parse(R"({"messages": [{"role": "user",
    "content": [{"type": "image", "source": {"type": "file", "file_id": "f"}}]}]})"));
  EXPECT_EQ(chat["messages"][0]["content"][0]["type"], "image");
}

TEST(MessagesShape, WhatIsMalformedIsNamed) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {R"({})", "messages"},
      {R"({"messages": "hi"})", "messages"},
      {R"({"messages": [{"role": "user", "content": 5}]})", "messages[0].content"},
      {R"({"messages": [{"role": "user", "content": "a"}, {"role": "tool", "content": "b"}]})",
       "messages[1].role"}};
  for (const auto& [body, path] : cases) {
    const auto chat = to_chat(Shape::messages, body);
    ASSERT_FALSE(chat) << body;
    EXPECT_EQ(chat.error().kind, ErrorKind::invalid_argument);
    EXPECT_EQ(chat.error().path, path);
  }
}

// There and back: what the Anthropic dialect writes of the chat body is the request itself.
TEST(MessagesShape, AnthropicReadsTheSameConversation) {
  const Json messages = Json::parse(R"([
    {"role": "user", "content": [{"type": "text", "text": "go"}]},
    {"role": "assistant", "content": [
      {"type": "thinking", "thinking": "hm", "signature": "s"},
      {"type": "tool_use", "id": "t1", "name": "f", "input": {"a": [1, "x"]}},
      {"type": "tool_use", "id": "t2", "name": "f", "input": {}}]},
    {"role": "user", "content": [
      {"type": "tool_result", "tool_use_id": "t1", "content": [{"type": "text", "text": "1"}]},
      {"type": "tool_result", "tool_use_id": "t2", "content": [{"type": "text", "text": "2"}]},
      {"type": "text", "text": "well?"}]}])");
  ChatRequest request;
  const Json body = {{"messages", messages}, {"max_tokens", 9}};
  request.body = form_of(Shape::messages, body).body;
  const auto encoded = find_dialect("anthropic")->encode(request, Deployment(), Secret());
  ASSERT_TRUE(encoded) << encoded.error().message;
  EXPECT_EQ(Json::parse(encoded->http.body)["messages"], messages);
}

TEST(ResponsesShape, ItemsBecomeTurns) {
  const Json chat = chat_of(Shape::responses, Json::parse(R"({
    "model": "m", "instructions": "Be brief.", "max_output_tokens": 50, "store": false,
    "include": ["reasoning.encrypted_content"], "reasoning": {"effort": "low", "summary": "auto"},
    "text": {"verbosity": "low", "format": {"type": "json_schema", "name": "n", "strict": true,
                                            "schema": {"type": "object"}}},
    "tools": [{"type": "function", "name": "f", "parameters": {}, "strict": true},
              {"type": "web_search"}],
    "tool_choice": {"type": "function", "name": "f"},
    "input": [
      {"role": "user", "content": [{"type": "input_text", "text": "look"},
        {"type": "input_image", "image_url": "data:image/png;base64,QUJD", "detail": "low"}]},
      {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "e"},
      {"type": "function_call", "call_id": "c1", "name": "f", "arguments": "{\"a\": 1}"},
      {"type": "function_call", "call_id": "c2", "name": "f", "arguments": "{}"},
      {"type": "function_call_output", "call_id": "c1", "output": "42"},
      {"type": "message", "role": "assistant",
       "content": [{"type": "output_text", "text": "done", "annotations": []}]},
      {"role": "developer", "content": "now in French"}]})"));
  EXPECT_EQ(chat, Json::parse(R"({
    "model": "m", "max_completion_tokens": 50, "store": false, "reasoning_effort": "low",
    "verbosity": "low",
    "response_format": {"type": "json_schema", "json_schema": {"name": "n", "strict": true,
                                                               "schema": {"type": "object"}}},
    "tools": [{"type": "function", "function": {"name": "f", "parameters": {}, "strict": true}},
              {"type": "web_search"}],
    "tool_choice": {"type": "function", "function": {"name": "f"}},
    "messages": [
      {"role": "system", "content": "Be brief."},
      {"role": "user", "content": [{"type": "text", "text": "look"},
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,QUJD", "detail": "low"}}]},
      {"role": "assistant", "content": null,
       "thinking_blocks": [{"type": "reasoning", "id": "rs_1", "summary": [],
                            "encrypted_content": "e"}],
       "tool_calls": [
         {"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{\"a\": 1}"}},
         {"id": "c2", "type": "function", "function": {"name": "f", "arguments": "{}"}}]},
      {"role": "tool", "tool_call_id": "c1", "content": "42"},
      {"role": "assistant", "content": [{"type": "text", "text": "done"}]},
      {"role": "developer", "content": "now in French"}]})"));
}

TEST(ResponsesShape, StateAndForeignItemsGoAlongByName) {
  const Json chat = chat_of(Shape::responses, Json::parse(R"({
    "input": [{"type": "item_reference", "id": "x"}], "previous_response_id": "resp_1"})"));
  EXPECT_EQ(chat["previous_response_id"], "resp_1");
  EXPECT_EQ(chat["messages"][0]["content"][0]["type"], "item_reference");
  EXPECT_FALSE(to_chat(Shape::responses, R"({"input": 5})"));
}

TEST(ResponsesShape, AllowedToolsAreNamedAsChatNamesThem) {
  const Json chat = chat_of(Shape::responses, Json::parse(R"({
    "input": "hi",
    "tool_choice": {"type": "allowed_tools", "mode": "auto",
                    "tools": [{"type": "function", "name": "f"}, {"type": "web_search"}]}})"));
  EXPECT_EQ(chat["tool_choice"], Json::parse(R"({
    "type": "allowed_tools", "allowed_tools": {"mode": "auto",
      "tools": [{"type": "function", "function": {"name": "f"}}, {"type": "web_search"}]}})"));
}

TEST(ResponsesShape, HintsOfItsOwnAreLeftOutByName) {
  const ChatForm form = form_of(Shape::responses, Json::parse(R"({
    "include": ["reasoning.encrypted_content"], "truncation": "auto",
    "stream_options": {"include_obfuscation": false},
    "reasoning": {"effort": "low", "summary": "auto"}, "text": {"verbosity": "low", "odd": 1},
    "tools": [{"type": "function", "name": "f", "parameters": null, "defer_loading": true}],
    "input": [
      {"role": "user", "content": [
        {"type": "input_file", "file_url": "https://x/a.pdf", "detail": "high"},
        {"type": "input_file", "file_data": "data:a/b;base64,QQ==", "file_url": "https://x"}]},
      {"type": "message", "id": "m", "status": "completed", "phase": "commentary",
       "role": "assistant", "content": [
        {"type": "output_text", "text": "b", "logprobs": [],
         "annotations": [{"type": "url_citation"}]}]},
      {"type": "function_call", "id": "i", "status": "completed", "call_id": "c", "name": "f",
       "arguments": "{}", "namespace": "n"}]})"));
  EXPECT_EQ(left_out(form),
            (std::set<std::string>{"include", "truncation", "stream_options", "reasoning.summary",
                                   "text.odd", "tools.defer_loading", "input[0].content.detail",
                                   "input[1].phase", "input[1].content.annotations",
                                   "input[2].namespace"}));
  EXPECT_EQ(Json::parse(form.body)["messages"][0]["content"], Json::parse(R"([
    {"type": "file", "file": {"file_data": "https://x/a.pdf"}},
    {"type": "file", "file": {"file_data": "data:a/b;base64,QQ=="}}])"));
  EXPECT_TRUE(form_of(Shape::responses, Json::parse(R"({"input": "hi", "truncation": "disabled",
    "include": [], "background": false, "reasoning": {"summary": null}})"))
                  .left_out.empty());
}

TEST(ResponsesShape, WhatIsLeftOutIsListedWithABound) {
  Json body = {{"input", Json::array()}};
  for (int i = 0; i < 1'500; ++i) {
    body["input"].push_back({{"role", "user"}, {"content", "x"}, {"odd", 1}});
  }
  EXPECT_EQ(form_of(Shape::responses, body).left_out.size(), 1'000U);
}

TEST(Shapes, ATextIsAConversation) {
  const Json chat = chat_of(Shape::responses, Json::parse(R"({"input": "hi"})"));
  EXPECT_EQ(chat, Json::parse(R"({"messages": [{"role": "user", "content": "hi"}]})"));
}

// --- replies --------------------------------------------------------------------------------------

const std::string kCompletion = R"({"id": "x1", "created": 5, "model": "m", "choices": [{"index": 0,
  "message": {"role": "assistant", "content": "hello", "reasoning_content": "hm",
    "thinking_blocks": [{"type": "thinking", "thinking": "hm", "signature": "s"}],
    "tool_calls": [{"id": "c1", "type": "function",
                    "function": {"name": "f", "arguments": "{\"a\": 1}"}}]},
  "finish_reason": "tool_calls"}],
  "usage": {"prompt_tokens": 10, "completion_tokens": 4, "total_tokens": 14,
            "prompt_tokens_details": {"cached_tokens": 3, "cache_write_tokens": 2},
            "completion_tokens_details": {"reasoning_tokens": 1}}})";

TEST(MessagesShape, RepliesHoldBlocksAndUsageWithoutTheCachedParts) {
  EXPECT_EQ(Json::parse(from_chat(Shape::messages, kCompletion, 0)), Json::parse(R"({
    "id": "x1", "type": "message", "role": "assistant", "model": "m", "content": [
      {"type": "thinking", "thinking": "hm", "signature": "s"},
      {"type": "text", "text": "hello"},
      {"type": "tool_use", "id": "c1", "name": "f", "input": {"a": 1}}],
    "stop_reason": "tool_use", "stop_sequence": null,
    "usage": {"input_tokens": 5, "cache_read_input_tokens": 3, "cache_creation_input_tokens": 2,
              "output_tokens": 4}})"));
}

TEST(ResponsesShape, RepliesHoldItemsAndStatus) {
  const Json reply = Json::parse(from_chat(Shape::responses, kCompletion, 9));
  EXPECT_EQ(reply["status"], "completed");
  EXPECT_EQ(reply["created_at"], 5);
  ASSERT_EQ(reply["output"].size(), 3U);
  EXPECT_EQ(reply["output"][0]["type"], "reasoning");
  EXPECT_EQ(reply["output"][1]["content"][0]["text"], "hello");
  EXPECT_EQ(reply["output"][1]["content"][0]["logprobs"], Json::array());
  EXPECT_EQ(reply["output"][2]["arguments"], "{\"a\": 1}");
  EXPECT_EQ(reply["usage"]["input_tokens_details"]["cached_tokens"], 3);
  EXPECT_EQ(reply["usage"]["input_tokens_details"]["cache_write_tokens"], 2);
  EXPECT_EQ(reply["usage"]["total_tokens"], 14);
  Json cut = Json::parse(kCompletion);
  cut["choices"][0]["finish_reason"] = "length";
  const Json incomplete = Json::parse(from_chat(Shape::responses, cut.dump(), 9));
  EXPECT_EQ(incomplete["status"], "incomplete");
  EXPECT_EQ(incomplete["incomplete_details"]["reason"], "max_output_tokens");
}

TEST(ResponsesShape, RepliesRepeatTheRequest) {
  const std::string echo = echo_of(Shape::responses, R"({"model": "m", "input": "hi",
    "instructions": "Be brief.", "tools": [{"type": "web_search"}], "temperature": 0.50,
    "metadata": null, "max_output_tokens": 9, "store": true})");
  const Json reply = Json::parse(from_chat(Shape::responses, kCompletion, 9, echo));
  EXPECT_EQ(reply["instructions"], "Be brief.");
  EXPECT_EQ(reply["tools"], Json::parse(R"([{"type": "web_search"}])"));
  EXPECT_EQ(reply["temperature"], 0.5);
  EXPECT_EQ(reply["max_output_tokens"], 9);
  EXPECT_EQ(reply["metadata"], Json::object());
  EXPECT_EQ(reply["tool_choice"], "auto");
  EXPECT_EQ(reply["parallel_tool_calls"], true);
  EXPECT_TRUE(reply["top_p"].is_null());
  EXPECT_FALSE(reply.contains("store"));
  EXPECT_EQ(reply["model"], "m") << "the model that answered";
  EXPECT_EQ(echo_of(Shape::messages, R"({"messages": []})"), "{}");
}

TEST(ResponsesShape, ACallWithoutArgumentsHasNone) {
  Json reply = Json::parse(kCompletion);
  reply["choices"][0]["message"]["tool_calls"][0]["function"].erase("arguments");
  const Json response = Json::parse(from_chat(Shape::responses, reply.dump(), 9));
  EXPECT_EQ(response["output"][2]["arguments"], "{}");
}

TEST(Shapes, ReasonsThatNobodyKnowsStay) {
  Json odd = Json::parse(kCompletion);
  odd["choices"][0]["finish_reason"] = "network_error";
  const Json response = Json::parse(from_chat(Shape::responses, odd.dump(), 0));
  EXPECT_EQ(response["status"], "incomplete") << "a failure is no success";
  EXPECT_EQ(response["incomplete_details"]["reason"], "network_error");
  EXPECT_EQ(Json::parse(from_chat(Shape::messages, odd.dump(), 0))["stop_reason"], "network_error");
}

// --- streams --------------------------------------------------------------------------------------

Delta piece(DeltaKind kind, std::string text) {
  Delta delta;
  delta.kind = kind;
  delta.text = std::move(text);
  return delta;
}

Delta call(std::uint16_t index, std::string id, std::string name, std::string arguments) {
  Delta delta = piece(DeltaKind::tool_call, std::move(arguments));
  delta.tool_index = index;
  delta.tool_id = std::move(id);
  delta.tool_name = std::move(name);
  return delta;
}

Delta ending(std::string reason) {
  Delta delta = piece(DeltaKind::finish, "");
  delta.finish_reason = std::move(reason);
  return delta;
}

std::vector<Json> events_of(Shape shape, const std::vector<Delta>& deltas) {
  const auto writer = shape_writer(shape, "id1", "m", 7);
  std::vector<ShapeWriter::Event> events;
  for (const Delta& delta : deltas) writer->take(delta, events);
  Usage usage;
  usage.input = {10};
  usage.output = {4};
  usage.reported = true;
  writer->finish(usage, events);
  std::vector<Json> out;
  for (const auto& event : events) {
    out.push_back(Json::parse(event.data));
    if (shape != Shape::chat) {
      EXPECT_EQ(out.back()["type"], event.type);
    }
  }
  return out;
}

const std::vector<Delta> kTalk = {
    piece(DeltaKind::reasoning, "h"),
    piece(DeltaKind::reasoning, "m"),
    piece(DeltaKind::thinking_block, R"({"type":"thinking","thinking":"hm","signature":"s"})"),
    piece(DeltaKind::text, "hel"),
    piece(DeltaKind::text, "lo"),
    call(0, "c1", "f", "{\"a\""),
    call(1, "c2", "g", "{}"),
    call(0, "", "", ": 1}"),
    ending("tool_calls")};

// Puts a Messages stream together as that API's SDKs do: by the index of the block.
Json put_together(const std::vector<Json>& events) {
  Json message;
  for (const Json& event : events) {
    const std::string type = event["type"];
    if (type == "message_start") message = event["message"];
    if (type == "content_block_start") {
      EXPECT_EQ(event["index"], message["content"].size());
      message["content"].push_back(event["content_block"]);
    }
    if (type == "content_block_delta") {
      Json& block = message["content"][event["index"].get<std::size_t>()];
      for (const auto& [key, value] : event["delta"].items()) {
        if (key == "type") continue;
        const std::string target = key == "partial_json" ? "json" : key;
        block[target] = block.value(target, "") + value.get<std::string>();
      }
    }
    if (type == "message_delta") message["stop_reason"] = event["delta"]["stop_reason"];
  }
  return message;
}

TEST(MessagesShape, AStreamCanBePutTogether) {
  const auto events = events_of(Shape::messages, kTalk);
  EXPECT_EQ(events.front()["type"], "message_start");
  EXPECT_EQ(events.back()["type"], "message_stop");
  const Json message = put_together(events);
  EXPECT_EQ(message["stop_reason"], "tool_use");
  const Json& content = message["content"];
  ASSERT_EQ(content.size(), 4U);
  EXPECT_EQ(content[0]["thinking"], "hm");
  EXPECT_EQ(content[0]["signature"], "s");
  EXPECT_EQ(content[1]["text"], "hello");
  EXPECT_EQ(content[2]["json"], "{\"a\": 1}");
  EXPECT_EQ(content[3]["id"], "c2");
  EXPECT_EQ(content[3]["json"], "{}");
  std::size_t stops = 0;
  for (const Json& event : events) stops += event["type"] == "content_block_stop" ? 1U : 0U;
  EXPECT_EQ(stops, 4U);
}

TEST(ResponsesShape, AStreamTellsItsItemsInPiecesAndWhole) {
  const auto events = events_of(Shape::responses, kTalk);
  EXPECT_EQ(events.front()["type"], "response.created");
  EXPECT_EQ(events.back()["type"], "response.completed");
  std::int64_t number = 0;
  std::string text, arguments;
  for (const Json& event : events) {
    EXPECT_EQ(event["sequence_number"], number++);
    if (event["type"] == "response.output_text.delta") {
      text += event["delta"];
      EXPECT_EQ(event["logprobs"], Json::array());
    }
    if (event["type"] == "response.output_text.done") {
      EXPECT_EQ(event["logprobs"], Json::array());
    }
    if (event["type"] == "response.function_call_arguments.done") {
      EXPECT_EQ(event["name"], event["output_index"] == 2 ? "f" : "g");
    }
    if (event["type"] == "response.function_call_arguments.delta" && event["output_index"] == 2) {
      arguments += event["delta"];
    }
  }
  EXPECT_EQ(text, "hello");
  EXPECT_EQ(arguments, "{\"a\": 1}");
  const Json& response = events.back()["response"];
  ASSERT_EQ(response["output"].size(), 4U);
  EXPECT_EQ(response["output"][0]["summary"][0]["text"], "hm");
  EXPECT_EQ(response["output"][1]["content"][0]["text"], "hello");
  EXPECT_EQ(response["output"][2]["arguments"], "{\"a\": 1}");
  EXPECT_EQ(response["output"][3]["call_id"], "c2");
  EXPECT_EQ(response["usage"]["total_tokens"], 14);
}

TEST(ChatShape, AStreamShowsItsPictures) {
  const std::string picture =
      R"({"type":"image_url","image_url":{"url":"data:image/png;base64,A"}})";
  const auto events = events_of(Shape::chat, {piece(DeltaKind::image, picture), ending("stop")});
  const Json& delta = events.front()["choices"][0]["delta"];
  EXPECT_EQ(delta["images"], Json::array({Json::parse(picture)}));
}

TEST(Shapes, CitationsStandWhereTheShapeHasThem) {
  const std::string inner = R"("start_index":0,"end_index":2,"url":"https://x","title":"t")";
  const std::string cited = R"({"type":"url_citation","url_citation":{)" + inner + "}}";
  const Json flat = Json::parse(R"({"type":"url_citation",)" + inner + "}");
  const std::vector<Delta> deltas = {piece(DeltaKind::text, "hi"),
                                     piece(DeltaKind::annotation, cited), ending("stop")};
  const auto chunks = events_of(Shape::chat, deltas);
  EXPECT_EQ(chunks[1]["choices"][0]["delta"]["annotations"], Json::array({Json::parse(cited)}));
  const auto events = events_of(Shape::responses, deltas);
  const auto added = std::find_if(events.begin(), events.end(), [](const Json& event) {
    return event["type"] == "response.output_text.annotation.added";
  });
  ASSERT_NE(added, events.end());
  EXPECT_EQ((*added)["annotation"], flat);
  EXPECT_EQ((*added)["annotation_index"], 0);
  const Json& whole = events.back()["response"]["output"][0]["content"][0];
  EXPECT_EQ(whole["annotations"], Json::array({flat}));
  EXPECT_EQ(events_of(Shape::messages, deltas).size(),
            events_of(Shape::messages, {deltas[0], deltas[2]}).size());
  Json completion = Json::parse(kCompletion);
  const Json other = Json::parse(R"({"type":"file","file":{}})");
  completion["choices"][0]["message"]["annotations"] = {other, Json::parse(cited)};
  const Json reply = Json::parse(from_chat(Shape::responses, completion.dump(), 0));
  EXPECT_EQ(reply["output"][1]["content"][0]["annotations"], Json::array({flat}));
}

TEST(ResponsesShape, SealedReasoningIsTheItemItself) {
  const std::string item =
      R"({"type":"reasoning","id":"rs_9","summary":[],"encrypted_content":"e"})";
  for (const bool told : {false, true}) {
    std::vector<Delta> deltas;
    if (told) deltas.push_back(piece(DeltaKind::reasoning, "hm"));
    deltas.push_back(piece(DeltaKind::thinking_block, item));
    deltas.push_back(ending("length"));
    const auto events = events_of(Shape::responses, deltas);
    EXPECT_EQ(events.back()["type"], "response.incomplete");
    EXPECT_EQ(events.back()["response"]["output"], Json::array({Json::parse(item)}));
  }
}

TEST(Shapes, AnEmptyStreamIsStillAWholeOne) {
  for (const Shape shape : {Shape::messages, Shape::responses}) {
    const auto events = events_of(shape, {ending("stop")});
    EXPECT_GE(events.size(), 3U);
  }
  EXPECT_EQ(events_of(Shape::chat, kTalk).size(), kTalk.size() + 1);
}

TEST(Shapes, AnEndThatNobodyKnowsIsNoSuccess) {
  const auto response = events_of(Shape::responses, {ending("network_error")});
  EXPECT_EQ(response.back()["type"], "response.incomplete");
  EXPECT_EQ(response.back()["response"]["incomplete_details"]["reason"], "network_error");
  EXPECT_EQ(response.front()["response"]["status"], "in_progress");
  for (const auto& [deltas, reason] :
       {std::pair{std::vector{ending("network_error")}, Json("network_error")},
        std::pair{std::vector{piece(DeltaKind::text, "a")}, Json()}}) {
    const auto message = events_of(Shape::messages, deltas);
    EXPECT_EQ(message[message.size() - 2]["delta"]["stop_reason"], reason);
  }
}

TEST(ResponsesShape, EventsRepeatTheRequest) {
  const auto writer =
      shape_writer(Shape::responses, "i", "m", 0, R"({"instructions":"Be brief."})");
  std::vector<ShapeWriter::Event> events;
  writer->take(ending("stop"), events);
  writer->finish(Usage(), events);
  ASSERT_EQ(events.size(), 3U);
  for (const auto& event : events) {
    EXPECT_EQ(Json::parse(event.data)["response"]["instructions"], "Be brief.");
  }
}

TEST(Shapes, AFailureIsAnEventOfItsShape) {
  for (const Shape shape : {Shape::chat, Shape::messages, Shape::responses}) {
    std::vector<ShapeWriter::Event> events;
    shape_writer(shape, "i", "m", 0)->fail("overloaded", "too busy", events);
    ASSERT_EQ(events.size(), 1U);
    EXPECT_NE(events[0].data.find("too busy"), std::string::npos);
    EXPECT_TRUE(Json::accept(events[0].data));
  }
}

TEST(Shapes, ABodyAsItCameIsForTheDialectOfItsShape) {
  EXPECT_EQ(dialect_of(Shape::messages), "anthropic");
  EXPECT_EQ(dialect_of(Shape::chat), "openai");
}

}  // namespace
}  // namespace llmroute::provider
