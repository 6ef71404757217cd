// A whole reply in OpenAI's shape. What that shape has no name for goes beside it under names that
// are in use: `reasoning_content` for the thinking's text, and `thinking_blocks` for the signed
// blocks themselves, which the request side takes back in a tool loop.
#include "llmroute/provider/anthropic_parts.h"
#include "llmroute/provider/common.h"

namespace llmroute::provider {

namespace {

using wire::JsonView;
using wire::JsonWriter;

// What an OpenAI message keeps apart, gathered from the content blocks.
struct Gathered {
  std::string text, reasoning;
  std::string tool_calls, thinking_blocks;  // JSON elements
  bool has_text = false;
};

void write_call(JsonWriter& w, JsonView block) {
  w.begin_object().key("id").string(block["id"].string()).key("type").string("function");
  w.key("function").begin_object().key("name").string(block["name"].string());
  const JsonView input = block["input"];
  w.key("arguments").string(input.is_object() ? input.raw() : "{}");
  w.end_object().end_object();
}

Gathered gather(JsonView content) {
  Gathered out;
  JsonWriter calls(out.tool_calls), thinking(out.thinking_blocks);
  each_element(content, [&](JsonView block) {
    const JsonView type = block["type"];
    if (type.equals("text")) {
      out.has_text = block["text"].append_string(out.text) || out.has_text;
    } else if (type.equals("thinking")) {
      block["thinking"].append_string(out.reasoning);
      thinking.raw(block.raw());
    } else if (type.equals("redacted_thinking")) {
      thinking.raw(block.raw());
    } else if (type.equals("tool_use")) {
      write_call(calls, block);
    }
  });
  return out;
}

void write_message(JsonWriter& w, const Gathered& got) {
  w.key("message").begin_object().key("role").string("assistant").key("content");
  if (got.has_text) {
    w.string(got.text);
  } else {
    w.null();
  }
  if (!got.reasoning.empty()) w.key("reasoning_content").string(got.reasoning);
  if (!got.thinking_blocks.empty()) {
    w.key("thinking_blocks").begin_array().raw(got.thinking_blocks).end_array();
  }
  if (!got.tool_calls.empty()) w.key("tool_calls").begin_array().raw(got.tool_calls).end_array();
  w.end_object();
}

void write_usage(JsonWriter& w, const Usage& usage) {
  w.key("usage").begin_object();
  w.key("prompt_tokens").integer(usage.input.count);
  w.key("completion_tokens").integer(usage.output.count);
  w.key("total_tokens").integer(usage.input.count + usage.output.count);
  w.key("prompt_tokens_details").begin_object();
  w.key("cached_tokens").integer(usage.cached_input.count);
  w.key("cache_write_tokens").integer(usage.cache_write.count).end_object();
  w.key("completion_tokens_details").begin_object();
  w.key("reasoning_tokens").integer(usage.reasoning.count).end_object();
  w.end_object();
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
    if (m.key_is("output_tokens_details")) take(usage.reasoning, value["thinking_tokens"]);
  });
  usage.input = fresh + usage.cached_input + usage.cache_write;
}

std::string anthropic_finish_reason(std::string raw) {
  if (raw == "end_turn" || raw == "stop_sequence") return "stop";
  if (raw == "max_tokens" || raw == "model_context_window_exceeded") return "length";
  if (raw == "tool_use") return "tool_calls";
  if (raw == "refusal") return "content_filter";
  return raw;
}

std::string anthropic_to_openai(JsonView reply, const ReplySummary& summary) {
  std::string out;
  JsonWriter w(out);
  w.begin_object().key("id").string(reply["id"].string());
  // The provider gives no time, and a dialect has no clock.
  w.key("object").string("chat.completion").key("created").integer(0);
  w.key("model").string(reply["model"].string());
  w.key("choices").begin_array().begin_object().key("index").integer(0);
  write_message(w, gather(reply["content"]));
  w.key("finish_reason");
  if (summary.finish_reason.empty()) {
    w.null();
  } else {
    w.string(summary.finish_reason);
  }
  w.key("logprobs").null().end_object().end_array();
  if (summary.usage.reported) write_usage(w, summary.usage);
  w.end_object();
  return out;
}

}  // namespace llmroute::provider
