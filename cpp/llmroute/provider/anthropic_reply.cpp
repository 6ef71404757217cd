// A whole reply in OpenAI's shape. What that shape has no name for goes beside it under names that
// are in use: `reasoning_content` for the thinking's text, and `thinking_blocks` for the signed
// blocks themselves, which the request side takes back in a tool loop.
#include <algorithm>

#include "llmroute/provider/anthropic_parts.h"
#include "llmroute/provider/common.h"

namespace llmroute::provider {

namespace {

using wire::JsonView;

ChatAnswer gather(JsonView content) {
  ChatAnswer out;
  each_element(content, [&](JsonView block) {
    const JsonView type = block["type"];
    if (type.equals("text")) {
      out.has_text = block["text"].append_string(out.text) || out.has_text;
    } else if (type.equals("thinking")) {
      block["thinking"].append_string(out.reasoning);
      out.add_thinking_block(block.raw());
    } else if (type.equals("redacted_thinking")) {
      out.add_thinking_block(block.raw());
    } else if (type.equals("tool_use")) {
      const JsonView input = block["input"];
      out.add_call(block["id"].string(), block["name"].string(),
                   input.is_object() ? input.raw() : "{}");
    }
  });
  return out;
}

}  // namespace

void read_anthropic_usage(JsonView object, Usage& usage, Tokens& fresh) {
  const auto take = [](Tokens& target, JsonView value) {
    const auto given = count(value);
    if (given) target = *given;
    return given.has_value();
  };
  each_member(object, [&](const JsonView::Member& m) {
    const JsonView value = m.value();
    if (m.key_is("input_tokens")) usage.reported = take(fresh, value) || usage.reported;
    if (m.key_is("output_tokens")) usage.reported = take(usage.output, value) || usage.reported;
    if (m.key_is("cache_read_input_tokens")) take(usage.cached_input, value);
    if (m.key_is("cache_creation_input_tokens")) take(usage.cache_write, value);
    if (m.key_is("cache_creation")) {
      take(usage.cache_write_hour, value["ephemeral_1h_input_tokens"]);
    }
    if (m.key_is("output_tokens_details")) take(usage.reasoning, value["thinking_tokens"]);
  });
  usage.reasoning = std::min(usage.reasoning, usage.output);
  usage.input = fresh + usage.cached_input + usage.cache_write;
  usage.cache_write_hour = std::min(usage.cache_write_hour, usage.cache_write);
}

std::string anthropic_finish_reason(std::string raw) {
  if (raw == "end_turn" || raw == "stop_sequence") return "stop";
  if (raw == "max_tokens" || raw == "model_context_window_exceeded") return "length";
  if (raw == "tool_use") return "tool_calls";
  if (raw == "refusal") return "content_filter";
  return raw;
}

std::string anthropic_to_openai(JsonView reply, const ReplySummary& summary) {
  ChatCompletion out;
  out.id = reply["id"].string();
  out.model = reply["model"].string();
  out.answers.push_back(gather(reply["content"]));
  out.answers[0].finish_reason = summary.finish_reason;
  out.usage = summary.usage;
  return out.to_json();
}

}  // namespace llmroute::provider
