// What error documents say, in all the shapes they come in.
#include <utility>

#include "llmroute/provider/classify.h"
#include "llmroute/provider/common.h"
#include "llmroute/provider/limits.h"

namespace llmroute::provider {

namespace {

using wire::JsonView;

// Nobody's codes and types are longer; of a message enough is kept to know a sentence by.
constexpr std::size_t kMostOfCode = 200;
constexpr std::size_t kMostOfMessage = 4'096;

std::string text_of(JsonView value, std::size_t most) {
  std::string out;
  if (value.append_string(out, most)) return out;
  return value.type() == JsonView::Type::number ? std::string(value.raw()) : std::string();
}

std::string code_of(JsonView value) { return text_of(value, kMostOfCode); }
std::string message_of(JsonView value) { return text_of(value, kMostOfMessage); }

// "aws.prefix#ThrottlingException:http://..." -> "ThrottlingException".
std::string aws_name(std::string text) {
  text.erase(std::min(text.find(':'), text.size()));
  const std::size_t hash = text.rfind('#');
  return hash == std::string::npos ? text : text.substr(hash + 1);
}

bool ends_with(std::string_view text, std::string_view end) {
  return text.size() >= end.size() && text.substr(text.size() - end.size()) == end;
}

// google.rpc.Status.details; others may use the name for whatever they like, so types are required.
void read_details(JsonView details, ErrorFields& fields) {
  each_element(details, [&fields](JsonView item) {
    const std::string type = code_of(item["@type"]);
    if (ends_with(type, "google.rpc.ErrorInfo")) fields.reason = code_of(item["reason"]);
    if (ends_with(type, "google.rpc.RetryInfo")) {
      fields.retry_delay = read_reset(code_of(item["retryDelay"]), WallTime{});
    }
    if (!ends_with(type, "google.rpc.QuotaFailure")) return;
    each_element(item["violations"], [&fields](JsonView violation) {
      const std::string quota = code_of(violation["quotaId"]);
      if (quota.find("PerDay") != std::string::npos) fields.per_day = true;
    });
  });
}

void read_members(JsonView object, ErrorFields& fields) {
  std::string fallback;  // where there is no `type`
  each_member(object, [&](const JsonView::Member& m) {
    const JsonView value = m.value();
    if (m.key_is("type")) fields.type = code_of(value);
    if (m.key_is("code")) fields.code = code_of(value);
    if (m.key_is("status") || m.key_is("error_type")) fallback = code_of(value);  // Google, TGI
    if (m.key_is("__type")) fallback = aws_name(code_of(value));
    if (m.key_is("message") || (m.key_is("Message") && fields.message.empty())) {
      fields.message = message_of(value);
    }
    if (m.key_is("param")) fields.param = code_of(value);
    if (m.key_is("innererror")) fields.inner_code = code_of(value["code"]);
    if (m.key_is("metadata")) fields.moderated = value["flagged_input"].is_string();
    if (m.key_is("details")) read_details(value, fields);
    if (m.key_is("estimated_time") && value.number()) {
      fields.retry_delay = read_reset(value.raw(), WallTime{});
    }
  });
  if (fields.type.empty()) fields.type = std::move(fallback);
  fields.found = true;
}

// FastAPI's list of complaints: the first one's words. Its `input` is the caller's own.
std::string detail_text(JsonView detail) {
  return message_of(detail.is_array() ? detail.first_element().value()["msg"] : detail);
}

ErrorFields read_bare(JsonView document) {
  ErrorFields fields;
  const JsonView detail = document["detail"];
  const JsonView first = document["errors"].first_element().value();
  if (document["object"].equals("error") || document["type"].equals("error") ||
      document["message"].is_string() || document["Message"].is_string() ||
      document["__type"].is_string()) {
    read_members(document, fields);
  } else if (detail.is_string() || detail.is_array()) {
    fields.message = detail_text(detail);
    fields.found = true;
  } else if (detail["message"].is_string()) {
    read_members(detail, fields);
  } else if (first["message"].is_string()) {
    read_members(first, fields);
  }
  return fields;
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
  if (document.is_array()) document = document.first_element().value();
  if (!document.is_object()) return {};
  const JsonView error = document["error"];
  if (error.is_object()) return read_error_object(error);
  if (!error.is_string()) return read_bare(document);
  ErrorFields fields;
  read_members(document, fields);
  fields.message = message_of(error);
  return fields;
}

}  // namespace llmroute::provider
