#include <gtest/gtest.h>

#include "llmroute/provider/dialect.h"
#include "llmroute/wire/json.h"

namespace llmroute::provider {
namespace {

TEST(Anthropic, SpeaksItsHeadersAndAddress) {
  ChatRequest request;
  request.body = R"({"messages":[{"role":"user","content":"hi"}]})";
  Deployment d;
  d.model = "m";
  d.base_url = "https://api.test/v1";
  const auto encoded = find_dialect("anthropic")->encode(request, d, Secret("sk-2"));
  ASSERT_TRUE(encoded);
  EXPECT_EQ(encoded->http.url, "https://api.test/v1/messages");
  EXPECT_EQ(encoded->http.headers.find("x-api-key"), "sk-2");
  EXPECT_EQ(encoded->http.headers.find("anthropic-version"), "2023-06-01");
  EXPECT_FALSE(encoded->http.headers.find("authorization"));
}

TEST(Anthropic, CarriesALargeImageWithoutTouchingItsBytes) {
  const std::string image(4'000'000, 'A');
  ChatRequest request;
  request.body = R"({"messages":[{"role":"user","content":[{"type":"image_url","image_url":)"
                 R"({"url":"data:image/jpeg;base64,)" +
                 image + R"("}}]}]})";
  const auto encoded = find_dialect("anthropic")->encode(request, Deployment(), Secret());
  ASSERT_TRUE(encoded);
  EXPECT_TRUE(wire::validate_json(encoded->http.body));
  EXPECT_NE(encoded->http.body.find("\"data\":\"" + image + "\""), std::string::npos);
}

TEST(Anthropic, TakesTheTighterTokenFamily) {
  wire::Headers headers;
  headers.add("anthropic-ratelimit-requests-remaining", "49");
  headers.add("anthropic-ratelimit-requests-reset", "1970-01-01T00:00:09Z");
  headers.add("anthropic-ratelimit-input-tokens-remaining", "900");
  headers.add("anthropic-ratelimit-input-tokens-reset", "1970-01-01T00:00:05Z");
  headers.add("anthropic-ratelimit-output-tokens-remaining", "40");
  headers.add("anthropic-ratelimit-output-tokens-reset", "1970-01-01T00:00:07Z");
  const AnnouncedLimits limits = find_dialect("anthropic")->read_limits(headers, WallTime{});
  EXPECT_EQ(limits.requests_remaining, 49);
  EXPECT_EQ(limits.tokens_remaining, 40);
  EXPECT_EQ(limits.tokens_reset, Duration(seconds(7)));
}

}  // namespace
}  // namespace llmroute::provider
