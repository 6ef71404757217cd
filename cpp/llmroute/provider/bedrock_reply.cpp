// A whole reply in OpenAI's shape; `reasoning_content` and `thinking_blocks` as in the Anthropic
// dialect, whose blocks are the same: a conversation with Claude may go on here or there.
#include "llmroute/base/base64.h"
#include "llmroute/provider/bedrock_parts.h"
#include "llmroute/provider/common.h"

namespace llmroute::provider {

namespace {

using wire::JsonView;
using wire::JsonWriter;

// Marks bytes that are no text of base64; a colon is none of its letters.
constexpr std::string_view kBlob = "blob:";

void add_reasoning(JsonView reasoning, ChatAnswer& out) {
  const JsonView text = reasoning["reasoningText"];
  if (text.is_object()) {
    text["text"].append_string(out.reasoning);
    const std::string block = signed_thinking(text["text"].string(), text["signature"].string());
    if (!block.empty()) out.add_thinking_block(block);
  }
  const auto redacted = from_base64(reasoning["redactedContent"].string());
  if (redacted && !redacted->empty()) out.add_thinking_block(redacted_thinking(*redacted));
}

void add_block(const JsonView::Member& block, ChatAnswer& out) {
  const JsonView value = block.value();
  if (block.key_is("text")) {
    out.has_text = value.append_string(out.text) || out.has_text;
  } else if (block.key_is("reasoningContent")) {
    add_reasoning(value, out);
  } else if (block.key_is("toolUse") && !value["type"].equals("server_tool_use")) {
    const JsonView input = value["input"];
    out.add_call(value["toolUseId"].string(), value["name"].string(),
                 input.is_object() ? input.raw() : "{}");
  } else if (block.key_is("citationsContent")) {
    each_element(value["content"], [&out](JsonView part) {
      out.has_text = part["text"].append_string(out.text) || out.has_text;
    });
  }
}

}  // namespace

Usage read_bedrock_usage(JsonView object) {
  Usage usage;
  std::optional<Tokens> fresh, output;
  const auto tokens = [](JsonView value) { return count(value).value_or(Tokens{}); };
  each_member(object, [&](const JsonView::Member& m) {
    const JsonView value = m.value();
    if (m.key_is("inputTokens")) fresh = count(value);
    if (m.key_is("outputTokens")) output = count(value);
    if (m.key_is("cacheReadInputTokens")) usage.cached_input = tokens(value);
    if (m.key_is("cacheWriteInputTokens")) usage.cache_write = tokens(value);
    if (!m.key_is("cacheDetails")) return;
    each_element(value, [&](JsonView detail) {
      if (!detail["ttl"].equals("1h")) return;
      usage.cache_write_hour = usage.cache_write_hour + tokens(detail["inputTokens"]);
    });
  });
  usage.reported = fresh && output;
  if (!usage.reported) return {};
  usage.input = *fresh + usage.cached_input + usage.cache_write;
  usage.output = *output;
  return usage;
}

std::string bedrock_finish_reason(std::string raw) {
  if (raw == "end_turn" || raw == "stop_sequence") return "stop";
  if (raw == "max_tokens" || raw == "model_context_window_exceeded") return "length";
  if (raw == "tool_use") return "tool_calls";
  if (raw == "guardrail_intervened" || raw == "content_filtered") return "content_filter";
  return raw;  // malformed_model_output, malformed_tool_use: no answer anybody asked for
}

std::string signed_thinking(std::string_view text, std::string_view signature) {
  std::string out;
  if (signature.empty()) return out;
  JsonWriter w(out);
  w.begin_object().key("type").string("thinking").key("thinking").string(text);
  w.key("signature").string(signature).end_object();
  return out;
}

// Claude's are base64 within, which is what Anthropic's own API gives and takes.
std::string redacted_thinking(std::string_view bytes) {
  std::string out;
  JsonWriter w(out);
  w.begin_object().key("type").string("redacted_thinking").key("data");
  w.string(from_base64(bytes) ? std::string(bytes) : std::string(kBlob) + to_base64(bytes));
  w.end_object();
  return out;
}

std::string redacted_blob(std::string_view data) {
  return data.starts_with(kBlob) ? std::string(data.substr(kBlob.size())) : to_base64(data);
}

std::string bedrock_to_openai(JsonView reply, const ReplySummary& summary, std::string_view model) {
  ChatCompletion out;
  out.model = model;
  ChatAnswer& answer = out.answers.emplace_back();
  each_element(reply.at("output", "message", "content"), [&answer](JsonView block) {
    each_member(block, [&answer](const JsonView::Member& m) { add_block(m, answer); });
  });
  answer.finish_reason = summary.finish_reason;
  out.usage = summary.usage;
  return out.to_json();
}

}  // namespace llmroute::provider
