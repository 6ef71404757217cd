// A whole reply as callers expect it. Most providers' is that already and passes as it came; some
// give content as a list of parts with the thinking inside, and some call the thinking `reasoning`.
#include "llmroute/provider/common.h"
#include "llmroute/provider/openai_parts.h"

namespace llmroute::provider {

namespace {

using wire::JsonView;
using wire::JsonWriter;

// The members of a message that may have to change, found in one walk.
struct MessageParts {
  JsonView content, reasoning, reasoning_content;
  explicit MessageParts(JsonView message) {
    each_member(message, [this](const JsonView::Member& m) {
      if (m.key_is("content")) content = m.value();
      if (m.key_is("reasoning")) reasoning = m.value();
      if (m.key_is("reasoning_content")) reasoning_content = m.value();
    });
  }
  bool has_thoughts() const { return reasoning_content.is_string(); }
  bool changes() const {
    const bool other_name = reasoning.is_string() && reasoning.raw().size() > 2 && !has_thoughts();
    return content.is_array() || other_name;
  }
};

// {"type": "text", "text": ...}, and {"type": "thinking", "thinking": [parts]} or with a text.
void read_parts(JsonView content, std::string& text, std::string& thoughts) {
  each_element(content, [&](JsonView part) {
    if (part["type"].equals("text")) part["text"].append_string(text);
    const JsonView thinking = part["thinking"];
    thinking.append_string(thoughts);
    each_element(thinking, [&thoughts](JsonView p) { p["text"].append_string(thoughts); });
  });
}

void write_message(JsonWriter& w, JsonView message) {
  const MessageParts parts(message);
  if (!parts.changes()) {
    w.raw(message.raw());
    return;
  }
  std::string text, thoughts;
  read_parts(parts.content, text, thoughts);
  if (thoughts.empty()) parts.reasoning.append_string(thoughts);
  w.begin_object();
  each_member(message, [&](const JsonView::Member& m) {
    if (m.key_is("reasoning_content") && !parts.has_thoughts()) return;  // null
    w.key(m.key_view().string());
    if (m.key_is("content") && parts.content.is_array()) {
      w.string(text);
    } else {
      w.raw(m.value().raw());
    }
  });
  if (!thoughts.empty() && !parts.has_thoughts()) w.key("reasoning_content").string(thoughts);
  w.end_object();
}

void write_choice(JsonWriter& w, JsonView choice) {
  w.begin_object();
  each_member(choice, [&w](const JsonView::Member& m) {
    w.key(m.key_view().string());
    if (m.key_is("message") && m.value().is_object()) {
      write_message(w, m.value());
    } else {
      w.raw(m.value().raw());
    }
  });
  w.end_object();
}

bool changes(JsonView choices) {
  bool found = false;
  each_element(choices, [&found](JsonView choice) {
    found = found || MessageParts(choice["message"]).changes();
  });
  return found;
}

}  // namespace

std::string openai_to_openai(JsonView reply) {
  const JsonView choices = reply["choices"];
  if (!changes(choices)) return std::string(reply.raw());
  std::string out;
  out.reserve(reply.raw().size());
  JsonWriter w(out);
  w.begin_object();
  each_member(reply, [&w](const JsonView::Member& m) {
    w.key(m.key_view().string());
    if (!m.key_is("choices") || !m.value().is_array()) {
      w.raw(m.value().raw());
      return;
    }
    w.begin_array();
    each_element(m.value(), [&w](JsonView choice) {
      if (choice.is_object()) {
        write_choice(w, choice);
      } else {
        w.raw(choice.raw());
      }
    });
    w.end_array();
  });
  w.end_object();
  return out;
}

}  // namespace llmroute::provider
