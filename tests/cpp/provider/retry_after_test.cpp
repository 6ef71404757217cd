#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "llmroute/provider/limits.h"

namespace llmroute::provider {
namespace {

const WallTime kNow{seconds(784'111'777)};  // Sun, 06 Nov 1994 08:49:37 GMT

using Items = std::vector<std::pair<std::string, std::string>>;

wire::Headers headers_of(Items items) {
  wire::Headers headers;
  for (auto& [name, value] : items) headers.add(std::move(name), std::move(value));
  return headers;
}

double ms(std::optional<Duration> d) { return d ? to_ms(*d) : -1; }

TEST(ReadRetryAfter, ReadsEveryFormAndPrefersMilliseconds) {
  struct Case {
    Items headers;
    double ms;  // -1: nothing
  };
  const std::vector<Case> cases = {
      {{{"Retry-After", "3"}}, 3'000},
      {{{"retry-after", "0.5"}}, 500},
      {{{"retry-after", " 7 "}}, 7'000},
      {{{"retry-after", "0"}}, 0},
      {{{"retry-after", "3"}, {"retry-after-ms", "70"}}, 70},
      {{{"retry-after", "3"}, {"x-ms-retry-after-ms", " 70.5 "}}, 70.5},
      {{{"retry-after", "3"}, {"retry-after-ms", "-70"}}, 3'000},
      {{{"retry-after", "3"}, {"retry-after-ms", "1e99"}}, 3'000},
      {{{"retry-after", "3"}, {"retry-after-ms", ""}}, 3'000},
      {{{"retry-after", "1m2.5s"}}, 62'500},
      {{{"retry-after", "10h17m5s"}}, 37'025'000},
      {{{"retry-after", "250ms"}}, 250},
      {{{"retry-after", "Sun, 06 Nov 1994 08:49:57 GMT"}}, 20'000},
      {{{"retry-after", "Sun, 06 Nov 1994 08:49:00 GMT"}}, 0},
      {{{"retry-after", "1994-11-06T08:49:47Z"}}, 10'000},
      {{{"retry-after", "Sun, 06 Nov 2094 08:49:57 GMT"}}, -1},
      {{{"retry-after", "Sun, 06 Foo 1994 08:49:57 GMT"}}, -1},
      {{{"retry-after", "-3"}}, -1},
      {{{"retry-after", "nan"}}, -1},
      {{{"retry-after", "inf"}}, -1},
      {{{"retry-after", "99999999999"}}, -1},
      {{{"retry-after", "25h"}}, -1},
      {{{"retry-after", "soon"}}, -1},
      {{{"retry-after", ""}}, -1},
      {{}, -1}};
  for (const Case& c : cases) {
    const auto shown = c.headers.empty() ? "none" : c.headers.back().second;
    EXPECT_NEAR(ms(read_retry_after(headers_of(c.headers), kNow)), c.ms, 1e-6) << shown;
  }
}

TEST(ReadUsedUp, TakesTheLastOfThoseThatHaveNothingLeft) {
  struct Case {
    Items headers;
    double ms;
    bool daily;
  };
  const std::vector<Case> cases = {
      {{{"X-RateLimit-Remaining-Requests", "0"}, {"X-RateLimit-Reset-Requests", "6s"}},
       6'000,
       false},
      {{{"x-ratelimit-remaining-requests", "0"},
        {"x-ratelimit-reset-requests", "6s"},
        {"x-ratelimit-remaining-tokens", "0"},
        {"x-ratelimit-reset-tokens", "1m2s"}},
       62'000,
       false},
      {{{"x-ratelimit-remaining-requests", "1"}, {"x-ratelimit-reset-requests", "6s"}}, -1, false},
      {{{"x-ratelimit-remaining-requests", "-1"}, {"x-ratelimit-reset-requests", "6s"}}, -1, false},
      {{{"x-ratelimit-remaining-requests", "0"}}, -1, false},
      {{{"x-ratelimit-remaining-requests", "0"}, {"x-ratelimit-reset-requests", "-6s"}}, -1, false},
      {{{"x-ratelimit-remaining-tokens-day", "0"}, {"x-ratelimit-reset-tokens-day", "7200"}},
       7'200'000,
       true},
      {{{"x-ratelimit-remaining-tokens-day", "5"}, {"x-ratelimit-reset-tokens-day", "7200"}},
       -1,
       false},
      // Moments: seconds and milliseconds since 1970.
      {{{"x-ratelimit-remaining", "0"}, {"x-ratelimit-reset", "1784111787"}}, -1, false},
      {{{"ratelimit-remaining", "0"}, {"ratelimit-reset", "50"}}, 50'000, false},
      {{{"x-ratelimit-remaining", "0"}, {"x-ratelimit-reset", "784111787000"}}, 10'000, false},
      {{{"x-ratelimit-remaining", "0"}, {"x-ratelimit-reset", "1e300"}}, -1, false},
      {{{"anthropic-ratelimit-tokens-remaining", "0"},
        {"anthropic-ratelimit-tokens-reset", "1994-11-06T08:49:47Z"}},
       10'000,
       false},
      {{{"items-remaining", "0"}, {"items-reset", "6s"}}, -1, false},
      {{}, -1, false}};
  for (const Case& c : cases) {
    const UsedUp used = read_used_up(headers_of(c.headers), kNow);
    const auto shown = c.headers.empty() ? "none" : c.headers.back().second;
    EXPECT_NEAR(ms(used.wait), c.ms, 1e-6) << shown;
    EXPECT_EQ(used.daily, c.daily) << shown;
  }
}

}  // namespace
}  // namespace llmroute::provider
