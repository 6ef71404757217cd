// The conversation as a list of items.
//
// System and developer messages keep their place and role. A tool call is an item of its own, and so
// is its result; ids and the bytes of arguments pass as they are. Reasoning items that an earlier
// reply gave (`thinking_blocks` of type "reasoning") go back before what the turn said: the provider
// refuses them behind it. Where it keeps nothing, an item without its sealed content and without
// text says nothing and would be looked up in vain, so it stays here.
#include <utility>

#include "llmroute/provider/common.h"
#include "llmroute/provider/responses_parts.h"

namespace llmroute::provider {

namespace {

using wire::JsonView;
using wire::JsonWriter;

class InputWriter {
 public:
  InputWriter(JsonWriter& writer, Losses& losses, InputOptions& options)
      : w_(writer), losses_(losses), options_(options) {}

  void write(JsonView messages) {
    w_.key("input").begin_array();
    each_message(messages, losses_, path_,
                 [this](Role role, const ChatMessage& message) { write_message(role, message); });
    w_.end_array();
    if (items_ == 0 && !losses_.error()) {
      losses_.malformed("this dialect needs a message that says something", "messages");
    }
  }

 private:
  void write_message(Role role, const ChatMessage& message) {
    if (message.cache_control.is_object()) losses_.left_out(path_ + ".cache_control");
    if (message.name.is_string()) losses_.left_out(path_ + ".name");
    switch (role) {
      case Role::system: write_said("system", message.content); break;
      case Role::developer:
        write_said(options_.developer_role ? "developer" : "system", message.content);
        break;
      case Role::user: write_said("user", message.content); break;
      case Role::assistant: write_assistant(message); break;
      case Role::tool: write_tool_result(message); break;
    }
  }

  JsonWriter& item() {
    ++items_;
    return w_.begin_object();
  }

  void write_said(std::string_view role, JsonView content) {
    if (!content.is_string() && !content.first_element()) return;
    item().key("role").string(role).key("content");
    write_content(content);
    w_.end_object();
  }

  // A text as it is, or parts.
  void write_content(JsonView content) {
    if (content.is_string()) {
      w_.raw(content.raw());
      return;
    }
    w_.begin_array();
    each_element(content, [this](JsonView part) { write_part(ChatPart(part)); });
    w_.end_array();
  }

  JsonWriter& part(std::string_view type) { return w_.begin_object().key("type").string(type); }

  void write_part(const ChatPart& p) {
    if (p.cache_control.is_object()) losses_.left_out(path_ + ".content.cache_control");
    if (p.type.equals("text") && p.text.is_string()) {
      part("input_text").key("text").raw(p.text.raw()).end_object();
    } else if (p.type.equals("image_url")) {
      write_image(p);
    } else if (p.type.equals("file")) {
      write_file(p);
    } else {
      losses_.cannot_carry(path_ + ".content",
                           "a content part of type \"" + p.type.string() + "\"");
    }
  }

  void write_image(const ChatPart& p) {
    if (!p.url.is_string() || p.url.raw().size() <= 2) {
      losses_.malformed("an image must be an address or a data URL", path_ + ".content");
      return;
    }
    part("input_image").key("image_url").raw(p.url.raw());
    w_.key("detail").raw(p.detail.is_string() ? p.detail.raw() : "\"auto\"").end_object();
  }

  void write_file(const ChatPart& p) {
    const bool has_data = p.file_data.is_string() && p.file_data.raw().size() > 2;
    if (!has_data && !p.file_id.is_string()) {
      losses_.malformed("a file needs file_data or file_id", path_ + ".content");
      return;
    }
    part("input_file");
    if (p.filename.is_string()) w_.key("filename").raw(p.filename.raw());
    if (p.file_id.is_string()) w_.key("file_id").raw(p.file_id.raw());
    if (has_data) {
      w_.key(is_web_address(p.file_data) ? "file_url" : "file_data").raw(p.file_data.raw());
    }
    w_.end_object();
  }

  // --- what the model said ----------------------------------------------------------------------

