#include "llmroute/provider/limits.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace llmroute::provider {
namespace {

const WallTime kNow{seconds(784'111'777)};  // Sun, 06 Nov 1994 08:49:37 GMT

double ms(std::optional<Duration> d) { return d ? to_ms(*d) : -1; }

TEST(ReadReset, ReadsEveryForm) {
  const std::vector<std::pair<std::string, double>> cases = {
      {"6m0s", 360'000},
      {"1.5s", 1'500},
      {"20ms", 20},
      {"1h2m3s", 3'723'000},
      {"12", 12'000},
      {"0", 0},
      {" 2 ", 2'000},
      {"0.25", 250},
      {"500us", 0.5},
      {"-1", -1},
      {"", -1},
      {"soon", -1},
      {"5x", -1},
      {"s", -1},
      {"1e9", -1},
      {"259200", -1},
      {"73h", -1},
      {"nan", -1},
      {"inf", -1},
      {"1994-11-06T08:49:47Z", 10'000},
      {"1994-11-06T08:49:47.5+00:00", 10'000},
      {"1994-11-06T09:49:47+01:00", 10'000},
      {"1994-11-06T08:49:00Z", 0},
      {"1994-13-06T08:49:00Z", -1},
      {"1994-11-06 08:49", -1}};
  for (const auto& [text, expected] : cases) {
    EXPECT_NEAR(ms(read_reset(text, kNow)), expected, 1e-6) << text;
  }
}

TEST(ReadLimits, ReadsBothFamilies) {
  wire::Headers headers;
  headers.add("x-ratelimit-limit-requests", "500");
  headers.add("x-ratelimit-remaining-requests", "499");
  headers.add("x-ratelimit-reset-requests", "120ms");
  headers.add("x-ratelimit-remaining-tokens", "-4");
  const AnnouncedLimits openai = read_limit_headers(headers, "x-ratelimit-", false, kNow);
  EXPECT_EQ(openai.requests_limit, 500);
  EXPECT_EQ(openai.requests_remaining, 499);
  EXPECT_EQ(ms(openai.requests_reset), 120);
  EXPECT_FALSE(openai.tokens_remaining) << "a negative count is unknown";
  wire::Headers other;
  other.add("anthropic-ratelimit-tokens-remaining", "7");
  other.add("anthropic-ratelimit-tokens-reset", "1994-11-06T08:49:47Z");
  const AnnouncedLimits anthropic = read_limit_headers(other, "anthropic-ratelimit-", true, kNow);
  EXPECT_EQ(anthropic.tokens_remaining, 7);
  EXPECT_EQ(ms(anthropic.tokens_reset), 10'000);
  EXPECT_FALSE(read_limit_headers({}, "x-ratelimit-", false, kNow).any());
}

}  // namespace
}  // namespace llmroute::provider
