// A whole reply in OpenAI's shape. The plan that the model makes before it calls tools is thinking
// that can be read, as its thinking is: both become `reasoning_content`. Citations have no place.
#include <algorithm>

#include "llmroute/provider/cohere_parts.h"
#include "llmroute/provider/common.h"

namespace llmroute::provider {

namespace {

using wire::JsonView;
using wire::JsonWriter;

void add_calls(JsonView calls, ChatAnswer& answer) {
  each_element(calls, [&](JsonView call) {
    const JsonView function = call["function"];
    answer.add_call(call["id"].string(), function["name"].string(), function["arguments"].string());
  });
}

void add_content(JsonView content, ChatAnswer& answer) {
  answer.has_text = content.append_string(answer.text);  // some compatible servers give a text
  each_element(content, [&](JsonView part) {
    if (part["type"].equals("text")) {
      answer.has_text = part["text"].append_string(answer.text) || answer.has_text;
    } else if (part["type"].equals("thinking")) {
      part["thinking"].append_string(answer.reasoning);
    }
  });
}

// A piece of text with the numbers of its tokens, one entry each.
void add_logprobs(JsonView logprobs, std::string& out) {
  if (!logprobs.is_array()) return;
  JsonWriter w(out);
  w.begin_object().key("content").begin_array();
  each_element(logprobs, [&w](JsonView item) {
    const JsonView number = item["logprobs"].first_element().value();
    if (!item["text"].is_string() || !number.number()) return;
    w.begin_object().key("token").raw(item["text"].raw()).key("logprob").raw(number.raw());
    w.key("bytes").null().key("top_logprobs").begin_array().end_array().end_object();
  });
  w.end_array().end_object();
}

}  // namespace

Usage read_cohere_usage(JsonView usage) {
  Usage out;
  const auto take = [&out](JsonView object) {
    const auto input = count(object["input_tokens"]);
    const auto output = count(object["output_tokens"]);
    if (!input || !output) return false;
    out.input = *input;
    out.output = *output;
    return out.reported = true;
  };
  if (take(usage["billed_units"]) || !take(usage["tokens"])) return out;
  out.cached_input = std::min(count(usage["cached_tokens"]).value_or(Tokens{}), out.input);
  return out;
}

std::string cohere_finish_reason(std::string raw) {
  if (raw == "COMPLETE" || raw == "STOP_SEQUENCE") return "stop";
  if (raw == "MAX_TOKENS") return "length";
  if (raw == "TOOL_CALL") return "tool_calls";
  if (raw == "ERROR_TOXIC") return "content_filter";
  return raw;
}

std::string cohere_to_openai(JsonView reply, const ReplySummary& summary, std::string_view model) {
  ChatCompletion out;
  out.id = reply["id"].string();
  out.model = model;
  ChatAnswer& answer = out.answers.emplace_back();
  each_member(reply["message"], [&answer](const JsonView::Member& m) {
    if (m.key_is("tool_plan")) m.value().append_string(answer.reasoning);
    if (m.key_is("content")) add_content(m.value(), answer);
    if (m.key_is("tool_calls")) add_calls(m.value(), answer);
  });
  add_logprobs(reply["logprobs"], answer.logprobs);
  answer.finish_reason = summary.finish_reason;
  out.usage = summary.usage;
  return out.to_json();
}

}  // namespace llmroute::provider
