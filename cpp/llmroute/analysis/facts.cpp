#include "llmroute/analysis/facts.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <string>

#include "llmroute/analysis/tokens.h"
#include "llmroute/base/text.h"
#include "llmroute/model/defaults.h"
#include "llmroute/wire/json.h"
#include "llmroute/wire/json_scan.h"

namespace llmroute::analysis {

namespace {

constexpr std::array<std::string_view, 6> kRoles = {"system",    "developer", "user",
                                                    "assistant", "tool",      "function"};

// Not parameters: the router sets them, or every dialect carries them.
bool always_carried(std::string_view key) {
  return key == "model" || key == "messages" || key == "stream";
}

// Follows the one checking pass and notes what matters. `depth_` counts open containers: 1 is the
// body, 2 `messages`, 3 one message, 5 one content part.
class FactsReader : public wire::JsonEvents {
 public:
  explicit FactsReader(const char* body) : body_(body) {}

  bool on_key(std::string_view key) {
    keys_[index()] = key;
    if (depth_ == 1) enter_member(key);
    return true;
  }

  bool on_string(std::string_view text) {
    if (depth_ == 1) return member_value(text, true);
    if (in_messages_) return message_string(text);
    weight_ += text_weight(text);
    if (in_format_ && depth_ == 2 && keys_[2] == "type" && text == "json_schema") {
      facts.needs.set(static_cast<std::size_t>(Capability::json_schema));
    }
    if (in_format_ && depth_ == 2 && keys_[2] == "type" && text == "json_object") {
      facts.json_object = true;
    }
    return true;
  }

  bool on_literal(std::string_view text) {
    if (depth_ == 0) return fail("the request body must be a JSON object", "");
    if (in_messages_ && depth_ == 2) return fail("a message must be an object", message_path());
    return depth_ != 1 || member_value(text, false);
  }

  bool on_begin(bool object, const char* at) {
    if (depth_ == 0 && !object) return fail("the request body must be a JSON object", "");
    if (depth_ == 1 && !begin_member(object)) return false;
    if (depth_ == 1 && in_messages_) facts.messages_begin = offset_of(at);
    if (in_messages_ && depth_ == 2) {
      if (!object) return fail("a message must be an object", message_path());
      has_role_ = false;
      ++facts.messages;
    }
    ++depth_;
    if (index() < keys_.size()) keys_[index()] = {};
    return true;
  }

  bool on_end(bool, const char* past) {
    --depth_;
    if (depth_ == 1 && in_messages_) facts.messages_end = offset_of(past);
    if (in_messages_ && depth_ == 2 && !has_role_) {
      return fail("a message needs a role", message_path(-1) + ".role");
    }
    if (depth_ == 1) in_messages_ = in_format_ = false;
    return true;
  }

  Facts facts;
  Error error;
  bool saw_messages = false;
  std::uint64_t weight() const { return weight_; }

 private:
  std::size_t index() const { return static_cast<std::size_t>(depth_); }
  // Bodies are bounded far below 4 GB.
  std::uint32_t offset_of(const char* at) const { return static_cast<std::uint32_t>(at - body_); }

  void enter_member(std::string_view key) {
    parameter_.reset();
    if (always_carried(key)) return;
    parameter_ = parameter_of(key);
  }

  bool begin_member(bool object) {
    const std::string_view key = keys_[1];
    if (key == "messages") {
      if (object) return fail("messages must be an array", "messages");
      saw_messages = in_messages_ = true;
    }
    in_format_ = key == "response_format";
    if (parameter_ == Parameter::tools || parameter_ == Parameter::functions) {
      facts.needs.set(static_cast<std::size_t>(Capability::tools));
    }
    mark();
    return true;
  }

  // A string or literal directly in the body.
  bool member_value(std::string_view text, bool is_string) {
    const std::string_view key = keys_[1];
    if (key == "messages") return fail("messages must be an array", "messages");
    if (!is_string && text == "null") return true;
    mark();
    if (is_string && key == "service_tier") facts.service_tier = service_tier_of(text);
    if (key == "max_tokens" || key == "max_completion_tokens") return read_max_tokens(key, text);
    return true;
  }

  bool read_max_tokens(std::string_view key, std::string_view text) {
    std::int64_t value = 0;
    const auto [past, problem] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (problem != std::errc() || past != text.data() + text.size() || value < 1) {
      return fail(std::string(key) + " must be a whole number of tokens, 1 or more",
                  std::string(key));
    }
    facts.max_output_tokens = Tokens{value};
    return true;
  }

  void mark() {
    if (parameter_) facts.parameters.set(static_cast<std::size_t>(*parameter_));
  }

  bool message_string(std::string_view text) {
    if (depth_ == 2) return fail("a message must be an object", message_path());
    const std::string_view key = index() < keys_.size() ? keys_[index()] : std::string_view();
    if (depth_ == 3 && key == "role") return check_role(text);
    if (depth_ == 5 && key == "type") note_part(text);
    // What an image or a file weighs is not its bytes.
    if (key != "url" && key != "data" && key != "file_data") weight_ += text_weight(text);
    return true;
  }

