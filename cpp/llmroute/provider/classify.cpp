#include "llmroute/provider/classify.h"

#include <array>
#include <optional>
#include <utility>

#include "llmroute/base/text.h"
#include "llmroute/model/defaults.h"

namespace llmroute::provider {

namespace {

using wire::JsonView;

struct Word {
  std::string_view text;
  ErrorKind kind;
};

// Codes and types that mean one thing whatever the status. Sources: the providers' error pages.
constexpr std::array kWords = {
    Word{"context_length_exceeded", ErrorKind::context_length},
    Word{"context_window_exceeded", ErrorKind::context_length},
    Word{"exceed_context_size_error", ErrorKind::context_length},
    Word{"content_filter", ErrorKind::content_filter},
    Word{"content_policy_violation", ErrorKind::content_filter},
    Word{"ResponsibleAIPolicyViolation", ErrorKind::content_filter},
    Word{"insufficient_quota", ErrorKind::quota_exhausted},
    Word{"quota_exceeded", ErrorKind::quota_exhausted},
    Word{"billing_error", ErrorKind::quota_exhausted},
    Word{"billing_hard_limit_reached", ErrorKind::quota_exhausted},
    Word{"billing_not_active", ErrorKind::quota_exhausted},
    Word{"insufficient_balance", ErrorKind::quota_exhausted},
    Word{"exceeded_current_quota_error", ErrorKind::quota_exhausted},
    Word{"rate_limit_exceeded", ErrorKind::rate_limit},
    Word{"rate_limit_error", ErrorKind::rate_limit},
    Word{"rate_limited", ErrorKind::rate_limit},
    Word{"too_many_requests", ErrorKind::rate_limit},
    Word{"overloaded_error", ErrorKind::overloaded},
    Word{"engine_overloaded", ErrorKind::overloaded},
    Word{"engine_overloaded_error", ErrorKind::overloaded},
    Word{"server_overloaded", ErrorKind::overloaded},
    Word{"service_unavailable", ErrorKind::overloaded},
    Word{"service_unavailable_error", ErrorKind::overloaded},
    Word{"invalid_api_key", ErrorKind::authentication},
    Word{"incorrect_api_key", ErrorKind::authentication},
    Word{"authentication_error", ErrorKind::authentication},
    Word{"account_deactivated", ErrorKind::authentication},
    Word{"permission_error", ErrorKind::permission_denied},
    Word{"permission_denied", ErrorKind::permission_denied},
    Word{"unsupported_country_region_territory", ErrorKind::permission_denied},
    Word{"model_not_found", ErrorKind::not_found},
    Word{"not_found_error", ErrorKind::not_found},
    Word{"NotFoundError", ErrorKind::not_found},
    Word{"api_error", ErrorKind::server_error},
    Word{"server_error", ErrorKind::server_error},
    Word{"internal_error", ErrorKind::server_error},
    Word{"internal_server_error", ErrorKind::server_error},
    Word{"timeout_error", ErrorKind::server_error},
    Word{"RESOURCE_EXHAUSTED", ErrorKind::rate_limit},
    Word{"UNAVAILABLE", ErrorKind::overloaded},
    Word{"UNAUTHENTICATED", ErrorKind::authentication},
    Word{"PERMISSION_DENIED", ErrorKind::permission_denied},
    Word{"NOT_FOUND", ErrorKind::not_found},
    Word{"INTERNAL", ErrorKind::server_error},
    Word{"DEADLINE_EXCEEDED", ErrorKind::server_error},
    Word{"INVALID_ARGUMENT", ErrorKind::bad_request},
    // The model wrote a call or JSON that its own provider refuses: the next try may do better.
    Word{"tool_use_failed", ErrorKind::server_error},
    Word{"json_validate_failed", ErrorKind::server_error},
    Word{"request_too_large", ErrorKind::bad_request},
    Word{"invalid_request_error", ErrorKind::bad_request},
    Word{"BadRequestError", ErrorKind::bad_request},
};

std::optional<ErrorKind> kind_of_word(std::string_view text) {
  for (const Word& word : kWords) {
    if (word.text == text) return word.kind;
  }
  return std::nullopt;
}

ErrorKind kind_of_status(int status) {
  switch (status) {
    case 401: return ErrorKind::authentication;
    case 402: return ErrorKind::quota_exhausted;
    case 403: return ErrorKind::permission_denied;
    case 404: return ErrorKind::not_found;
    case 429: return ErrorKind::rate_limit;
    case 408:
    case 409:
    case 425: return ErrorKind::server_error;
    case 503:
    case 529: return ErrorKind::overloaded;
    default: break;
  }
  if (status >= 500) return ErrorKind::server_error;
  if (status >= 400) return ErrorKind::bad_request;
  if (status >= 300) return ErrorKind::protocol;
  return ErrorKind::server_error;  // an error inside a success, of a type nobody knows
}

// `prefix`, then a number: "prompt is too long: 210000 tokens".
bool starts_with_number_after(std::string_view text, std::string_view prefix) {
  return text.size() > prefix.size() && text.substr(0, prefix.size()) == prefix &&
         text[prefix.size()] >= '0' && text[prefix.size()] <= '9';
}

// The last resort, for providers that have no code for it.
std::optional<ErrorKind> kind_of_message(std::string_view message) {
  constexpr std::array<std::string_view, 9> kTooLong = {
      "prompt is too long: ",
      "input length and `max_tokens` exceed context limit: ",
      "This model's maximum context length is ",
      "This model's maximum prompt length is ",
      "This endpoint's maximum context length is ",
      "The input token count (",
      "Prompt contains ",
      "Input validation error: `inputs` tokens + `max_new_tokens` must be <= ",
      "`inputs` tokens + `max_new_tokens` must be <= "};
  for (const std::string_view prefix : kTooLong) {
    if (starts_with_number_after(message, prefix)) return ErrorKind::context_length;
  }
  constexpr std::string_view kNoCredit =
      "Your credit balance is too low to access the Anthropic API.";
  if (message.substr(0, kNoCredit.size()) == kNoCredit) return ErrorKind::quota_exhausted;
  return std::nullopt;
}

std::string text_of(JsonView value) {
  if (value.is_string()) return value.string();
  return value.type() == JsonView::Type::number ? std::string(value.raw()) : std::string();
}

void read_members(JsonView object, ErrorFields& fields) {
  std::string status;
  for (auto m = object.first_member(); m; m = m.next()) {
    if (m.key_is("type")) fields.type = text_of(m.value());
    if (m.key_is("code")) fields.code = text_of(m.value());
    if (m.key_is("status")) status = text_of(m.value());
    if (m.key_is("message")) fields.message = text_of(m.value());
    if (m.key_is("metadata")) fields.moderated = m.value()["flagged_input"].is_string();
  }
  if (fields.type.empty()) fields.type = std::move(status);  // Google's form
  fields.found = true;
}

// A status for an error that came inside a success: its code, where that is one.
int status_in_code(const std::string& code) {
  if (code.size() != 3 || (code[0] != '4' && code[0] != '5')) return 0;
  const auto value = JsonView(code).integer();
  return value ? static_cast<int>(*value) : 0;
}

ErrorKind kind_of(int status, const ErrorFields& fields) {
  if (fields.moderated) return ErrorKind::content_filter;
  ErrorKind kind = kind_of_status(status);
  // "invalid_request_error" stands for almost anything: it counts only where no status speaks.
  for (const auto& word : {kind_of_word(fields.type), kind_of_word(fields.code)}) {
    if (word && (*word != ErrorKind::bad_request || status < 300)) kind = *word;
  }
  // One request larger than a minute's tokens: waiting cannot help, a larger deployment may.
  if (status == 413 && kind == ErrorKind::rate_limit) return ErrorKind::context_length;
  if (kind == ErrorKind::bad_request) return kind_of_message(fields.message).value_or(kind);
  return kind;
}

// FastAPI's list of complaints: the first one's words.
std::string detail_text(JsonView detail) {
  return detail.is_array() ? detail.first_element().value()["msg"].string() : detail.string();
}

}  // namespace

ErrorFields read_error_object(JsonView error) {
  ErrorFields fields;
  read_members(error, fields);
  const JsonView inner = error["error"];
  if (inner.is_object() && fields.message.empty()) read_members(inner, fields);
  return fields;
}

ErrorFields read_error_fields(JsonView document) {
  ErrorFields fields;
  if (document.is_array()) document = document.first_element().value();
  if (!document.is_object()) return fields;
  const JsonView error = document["error"];
  if (error.is_object()) return read_error_object(error);
  const JsonView detail = document["detail"];
  if (error.is_string()) {
    read_members(document, fields);
    fields.message = error.string();
  } else if (document["object"].equals("error") || document["type"].equals("error") ||
             document["message"].is_string()) {
    read_members(document, fields);
  } else if (detail.is_string() || detail.is_array()) {
    fields.message = detail_text(detail);
    fields.found = true;
  }
  return fields;
}

Failure classify_error(int status, const ErrorFields& fields) {
  constexpr std::size_t kMaxCodeBytes = 80;
  Failure failure;
  failure.status = status;
  failure.provider_code = ellipsize(fields.code.empty() ? fields.type : fields.code, kMaxCodeBytes);
  failure.message = fields.message.empty() ? "an error without a message"
                                           : ellipsize(fields.message, defaults::kMaxMessageBytes);
  const int inner = status < 300 ? status_in_code(fields.code) : 0;
  failure.kind = kind_of(inner != 0 ? inner : status, fields);
  return failure;
}

Failure classify_response(int status, std::string_view body) {
  const bool redirect = status >= 300 && status < 400;
  if (!redirect && wire::validate_json(body, defaults::kMaxJsonDepth)) {
    const ErrorFields fields = read_error_fields(JsonView(body));
    if (fields.found) return classify_error(status, fields);
  }
  Failure failure = classify_error(status, {});
  if (redirect) {
    failure.message = "the provider redirects; redirects are not followed, correct the base_url";
  } else {
    failure.message =
        body.empty() ? "an error without a body" : "an error whose body is not a JSON error object";
  }
  return failure;
}

}  // namespace llmroute::provider
