// The conversation as Gemini reads it.
//
// System and developer messages become the system instruction, in order. Turns of one role that
// follow each other are one turn, which is how parallel tool results must arrive; a result names its
// function, which is looked up by the call's id. A result that is a JSON object goes as it is, any
// other as {"output": text}, one with `is_error` as {"error": text}. Signatures come back where they
// were: a call's in its `extra_content`, the text's in `thinking_blocks`, an image's in the
// `extra_content` of `images`. `reasoning_content` is not sent back.
#include <array>
#include <map>
#include <utility>

#include "llmroute/base/text.h"
#include "llmroute/model/defaults.h"
#include "llmroute/provider/common.h"
#include "llmroute/provider/gemini_parts.h"

namespace llmroute::provider {

namespace {

using wire::JsonView;
using wire::JsonWriter;

// The provider's own word for a call of another model's, which has no signature ("skip_thought_
// signature_validator" in base64, as its FAQ on thought signatures has it): without one the whole
// conversation is refused.
constexpr std::string_view kNoSignature = "c2tpcF90aG91Z2h0X3NpZ25hdHVyZV92YWxpZGF0b3I=";

struct MediaType {
  std::string_view ending, type;
};
// Of addresses, whose type has to be said; what is not here is left for the provider to find out.
constexpr std::array kMediaTypes = {
    MediaType{".png", "image/png"},         MediaType{".jpg", "image/jpeg"},
    MediaType{".jpeg", "image/jpeg"},       MediaType{".webp", "image/webp"},
    MediaType{".gif", "image/gif"},         MediaType{".heic", "image/heic"},
    MediaType{".heif", "image/heif"},       MediaType{".pdf", "application/pdf"},
    MediaType{".txt", "text/plain"},        MediaType{".md", "text/markdown"},
    MediaType{".html", "text/html"},        MediaType{".csv", "text/csv"},
    MediaType{".json", "application/json"}, MediaType{".mp3", "audio/mp3"},
    MediaType{".wav", "audio/wav"},         MediaType{".ogg", "audio/ogg"},
    MediaType{".flac", "audio/flac"},       MediaType{".aac", "audio/aac"},
    MediaType{".mp4", "video/mp4"},         MediaType{".mov", "video/mov"},
    MediaType{".webm", "video/webm"},       MediaType{".mpeg", "video/mpeg"}};

std::string_view media_type_of(std::string_view address) {
  address = address.substr(0, address.find_first_of("?#"));
  for (const MediaType& known : kMediaTypes) {
    if (address.size() < known.ending.size()) continue;
    const auto end = address.substr(address.size() - known.ending.size());
    if (equals_ignore_case(end, known.ending)) return known.type;
  }
  return {};
}

JsonView signature_of(JsonView owner) {
  return owner.at("extra_content", "google", "thought_signature");
}

class ContentsWriter {
 public:
  ContentsWriter(JsonWriter& writer, ModelVersion version, Losses& losses)
      : w_(writer), version_(version), losses_(losses), system_writer_(system_parts_) {}

  void write(JsonView messages) {
    w_.key("contents").begin_array();
    each_message(messages, losses_, path_,
                 [this](Role role, const ChatMessage& message) { write_message(role, message); });
    if (open_role_.empty() && !losses_.error()) {
      losses_.malformed("this dialect needs a message beside the system prompt", "messages");
    }
    end_turn();
    w_.end_array();
    if (system_parts_.empty()) return;
    w_.key("systemInstruction").begin_object().key("parts").begin_array();
    w_.raw(system_parts_).end_array().end_object();
  }

 private:
  void write_message(Role role, const ChatMessage& message) {
    role_ = role == Role::assistant ? "model" : "user";
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
    if (message.cache_control.is_object()) losses_.left_out(path_ + ".cache_control");
  }

  // A turn begins with its first part, so one without any is not there at all.
  JsonWriter& part() {
    if (role_ != open_role_) {
      end_turn();
      open_role_ = role_;
      w_.begin_object().key("role").string(role_).key("parts").begin_array();
    }
    return w_.begin_object();
  }

  void end_turn() {
    if (open_role_.empty()) return;
    w_.end_array().end_object();
    open_role_ = {};
  }

