// AWS names its errors in the header x-amzn-errortype ("ThrottlingException:http://..."), in the
// body's __type ("com.amazon.coral.service#UnrecognizedClientException") or, in a stream, in the
// header :exception-type ("throttlingException"). The name decides; the status where there is none.
#include <array>

#include "llmroute/base/text.h"
#include "llmroute/model/defaults.h"
#include "llmroute/provider/bedrock_parts.h"
#include "llmroute/provider/common.h"
#include "llmroute/provider/sentence.h"

namespace llmroute::provider {

namespace {

using wire::JsonView;

struct Name {
  std::string_view text;
  ErrorKind kind;
};

// Sources: the errors of Converse and InvokeModel, and those common to all of AWS's APIs.
constexpr std::array kNames = {
    Name{"ThrottlingException", ErrorKind::rate_limit},
    Name{"Throttling", ErrorKind::rate_limit},
    Name{"TooManyRequestsException", ErrorKind::rate_limit},
    Name{"RequestLimitExceeded", ErrorKind::rate_limit},
    // "You can resubmit your request later": no credit that is gone.
    Name{"ServiceQuotaExceededException", ErrorKind::rate_limit},
    Name{"ServiceUnavailableException", ErrorKind::overloaded},
    Name{"ServiceUnavailable", ErrorKind::overloaded},
    Name{"ModelNotReadyException", ErrorKind::overloaded},  // a 429 that is no limit
    Name{"InternalServerException", ErrorKind::server_error},
    Name{"InternalServerError", ErrorKind::server_error},
    Name{"InternalFailure", ErrorKind::server_error},
    Name{"ModelTimeoutException", ErrorKind::server_error},
    Name{"ModelErrorException", ErrorKind::server_error},        // a 424
    Name{"ModelStreamErrorException", ErrorKind::server_error},  // a 424
    Name{"ValidationException", ErrorKind::bad_request},
    Name{"ValidationError", ErrorKind::bad_request},
    Name{"SerializationException", ErrorKind::bad_request},
    Name{"AccessDeniedException", ErrorKind::permission_denied},
    Name{"NotAuthorized", ErrorKind::permission_denied},
    Name{"OptInRequired", ErrorKind::permission_denied},
    Name{"ResourceNotFoundException", ErrorKind::not_found},
    Name{"UnknownOperationException", ErrorKind::not_found},
    // 403s and 400s, all of which say that this key is no use.
    Name{"UnrecognizedClientException", ErrorKind::authentication},
    Name{"InvalidClientTokenId", ErrorKind::authentication},
    Name{"InvalidSignatureException", ErrorKind::authentication},
    Name{"SignatureDoesNotMatch", ErrorKind::authentication},
    Name{"IncompleteSignature", ErrorKind::authentication},
    Name{"IncompleteSignatureException", ErrorKind::authentication},
    Name{"MissingAuthenticationToken", ErrorKind::authentication},
    Name{"MissingAuthenticationTokenException", ErrorKind::authentication},
    Name{"ExpiredTokenException", ErrorKind::authentication},
    Name{"ExpiredToken", ErrorKind::authentication},
    Name{"RequestExpired", ErrorKind::authentication},
};

// Streams write the same names with a small first letter.
std::optional<ErrorKind> kind_of_name(std::string_view text) {
  for (const Name& name : kNames) {
    if (equals_ignore_case(name.text, text)) return name.kind;
  }
  return std::nullopt;
}

// The name without the name space before it and the address behind it.
std::string bare_name(std::string_view text) {
  text = text.substr(0, text.find(':'));
  const std::size_t mark = text.rfind('#');
  return std::string(trim(mark == std::string_view::npos ? text : text.substr(mark + 1)));
}

// Validation errors that have no name of their own. Anchored at the start of the provider's
// sentence, which a prompt cannot reach.
std::optional<ErrorKind> kind_of_sentence(std::string_view message) {
  constexpr std::array kSentences = {
      Name{"Input is too long for requested model.$", ErrorKind::context_length},
      Name{"Input is too long for requested model$", ErrorKind::context_length},
      Name{"Input Tokens Exceeded: Number of input tokens exceeds maximum length",
           ErrorKind::context_length},
      Name{"Invocation of model ID % with on-demand throughput ", ErrorKind::not_found},
      Name{"This model version has reached the end of its life. Please refer to ",
           ErrorKind::not_found},
  };
  for (const Name& sentence : kSentences) {
    if (match_sentence(sentence.text, message)) return sentence.kind;
  }
  return std::nullopt;
}

// A bearer token that is wrong comes as AccessDeniedException, like a permission that is missing.
bool says_bad_token(std::string_view message) {
  return message.starts_with("Authentication failed: Please make sure your API Key is valid") ||
         message.starts_with("Bearer Token has expired");
}

}  // namespace

ErrorFields read_bedrock_fields(JsonView document) {
  ErrorFields fields = read_error_fields(document);
  if (!document.is_object()) return fields;
  const JsonView capital = document["Message"];
  if (fields.message.empty() && capital.is_string()) {
    fields.message = capital.string();
    fields.found = true;
  }
  JsonView type = document["__type"];
  if (!type.is_string()) type = document.at("Output", "__type");  // the front door's own form
  if (type.is_string()) {
    fields.type = bare_name(type.string());
    fields.found = true;
  }
  return fields;
}

Failure bedrock_failure(int status, ErrorFields fields) {
  constexpr std::string_view kFromModel = "The model returned the following errors: ";
  // Headers, of HTTP and of frames, can hold any bytes; a document was checked.
  for (std::string* text : {&fields.type, &fields.message}) {
    if (!is_utf8(*text)) text->clear();
  }
  ErrorFields inner = fields;
  if (inner.message.starts_with(kFromModel)) inner.message.erase(0, kFromModel.size());
  auto name = kind_of_name(fields.type);
  if (!name) name = kind_of_name(fields.code);
  // In a stream there is no status to speak for the name.
  const bool refused = name == ErrorKind::bad_request;
  Failure failure = classify_error(refused && status < 300 ? 400 : status, inner);
  failure.status = status;
  if (!fields.message.empty())
    failure.message = ellipsize(fields.message, defaults::kMaxMessageBytes);
  if (name && !refused && failure.kind != *name) {
    failure.kind = *name;
    failure.cause = Cause::plain;
    failure.lack = {};
  }
  if (failure.kind == ErrorKind::bad_request) {
    failure.kind = kind_of_sentence(inner.message).value_or(failure.kind);
  } else if (failure.kind == ErrorKind::permission_denied && says_bad_token(inner.message)) {
    failure.kind = ErrorKind::authentication;
    failure.cause = Cause::plain;
  }
  return failure;
}

Failure classify_bedrock(const wire::ResponseHead& head, std::string_view body) {
  const bool redirect = head.status >= 300 && head.status < 400;
  ErrorFields fields;
  if (wire::validate_json(body, defaults::kMaxJsonDepth)) {
    fields = read_bedrock_fields(JsonView(body));
  }
  const auto type = head.headers.find("x-amzn-errortype");
  if (type && !bare_name(*type).empty()) fields.type = bare_name(*type);
  if (redirect || (!fields.found && fields.type.empty())) {
    return classify_response(head.status, body);
  }
  return bedrock_failure(head.status, fields);
}

}  // namespace llmroute::provider
