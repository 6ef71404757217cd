// The caller's request taken apart, and a reply put together, for the dialects that turn both
// around. For files of this folder only; views live as long as the request's body.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "llmroute/provider/dialect.h"
#include "llmroute/wire/json.h"

namespace llmroute::provider {

// What a request asks for and a wire format cannot carry. The first problem wins.
class Losses {
 public:
  // `dialect` has static storage; `dropped` must outlive this object.
  Losses(std::string_view dialect, bool may_drop, std::vector<std::string>& dropped)
      : dialect_(dialect), may_drop_(may_drop), dropped_(dropped) {}

  // A parameter, or a value of one, that has no place here: an error, or listed where allowed.
  void cannot_carry(const std::string& path, const std::string& what);
  // A hint without meaning for the answer: left out and listed, never an error.
  void left_out(const std::string& path);
  // The request itself is wrong.
  void malformed(std::string message, std::string path);

  const std::optional<Error>& error() const { return error_; }

 private:
  std::string_view dialect_;
  bool may_drop_;
  std::vector<std::string>& dropped_;
  std::optional<Error> error_;
};

// The members of a chat completions body; nulls count as absent.
class ChatBody {
 public:
  // Parameters of `unsupported` go to `losses`.
  ChatBody(const ChatRequest& request, const ParameterSet& unsupported, Losses& losses);
  wire::JsonView messages;
  wire::JsonView operator[](Parameter p) const { return parameters_[static_cast<std::size_t>(p)]; }
  // max_completion_tokens, or max_tokens.
  std::optional<std::int64_t> max_tokens() const;

 private:
  std::array<wire::JsonView, ParameterSet().size()> parameters_;
};

// The members of a message and of a content part, found in one walk each: a lookup by name would
// read the megabytes of an image again for every name.
struct ChatMessage {
  wire::JsonView role, content, name, refusal, tool_calls, tool_call_id, is_error, thinking_blocks;
  wire::JsonView function_call, audio, cache_control;
  wire::JsonView images;  // of an assistant: pictures it made, as ChatAnswer has them
  explicit ChatMessage(wire::JsonView whole);
};

enum class Role : std::uint8_t { system, developer, user, assistant, tool };

// The role of a message whose content has a form that can be read; nothing for another one, which
// goes to `losses`.
std::optional<Role> role_of(const ChatMessage& message, const std::string& path, Losses& losses);

// Calls f(Role, const ChatMessage&) for each message up to the first loss; `path` is where it stands
// ("messages[3]"). How many there were.
template <class F>
std::size_t each_message(wire::JsonView messages, Losses& losses, std::string& path, F&& f) {
  std::size_t index = 0;
  for (auto e = messages.first_element(); e && !losses.error(); e = e.next()) {
    path = "messages[" + std::to_string(index++) + "]";
    const ChatMessage message(e.value());
    if (const auto role = role_of(message, path, losses)) f(*role, message);
  }
  return index;
}

struct ChatPart {
  wire::JsonView type, text, refusal, cache_control;
  wire::JsonView url, detail;                   // of image_url, video_url
  wire::JsonView file_data, file_id, filename;  // of file
  wire::JsonView audio_data, audio_format;      // of input_audio
  explicit ChatPart(wire::JsonView whole);
};

// Absent, no text, empty, or white space only.
bool blank(wire::JsonView text);

// An address of http or https, where base64 or a data URL could stand.
bool is_web_address(wire::JsonView text);

// An address or a base64 data URL, still escaped as it stood in the document: the megabytes of an
// image are copied once, by JsonWriter::quoted.
struct Source {
  std::string_view media_type;  // empty: `data` is an address
  std::string_view data;
};
std::optional<Source> read_source(wire::JsonView url);

// The arguments of a tool call as the JSON object they are, "{}" for nothing; no value where they
// are no object. The text is unescaped; `room` is how much deeper it will stand in the document.
std::optional<std::string> read_arguments(wire::JsonView arguments, int room = 8);

// reasoning_effort; the budget is for models that want a number of tokens. Null for other words.
struct Effort {
  std::string_view name;
  std::int64_t budget;  // tokens; 0: no thinking
};
const Effort* find_effort(wire::JsonView word);

// Version of a Claude model by its name ("claude-sonnet-4-5-20250929", "claude-3-7-sonnet",
// "anthropic/claude-opus-4.6"); {0, 0} for any other name.
struct ModelVersion {
  int major = 0, minor = 0;
  friend constexpr auto operator<=>(const ModelVersion&, const ModelVersion&) = default;
};
ModelVersion claude_version(std::string_view model);

// Appends one JSON value to a list of them.
void add_element(std::string& elements, std::string_view json);

// Makes a provider's counts the totals that model/usage.h wants, where it counts reasoning beside its
// output: `total`, the provider's own sum, says so, or there is more reasoning than output. A part is
// never more than its whole.
void settle_usage(Usage& usage, std::optional<Tokens> total);

// A picture as an image_url part with a data URL; `base64`: a JSON text. `extra`: JSON object for
// extra_content, or empty.
std::string chat_image(std::string_view media_type, wire::JsonView base64, std::string_view extra);

// One answer in OpenAI's chat.completion shape, as it is gathered from a provider's reply.
struct ChatAnswer {
  std::string text, refusal, reasoning;
  bool has_text = false;        // else content is null
  std::string tool_calls;       // JSON elements, as add_call writes them
  std::string thinking_blocks;  // JSON elements
  std::string annotations;      // JSON elements in chat's form
  std::string logprobs;         // JSON object, as OpenAI has it; empty: null
  std::string images;           // JSON elements, as add_image writes them
  std::string finish_reason;    // canonical; empty: null

  // `arguments`: JSON text. `extra`: JSON object for extra_content, or empty.
  void add_call(std::string_view id, std::string_view name, std::string_view arguments,
                std::string_view extra = {});
  void add_thinking_block(std::string_view json);
  // As chat_image writes it.
  void add_image(std::string_view media_type, wire::JsonView base64, std::string_view extra = {});
};

struct ChatCompletion {
  std::string id, model;
  std::int64_t created = 0;  // unix seconds; a dialect has no clock
  std::vector<ChatAnswer> answers;
  Usage usage;  // written where reported
  std::string to_json() const;
};

}  // namespace llmroute::provider