  void add_system(JsonView content) {
    add_system_text(content);
    each_element(content, [this](JsonView whole) {
      const ChatPart system(whole);
      if (system.type.equals("text")) {
        add_system_text(system.text);
        note_cache(system);
      } else {
        losses_.cannot_carry(path_ + ".content", "a system prompt that is not text");
      }
    });
  }

  void add_system_text(JsonView text) {
    if (blank(text)) return;
    system_writer_.begin_object().key("text").raw(text.raw()).end_object();
  }

  void note_cache(const ChatPart& marked) {
    if (marked.cache_control.is_object()) losses_.left_out(path_ + ".content.cache_control");
  }

  // --- parts ------------------------------------------------------------------------------------

  void write_text(JsonView text) {
    if (blank(text)) return;
    part().key("text").raw(text.raw());
    end_with(std::exchange(signature_, JsonView()));
  }

  void end_with(JsonView signature) {
    if (signature.is_string()) w_.key("thoughtSignature").raw(signature.raw());
    w_.end_object();
  }

  void write_content(JsonView content) {
    write_text(content);
    each_element(content, [this](JsonView whole) {
      const ChatPart given(whole);
      note_cache(given);
      if (given.type.equals("text")) {
        write_text(given.text);
      } else if (given.type.equals("refusal")) {
        write_text(given.refusal);
      } else if (can_write(given)) {
        part();
        write_media(given);
        w_.end_object();
      }
    });
  }

  // An address or a data URL, wherever this kind of part has it.
  static JsonView place_of(const ChatPart& given) {
    if (!given.type.equals("file")) return given.url;
    return given.file_data.is_string() ? given.file_data : given.file_id;
  }

  static bool is_address(std::string_view text) {
    return text.find("://") != std::string_view::npos || text.find(":\\/\\/") != std::string::npos;
  }

  bool can_write(const ChatPart& given) {
    const std::string path = path_ + ".content";
    if (given.detail.is_string() && !given.detail.equals("auto")) {
      losses_.left_out(path + ".image_url.detail");
    }
    if (given.filename.is_string()) losses_.left_out(path + ".file.filename");
    if (given.type.equals("input_audio")) {
      const bool whole = !blank(given.audio_data) && !blank(given.audio_format);
      if (!whole) losses_.malformed("input_audio needs data and format", path);
      return whole;
    }
    const bool file = given.type.equals("file");
    if (!file && !given.type.equals("image_url") && !given.type.equals("video_url")) {
      losses_.cannot_carry(path, "a content part of type \"" + given.type.string() + "\"");
      return false;
    }
    const auto source = read_source(place_of(given));
    if (source && (!source->media_type.empty() || is_address(source->data))) return true;
    if (file && !given.file_data.is_string() && given.file_id.is_string()) {
      losses_.cannot_carry(path, "the file_id of another provider");
    } else {
      losses_.malformed("an image or file must be an address or a base64 data URL", path);
    }
    return false;
  }

  // The member of a part that can_write has found good.
  void write_media(const ChatPart& given) {
    if (given.type.equals("input_audio")) {
      w_.key("inlineData").begin_object();
      w_.key("mimeType").string("audio/" + given.audio_format.string());
      w_.key("data").raw(given.audio_data.raw()).end_object();
      return;
    }
    const auto source = read_source(place_of(given));
    if (!source->media_type.empty()) {
      write_inline(*source);
      return;
    }
    w_.key("fileData").begin_object();
    const auto type = media_type_of(source->data);
    if (!type.empty()) w_.key("mimeType").string(type);
    w_.key("fileUri").quoted(source->data).end_object();
  }

  void write_inline(const Source& source) {
    w_.key("inlineData").begin_object().key("mimeType").quoted(source.media_type);
    w_.key("data").quoted(source.data).end_object();
  }

  // --- the model's turn -------------------------------------------------------------------------

