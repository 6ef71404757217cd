// Header families: one row per form a provider is known to use, rendered as one line per window.
#include "llmroute/provider/limit_headers.h"

#include <gtest/gtest.h>

#include <cmath>
#include <string>
#include <vector>

#include "llmroute/base/random.h"

namespace llmroute::provider {
namespace {

const WallTime kNow{seconds(784'111'777)};  // Sun, 06 Nov 1994 08:49:37 GMT

using Lines = std::vector<std::pair<std::string, std::string>>;

std::string number(const std::optional<std::int64_t>& value) {
  return value ? std::to_string(*value) : "?";
}

// "requests_per_day 3/10 @5000 gradual", windows parted by "; ".
std::string read(const Lines& lines, WallTime now = kNow) {
  wire::Headers headers;
  for (const auto& [name, value] : lines) headers.add(name, value);
  std::string out;
  for (const AnnouncedWindow& w : read_limit_headers(headers, now).windows) {
    if (!out.empty()) out += "; ";
    out += window_name(window_code(w.unit, w.period)) + " " + number(w.remaining) + "/" +
           number(w.limit);
    if (w.reset) out += " @" + std::to_string(std::llround(to_ms(*w.reset)));
    if (w.refill != Refill::unstated) out += " " + std::string(slug(w.refill));
  }
  return out;
}

struct Vector {
  const char* what;
  Lines headers;
  const char* expected;
};

const std::vector<Vector> kVectors = {
    {"OpenAI",
     {{"openai-processing-ms", "120"},
      {"x-ratelimit-limit-requests", "500"},
      {"x-ratelimit-limit-tokens", "30000"},
      {"x-ratelimit-remaining-requests", "499"},
      {"x-ratelimit-remaining-tokens", "29970"},
      {"x-ratelimit-reset-requests", "120ms"},
      {"x-ratelimit-reset-tokens", "6m0s"}},
     "requests 499/500 @120 gradual; tokens 29970/30000 @360000 gradual"},
    {"OpenAI's form, of somebody unknown",
     {{"X-RateLimit-Limit-Requests", "500"}, {"X-RateLimit-Remaining-Requests", "0"}},
     "requests 0/500"},
    {"OpenAI's usage-based tokens are another limit",
     {{"x-ratelimit-remaining-tokens_usage_based", "5"}},
     ""},
    {"Azure, with its period",
     {{"x-ratelimit-limit-tokens", "1000"},
      {"x-ratelimit-remaining-tokens", "10"},
      {"x-ratelimit-renewalperiod-tokens", "60"},
      {"x-ratelimit-remaining-requests", "9"},
      {"x-ratelimit-reset-requests", "12"}},
     "tokens_per_minute 10/1000; requests 9/? @12000"},
    {"a period that is none of ours",
     {{"x-ratelimit-renewalperiod-tokens", "37"}, {"x-ratelimit-remaining-tokens", "1"}},
     "tokens 1/?"},
    {"Groq: requests a day, tokens a minute",
     {{"x-groq-region", "us-west-1"},
      {"x-ratelimit-limit-requests", "14400"},
      {"x-ratelimit-limit-tokens", "18000"},
      {"x-ratelimit-remaining-requests", "14370"},
      {"x-ratelimit-remaining-tokens", "17997"},
      {"x-ratelimit-reset-requests", "2m59.56s"},
      {"x-ratelimit-reset-tokens", "7.66s"}},
     "requests_per_day 14370/14400 @179560 gradual; tokens_per_minute 17997/18000 @7660 gradual"},
    {"the marker may come last",
     {{"x-ratelimit-remaining-requests", "1"}, {"X-Groq-Region", "x"}},
     "requests_per_day 1/? gradual"},
    {"Cerebras",
     {{"x-ratelimit-limit-requests-day", "1000"},
      {"x-ratelimit-limit-tokens-minute", "60000"},
      {"x-ratelimit-remaining-requests-day", "0"},
      {"x-ratelimit-remaining-tokens-minute", "55000"},
      {"x-ratelimit-reset-requests-day", "33011.38"},
      {"x-ratelimit-reset-tokens-minute", "11.38"}},
     "requests_per_day 0/1000 @33011380 at_once; tokens_per_minute 55000/60000 @11380"},
    {"Cerebras, hour beside minute",
     {{"x-ratelimit-remaining-tokens-hour", "1"}, {"x-ratelimit-remaining-tokens-minute", "2"}},
     "tokens_per_hour 1/? at_once; tokens_per_minute 2/?"},
    {"Mistral by size",
     {{"x-ratelimitbysize-limit-minute", "500000"},
      {"x-ratelimitbysize-remaining-minute", "499900"},
      {"x-ratelimitbysize-limit-month", "1000000000"},
      {"x-ratelimitbysize-remaining-month", "999999900"}},
     "tokens_per_minute 499900/500000; tokens_per_month 999999900/1000000000 at_once"},
    {"Mistral's later words",
     {{"x-ratelimit-limit-req-minute", "60"},
      {"x-ratelimit-remaining-req-minute", "59"},
      {"x-ratelimit-limit-tokens-minute", "50000"},
      {"x-ratelimit-remaining-tokens-minute", "49000"},
      {"x-ratelimit-tokens-query-cost", "32"}},
     "requests_per_minute 59/60; tokens_per_minute 49000/50000"},
    {"Mistral's first words",
     {{"ratelimitbysize-limit", "2000000"},
      {"ratelimitbysize-remaining", "1999968"},
      {"ratelimitbysize-reset", "32"},
      {"ratelimitbysize-query-cost", "32"},
      {"ratelimit-limit", "5"},
      {"ratelimit-remaining", "4"},
      {"ratelimit-reset", "1"}},
     "tokens 1999968/2000000 @32000; requests 4/5 @1000"},
    {"Anthropic",
     {{"anthropic-ratelimit-requests-limit", "50"},
      {"anthropic-ratelimit-requests-remaining", "49"},
      {"anthropic-ratelimit-requests-reset", "1994-11-06T08:49:47Z"},
      {"anthropic-ratelimit-tokens-limit", "50000"},
      {"anthropic-ratelimit-tokens-remaining", "7"},
      {"anthropic-ratelimit-tokens-reset", "1994-11-06T08:49:47Z"},
      {"anthropic-ratelimit-input-tokens-remaining", "40"},
      {"anthropic-ratelimit-input-tokens-limit", "40000"},
      {"anthropic-ratelimit-output-tokens-remaining", "0"},
      {"anthropic-ratelimit-output-tokens-reset", "1994-11-06T08:49:38Z"}},
     "requests 49/50 @10000 gradual; tokens 7/50000 @10000 gradual; input_tokens 40/40000 gradual; "
     "output_tokens 0/? @1000 gradual"},
    {"Anthropic's priority tier falls back by itself",
     {{"anthropic-priority-input-tokens-remaining", "0"}},
     ""},
    {"GitHub Models",
     {{"x-ratelimit-limit-requests", "150"},
      {"x-ratelimit-remaining-requests", "0"},
      {"x-ratelimit-type", "UserByModelByDay"},
      {"x-ratelimit-timeremaining", "3600"}},
     "requests 0/150 @3600000"},
    {"Fireworks",
     {{"x-ratelimit-limit-requests", "600"},
      {"x-ratelimit-remaining-requests", "599"},
      {"x-ratelimit-limit-tokens-prompt", "60000"},
      {"x-ratelimit-remaining-tokens-prompt", "59000"},
      {"x-ratelimit-limit-tokens-generated", "6000"},
      {"x-ratelimit-remaining-tokens-generated", "5999"},
      {"x-ratelimit-limit-tokens-cached-prompt", "7"},
      {"x-ratelimit-over-limit", "no"}},
     "requests 599/600; input_tokens 59000/60000; output_tokens 5999/6000"},
    {"Together",
     {{"x-ratelimit-limit", "10"},
      {"x-ratelimit-remaining", "9"},
      {"x-ratelimit-reset", "1"},
      {"x-tokenlimit-limit", "3000"},
      {"x-tokenlimit-remaining", "2900"}},
     "requests 9/10 @1000; tokens 2900/3000"},
    {"Cohere's trial keys",
     {{"x-trial-endpoint-call-limit", "20"},
      {"x-trial-endpoint-call-remaining", "19"},
      {"x-endpoint-monthly-call-limit", "1000"}},
     "requests_per_minute 19/20"},
    {"Kong",
     {{"X-RateLimit-Limit-Minute", "5"},
      {"X-RateLimit-Remaining-Minute", "3"},
      {"X-RateLimit-Limit-Second", "1"},
      {"X-RateLimit-Remaining-Second", "0"}},
     "requests_per_minute 3/5; requests_per_second 0/1"},
    {"Spring", {{"X-Rate-Limit-Remaining", "4"}, {"X-Rate-Limit-Limit", "9"}}, "requests 4/9"},
    {"the draft, three headers",
     {{"RateLimit-Limit", "100, 100;w=60"},
      {"RateLimit-Remaining", "50"},
      {"RateLimit-Reset", "30"}},
     "requests 50/100 @30000"},
    {"the draft, one header with parameters",
     {{"RateLimit", "limit=100, remaining=50, reset=5"}},
     "requests 50/100 @5000"},
    {"the draft, with semicolons",
     {{"RateLimit", "limit=10;remaining=5;reset=5"}},
     "requests 5/10 @5000"},
    {"the draft, structured",
     {{"RateLimit", "\"default\";r=50;t=30"}, {"RateLimit-Policy", "\"default\";q=100;w=60"}},
     "requests_per_minute 50/100 @30000"},
    {"the draft, two policies",
     {{"ratelimit", "\"burst\";r=0;t=1 , \"daily\" ; r=40;t=3600"},
      {"ratelimit-policy", "\"daily\";q=1000;w=86400, \"burst\";q=5;w=1"}},
     "requests_per_second 0/5 @1000; requests_per_day 40/1000 @3600000 at_once"},
    {"the draft, tokens by name of the unit",
     {{"RateLimit", "\"t\";r=9"}, {"RateLimit-Policy", "\"t\";q=90;qu=\"tokens\";w=60"}},
     "tokens_per_minute 9/90"},
    {"the draft, bytes are not ours",
     {{"RateLimit", "\"b\";r=9;t=1"}, {"RateLimit-Policy", "\"b\";q=90;qu=\"content-bytes\""}},
     ""},
    {"the draft, a comma in quotes", {{"RateLimit", "\"a,b;c\";r=9;t=1"}}, "requests 9/? @1000"},
    {"the draft, negative and absurd",
     {{"RateLimit", "\"a\";r=-9;t=-1"}, {"RateLimit-Policy", "\"a\";q=7"}},
     "requests ?/7"},
    {"a negative count is unknown",
     {{"x-ratelimit-remaining-tokens", "-4"}, {"x-ratelimit-limit-tokens", "9"}},
     "tokens ?/9"},
    {"all unreadable",
     {{"x-ratelimit-remaining-tokens", "many"}, {"x-ratelimit-reset-tokens", "soon"}},
     ""},
    {"a reset beyond a day is unknown",
     {{"x-ratelimit-remaining-requests", "0"}, {"x-ratelimit-reset-requests", "90000"}},
     "requests 0/?"},
    {"a fraction counts down", {{"x-ratelimit-remaining-tokens", "7.9"}}, "tokens 7/?"},
    {"the first of two counts",
     {{"x-ratelimit-remaining-requests", "3"}, {"x-ratelimit-remaining-requests", "9"}},
     "requests 3/?"},
    {"two things said at once are neither", {{"x-ratelimit-limit-remaining", "3"}}, ""},
    {"nothing said", {{"x-ratelimit-tokens", "3"}, {"x-ratelimit-", "3"}}, ""},
    {"an unknown word", {{"x-ratelimit-remaining-images", "3"}}, ""},
    {"none", {{"content-type", "text/plain"}, {"x-request-id", "1"}, {"retry-after", "3"}}, ""},
};

TEST(LimitHeaders, ReadsEveryFamily) {
  EXPECT_GE(kVectors.size(), 30U);
  for (const Vector& v : kVectors) {
    EXPECT_EQ(read(v.headers), v.expected) << v.what;
  }
}

TEST(LimitHeaders, TellsMomentsFromSeconds) {
  const WallTime now{seconds(1'790'000'000)};  // 2026
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"1790003600000", "requests 0/50 @3600000 at_once"},  // OpenRouter
      {"1790000030", "requests 0/50 @30000 at_once"},       // GitHub
      {"1789999999", "requests 0/50 @0 at_once"},           // clocks differ by a little
      {"1790090000", "requests 0/50"},                      // beyond a day
      {"1e300", "requests 0/50"},
      {"30", "requests 0/50 @30000"},
      {"30s", "requests 0/50 @30000"},
      {"2026-09-21T14:20:30Z", "requests 0/50 @430000"},
      {"Mon, 21 Sep 2026 14:20:30 GMT", "requests 0/50 @430000 at_once"},
  };
  for (const auto& [text, expected] : cases) {
    EXPECT_EQ(read({{"X-RateLimit-Limit", "50"},
                    {"X-RateLimit-Remaining", "0"},
                    {"X-RateLimit-Reset", text}},
                   now),
              expected)
        << text;
  }
}

TEST(LimitHeaders, TakesNothingFromNoise) {
  Random random(7);
  constexpr std::string_view kBytes = "ratelimit-x\"=;, 0159remainingreset\xff";
  for (int round = 0; round < 5'000; ++round) {
    Lines lines;
    for (const char* name :
         {"RateLimit", "RateLimit-Policy", "x-ratelimit-reset", "x-ratelimit-"}) {
      std::string value;
      for (std::size_t i = random.below(40); i > 0; --i)
        value += kBytes[random.below(kBytes.size())];
      lines.emplace_back(name, value);
    }
    lines.emplace_back("x-ratelimit-" + lines[0].second, "3");
    read(lines);  // the sanitizers judge
  }
}

TEST(LimitHeaders, IsBounded) {
  Lines lines;
  std::string list;
  for (int i = 0; i < 1'000; ++i) {
    list += "\"n" + std::to_string(i) + "\";r=1;t=1;w=" + std::to_string(i) + ",";
  }
  wire::Headers headers;
  headers.add("RateLimit", list);
  headers.add("RateLimit-Policy", list);
  EXPECT_LE(read_limit_headers(headers, kNow).windows.size(), AnnouncedLimits::kMost);
}

}  // namespace
}  // namespace llmroute::provider