  bool check_role(std::string_view role) {
    has_role_ = true;
    if (std::find(kRoles.begin(), kRoles.end(), role) != kRoles.end()) return true;
    fail("unknown role \"" + ellipsize(role, 40) + "\"", message_path(-1) + ".role");
    error.nearest = nearest_name(role, kRoles);
    return false;
  }

  void note_part(std::string_view type) {
    if (type == "image_url") {
      ++facts.images;
      facts.needs.set(static_cast<std::size_t>(Capability::vision));
    } else if (type == "input_audio") {
      facts.needs.set(static_cast<std::size_t>(Capability::audio));
    } else if (type == "file") {
      facts.needs.set(static_cast<std::size_t>(Capability::files));
    }
  }

  std::string message_path(int offset = 0) const {
    return "messages[" + std::to_string(static_cast<int>(facts.messages) + offset) + "]";
  }

  bool fail(std::string message, std::string path) {
    error = make_error(ErrorKind::invalid_argument, std::move(message), std::move(path));
    return false;
  }

  const char* body_;
  int depth_ = 0;
  std::array<std::string_view, 72> keys_{};
  std::optional<Parameter> parameter_;
  bool in_messages_ = false, in_format_ = false, has_role_ = false;
  std::uint64_t weight_ = 0;  // of all text, see tokens.h
};

// The same pass over an embeddings body: depth 1 is the body, 2 `input`, 3 one list of tokens.
class EmbeddingReader : public wire::JsonEvents {
 public:
  bool on_key(std::string_view key) {
    if (depth_ == 1) in_input_ = key == "input";
    return true;
  }
  bool on_string(std::string_view text) {
    if (depth_ == 0) return false;
    if (!in_input_ || depth_ > 2) return true;
    text_bytes_ += text.size();
    if (!text.empty()) ++texts;
    return true;
  }
  bool on_literal(std::string_view text) {
    if (depth_ == 0) return false;
    if (in_input_ && depth_ > 1 && text != "null") ++tokens;
    return true;
  }
  bool on_begin(bool object, const char*) {
    if (depth_ == 0 && !object) return false;
    ++depth_;
    return true;
  }
  bool on_end(bool, const char*) {
    --depth_;
    return true;
  }

  std::uint32_t texts = 0;
  std::int64_t tokens = 0;  // given as numbers
  std::size_t text_bytes() const { return text_bytes_; }

 private:
  int depth_ = 0;
  bool in_input_ = false;
  std::size_t text_bytes_ = 0;
};

Result<void> check_size(std::string_view body) {
  if (body.size() <= defaults::kMaxRequestBytes) return {};
  return make_error(ErrorKind::invalid_argument,
                    "the request body has " + std::to_string(body.size()) + " bytes; at most " +
                        std::to_string(defaults::kMaxRequestBytes) + " are sent");
}

}  // namespace

Result<Facts> read_facts(std::string_view body) {
  if (auto fits = check_size(body); !fits) return fits.error();
  FactsReader reader(body.data());
  const wire::ScanStatus status = wire::scan_json(body, defaults::kMaxJsonDepth, reader);
  if (status.stopped) return reader.error;
  if (!status.ok) {
    return make_error(ErrorKind::invalid_argument, wire::scan_error(status).message);
  }
  if (!reader.saw_messages || reader.facts.messages == 0) {
    return make_error(ErrorKind::invalid_argument,
                      "a request needs at least one message in `messages`", "messages");
  }
  reader.facts.prompt_tokens =
      estimate_prompt(reader.weight(), reader.facts.messages, reader.facts.images);
  return reader.facts;
}

Result<Facts> read_embedding_facts(std::string_view body) {
  if (auto fits = check_size(body); !fits) return fits.error();
  EmbeddingReader reader;
  const wire::ScanStatus status = wire::scan_json(body, defaults::kMaxJsonDepth, reader);
  if (status.stopped) {
    return make_error(ErrorKind::invalid_argument, "the request body must be a JSON object");
  }
  if (!status.ok) {
    return make_error(ErrorKind::invalid_argument, wire::scan_error(status).message);
  }
  if (reader.texts == 0 && reader.tokens == 0) {
    return make_error(ErrorKind::invalid_argument,
                      "`input` must be a text or a list of texts, and not empty", "input");
  }
  Facts facts;
  facts.needs.set(static_cast<std::size_t>(Capability::embeddings));
  facts.max_output_tokens = Tokens{};
  const double text = static_cast<double>(reader.text_bytes()) / defaults::kBytesPerToken;
  facts.prompt_tokens = Tokens{static_cast<std::int64_t>(text) + reader.texts + reader.tokens};
  return facts;
}

}  // namespace llmroute::analysis
