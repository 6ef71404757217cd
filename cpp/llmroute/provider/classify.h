// From a provider's error to an error kind: status, code, type and structure; words come last.
//
// The text of an error may repeat the caller's prompt, so it never steers the class but where it is,
// from its first byte on, a sentence that its provider is known to say with this status
// (error_sentences.cpp), and no code says otherwise. Codes and types are in error_words.cpp. What
// follows from a class is in model/treatment.h.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "llmroute/base/time.h"
#include "llmroute/model/outcome.h"
#include "llmroute/wire/http.h"
#include "llmroute/wire/json.h"

namespace llmroute::provider {

// What an error document says, whatever its shape.
struct ErrorFields {
  std::string type;
  std::string code;  // text or number, as text
  std::string message;
  std::string param;                    // of the request, as the provider names it
  std::string inner_code;               // Azure's innererror.code
  std::string reason;                   // google.rpc.ErrorInfo
  std::optional<Duration> retry_delay;  // google.rpc.RetryInfo, or an estimated time of loading
  bool per_day = false;                 // google.rpc.QuotaFailure names a quota of a day
  bool moderated = false;               // the structure says that a filter refused the input
  bool found = false;                   // there was an error object, or a text in its place
};

// Reads {"error": {...}}, {"error": "text"}, {"type": "error", "error": {...}},
// {"object": "error", "message": ...}, {"detail": ...}, {"message": ...}, {"__type": ...},
// {"errors": [...]} and arrays of one of these. What may hold a caller's text (FastAPI's `input`, a
// router's `metadata.raw`) is not looked at.
ErrorFields read_error_fields(wire::JsonView document);
// The inner object alone: {"type": ..., "code": ..., "message": ...}.
ErrorFields read_error_object(wire::JsonView error);

// `status` 0 or 2xx: an error inside a stream or a success, where a code that is itself an HTTP
// status stands in for it. The Failure records the status that was given. `now`: for limits that end
// at a time of day; without it such a time stays unknown.
Failure classify_error(int status, const ErrorFields& fields, std::optional<WallTime> now = {});

// A whole response that is not 2xx, with what its headers say of the wait. 3xx is a protocol failure
// whatever its body says.
Failure classify_response(const wire::ResponseHead& head, std::string_view body, WallTime now);
// What the headers say of the wait, for a failure that was classified without them.
void read_wait(const wire::Headers& headers, WallTime now, Failure& failure);
// The same of status and body alone.
Failure classify_response(int status, std::string_view body);

}  // namespace llmroute::provider
