#include "llmroute/provider/chat_parts.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include "llmroute/model/defaults.h"
#include "llmroute/provider/common.h"

namespace llmroute::provider {

using wire::JsonView;
using wire::JsonWriter;

// --- losses ---------------------------------------------------------------------------------------

void Losses::cannot_carry(const std::string& path, const std::string& what) {
  if (may_drop_) {
    left_out(path);
  } else if (!error_) {
    error_ = make_error(ErrorKind::bad_request,
                        "the " + std::string(dialect_) + " dialect cannot carry " + what +
                            "; leave it out, or allow it to be dropped",
                        path);
  }
}

void Losses::left_out(const std::string& path) { list_once(dropped_, path); }

void Losses::malformed(std::string message, std::string path) {
  if (!error_) {
    error_ = make_error(ErrorKind::invalid_argument, std::move(message), std::move(path));
  }
}

// --- the request ----------------------------------------------------------------------------------

ChatBody::ChatBody(const ChatRequest& request, const ParameterSet& unsupported, Losses& losses) {
  const Facts& facts = request.facts;
  const std::string_view body = request.body;
  const auto known = body.substr(facts.messages_begin, facts.messages_end - facts.messages_begin);
  for (auto m = JsonView(body).first_member(known); m; m = m.next()) {
    const JsonView value = m.value();
    if (value.is_null() || m.key_is("model") || m.key_is("stream")) continue;
    if (m.key_is("messages")) {
      messages = value;
      continue;
    }
    const std::string key = m.key_view().string();
    const Parameter parameter = parameter_of(key);
    if (unsupported.test(static_cast<std::size_t>(parameter))) {
      const std::string quoted = "\"" + key + "\"";
      losses.cannot_carry(key.empty() ? quoted : key, "the parameter " + quoted);
    } else {
      parameters_[static_cast<std::size_t>(parameter)] = value;
    }
  }
}

std::optional<std::int64_t> ChatBody::max_tokens() const {
  const auto newer = (*this)[Parameter::max_completion_tokens].integer();
  return newer ? newer : (*this)[Parameter::max_tokens].integer();
}

ChatMessage::ChatMessage(JsonView whole) {
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
    if (m.key_is("images")) images = m.value();
  });
}

std::optional<Role> role_of(const ChatMessage& message, const std::string& path, Losses& losses) {
  const JsonView content = message.content;
  if (!content.is_string() && !content.is_array() && !content.is_null() && !content.missing()) {
    losses.malformed("content must be a text or an array of parts", path + ".content");
    return std::nullopt;
  }
  const JsonView role = message.role;
  if (role.equals("user")) return Role::user;
  if (role.equals("assistant")) return Role::assistant;
  if (role.equals("tool")) return Role::tool;
  if (role.equals("system")) return Role::system;
  if (role.equals("developer")) return Role::developer;
  losses.cannot_carry(path, "a message of role \"" + role.string() + "\"");
  return std::nullopt;
}

ChatPart::ChatPart(JsonView whole) {
  each_member(whole, [this](const JsonView::Member& m) {
    if (m.key_is("type")) type = m.value();
    if (m.key_is("text")) text = m.value();
    if (m.key_is("refusal")) refusal = m.value();
    if (m.key_is("cache_control")) cache_control = m.value();
    if (!m.key_is("image_url") && !m.key_is("file") && !m.key_is("input_audio") &&
        !m.key_is("video_url")) {
      return;
    }
    each_member(m.value(), [this](auto inner) {
      if (inner.key_is("url")) url = inner.value();
      if (inner.key_is("detail")) detail = inner.value();
      if (inner.key_is("file_data")) file_data = inner.value();
      if (inner.key_is("file_id")) file_id = inner.value();
      if (inner.key_is("filename")) filename = inner.value();
      if (inner.key_is("data")) audio_data = inner.value();
      if (inner.key_is("format")) audio_format = inner.value();
    });
  });
}

bool blank(JsonView text) {
  constexpr std::size_t kShort = 64;  // longer texts are not searched
  if (!text.is_string() || text.raw().size() <= 2) return true;
  if (text.raw().size() > kShort) return false;
  return text.string().find_first_not_of(" \t\r\n") == std::string::npos;
}

