// The conversation as Ollama reads it: a message is one text, with its images beside.
//
// The texts of a message's parts become one, with an empty line between. Arguments of tool calls
// are objects here, so they pass as the JSON they are. A result names its tool; the ids go along for
// the versions that know them. Thinking is not sent back: it is unsigned.
#include <map>
#include <utility>

#include "llmroute/provider/common.h"
#include "llmroute/provider/ollama_parts.h"

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
    // Without one it loads the model and says nothing.
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
    w_.begin_object().key("role").string(role);
    write_content(message);
    w_.end_object();
    if (message.name.is_string()) losses_.left_out(path_ + ".name");
  }

  // Texts are joined as they are escaped; images wait for the end of the text.
  void write_content(const ChatMessage& message) {
    text_.clear();
    images_.clear();
    add_text(message.content);
    each_element(message.content, [this](JsonView part) { add_part(ChatPart(part)); });
    add_text(message.refusal);
    w_.key("content").quoted(text_);
    if (!images_.empty()) {
      w_.key("images").begin_array();
      for (const std::string_view image : images_) w_.quoted(image);
      w_.end_array();
    }
    if (message.cache_control.is_object()) losses_.left_out(path_ + ".cache_control");
  }

  void add_text(JsonView text) {
    if (!text.is_string() || text.raw().size() <= 2) return;
    if (!text_.empty()) text_ += "\\n\\n";
    text_ += text.raw().substr(1, text.raw().size() - 2);
  }

  void add_part(const ChatPart& part) {
    if (part.cache_control.is_object()) losses_.left_out(path_ + ".content.cache_control");
    if (part.type.equals("text")) {
      add_text(part.text);
    } else if (part.type.equals("refusal")) {
      add_text(part.refusal);
    } else if (part.type.equals("image_url")) {
      add_image(part);
    } else {
      losses_.cannot_carry(path_ + ".content",
                           "a content part of type \"" + part.type.string() + "\"");
    }
  }

  void add_image(const ChatPart& part) {
    const auto source = read_source(part.url);
    if (!source) {
      losses_.malformed("an image must be an address or a base64 data URL", path_ + ".content");
    } else if (source->media_type.empty()) {
      losses_.cannot_carry(path_ + ".content", "an image by its address");
    } else {
      images_.push_back(source->data);
    }
    if (part.detail.is_string() && !part.detail.equals("auto")) {
      losses_.left_out(path_ + ".content.image_url.detail");
    }
  }

  void write_assistant(const ChatMessage& message) {
    w_.begin_object().key("role").string("assistant");
    write_content(message);
    if (message.tool_calls.first_element()) {
      w_.key("tool_calls").begin_array();
      each_element(message.tool_calls, [this](JsonView call) { write_call(call); });
      w_.end_array();
    }
    w_.end_object();
    if (message.thinking_blocks.first_element()) losses_.left_out(path_ + ".thinking_blocks");
    if (message.name.is_string()) losses_.left_out(path_ + ".name");
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
    const auto arguments = read_arguments(function["arguments"]);
    if (!arguments) {
      losses_.malformed("the arguments of a tool call are not a JSON object",
                        path_ + ".tool_calls");
      return;
    }
    const std::string id = call["id"].string();
    const std::string name = function["name"].string();
    w_.begin_object().key("id").string(id).key("function").begin_object();
    w_.key("name").string(name).key("arguments").raw(*arguments);
    w_.end_object().end_object();
    names_[id] = name;  // ids by place come again in every turn: the last one counts
  }

  void write_tool_result(const ChatMessage& message) {
    const std::string id = message.tool_call_id.string();
    if (id.empty()) {
      losses_.malformed("a tool message needs the id of its call", path_ + ".tool_call_id");
      return;
    }
    w_.begin_object().key("role").string("tool");
    write_content(message);
    const auto name = names_.find(id);
    if (name != names_.end()) {
      w_.key("tool_name").string(name->second);
    } else if (message.name.is_string()) {
      w_.key("tool_name").raw(message.name.raw());
    }
    w_.key("tool_call_id").string(id).end_object();
    if (message.is_error.boolean() == true) losses_.left_out(path_ + ".is_error");
  }

  JsonWriter& w_;
  Losses& losses_;
  std::string path_;
  std::string text_;                          // of the message, escaped
  std::vector<std::string_view> images_;      // of the message, base64
  std::map<std::string, std::string> names_;  // of the tools, by the ids of their calls
};

}  // namespace

void write_ollama_messages(JsonWriter& writer, JsonView messages, Losses& losses) {
  MessageWriter(writer, losses).write(messages);
}

}  // namespace llmroute::provider
