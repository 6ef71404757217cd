// Replies in the callers' shapes, and what the shapes have in common.
#include "llmroute/provider/shapes.h"

#include <algorithm>
#include <array>

#include "llmroute/provider/common.h"
#include "llmroute/provider/openai_parts.h"
#include "llmroute/provider/shape_parts.h"

namespace llmroute::provider {

using wire::JsonView;
using wire::JsonWriter;

namespace {

// The text of a message whose content may be a text or a list of parts.
std::string content_text(JsonView content) {
  std::string out = content.string();
  each_element(content, [&](JsonView part) { part["text"].append_string(out); });
  return out;
}

void write_message_blocks(JsonWriter& w, JsonView message) {
  each_element(message["thinking_blocks"], [&](JsonView block) {
    const JsonView type = block["type"];
    if (type.equals("thinking") || type.equals("redacted_thinking")) w.raw(block.raw());
  });
  std::string text = content_text(message["content"]);
  message["refusal"].append_string(text);
  if (!text.empty())
    w.begin_object().key("type").string("text").key("text").string(text).end_object();
  each_element(message["tool_calls"], [&](JsonView call) {
    const JsonView function = call["function"];
    const std::string arguments = function["arguments"].string();
    w.begin_object().key("type").string("tool_use").key("id").string(call["id"].string());
    w.key("name").string(function["name"].string()).key("input");
    const bool object = wire::validate_json(arguments) && JsonView(arguments).is_object();
    w.raw(object ? std::string_view(arguments) : std::string_view("{}")).end_object();
  });
}

// --- Responses ------------------------------------------------------------------------------------

void write_output(JsonWriter& w, JsonView message, const std::string& id) {
  bool reasoning = false;
  each_element(message["thinking_blocks"], [&](JsonView block) {
    if (!block["type"].equals("reasoning")) return;
    w.raw(block.raw());
    reasoning = true;
  });
  const JsonView thought = message["reasoning_content"];
  if (!reasoning && thought.is_string()) {
    w.begin_object().key("type").string("reasoning").key("id").string("rs_" + id);
    w.key("summary").begin_array().begin_object().key("type").string("summary_text");
    w.key("text").raw(thought.raw()).end_object().end_array().end_object();
  }
  const std::string text = content_text(message["content"]);
  const JsonView refusal = message["refusal"];
  if (!text.empty() || refusal.is_string()) {
    w.begin_object().key("type").string("message").key("id").string("msg_" + id);
    w.key("status")
        .string("completed")
        .key("role")
        .string("assistant")
        .key("content")
        .begin_array();
    if (!text.empty()) {
      w.begin_object().key("type").string("output_text").key("text").string(text);
      w.key("annotations").begin_array();
      each_element(message["annotations"], [&w](JsonView annotation) {
        const std::string flat = response_annotation(annotation);
        if (!flat.empty()) w.raw(flat);
      });
      w.end_array();
      w.key("logprobs").begin_array().end_array().end_object();
    }
    if (refusal.is_string()) {
      w.begin_object().key("type").string("refusal").key("refusal").raw(refusal.raw()).end_object();
    }
    w.end_array().end_object();
  }
  std::size_t index = 0;
  each_element(message["tool_calls"], [&](JsonView call) {
    w.begin_object().key("type").string("function_call");
    w.key("id").string("fc_" + std::to_string(index++) + "_" + id);
    w.key("call_id").string(call["id"].string()).key("status").string("completed");
    const JsonView arguments = call["function"]["arguments"];
    copy(w, call["function"], {{"name", "name"}});
    w.key("arguments").raw(arguments.is_string() ? arguments.raw() : "\"{}\"").end_object();
  });
}

}  // namespace

void copy(JsonWriter& w, JsonView from, Names names) {
  each_member(from, [&](const JsonView::Member& m) {
    if (m.value().is_null()) return;
    for (const auto& [theirs, ours] : names) {
      if (m.key_is(theirs)) w.key(ours).raw(m.value().raw());
    }
  });
}

void LeftOut::note(std::string path, JsonView value) {
  const bool empty = (value.is_array() && !value.first_element());
  if (value.missing() || value.is_null() || value.boolean() == false || empty) return;
  list_once(paths_, std::move(path));
}

void LeftOut::carry(JsonWriter& w, JsonView from, Names names, std::string_view path,
                    std::string_view where) {
  each_member(from, [&](const JsonView::Member& m) {
    if (m.value().is_null()) return;
    const auto* known = std::find_if(names.begin(), names.end(),
                                     [&m](const auto& name) { return m.key_is(name.first); });
    if (known == names.end()) {
      std::string whole(path);
      note(whole.append(where).append(".").append(m.key_view().string()), m.value());
    } else if (!known->second.empty()) {
      w.key(known->second).raw(m.value().raw());
    }
  });
}

std::string_view stop_reason_of(std::string_view finish_reason) {
  if (finish_reason == "stop") return "end_turn";
  if (finish_reason == "length") return "max_tokens";
  if (finish_reason == "tool_calls" || finish_reason == "function_call") return "tool_use";
  if (finish_reason == "content_filter") return "refusal";
  return finish_reason;
}

void write_messages_usage(JsonWriter& w, const Usage& usage) {
  const Tokens fresh = usage.input - usage.cached_input - usage.cache_write;
  w.key("usage").begin_object().key("input_tokens").integer(fresh.count);
  w.key("cache_read_input_tokens").integer(usage.cached_input.count);
  w.key("cache_creation_input_tokens").integer(usage.cache_write.count);
  w.key("output_tokens").integer(usage.output.count).end_object();
}

void write_responses_usage(JsonWriter& w, const Usage& usage) {
  w.key("usage").begin_object().key("input_tokens").integer(usage.input.count);
  w.key("input_tokens_details").begin_object();
  w.key("cached_tokens").integer(usage.cached_input.count);
  w.key("cache_write_tokens").integer(usage.cache_write.count).end_object();
  w.key("output_tokens").integer(usage.output.count);
  w.key("output_tokens_details").begin_object();
  w.key("reasoning_tokens").integer(usage.reasoning.count).end_object();
  w.key("total_tokens").integer((usage.input + usage.output).count).end_object();
}

std::string chat_to_messages(JsonView completion) {
  const JsonView choice = completion["choices"].first_element().value();
  const std::string reason = choice["finish_reason"].string();
  std::string out;
  JsonWriter w(out);
  w.begin_object().key("id").string(completion["id"].string()).key("type").string("message");
  w.key("role").string("assistant").key("model").string(completion["model"].string());
  w.key("content").begin_array();
  write_message_blocks(w, choice["message"]);
  w.end_array().key("stop_reason");
  if (reason.empty()) {
    w.null();
  } else {
    w.string(stop_reason_of(reason));
  }
  w.key("stop_sequence").null();
  write_messages_usage(w, read_openai_usage(completion["usage"]));
  w.end_object();
  return out;
}

std::string response_annotation(JsonView annotation) {
  const JsonView citation = annotation["url_citation"];
  std::string json;
  if (!citation.is_object()) return json;
  JsonWriter w(json);
  w.begin_object().key("type").string("url_citation");
  copy(w, citation,
       {{"start_index", "start_index"},
        {"end_index", "end_index"},
        {"url", "url"},
        {"title", "title"}});
  w.end_object();
  return json;
}

std::string_view incomplete_reason(std::string_view finish_reason) {
  constexpr std::array<std::string_view, 4> kComplete = {"", "stop", "tool_calls", "function_call"};
  const auto* complete = std::find(kComplete.begin(), kComplete.end(), finish_reason);
  if (complete != kComplete.end()) return {};
  return finish_reason == "length" ? "max_output_tokens" : finish_reason;
}

void begin_response(JsonWriter& w, const ResponseHead& head) {
  const std::string_view cut = incomplete_reason(head.finish_reason);
  w.begin_object().key("id").string(head.id).key("object").string("response");
  w.key("created_at").integer(head.created).key("status");
  w.string(head.in_progress ? "in_progress" : cut.empty() ? "completed" : "incomplete");
  w.key("error").null().key("incomplete_details");
  if (cut.empty()) {
    w.null();
  } else {
    w.begin_object().key("reason").string(cut).end_object();
  }
  w.key("model").string(head.model);
  each_member(head.echo, [&w](const JsonView::Member& m) {
    w.key(m.key_view().string()).raw(m.value().raw());
  });
}

std::string chat_to_responses(JsonView completion, std::int64_t created, JsonView echo) {
  const JsonView choice = completion["choices"].first_element().value();
  const std::string id = completion["id"].string(), model = completion["model"].string();
  const std::string response_id = "resp_" + id, reason = choice["finish_reason"].string();
  const std::int64_t own = completion["created"].integer().value_or(0);
  std::string out;
  JsonWriter w(out);
  ResponseHead head;
  head.id = response_id;
  head.model = model;
  head.created = own != 0 ? own : created;
  head.finish_reason = reason;
  head.echo = echo;
  begin_response(w, head);
  w.key("output").begin_array();
  write_output(w, choice["message"], id);
  w.end_array();
  const Usage usage = read_openai_usage(completion["usage"]);
  if (usage.reported) write_responses_usage(w, usage);
  w.end_object();
  return out;
}

Result<ChatForm> to_chat(Shape shape, std::string_view body) {
  switch (shape) {
    case Shape::messages: return messages_to_chat(JsonView(body));
    case Shape::responses: return responses_to_chat(JsonView(body));
    case Shape::chat: break;
  }
  return ChatForm{std::string(body), {}};
}

std::string from_chat(Shape shape, std::string_view completion, std::int64_t created,
                      std::string_view echo) {
  switch (shape) {
    case Shape::messages: return chat_to_messages(JsonView(completion));
    case Shape::responses: return chat_to_responses(JsonView(completion), created, JsonView(echo));
    case Shape::chat: break;
  }
  return std::string(completion);
}

std::string_view dialect_of(Shape shape) {
  switch (shape) {
    case Shape::messages: return "anthropic";
    case Shape::responses: return "responses";
    case Shape::chat: break;
  }
  return "openai";
}

}  // namespace llmroute::provider