bool is_web_address(JsonView text) {
  if (!text.is_string()) return false;
  const std::string_view start = text.raw().substr(1, 5);
  return start == "http:" || start == "https";
}

std::optional<Source> read_source(JsonView url) {
  constexpr std::string_view kData = "data:";
  constexpr std::string_view kBase64 = ";base64,";
  constexpr std::size_t kMaxMediaType = 200;
  if (!url.is_string() || url.raw().size() <= 2) return std::nullopt;
  const std::string_view text = url.raw().substr(1, url.raw().size() - 2);
  if (text.substr(0, kData.size()) != kData) return Source{{}, text};
  const std::size_t mark = text.substr(0, kMaxMediaType).find(kBase64);
  if (mark == std::string_view::npos) return std::nullopt;
  const std::string_view media = text.substr(kData.size(), mark - kData.size());
  return Source{media.substr(0, media.find(';')), text.substr(mark + kBase64.size())};
}

std::optional<std::string> read_arguments(JsonView arguments, int room) {
  std::string text = arguments.string();
  if (text.find_first_not_of(" \t\r\n") == std::string::npos) return "{}";
  if (!wire::validate_json(text, defaults::kMaxJsonDepth - room)) return std::nullopt;
  const JsonView view(text);
  if (!view.is_object()) return std::nullopt;
  return std::string(view.raw());
}

const Effort* find_effort(JsonView word) {
  static constexpr std::array kEfforts = {
      Effort{"none", 0},     Effort{"minimal", 0},   Effort{"low", 1024}, Effort{"medium", 4096},
      Effort{"high", 16384}, Effort{"xhigh", 32768}, Effort{"max", 32768}};
  const auto* found = std::find_if(kEfforts.begin(), kEfforts.end(),
                                   [&](const Effort& e) { return word.equals(e.name); });
  return found == kEfforts.end() ? nullptr : found;
}

ModelVersion claude_version(std::string_view model) {
  constexpr std::string_view kFamily = "claude-";
  const std::size_t at = model.rfind(kFamily);
  if (at == std::string_view::npos) return {};
  model.remove_prefix(at + kFamily.size());
  std::array<int, 2> found{};
  std::size_t numbers = 0;
  // Parts between dashes and dots; a number of one or two digits is a version, more are a date.
  while (!model.empty() && numbers < found.size()) {
    const std::size_t end = std::min(model.find_first_of("-."), model.size());
    const std::string_view part = model.substr(0, end);
    model.remove_prefix(std::min(end + 1, model.size()));
    const bool number = part.find_first_not_of("0123456789") == std::string_view::npos;
    if (part.empty() || !number || part.size() > 2) {
      if (numbers > 0) break;
      continue;
    }
    std::from_chars(part.data(), part.data() + part.size(), found[numbers++]);
  }
  return {found[0], found[1]};
}

// --- the reply ------------------------------------------------------------------------------------

