// When to come back, by a response's headers.
#include <algorithm>
#include <charconv>
#include <cmath>
#include <string>

#include "llmroute/base/text.h"
#include "llmroute/model/defaults.h"
#include "llmroute/provider/limits.h"

namespace llmroute::provider {

namespace {

// "1500" as milliseconds.
std::optional<Duration> read_ms(std::string_view text) {
  const auto value = read_reset(std::string(trim(text)) + "ms", WallTime{});
  return value;
}

std::optional<Duration> read_date(std::string_view text, WallTime now) {
  const auto when = read_http_date(trim(text));
  if (!when) return std::nullopt;
  const Duration wait = std::max(Duration::zero(), Duration(*when - now));
  return wait > defaults::kAbsurdRetryAfter ? std::nullopt : std::optional(wait);
}

// A reset that may also be a moment: seconds or milliseconds since 1970.
std::optional<Duration> read_moment(std::string_view text, WallTime now) {
  text = trim(text);
  double value = 0;
  const auto [past, problem] = std::from_chars(text.data(), text.data() + text.size(), value);
  const bool number = problem == std::errc() && past == text.data() + text.size();
  if (!number || value < 1e9) return read_reset(text, now);
  const double ms = value < 1e11 ? value * 1e3 : value;
  if (!(ms < 1e14)) return std::nullopt;
  const Duration wait = std::max(Duration::zero(), from_ms(ms) - now.time_since_epoch());
  return wait > defaults::kAbsurdRetryAfter ? std::nullopt : std::optional(wait);
}

bool is_zero(std::string_view text) {
  text = trim(text);
  return !text.empty() && text.find_first_not_of("0") == std::string_view::npos;
}

}  // namespace

std::optional<Duration> read_retry_after(const wire::Headers& headers, WallTime now) {
  for (const char* name : {"retry-after-ms", "x-ms-retry-after-ms"}) {
    const auto ms = headers.find(name);
    const auto wait = ms ? read_ms(*ms) : std::nullopt;
    if (wait) return wait;
  }
  const auto header = headers.find("retry-after");
  if (!header) return std::nullopt;
  const auto wait = read_reset(*header, now);
  return wait ? wait : read_date(*header, now);
}

UsedUp read_used_up(const wire::Headers& headers, WallTime now) {
  constexpr std::string_view kRemaining = "remaining";
  UsedUp out;
  for (const auto& [header, left] : headers.items()) {
    if (!is_zero(left)) continue;
    std::string name = to_lower(header);
    const std::size_t at = name.find(kRemaining);
    if (at == std::string::npos || name.find("ratelimit") == std::string::npos) continue;
    const bool daily = name.find("day") != std::string::npos;
    const auto reset = headers.find(name.replace(at, kRemaining.size(), "reset"));
    const auto wait = reset ? read_moment(*reset, now) : std::nullopt;
    if (!wait) continue;
    if (!out.wait || *wait > *out.wait) out.wait = wait;
    out.daily = out.daily || daily;
  }
  return out;
}

}  // namespace llmroute::provider
