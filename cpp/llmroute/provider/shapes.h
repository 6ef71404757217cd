// The wire formats that callers may speak, and OpenAI's chat completions between them.
//
// A caller of the Responses or the Messages API is understood by turning its request into a chat
// body, which every dialect can carry; what came is kept beside it (ChatRequest::native) for
// providers of the same format. Replies and streams are turned the other way. Pure functions, no
// clock; thread-safe but for ShapeWriter, which belongs to one stream.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "llmroute/base/error.h"
#include "llmroute/model/delta.h"
#include "llmroute/model/request.h"

namespace llmroute::provider {

// A request of a caller's shape as a chat body.
struct ChatForm {
  std::string body;
  // Hints that no chat body has a place for, as paths in the caller's own words
  // (ChatRequest::left_out).
  std::vector<std::string> left_out;
};

// `body`: validated JSON object in that shape. What is asked for and has no counterpart in a chat body
// goes along under its own name or type, so that dialects refuse it by name. Kind invalid_argument
// with a path for what is malformed in its own shape.
Result<ChatForm> to_chat(Shape shape, std::string_view body);

// What replies of that shape say of their request, JSON object; `body` as the caller wrote it.
std::string echo_of(Shape shape, std::string_view body);

// A chat.completion as a reply of that shape, JSON text. `created`: unix seconds, where the reply
// has none. `echo`: of the request, as echo_of gives it.
std::string from_chat(Shape shape, std::string_view completion, std::int64_t created,
                      std::string_view echo = "{}");

// The dialect whose replies already have that shape.
std::string_view dialect_of(Shape shape);

// A stream's deltas as events of the shape. The events of a broken stream are simply not finished;
// the caller ends it with `fail`.
class ShapeWriter {
 public:
  struct Event {
    std::string type;  // "response.output_text.delta"; of chat: "" (chunks are untyped)
    std::string data;  // JSON
  };
  virtual ~ShapeWriter() = default;
  // `restart` begins anew without saying so: no format has a word for it, so it must not come.
  virtual void take(const Delta& delta, std::vector<Event>& out) = 0;
  // The stream is whole; `usage` is what is known at the end.
  virtual void finish(const Usage& usage, std::vector<Event>& out) = 0;
  virtual void fail(std::string_view kind, std::string_view message, std::vector<Event>& out) = 0;
};
// `id` and `model` are what the events say of themselves, `echo` what they say of the request.
std::unique_ptr<ShapeWriter> shape_writer(Shape shape, std::string id, std::string model,
                                          std::int64_t created, std::string echo = "{}");

}  // namespace llmroute::provider