namespace {

void write_text_or_null(JsonWriter& w, std::string_view text, bool there) {
  if (there) {
    w.string(text);
  } else {
    w.null();
  }
}

void write_answer(JsonWriter& w, const ChatAnswer& answer) {
  w.key("message").begin_object().key("role").string("assistant").key("content");
  write_text_or_null(w, answer.text, answer.has_text);
  w.key("refusal");
  write_text_or_null(w, answer.refusal, !answer.refusal.empty());
  if (!answer.reasoning.empty()) w.key("reasoning_content").string(answer.reasoning);
  if (!answer.thinking_blocks.empty()) {
    w.key("thinking_blocks").begin_array().raw(answer.thinking_blocks).end_array();
  }
  if (!answer.tool_calls.empty()) {
    w.key("tool_calls").begin_array().raw(answer.tool_calls).end_array();
  }
  if (!answer.annotations.empty()) {
    w.key("annotations").begin_array().raw(answer.annotations).end_array();
  }
  if (!answer.images.empty()) w.key("images").begin_array().raw(answer.images).end_array();
  w.end_object().key("finish_reason");
  write_text_or_null(w, answer.finish_reason, !answer.finish_reason.empty());
  w.key("logprobs").raw(answer.logprobs.empty() ? "null" : std::string_view(answer.logprobs));
}

// Details that are nothing are left out, but for the two that everybody reads.
void write_usage(JsonWriter& w, const Usage& usage) {
  const auto some = [&w](std::string_view key, Tokens tokens) {
    if (tokens.count > 0) w.key(key).integer(tokens.count);
  };
  w.key("usage").begin_object();
  w.key("prompt_tokens").integer(usage.input.count);
  w.key("completion_tokens").integer(usage.output.count);
  w.key("total_tokens").integer(usage.input.count + usage.output.count);
  w.key("prompt_tokens_details").begin_object();
  w.key("cached_tokens").integer(usage.cached_input.count);
  w.key("cache_write_tokens").integer(usage.cache_write.count);
  some("audio_tokens", usage.audio_input);
  some("image_tokens", usage.image_input);
  w.end_object().key("completion_tokens_details").begin_object();
  w.key("reasoning_tokens").integer(usage.reasoning.count);
  some("audio_tokens", usage.audio_output);
  some("image_tokens", usage.image_output);
  w.end_object().end_object();
}

}  // namespace

void add_element(std::string& elements, std::string_view json) {
  if (!elements.empty()) elements += ',';
  elements += json;
}

void settle_usage(Usage& usage, std::optional<Tokens> total) {
  const bool beside =
      usage.reasoning.count > 0 && total && *total == usage.input + usage.output + usage.reasoning;
  if (beside || usage.reasoning > usage.output) usage.output = usage.output + usage.reasoning;
  usage.cached_input = std::min(usage.cached_input, usage.input);
  usage.cache_write = std::min(usage.cache_write, usage.input - usage.cached_input);
  usage.cache_write_hour = std::min(usage.cache_write_hour, usage.cache_write);
  for (Tokens* part : {&usage.audio_input, &usage.image_input})
    *part = std::min(*part, usage.input);
  for (Tokens* part : {&usage.audio_output, &usage.image_output}) {
    *part = std::min(*part, usage.output);
  }
}

void ChatAnswer::add_call(std::string_view id, std::string_view name, std::string_view arguments,
                          std::string_view extra) {
  if (!tool_calls.empty()) tool_calls += ',';
  JsonWriter w(tool_calls);
  w.begin_object().key("id").string(id).key("type").string("function");
  w.key("function").begin_object().key("name").string(name);
  w.key("arguments").string(arguments).end_object();
  if (!extra.empty()) w.key("extra_content").raw(extra);
  w.end_object();
}

void ChatAnswer::add_thinking_block(std::string_view json) { add_element(thinking_blocks, json); }

void ChatAnswer::add_image(std::string_view media_type, JsonView base64, std::string_view extra) {
  add_element(images, chat_image(media_type, base64, extra));
}

std::string chat_image(std::string_view media_type, JsonView base64, std::string_view extra) {
  const std::string_view raw = base64.raw();
  std::string url = "data:";
  wire::append_escaped(url, media_type);
  url.append(";base64,").append(raw.substr(1, raw.size() - 2));
  std::string image;
  JsonWriter w(image);
  w.begin_object().key("type").string("image_url");
  w.key("image_url").begin_object().key("url").quoted(url).end_object();
  if (!extra.empty()) w.key("extra_content").raw(extra);
  w.end_object();
  return image;
}

std::string ChatCompletion::to_json() const {
  std::string out;
  JsonWriter w(out);
  w.begin_object().key("id").string(id).key("object").string("chat.completion");
  w.key("created").integer(created).key("model").string(model);
  w.key("choices").begin_array();
  for (std::size_t i = 0; i < answers.size(); ++i) {
    w.begin_object().key("index").integer(static_cast<std::int64_t>(i));
    write_answer(w, answers[i]);
    w.end_object();
  }
  w.end_array();
  if (usage.reported) write_usage(w, usage);
  w.end_object();
  return out;
}

}  // namespace llmroute::provider
