// The parts of the callers' shapes, for shape*.cpp alone.
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>

#include "llmroute/provider/shapes.h"
#include "llmroute/wire/json.h"

namespace llmroute::provider {

Result<ChatForm> messages_to_chat(wire::JsonView body);
Result<ChatForm> responses_to_chat(wire::JsonView body);
std::string chat_to_messages(wire::JsonView completion);
std::string chat_to_responses(wire::JsonView completion, std::int64_t created, wire::JsonView echo);
std::unique_ptr<ShapeWriter> messages_writer(std::string id, std::string model);
std::unique_ptr<ShapeWriter> responses_writer(std::string id, std::string model,
                                              std::int64_t created, std::string echo);

// Names of members here and there; "" where the member is written elsewhere, or means nothing there.
using Names = std::initializer_list<std::pair<std::string_view, std::string_view>>;

// Writes members that are there and not null, each as it came, under its second name.
void copy(wire::JsonWriter& w, wire::JsonView from, Names names);

// What is left out of a request on its way to a chat body.
class LeftOut {
 public:
  // A member that only the caller's own API has; one that asks for nothing (null, false, an empty
  // array) is none.
  void note(std::string path, wire::JsonView value);
  // As `copy`; members without a name are noted as `path` + `where` + "." + their own.
  void carry(wire::JsonWriter& w, wire::JsonView from, Names names, std::string_view path,
             std::string_view where = {});
  std::vector<std::string> take() { return std::move(paths_); }

 private:
  std::vector<std::string> paths_;  // each once
};

// An annotation of chat completions as the Responses API has it: one level flatter. Empty for one of
// another kind.
std::string response_annotation(wire::JsonView annotation);

// Why a response is incomplete: the word of the Responses API, or a finish reason that it does not
// know, for that is no success. Empty: it is complete.
std::string_view incomplete_reason(std::string_view finish_reason);

// A response object up to its output.
struct ResponseHead {
  std::string_view id, model;
  std::int64_t created = 0;        // unix seconds
  bool in_progress = false;        // else completed, or incomplete where the reason says so
  std::string_view finish_reason;  // canonical, or raw; empty: none
  wire::JsonView echo;
};
void begin_response(wire::JsonWriter& w, const ResponseHead& head);

// The word of the Messages API for a finish reason; a raw one that it does not know stays.
std::string_view stop_reason_of(std::string_view finish_reason);

// `usage` objects of the two shapes.
void write_messages_usage(wire::JsonWriter& w, const Usage& usage);
void write_responses_usage(wire::JsonWriter& w, const Usage& usage);

}  // namespace llmroute::provider
