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

bool blank(JsonView text) {
  constexpr std::size_t kShort = 64;  // longer texts are not searched
  if (!text.is_string() || text.raw().size() <= 2) return true;
  if (text.raw().size() > kShort) return false;
  return text.string().find_first_not_of(" \t\r\n") == std::string::npos;
}

// Providers' ids go into other providers' conversations; here only these characters are allowed.
std::string tool_id(JsonView id) {
  std::string out = id.string();
  for (char& c : out) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    if (!plain && c != '_' && c != '-') c = '_';
  }
  return out;
}

// The members of a message and of a content part, found in one walk each: a lookup by name would
// read the megabytes of an image again for every name.
struct Message {
  JsonView role, content, name, refusal, tool_calls, tool_call_id, is_error, thinking_blocks;
  JsonView function_call, audio, cache_control;

  explicit Message(JsonView whole) {
    each_member(whole, [this](const JsonView::Member& m) {
      if (m.key_is("role")) role = m.value();
      if (m.key_is("content")) content = m.value();
      if (m.key_is("name")) name = m.value();
      if (m.key_is("refusal")) refusal = m.value();
      if (m.key_is("tool_calls")) tool_calls = m.value();
      if (m.key_is("tool_call_id")) tool_call_id = m.value();
      if (m.key_is("is_error")) is_error = m.value();
      if (m.key_is("thinking_blocks")) thinking_blocks = m.value();
      if (m.key_is("function_call")) function_call = m.value();
      if (m.key_is("audio")) audio = m.value();
      if (m.key_is("cache_control")) cache_control = m.value();
    });
  }
};

struct Part {
  JsonView type, text, refusal, cache_control;
  JsonView url, detail;          // of image_url
  JsonView file_data, filename;  // of file

  explicit Part(JsonView whole) {
    each_member(whole, [this](const JsonView::Member& m) {
      if (m.key_is("type")) type = m.value();
      if (m.key_is("text")) text = m.value();
      if (m.key_is("refusal")) refusal = m.value();
      if (m.key_is("cache_control")) cache_control = m.value();
      if (m.key_is("image_url") || m.key_is("file"))
        each_member(m.value(), [this](auto inner) {
          if (inner.key_is("url")) url = inner.value();
          if (inner.key_is("detail")) detail = inner.value();
          if (inner.key_is("file_data")) file_data = inner.value();
          if (inner.key_is("filename")) filename = inner.value();
        });
    });
  }
};

class MessageWriter {
 public:
  MessageWriter(JsonWriter& writer, Losses& losses)
      : w_(writer), losses_(losses), system_writer_(system_blocks_) {}

  void write(JsonView messages) {
    w_.key("messages").begin_array();
    std::size_t index = 0;
    each_element(messages, [&](JsonView message) {
      if (losses_.error()) return;
      path_ = "messages[" + std::to_string(index++) + "]";
      write_message(Message(message));
    });
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
  void write_message(const Message& message) {
    const JsonView role = message.role;
    const JsonView content = message.content;
    if (!content.is_string() && !content.is_array() && !content.is_null() && !content.missing()) {
      losses_.malformed("content must be a text or an array of parts", path_ + ".content");
    } else if (role.equals("system") || role.equals("developer")) {
      add_system(content);
    } else if (role.equals("assistant")) {
      role_ = "assistant";
      write_assistant(message);
    } else if (role.equals("tool")) {
      role_ = "user";
      write_tool_result(message);
    } else if (role.equals("user")) {
      role_ = "user";
      write_content(content);
      if (message.name.is_string()) losses_.left_out(path_ + ".name");
    } else {
      losses_.cannot_carry(path_, "a message of role \"" + role.string() + "\"");
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
    each_element(content, [this](JsonView part) { write_part(Part(part)); });
  }

  void write_part(const Part& part) {
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

  // A data URL or an address. The base64 text goes through as it came, escapes and all, so the
  // megabytes are copied once.
  void write_source(std::string_view type, JsonView url, const Part& part) {
    constexpr std::string_view kData = "data:";
    constexpr std::string_view kBase64 = ";base64,";
    constexpr std::size_t kMaxMediaType = 200;
    std::string_view text = url.is_string() ? url.raw() : std::string_view("\"\"");
    text.remove_prefix(1);
    text.remove_suffix(1);
    const bool data = text.substr(0, kData.size()) == kData;
    const std::size_t mark = text.substr(0, kMaxMediaType).find(kBase64);
    if (text.empty() || (data && mark == std::string_view::npos)) {
      losses_.malformed("an image or file must be an address or a base64 data URL",
                        path_ + ".content");
      return;
    }
    block(type).key("source").begin_object();
    if (data) {
      const std::string_view media = text.substr(kData.size(), mark - kData.size());
      w_.key("type").string("base64");
      w_.key("media_type").quoted(media.substr(0, media.find(';')));
      w_.key("data").quoted(text.substr(mark + kBase64.size()));
    } else {
      w_.key("type").string("url").key("url").quoted(text);
    }
    w_.end_object();
    if (part.filename.is_string()) w_.key("title").raw(part.filename.raw());
    end_block(part.cache_control);
  }

  void write_assistant(const Message& message) {
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
    // The parsed input stands deeper in the document than the text did.
    constexpr int kDepth = defaults::kMaxJsonDepth - 8;
    const std::string arguments = function["arguments"].string();
    const bool empty = arguments.find_first_not_of(" \t\r\n") == std::string::npos;
    if (!empty && (!wire::validate_json(arguments, kDepth) || !JsonView(arguments).is_object())) {
      losses_.malformed("the arguments of a tool call are not a JSON object",
                        path_ + ".tool_calls");
      return;
    }
    block("tool_use").key("id").string(tool_id(call["id"]));
    w_.key("name").string(function["name"].string());
    w_.key("input").raw(empty ? std::string_view("{}") : JsonView(arguments).raw());
    end_block(call["cache_control"]);
  }

  void write_tool_result(const Message& message) {
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
