#include "llmroute/provider/classify.h"

#include <chrono>
#include <utility>

#include "llmroute/base/text.h"
#include "llmroute/model/defaults.h"
#include "llmroute/provider/error_words.h"
#include "llmroute/provider/limits.h"

namespace llmroute::provider {

namespace {

using wire::JsonView;

ErrorKind kind_of_status(int status) {
  switch (status) {
    case 401: return ErrorKind::authentication;
    case 402: return ErrorKind::quota_exhausted;
    case 403:
    case 407: return ErrorKind::permission_denied;
    case 404:
    case 410: return ErrorKind::not_found;
    case 429: return ErrorKind::rate_limit;
    case 408:
    case 409:
    case 424:  // TGI and Bedrock: the model failed
    case 425: return ErrorKind::server_error;
    case 498:  // Groq: no room in the flex tier
    case 503:
    case 529: return ErrorKind::overloaded;
    default: break;
  }
  if (status >= 500) return ErrorKind::server_error;
  if (status >= 400) return ErrorKind::bad_request;
  if (status >= 300) return ErrorKind::protocol;
  return ErrorKind::server_error;  // an error inside a success, of a type nobody knows
}

// A status for an error that came inside a success: its code, where that is one.
int status_in_code(const std::string& code) {
  if (code.size() != 3 || (code[0] != '4' && code[0] != '5')) return 0;
  const auto value = JsonView(code).integer();
  return value ? static_cast<int>(*value) : 0;
}

bool is_limit(ErrorKind kind) {
  return kind == ErrorKind::rate_limit || kind == ErrorKind::overloaded;
}

// "invalid_request_error" and "server_error" stand for almost anything.
bool is_vague(const Meaning& word) {
  return word.cause == Cause::plain &&
         (word.kind == ErrorKind::bad_request || word.kind == ErrorKind::server_error);
}

// They do not speak where the status says more.
bool says_less(const Meaning& word, int status) {
  if (!is_vague(word) || status < 300) return false;
  return word.kind == ErrorKind::bad_request || is_limit(kind_of_status(status));
}

struct Reading {
  Meaning meaning;
  bool decided = false;  // by a code of one meaning: words can only refine it
};

// By type, then code, then what is further inside: the finer word wins.
Reading by_words(int status, const ErrorFields& fields) {
  Reading out{{kind_of_status(status)}, false};
  for (const std::string* word : {&fields.type, &fields.code, &fields.inner_code, &fields.reason}) {
    const auto found = word->empty() ? std::nullopt : meaning_of_word(*word);
    if (!found || says_less(*found, status)) continue;
    out.meaning = *found;
    out.decided = !is_vague(*found);
  }
  return out;
}

// Google's days end at midnight in California: 07:00 or 08:00 UTC, by season.
Duration until_googles_midnight(WallTime now) {
  constexpr auto kDay = std::chrono::hours(24);
  const auto passed = (now.time_since_epoch() - std::chrono::hours(8)) % kDay;
  return kDay - (passed < Duration::zero() ? passed + kDay : passed);
}

// What a sentence adds where no code has said otherwise.
void read_sentence(int status, const ErrorFields& fields, Reading& reading) {
  if (status < 300 && reading.meaning.kind == ErrorKind::bad_request) status = 400;
  const auto found = meaning_of_sentence(status, fields.message);
  if (!found || (reading.decided && found->kind != reading.meaning.kind)) return;
  const Cause cause = reading.meaning.cause;
  reading.meaning = *found;
  if (found->cause == Cause::plain) reading.meaning.cause = cause;
}

Meaning meaning_of(int status, const ErrorFields& fields, std::optional<WallTime> now) {
  if (fields.moderated) return {ErrorKind::content_filter};
  Reading reading = by_words(status, fields);
  Meaning& meaning = reading.meaning;
  // One request larger than a minute's tokens: waiting cannot help, a larger deployment may.
  if (status == 413 && meaning.kind == ErrorKind::rate_limit) return {ErrorKind::context_length};
  read_sentence(status, fields, reading);
  // A value that is refused says nothing about other values: only of a parameter is learned.
  if (fields.code == "unsupported_parameter") meaning.lack = lack_of(parameter_named(fields.param));
  if (is_limit(meaning.kind) && fields.retry_delay) meaning.retry_after = fields.retry_delay;
  if (meaning.kind == ErrorKind::rate_limit && fields.per_day) {
    meaning.cause = Cause::daily_quota;
    // The delay beside it is of the minute's quota: a day's does not come back in seconds.
    meaning.retry_after.reset();
    if (now) meaning.retry_after = until_googles_midnight(*now);
  }
  return meaning;
}

bool is_markup(std::string_view body) {
  const std::size_t first = body.find_first_not_of(" \t\r\n");
  return first != std::string_view::npos && body[first] == '<';
}

Failure classify_body(int status, std::string_view body, std::optional<WallTime> now) {
  const bool redirect = status >= 300 && status < 400;
  if (!redirect && wire::validate_json(body, defaults::kMaxJsonDepth)) {
    const ErrorFields fields = read_error_fields(JsonView(body));
    if (fields.found) return classify_error(status, fields, now);
  }
  Failure failure = classify_error(status, {}, now);
  if (redirect) {
    failure.message = "the provider redirects; redirects are not followed, correct the base_url";
  } else {
    failure.message =
        body.empty() ? "an error without a body" : "an error whose body is not a JSON error object";
  }
  // A page is what firewalls answer with, to this address or to this prompt: no key is refused.
  if (status == 403 && is_markup(body)) failure.cause = Cause::before_provider;
  return failure;
}

}  // namespace

Failure classify_error(int status, const ErrorFields& fields, std::optional<WallTime> now) {
  constexpr std::size_t kMaxCodeBytes = 80;
  Failure failure;
  failure.status = status;
  failure.provider_code = ellipsize(fields.code.empty() ? fields.type : fields.code, kMaxCodeBytes);
  failure.message = fields.message.empty() ? "an error without a message"
                                           : ellipsize(fields.message, defaults::kMaxMessageBytes);
  const int inner = status < 300 ? status_in_code(fields.code) : 0;
  const Meaning meaning = meaning_of(inner != 0 ? inner : status, fields, now);
  failure.kind = meaning.kind;
  failure.cause = meaning.cause;
  failure.lack = meaning.lack;
  failure.retry_after = meaning.retry_after;
  // A gateway that gave up waiting: whoever is behind it may have done the work.
  failure.ambiguous = status == 504 || status == 524;
  if (status == 407) failure.cause = Cause::before_provider;
  return failure;
}

// A day's quota is not believed to be back in a moment.
void read_wait(const wire::Headers& headers, WallTime now, Failure& failure) {
  if (auto said = read_retry_after(headers, now)) {
    if (failure.cause != Cause::daily_quota || !failure.retry_after) failure.retry_after = said;
    return;
  }
  if (failure.kind != ErrorKind::rate_limit || failure.retry_after) return;
  const UsedUp used = read_used_up(headers, now);
  failure.retry_after = used.wait;
  if (used.daily && failure.cause == Cause::plain) failure.cause = Cause::daily_quota;
}

Failure classify_response(int status, std::string_view body) {
  return classify_body(status, body, std::nullopt);
}

Failure classify_response(const wire::ResponseHead& head, std::string_view body, WallTime now) {
  Failure failure = classify_body(head.status, body, now);
  read_wait(head.headers, now, failure);
  return failure;
}

}  // namespace llmroute::provider
