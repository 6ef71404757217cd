// Times in response headers; limits are read by limit_headers.h.
#pragma once

#include <optional>
#include <string_view>

#include "llmroute/base/time.h"
#include "llmroute/provider/limit_headers.h"
#include "llmroute/wire/http.h"

namespace llmroute::provider {

// "1m30.5s", "20ms", "6m0s" (Go), plain seconds "12.5", or RFC 3339 against `now`. Negative, absurd
// (over kAbsurdRetryAfter) and unreadable values are nothing.
std::optional<Duration> read_reset(std::string_view text, WallTime now);

// Retry-After-Ms, then Retry-After in seconds, with a unit, or as a date. (retry_after.cpp)
std::optional<Duration> read_retry_after(const wire::Headers& headers, WallTime now);

// Of all ratelimit headers that have nothing remaining, the one that resets last.
struct UsedUp {
  std::optional<Duration> wait;
  bool daily = false;  // one of them counts a day
};
UsedUp read_used_up(const wire::Headers& headers, WallTime now);

// "Sun, 06 Nov 1994 08:49:37 GMT" (RFC 9110), or nothing.
std::optional<WallTime> read_http_date(std::string_view text);
// "2026-05-01T12:00:00Z" with optional fraction and offset, or nothing.
std::optional<WallTime> read_rfc3339(std::string_view text);

}  // namespace llmroute::provider
