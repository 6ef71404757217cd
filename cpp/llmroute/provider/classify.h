// From a provider's error to an error kind: status, code, type and structure; words come last.
//
// The text of an error may repeat the caller's prompt, so it never steers the class but by a few
// patterns that are anchored at the start of the error field's own message and end in numbers.
#pragma once

#include <string>
#include <string_view>

#include "llmroute/model/outcome.h"
#include "llmroute/wire/json.h"

namespace llmroute::provider {

// What an error document says, whatever its shape.
struct ErrorFields {
  std::string type;
  std::string code;  // text or number, as text
  std::string message;
  bool moderated = false;  // the structure says that a filter refused the input
  bool found = false;      // there was an error object, or a text in its place
};

// Reads {"error": {...}}, {"error": "text"}, {"type": "error", "error": {...}},
// {"object": "error", "message": ...}, {"detail": ...}, {"message": ...} and arrays of one of these.
ErrorFields read_error_fields(wire::JsonView document);
// The inner object alone: {"type": ..., "code": ..., "message": ...}.
ErrorFields read_error_object(wire::JsonView error);

// `status` 0 or 2xx: an error inside a stream or a success, where a code that is itself an HTTP
// status stands in for it. The Failure records the status that was given.
Failure classify_error(int status, const ErrorFields& fields);

// A whole response that is not 2xx. 3xx is a protocol failure whatever its body says.
Failure classify_response(int status, std::string_view body);

}  // namespace llmroute::provider
