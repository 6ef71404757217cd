// The conversation as Cohere reads it: nearly OpenAI's own shape, so texts, images, tool calls and
// their arguments go through as they came.
//
// Parts without text are left out. Its own plans and thinking carry no signature, so no
// `thinking_blocks` are ever its own; those of others are listed.
#include <utility>

#include "llmroute/provider/cohere_parts.h"
#include "llmroute/provider/common.h"

namespace llmroute::provider {

namespace {

using wire::JsonView;
using wire::JsonWriter;

class MessageWriter {
 public:
  MessageWriter(JsonWriter& writer, Losses& losses) : w_(writer), losses_(losses) {}

  void write(JsonView messages) {
    w_.key("messages").begin_array();
    const std::size_t seen = each_message(
        messages, losses_, path_,
        [this](Role role, const ChatMessage& message) { write_message(role, message); });
    w_.end_array();
    if (seen == 0) losses_.malformed("a request needs a message", "messages");
  }

 private:
  void write_message(Role role, const ChatMessage& message) {
    switch (role) {
      case Role::system:
      case Role::developer: write_plain("system", message); break;
      case Role::user: write_plain("user", message); break;
      case Role::assistant: write_assistant(message); break;
      case Role::tool: write_tool_result(message); break;
    }
  }

  void write_plain(std::string_view role, const ChatMessage& message) {
    with_images_ = role == "user";
    w_.begin_object().key("role").string(role);
    write_content(message);
    w_.end_object();
    if (message.name.is_string()) losses_.left_out(path_ + ".name");
  }

  // A text stays a text.
  void write_content(const ChatMessage& message) {
    const JsonView content = message.content;
    w_.key("content");
    if (content.is_string()) {
      w_.raw(content.raw());
    } else if (content.first_element()) {
      w_.begin_array();
      each_element(content, [this](JsonView part) { write_part(ChatPart(part)); });
      w_.end_array();
    } else {
      w_.string("");
    }
    if (message.cache_control.is_object()) losses_.left_out(path_ + ".cache_control");
  }

  void write_part(const ChatPart& part) {
    if (part.cache_control.is_object()) losses_.left_out(path_ + ".content.cache_control");
    if (part.type.equals("text")) {
      write_text(part.text);
    } else if (part.type.equals("refusal")) {
      write_text(part.refusal);
    } else if (part.type.equals("image_url") && with_images_) {
      write_image(part);
    } else {
      losses_.cannot_carry(path_ + ".content",
                           "a content part of type \"" + part.type.string() + "\" there");
    }
  }

  void write_text(JsonView text) {
    if (blank(text)) return;
    w_.begin_object().key("type").string("text").key("text").raw(text.raw()).end_object();
  }

  void write_image(const ChatPart& part) {
    if (!read_source(part.url)) {
      losses_.malformed("an image must be an address or a base64 data URL", path_ + ".content");
      return;
    }
    w_.begin_object().key("type").string("image_url").key("image_url").begin_object();
    w_.key("url").raw(part.url.raw());
    if (part.detail.is_string()) w_.key("detail").raw(part.detail.raw());
    w_.end_object().end_object();
  }

  void write_assistant(const ChatMessage& message) {
    with_images_ = false;
    w_.begin_object().key("role").string("assistant");
    const bool calls = static_cast<bool>(message.tool_calls.first_element());
    const bool refused = !blank(message.refusal);
    const bool says = !blank(message.content) || message.content.first_element();
    if (says) {
      write_content(message);
    } else if (refused) {
      w_.key("content").raw(message.refusal.raw());
    } else if (!calls) {
      w_.key("content").string("");
    }
    if (calls) {
      w_.key("tool_calls").begin_array();
      each_element(message.tool_calls, [this](JsonView call) { write_call(call); });
      w_.end_array();
    }
    w_.end_object();
    list_losses(message, says && refused);
  }

  void list_losses(const ChatMessage& message, bool refusal_lost) {
    if (message.thinking_blocks.first_element()) losses_.left_out(path_ + ".thinking_blocks");
    if (message.name.is_string()) losses_.left_out(path_ + ".name");
    if (refusal_lost) losses_.left_out(path_ + ".refusal");
    if (message.function_call.is_object()) {
      losses_.cannot_carry(path_ + ".function_call", "function_call of a message");
    }
    if (message.audio.is_object()) losses_.cannot_carry(path_ + ".audio", "audio of a message");
  }

  void write_call(JsonView call) {
    const JsonView function = call["function"];
    if (!function.is_object()) {
      losses_.cannot_carry(path_ + ".tool_calls",
                           "a tool call of type \"" + call["type"].string() + "\"");
      return;
    }
    const JsonView arguments = function["arguments"];
    w_.begin_object().key("id").string(call["id"].string()).key("type").string("function");
    w_.key("function").begin_object().key("name").string(function["name"].string());
    w_.key("arguments").raw(arguments.is_string() ? arguments.raw() : R"("{}")");
    w_.end_object().end_object();
  }

  void write_tool_result(const ChatMessage& message) {
    if (blank(message.tool_call_id)) {
      losses_.malformed("a tool message needs the id of its call", path_ + ".tool_call_id");
      return;
    }
    with_images_ = false;
    w_.begin_object().key("role").string("tool");
    w_.key("tool_call_id").raw(message.tool_call_id.raw());
    write_content(message);
    w_.end_object();
    if (message.is_error.boolean() == true) losses_.left_out(path_ + ".is_error");
  }

  JsonWriter& w_;
  Losses& losses_;
  std::string path_;
  bool with_images_ = false;  // only users show any
};

}  // namespace

void write_cohere_messages(JsonWriter& writer, JsonView messages, Losses& losses) {
  MessageWriter(writer, losses).write(messages);
}

}  // namespace llmroute::provider
