// Error responses of every dialect: a class and readable words whatever comes, and what a message
// repeats of the caller's text never steers the class.
#include <array>

#include "llmroute/base/text.h"
#include "llmroute/model/defaults.h"
#include "llmroute/provider/dialect.h"
#include "llmroute/wire/json.h"
#include "tests/fuzz/golden.h"

namespace llmroute::fuzz {
namespace {

constexpr std::array<int, 16> kStatuses = {200, 302, 400, 401, 402, 403, 404, 408,
                                           413, 422, 429, 498, 500, 502, 503, 529};
constexpr std::array<std::string_view, 10> kHeaders = {"retry-after",
                                                       "retry-after-ms",
                                                       "x-amzn-errortype",
                                                       "x-ratelimit-reset",
                                                       "x-should-retry",
                                                       "x-ratelimit-reset-requests",
                                                       "anthropic-ratelimit-tokens-reset",
                                                       "content-type",
                                                       "x-ratelimit-reset-tokens",
                                                       "date"};

std::string message_body(const std::string& type, const std::string& code, std::string_view echo) {
  std::string out;
  wire::JsonWriter w(out);
  w.begin_object().key("error").begin_object().key("type").string(type);
  w.key("code").string(code).key("message");
  w.string("Your text was: " + std::string(echo)).end_object().end_object();
  return out;
}

void check(const Failure& failure) {
  MUST_HOLD(!failure.message.empty());
  MUST_HOLD(is_utf8(failure.message) && is_utf8(failure.provider_code));
  MUST_HOLD(failure.message.size() <= defaults::kMaxMessageBytes + 64);
  if (failure.retry_after) {
    MUST_HOLD(*failure.retry_after >= Duration::zero());
    MUST_HOLD(*failure.retry_after <= defaults::kAbsurdRetryAfter);
  }
}

std::vector<std::string> bodies() {
  std::vector<std::string> out;
  for (const provider::Dialect* dialect : provider::dialects()) {
    for (auto& body : golden_texts(std::string(dialect->name()), "errors.json", "body")) {
      out.push_back(std::move(body));
    }
  }
  return out;
}

}  // namespace
}  // namespace llmroute::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace llmroute::fuzz;
  using llmroute::provider::dialects;
  static const std::vector<std::string> known = bodies();
  Choices choices(data, size);
  const auto* dialect = dialects()[choices.below(dialects().size())];
  llmroute::wire::ResponseHead head;
  head.status = kStatuses[choices.below(kStatuses.size())];
  for (std::size_t i = choices.below(3); i > 0; --i) {
    const std::string_view name = kHeaders[choices.below(kHeaders.size())];
    head.headers.add(std::string(name), std::string(choices.take(choices.below(32))));
  }
  const bool echo = choices.byte() % 2 == 0;
  if (!echo) {
    std::string body = known[choices.below(known.size())];
    damage(body, choices);
    check(dialect->classify(head, body, llmroute::WallTime{}));
    return 0;
  }
  const std::string type(choices.take(choices.below(24)));
  const std::string code(choices.take(choices.below(24)));
  const std::string_view text = choices.rest();
  if (!llmroute::is_utf8(type) || !llmroute::is_utf8(code) || !llmroute::is_utf8(text)) return 0;
  const auto loud = dialect->classify(head, message_body(type, code, text), {});
  const auto calm = dialect->classify(head, message_body(type, code, "hello"), {});
  check(loud);
  MUST_HOLD(loud.kind == calm.kind);
  MUST_HOLD(loud.retry_after == calm.retry_after);
  return 0;
}