  void write_assistant(const ChatMessage& message) {
    each_element(message.thinking_blocks, [this](JsonView block) { write_thinking(block); });
    write_answer(message);
    each_element(message.tool_calls, [this](JsonView call) { write_call(call); });
    if (message.function_call.is_object()) {
      losses_.cannot_carry(path_ + ".function_call", "function_call of a message");
    }
    if (message.audio.is_object()) losses_.cannot_carry(path_ + ".audio", "audio of a message");
  }

  void write_thinking(JsonView block) {
    const bool sealed = block["encrypted_content"].is_string();
    const bool says = sealed || block["content"].first_element();
    const bool kept = options_.stored && block["id"].is_string();
    if (!block["type"].equals("reasoning") || (!says && !kept)) {
      losses_.left_out(path_ + ".thinking_blocks");
      return;
    }
    options_.sealed = options_.sealed || sealed;
    item();
    bool summary = false;
    each_member(block, [&](const JsonView::Member& m) {
      if (m.value().is_null()) return;
      summary = summary || m.key_is("summary");
      w_.key(m.key_view().string()).raw(m.value().raw());
    });
    if (!summary) w_.key("summary").begin_array().end_array();
    w_.end_object();
  }

  // Each text is an item of its own: in parts, a message of the model needs an id and a status that
  // only the provider gives. A refusal has no other place.
  void write_answer(const ChatMessage& message) {
    if (message.content.is_string()) write_text(message.content);
    each_element(message.content, [this](JsonView p) { write_answer_part(ChatPart(p)); });
    if (message.refusal.is_string()) write_refusal(message.refusal);
  }

  void write_answer_part(const ChatPart& p) {
    if (p.cache_control.is_object()) losses_.left_out(path_ + ".content.cache_control");
    if (p.type.equals("text") && p.text.is_string()) {
      write_text(p.text);
    } else if (p.type.equals("refusal") && p.refusal.is_string()) {
      write_refusal(p.refusal);
    } else {
      losses_.cannot_carry(path_ + ".content",
                           "a part of an answer of type \"" + p.type.string() + "\"");
    }
  }

  void write_text(JsonView text) {
    if (text.raw().size() <= 2) return;
    item().key("role").string("assistant").key("content").raw(text.raw()).end_object();
  }

  void write_refusal(JsonView refusal) {
    if (refusal.raw().size() <= 2) return;
    item().key("role").string("assistant").key("content").begin_array();
    part("refusal").key("refusal").raw(refusal.raw()).end_object().end_array().end_object();
  }

  void write_call(JsonView call) {
    const JsonView function = call["function"];
    if (!function.is_object()) {
      losses_.cannot_carry(path_ + ".tool_calls",
                           "a tool call of type \"" + call["type"].string() + "\"");
      return;
    }
    if (call["extra_content"].is_object()) losses_.left_out(path_ + ".tool_calls.extra_content");
    const JsonView id = call["id"], name = function["name"], arguments = function["arguments"];
    if (!id.is_string() || !name.is_string()) {
      losses_.malformed("a tool call needs its id and the name of its function",
                        path_ + ".tool_calls");
      return;
    }
    item().key("type").string("function_call").key("call_id").raw(id.raw());
    w_.key("name").raw(name.raw());
    w_.key("arguments").raw(arguments.is_string() ? arguments.raw() : "\"{}\"").end_object();
  }

  void write_tool_result(const ChatMessage& message) {
    if (!message.tool_call_id.is_string()) {
      losses_.malformed("a tool message needs the id of its call", path_ + ".tool_call_id");
      return;
    }
    if (message.is_error.boolean() == true) losses_.left_out(path_ + ".is_error");
    item().key("type").string("function_call_output");
    w_.key("call_id").raw(message.tool_call_id.raw()).key("output");
    const JsonView content = message.content;
    if (content.is_string() || content.first_element()) {
      write_content(content);
    } else {
      w_.string("");
    }
    w_.end_object();
  }

  JsonWriter& w_;
  Losses& losses_;
  InputOptions& options_;
  std::string path_;
  std::size_t items_ = 0;
};

}  // namespace

void write_responses_input(JsonWriter& writer, JsonView messages, Losses& losses,
                           InputOptions& options) {
  InputWriter(writer, losses, options).write(messages);
}

}  // namespace llmroute::provider
