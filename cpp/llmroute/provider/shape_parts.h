// The parts of the callers' shapes, for shape*.cpp alone.
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>

#include "llmroute/provider/shapes.h"
#include "llmroute/wire/json.h"

namespace llmroute::provider {

Result<std::string> messages_to_chat(wire::JsonView body);
Result<std::string> responses_to_chat(wire::JsonView body);
std::string chat_to_messages(wire::JsonView completion);
std::string chat_to_responses(wire::JsonView completion, std::int64_t created);
std::unique_ptr<ShapeWriter> messages_writer(std::string id, std::string model);
std::unique_ptr<ShapeWriter> responses_writer(std::string id, std::string model,
                                              std::int64_t created);

// Writes members that are there and not null, each as it came, under its second name.
void copy(wire::JsonWriter& w, wire::JsonView from,
          std::initializer_list<std::pair<std::string_view, std::string_view>> names);

// The word of the Messages API for a finish reason; a raw one that it does not know stays.
std::string_view stop_reason_of(std::string_view finish_reason);

// `usage` objects of the two shapes.
void write_messages_usage(wire::JsonWriter& w, const Usage& usage);
void write_responses_usage(wire::JsonWriter& w, const Usage& usage);

}  // namespace llmroute::provider
