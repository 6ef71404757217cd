// The conversation as Anthropic reads it.
//
// System and developer messages become the system prompt, in order. Turns of one role that follow
// each other are one turn, which is how parallel tool results must arrive. Blocks without text are
// left out, for they are refused. `cache_control` of parts and tools goes along, and so do
// `thinking_blocks` of assistant messages and `is_error` of tool messages, names that other
// OpenAI-shaped faces use for the same. `reasoning_content` is not sent back: it is unsigned.
#include <utility>

#include "llmroute/model/defaults.h"
#include "llmroute/provider/anthropic_parts.h"
#include "llmroute/provider/common.h"

namespace llmroute::provider {

namespace {

using wire::JsonView;
using wire::JsonWriter;

// Providers' ids go into other providers' conversations; here only these characters are allowed.
std::string tool_id(JsonView id) {
  std::string out = id.string();
  for (char& c : out) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    if (!plain && c != '_' && c != '-') c = '_';
  }
  return out;
}

class MessageWriter {
 public:
  MessageWriter(JsonWriter& writer, Losses& losses)
      : w_(writer), losses_(losses), system_writer_(system_blocks_) {}

  void write(JsonView messages) {
    w_.key("messages").begin_array();
    each_message(messages, losses_, path_,
                 [this](Role role, const ChatMessage& message) { write_message(role, message); });
    if (open_role_.empty() && !losses_.error()) {
      losses_.malformed("this dialect needs a message beside the system prompt", "messages");
    }
    end_turn();
    w_.end_array();
    if (cached_system_) {
      w_.key("system").begin_array().raw(system_blocks_).end_array();
    } else if (!system_.empty()) {
      w_.key("system").string(system_);
    }
  }

 private:
  void write_message(Role role, const ChatMessage& message) {
    role_ = role == Role::assistant ? "assistant" : "user";
    switch (role) {
      case Role::system:
      case Role::developer: add_system(message.content); break;
      case Role::assistant: write_assistant(message); break;
      case Role::tool: write_tool_result(message); break;
      case Role::user:
        write_content(message.content);
        if (message.name.is_string()) losses_.left_out(path_ + ".name");
        break;
    }
  }

  // A turn begins with its first block, so one without any is not there at all.
  void open_turn() {
    if (role_ == open_role_) return;
    end_turn();
    open_role_ = role_;
    w_.begin_object().key("role").string(role_).key("content").begin_array();
  }

  JsonWriter& block(std::string_view type) {
    open_turn();
    return w_.begin_object().key("type").string(type);
  }

  void end_turn() {
    if (open_role_.empty()) return;
    w_.end_array().end_object();
    open_role_ = {};
  }

  void end_block(JsonView cache_control) {
    if (cache_control.is_object()) w_.key("cache_control").raw(cache_control.raw());
    w_.end_object();
  }

  void add_system(JsonView content) {
    add_system_text(content, JsonView());
    each_element(content, [this](JsonView part) {
      if (part["type"].equals("text")) {
        add_system_text(part["text"], part["cache_control"]);
      } else {
        losses_.cannot_carry(path_ + ".content", "a system prompt that is not text");
      }
    });
  }

  void add_system_text(JsonView text, JsonView cache) {
    if (blank(text)) return;
    if (!system_.empty()) system_ += "\n\n";
    text.append_string(system_);
    system_writer_.begin_object().key("type").string("text").key("text").raw(text.raw());
    if (cache.is_object()) system_writer_.key("cache_control").raw(cache.raw());
    system_writer_.end_object();
    cached_system_ = cached_system_ || cache.is_object();
  }

  void write_text(JsonView text, JsonView cache_control) {
    if (blank(text)) return;
    block("text").key("text").raw(text.raw());
    end_block(cache_control);
  }

  void write_content(JsonView content) {
    write_text(content, JsonView());
    each_element(content, [this](JsonView part) { write_part(ChatPart(part)); });
  }

  void write_part(const ChatPart& part) {
    if (part.type.equals("text")) {
      write_text(part.text, part.cache_control);
    } else if (part.type.equals("refusal")) {
      write_text(part.refusal, part.cache_control);
    } else if (part.type.equals("image_url")) {
      if (part.detail.is_string() && !part.detail.equals("auto")) {
        losses_.left_out(path_ + ".content.image_url.detail");
      }
      write_source("image", part.url, part);
    } else if (part.type.equals("file") && is_document(part.file_data)) {
      write_source("document", part.file_data, part);
    } else {
      losses_.cannot_carry(path_ + ".content",
                           "a content part of type \"" + part.type.string() + "\"" +
                               (part.type.equals("file") ? " other than a PDF" : ""));
    }
  }

  static bool is_document(JsonView data) {
    constexpr std::string_view kPdf = "data:application/pdf;";
    const std::string_view raw = data.raw();
    return data.is_string() && (raw.substr(1, 5) != "data:" || raw.substr(1, kPdf.size()) == kPdf ||
                                raw.substr(1, 22) == "data:application\\/pdf;");
  }

  void write_source(std::string_view type, JsonView url, const ChatPart& part) {
    const auto source = read_source(url);
    if (!source) {
      losses_.malformed("an image or file must be an address or a base64 data URL",
                        path_ + ".content");
      return;
    }
    block(type).key("source").begin_object();
    if (source->media_type.empty()) {
      w_.key("type").string("url").key("url").quoted(source->data);
    } else {
      w_.key("type").string("base64").key("media_type").quoted(source->media_type);
      w_.key("data").quoted(source->data);
    }
    w_.end_object();
    if (part.filename.is_string()) w_.key("title").raw(part.filename.raw());
    end_block(part.cache_control);
  }

  void write_assistant(const ChatMessage& message) {
    each_element(message.thinking_blocks, [this](JsonView thinking) {
      if (!thinking.is_object()) return;
      open_turn();
      w_.raw(thinking.raw());
    });
    write_content(message.content);
    write_text(message.refusal, JsonView());
    each_element(message.tool_calls, [this](JsonView call) { write_call(call); });
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
    block("tool_use").key("id").string(tool_id(call["id"]));
    w_.key("name").string(function["name"].string());
    w_.key("input").raw(*arguments);
    end_block(call["cache_control"]);
  }

  void write_tool_result(const ChatMessage& message) {
    const std::string id = tool_id(message.tool_call_id);
    if (id.empty()) {
      losses_.malformed("a tool message needs the id of its call", path_ + ".tool_call_id");
      return;
    }
    block("tool_result").key("tool_use_id").string(id);
    if (message.is_error.boolean() == true) w_.key("is_error").boolean(true);
    w_.key("content").begin_array();
    write_content(message.content);
    w_.end_array();
    end_block(message.cache_control);
  }

  JsonWriter& w_;
  Losses& losses_;
  std::string path_;
  std::string_view role_, open_role_;
  std::string system_, system_blocks_;  // one text; the same as blocks
  JsonWriter system_writer_;
  bool cached_system_ = false;  // only blocks can say where the cache ends
};

}  // namespace

void write_anthropic_messages(JsonWriter& writer, JsonView messages, Losses& losses) {
  MessageWriter(writer, losses).write(messages);
}

bool lacks_thinking_blocks(JsonView messages) {
  bool in_loop = false, lacking = false;
  each_element(messages, [&](JsonView message) {
    const JsonView role = message["role"];
    in_loop = role.equals("tool");
    if (!role.equals("assistant")) return;
    lacking = message["tool_calls"].first_element() && !message["thinking_blocks"].first_element();
  });
  return in_loop && lacking;
}

}  // namespace llmroute::provider
