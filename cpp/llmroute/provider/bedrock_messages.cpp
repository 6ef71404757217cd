// The conversation as Converse reads it.
//
// System and developer messages become the system prompt, in order. Turns of one role that follow
// each other are one turn, which is how parallel tool results must arrive. Texts without letters are
// left out, for they are refused. Images and documents go along as bytes: an address is refused by
// name, for nobody here may fetch it. A `cache_control` mark becomes a cachePoint block behind what
// it marks. `thinking_blocks` go back to Claude, whoever signed them; `reasoning_content` does not.
#include <algorithm>
#include <array>
#include <set>
#include <utility>

#include "llmroute/base/sha256.h"
#include "llmroute/base/text.h"
#include "llmroute/provider/bedrock_parts.h"
#include "llmroute/provider/common.h"

namespace llmroute::provider {

namespace {

using wire::JsonView;
using wire::JsonWriter;

struct Format {
  std::string_view media_type, name;
};

constexpr std::array kImages = {Format{"image/png", "png"}, Format{"image/jpeg", "jpeg"},
                                Format{"image/jpg", "jpeg"}, Format{"image/gif", "gif"},
                                Format{"image/webp", "webp"}};

constexpr std::array kDocuments = {
    Format{"application/pdf", "pdf"},
    Format{"text/csv", "csv"},
    Format{"application/msword", "doc"},
    Format{"application/vnd.openxmlformats-officedocument.wordprocessingml.document", "docx"},
    Format{"application/vnd.ms-excel", "xls"},
    Format{"application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", "xlsx"},
    Format{"text/html", "html"},
    Format{"text/plain", "txt"},
    Format{"text/markdown", "md"}};

constexpr std::array kSounds = {Format{{}, "wav"}, Format{{}, "mp3"},  Format{{}, "flac"},
                                Format{{}, "aac"}, Format{{}, "opus"}, Format{{}, "ogg"},
                                Format{{}, "pcm"}, Format{{}, "webm"}};

template <std::size_t N>
std::string_view format_of(const std::array<Format, N>& formats, std::string_view escaped) {
  std::string media = to_lower(escaped);
  media.erase(std::remove(media.begin(), media.end(), '\\'), media.end());  // "image\/png"
  for (const Format& format : formats) {
    if (format.media_type == media) return format.name;
  }
  return {};
}

bool letter_or_digit(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

// Providers' ids go into other providers' conversations. Here they have at most 64 characters of a
// small set, Claude's a smaller one; a longer id gets a name of its own, the same each time.
std::string tool_id(JsonView id, const BedrockModel& model) {
  constexpr std::size_t kMax = 64;
  std::string out = id.string();
  if (out.size() > kMax) return "long-" + to_hex(sha256(out)).substr(0, 40);
  for (char& c : out) {
    const bool odd = (c == '.' || c == ':') && !model.claude();
    if (!letter_or_digit(c) && c != '_' && c != '-' && !odd) c = '_';
  }
  return out;
}

// Letters, digits, brackets, hyphens and single spaces; the kind of file is said elsewhere.
std::string document_name(JsonView filename) {
  constexpr std::size_t kMax = 180;
  std::string name = filename.string();
  if (const std::size_t dot = name.rfind('.'); dot != std::string::npos && dot > 0)
    name.resize(dot);
  std::string out;
  for (const char c : name.substr(0, kMax)) {
    const bool space = c == ' ' || c == '\t' || c == '\n';
    const bool kept = letter_or_digit(c) || c == '(' || c == ')' || c == '[' || c == ']';
    if (!space) {
      out += kept ? c : '-';
    } else if (!out.empty() && out.back() != ' ') {
      out += ' ';
    }
  }
  while (out.ends_with(' ')) out.pop_back();
  return out.empty() ? "document" : out;
}

class MessageWriter {
 public:
  MessageWriter(JsonWriter& writer, const BedrockModel& model, Losses& losses)
      : w_(writer), model_(model), losses_(losses), system_writer_(system_) {}

  void write(JsonView messages) {
    w_.key("messages").begin_array();
    each_message(messages, losses_, path_,
                 [this](Role role, const ChatMessage& message) { write_message(role, message); });
    if (open_role_.empty() && !losses_.error()) {
      losses_.malformed("this dialect needs a message beside the system prompt", "messages");
    }
    end_turn();
    w_.end_array();
    if (!system_.empty()) w_.key("system").begin_array().raw(system_).end_array();
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
  JsonWriter& block(std::string_view kind) {
    if (role_ != open_role_) {
      end_turn();
      open_role_ = role_;
      w_.begin_object().key("role").string(role_).key("content").begin_array();
    }
    return w_.begin_object().key(kind);
  }

  void end_turn() {
    if (open_role_.empty()) return;
    w_.end_array().end_object();
    open_role_ = {};
  }

  // --- cache ------------------------------------------------------------------------------------

  bool wants_cache(JsonView cache_control) {
    if (!cache_control.is_object()) return false;
    if (!model_.caches()) losses_.left_out(path_ + ".cache_control");
    return model_.caches();
  }

  // Within a tool's result there is no place for it: it goes behind the result.
  void end_block(JsonView cache_control) {
    w_.end_object();
    if (!wants_cache(cache_control)) return;
    if (in_result_) {
      result_cache_ = cache_control;
    } else {
      write_cache_point(w_, cache_control, model_);
    }
  }

  // --- texts ------------------------------------------------------------------------------------

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
    system_writer_.begin_object().key("text").raw(text.raw()).end_object();
    if (wants_cache(cache)) write_cache_point(system_writer_, cache, model_);
  }

  void write_text(JsonView text, JsonView cache_control) {
    if (blank(text)) return;
    block("text").raw(text.raw());
    end_block(cache_control);
  }

  void write_content(JsonView content) {
    write_text(content, JsonView());
    each_element(content, [this](JsonView part) { write_part(ChatPart(part)); });
  }

  // --- parts ------------------------------------------------------------------------------------

  void write_part(const ChatPart& part) {
    if (part.type.equals("text")) {
      write_text(part.text, part.cache_control);
    } else if (part.type.equals("refusal")) {
      write_text(part.refusal, part.cache_control);
    } else if (part.type.equals("image_url")) {
      write_image(part);
    } else if (part.type.equals("file")) {
      write_document(part);
    } else if (part.type.equals("input_audio") && !in_result_) {
      write_audio(part);
    } else {
      cannot_carry("a content part of type \"" + part.type.string() + "\"");
    }
  }

  void cannot_carry(const std::string& what) { losses_.cannot_carry(path_ + ".content", what); }

  void write_image(const ChatPart& part) {
    if (part.detail.is_string() && !part.detail.equals("auto")) {
      losses_.left_out(path_ + ".content.image_url.detail");
    }
    const auto source = read_source(part.url);
    if (!source) {
      losses_.malformed("an image must be an address or a base64 data URL", path_ + ".content");
      return;
    }
    const std::string_view format = format_of(kImages, source->media_type);
    if (source->media_type.empty()) {
      cannot_carry("the address of an image, only its bytes as a data URL");
    } else if (format.empty()) {
      cannot_carry("an image that is no PNG, JPEG, GIF or WebP");
    } else {
      block("image").begin_object().key("format").string(format);
      write_bytes(source->data, part);
    }
  }

  void write_document(const ChatPart& part) {
    const auto source = read_source(part.file_data);
    const std::string_view format = source ? format_of(kDocuments, source->media_type) : "";
    if (part.file_id.is_string() || !source || source->media_type.empty()) {
      cannot_carry("a file by its id or address, only its bytes as a data URL");
    } else if (format.empty()) {
      cannot_carry("a file of this type");
    } else {
      block("document").begin_object().key("format").string(format);
      w_.key("name").string(unused_name(document_name(part.filename)));
      write_bytes(source->data, part);
    }
  }

  void write_audio(const ChatPart& part) {
    const auto* format = std::find_if(kSounds.begin(), kSounds.end(), [&part](const Format& f) {
      return part.audio_format.equals(f.name);
    });
    if (format == kSounds.end() || !part.audio_data.is_string()) {
      cannot_carry("sound of this format");
      return;
    }
    block("audio").begin_object().key("format").string(format->name);
    const std::string_view raw = part.audio_data.raw();
    write_bytes(raw.substr(1, raw.size() - 2), part);
  }

  void write_bytes(std::string_view escaped, const ChatPart& part) {
    w_.key("source").begin_object().key("bytes").quoted(escaped).end_object().end_object();
    end_block(part.cache_control);
  }

  // Two documents of one name are refused.
  std::string unused_name(const std::string& name) {
    std::string unused = name;
    for (std::size_t n = names_.size() + 1; !names_.insert(unused).second; ++n) {
      unused = name + " (" + std::to_string(n) + ")";
    }
    return unused;
  }

  // --- the assistant and its tools --------------------------------------------------------------

  void write_assistant(const ChatMessage& message) {
    each_element(message.thinking_blocks, [this](JsonView thinking) { write_thinking(thinking); });
    write_content(message.content);
    write_text(message.refusal, JsonView());
    each_element(message.tool_calls, [this](JsonView call) { write_call(call); });
    if (message.function_call.is_object()) {
      losses_.cannot_carry(path_ + ".function_call", "function_call of a message");
    }
    if (message.audio.is_object()) losses_.cannot_carry(path_ + ".audio", "audio of a message");
  }

  void write_thinking(JsonView thinking) {
    const JsonView type = thinking["type"];
    const JsonView signature = thinking["signature"];
    const JsonView data = thinking["data"];
    if (!model_.takes_thinking()) {
      losses_.left_out(path_ + ".thinking_blocks");
    } else if (type.equals("thinking") && signature.is_string() &&
               thinking["thinking"].is_string()) {
      block("reasoningContent").begin_object().key("reasoningText").begin_object();
      w_.key("text").raw(thinking["thinking"].raw()).key("signature").raw(signature.raw());
      w_.end_object().end_object().end_object();
    } else if (type.equals("redacted_thinking") && data.is_string()) {
      block("reasoningContent").begin_object();
      w_.key("redactedContent").string(redacted_blob(data.string())).end_object().end_object();
    } else {
      losses_.left_out(path_ + ".thinking_blocks");
    }
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
    block("toolUse").begin_object().key("toolUseId").string(tool_id(call["id"], model_));
    w_.key("name").string(function["name"].string()).key("input").raw(*arguments).end_object();
    end_block(call["cache_control"]);
  }

  void write_tool_result(const ChatMessage& message) {
    const std::string id = tool_id(message.tool_call_id, model_);
    if (id.empty()) {
      losses_.malformed("a tool message needs the id of its call", path_ + ".tool_call_id");
      return;
    }
    block("toolResult").begin_object().key("toolUseId").string(id);
    if (message.is_error.boolean() == true) w_.key("status").string("error");
    w_.key("content").begin_array();
    in_result_ = true;
    result_cache_ = message.cache_control;
    write_content(message.content);
    in_result_ = false;
    w_.end_array().end_object();
    end_block(result_cache_);
  }

  JsonWriter& w_;
  const BedrockModel& model_;
  Losses& losses_;
  std::string path_;
  std::string_view role_, open_role_;
  std::string system_;  // its blocks
  JsonWriter system_writer_;
  std::set<std::string> names_;  // of documents
  bool in_result_ = false;
  JsonView result_cache_;
};

}  // namespace

void write_bedrock_messages(JsonWriter& writer, JsonView messages, const BedrockModel& model,
                            Losses& losses) {
  MessageWriter(writer, model, losses).write(messages);
}

void write_cache_point(JsonWriter& writer, JsonView cache_control, const BedrockModel& model) {
  writer.begin_object().key("cachePoint").begin_object().key("type").string("default");
  if (cache_control["ttl"].equals("1h") && model.caches_tools()) writer.key("ttl").string("1h");
  writer.end_object().end_object();
}

}  // namespace llmroute::provider