  void write_assistant(const ChatMessage& message) {
    signature_ = JsonView();
    each_element(message.thinking_blocks, [this](JsonView block) {
      if (block["type"].equals("thought_signature") && block["signature"].is_string()) {
        signature_ = block["signature"];
      } else {
        losses_.left_out(path_ + ".thinking_blocks");
      }
    });
    write_content(message.content);
    write_text(message.refusal);
    if (signature_.is_string()) {  // streams bring it in a part of its own
      part().key("text").string("");
      end_with(std::exchange(signature_, JsonView()));
    }
    each_element(message.images, [this](JsonView image) { write_own_image(image); });
    bool first = true;
    each_element(message.tool_calls,
                 [&](JsonView call) { write_call(call, std::exchange(first, false)); });
    if (message.function_call.is_object()) {
      losses_.cannot_carry(path_ + ".function_call", "function_call of a message");
    }
    if (message.audio.is_object()) losses_.cannot_carry(path_ + ".audio", "audio of a message");
  }

  void write_own_image(JsonView image) {
    const auto source = read_source(image.at("image_url", "url"));
    if (!source || source->media_type.empty()) {
      losses_.left_out(path_ + ".images");
      return;
    }
    part();
    write_inline(*source);
    end_with(signature_of(image));
  }

  void write_call(JsonView call, bool first) {
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
    part().key("functionCall").begin_object();
    if (!id.empty()) w_.key("id").string(id);
    w_.key("name").string(function["name"].string()).key("args").raw(*arguments).end_object();
    names_[id] = function["name"];
    // Of parallel calls the first one alone is signed.
    const JsonView signature = signature_of(call);
    if (!signature.is_string() && first && version_ >= kGemini3) {
      w_.key("thoughtSignature").string(kNoSignature);
    }
    end_with(signature);
  }

  // --- tool results -----------------------------------------------------------------------------

  void write_tool_result(const ChatMessage& message) {
    const std::string id = message.tool_call_id.string();
    const auto known = names_.find(id);
    const JsonView name = known == names_.end() ? message.name : known->second;
    if (id.empty() || !name.is_string()) {
      losses_.malformed(id.empty() ? "a tool message needs the id of its call"
                                   : "a tool message answers a call that is not in the messages",
                        path_ + ".tool_call_id");
      return;
    }
    std::string text = message.content.string();
    std::vector<ChatPart> media;
    each_element(message.content,
                 [&](JsonView whole) { sort_result(ChatPart(whole), text, media); });
    part().key("functionResponse").begin_object().key("id").string(id);
    w_.key("name").raw(name.raw()).key("response");
    write_result(text, message.is_error.boolean() == true);
    // Before the third generation a response holds no media; beside it they are read as well.
    const bool inside = version_ >= kGemini3 && !media.empty();
    if (inside) {
      w_.key("parts").begin_array();
      for (const ChatPart& given : media) {
        w_.begin_object();
        write_media(given);
        w_.end_object();
      }
      w_.end_array();
    }
    w_.end_object().end_object();
    for (const ChatPart& given : media) {
      if (inside) break;
      part();
      write_media(given);
      w_.end_object();
    }
  }

  void sort_result(const ChatPart& given, std::string& text, std::vector<ChatPart>& media) {
    note_cache(given);
    if (given.type.equals("text")) {
      if (!text.empty()) text += '\n';
      given.text.append_string(text);
    } else if (can_write(given)) {
      media.push_back(given);
    }
  }

  void write_result(const std::string& text, bool is_error) {
    constexpr int kRoom = 8;  // how deep it stands in the document
    const std::size_t first = text.find_first_not_of(" \t\r\n");
    const bool object = first != std::string::npos && text[first] == '{' && !is_error &&
                        wire::validate_json(text, defaults::kMaxJsonDepth - kRoom);
    if (object) {
      w_.raw(JsonView(text).raw());
    } else {
      w_.begin_object().key(is_error ? "error" : "output").string(text).end_object();
    }
  }

  JsonWriter& w_;
  ModelVersion version_;
  Losses& losses_;
  std::string path_;
  std::string_view role_, open_role_;
  JsonView signature_;  // of the message's text, until it is written
  std::map<std::string, JsonView, std::less<>> names_;  // of functions by their calls' ids
  std::string system_parts_;
  JsonWriter system_writer_;
};

}  // namespace

void write_gemini_contents(JsonWriter& writer, JsonView messages, ModelVersion version,
                           Losses& losses) {
  ContentsWriter(writer, version, losses).write(messages);
}

}  // namespace llmroute::provider
