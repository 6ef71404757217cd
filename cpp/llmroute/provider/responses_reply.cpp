// A whole response in OpenAI's chat shape: the texts of its messages as one, calls of the caller's
// tools, the reasoning's readable text as `reasoning_content` and its items as `thinking_blocks`,
// which the request side takes back. Items of tools that the provider runs itself have no place
// there and are passed over; what they found is in the text and its annotations.
#include "llmroute/provider/common.h"
#include "llmroute/provider/responses_parts.h"

namespace llmroute::provider {

namespace {

using wire::JsonView;
using wire::JsonWriter;

void add_said(JsonView part, ChatAnswer& out) {
  each_member(part, [&out](const JsonView::Member& m) {
    if (m.key_is("text")) out.has_text = m.value().append_string(out.text) || out.has_text;
    if (m.key_is("refusal")) m.value().append_string(out.refusal);
    if (m.key_is("annotations")) {
      each_element(m.value(), [&out](JsonView annotation) {
        const std::string json = chat_annotation(annotation);
        if (!json.empty()) add_element(out.annotations, json);
      });
    }
    if (m.key_is("logprobs")) {
      each_element(m.value(), [&out](JsonView p) { add_element(out.logprobs, p.raw()); });
    }
  });
}

// Each part of the reasoning is a paragraph.
void add_thoughts(JsonView parts, std::string& out) {
  each_element(parts, [&out](JsonView part) {
    const JsonView text = part["text"];
    if (!text.is_string() || text.raw().size() <= 2) return;
    if (!out.empty()) out += "\n\n";
    text.append_string(out);
  });
}

void add_call(JsonView item, ChatAnswer& out) {
  const std::string id = item["call_id"].string(), name = item["name"].string();
  if (item["type"].equals("function_call")) {
    out.add_call(id, name, item["arguments"].string());
    return;
  }
  std::string json;
  JsonWriter w(json);
  w.begin_object().key("id").string(id).key("type").string("custom");
  w.key("custom").begin_object().key("name").string(name);
  w.key("input").string(item["input"].string()).end_object().end_object();
  add_element(out.tool_calls, json);
}

ChatAnswer gather(JsonView output) {
  ChatAnswer out;
  each_element(output, [&out](JsonView item) {
    const JsonView type = item["type"];
    if (type.equals("message")) {
      each_element(item["content"], [&out](JsonView part) { add_said(part, out); });
    } else if (type.equals("reasoning")) {
      add_thoughts(item["summary"], out.reasoning);
      add_thoughts(item["content"], out.reasoning);
      out.add_thinking_block(item.raw());
    } else if (is_call(type)) {
      add_call(item, out);
    }
  });
  return out;
}

}  // namespace

// Chat completions put what a citation points to one level deeper.
std::string chat_annotation(JsonView annotation) {
  std::string json;
  if (!annotation["type"].equals("url_citation")) return json;
  JsonWriter w(json);
  w.begin_object().key("type").string("url_citation").key("url_citation").begin_object();
  for (const std::string_view key : {"start_index", "end_index", "url", "title"}) {
    const JsonView value = annotation[key];
    if (!value.missing()) w.key(key).raw(value.raw());
  }
  w.end_object().end_object();
  return json;
}

std::string responses_to_openai(JsonView reply, const ReplySummary& summary) {
  ChatCompletion out;
  out.id = reply["id"].string();
  out.model = reply["model"].string();
  // Some give it with a fraction.
  const double created = reply["created_at"].number().value_or(0);
  if (created > 0 && created < 1e12) out.created = static_cast<std::int64_t>(created);
  out.answers.push_back(gather(reply["output"]));
  ChatAnswer& answer = out.answers[0];
  answer.finish_reason = summary.finish_reason;
  if (!answer.logprobs.empty()) {
    answer.logprobs = R"({"content":[)" + answer.logprobs + R"(],"refusal":null})";
  }
  out.usage = summary.usage;
  return out.to_json();
}

}  // namespace llmroute::provider
