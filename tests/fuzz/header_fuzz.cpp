// Times and limits in headers: within what is believable, or nothing.
#include <array>

#include "llmroute/model/defaults.h"
#include "llmroute/provider/dialect.h"
#include "llmroute/provider/limits.h"
#include "tests/fuzz/fuzz.h"

namespace llmroute::fuzz {
namespace {

constexpr std::array<std::string_view, 14> kNames = {"x-ratelimit-limit-requests",
                                                     "x-ratelimit-remaining-requests",
                                                     "x-ratelimit-reset-requests",
                                                     "x-ratelimit-remaining-tokens",
                                                     "x-ratelimit-reset-tokens",
                                                     "anthropic-ratelimit-input-tokens-remaining",
                                                     "anthropic-ratelimit-tokens-reset",
                                                     "ratelimit",
                                                     "ratelimit-policy",
                                                     "ratelimit-reset",
                                                     "x-ratelimit-reset",
                                                     "retry-after",
                                                     "retry-after-ms",
                                                     "x-ratelimit-remaining-requests-day"};

void believable(std::optional<Duration> wait) {
  if (!wait) return;
  MUST_HOLD(*wait >= Duration::zero());
  MUST_HOLD(*wait <= defaults::kAbsurdRetryAfter);
}

}  // namespace
}  // namespace llmroute::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace llmroute::fuzz;
  using namespace llmroute::provider;
  Choices choices(data, size);
  const llmroute::WallTime now(
      std::chrono::seconds(static_cast<std::int64_t>(choices.below(60'000)) * 60'000));
  llmroute::wire::Headers headers;
  for (std::size_t i = choices.below(5); i > 0; --i) {
    const std::string_view name = kNames[choices.below(kNames.size())];
    headers.add(std::string(name), std::string(choices.take(choices.below(40))));
  }
  believable(read_retry_after(headers, now));
  for (const Dialect* dialect : dialects()) dialect->read_limits(headers, now);
  const std::string_view text = choices.rest();
  believable(read_reset(text, now));
  read_http_date(text);
  read_rfc3339(text);
  return 0;
}
