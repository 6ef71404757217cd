#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "llmroute/provider/anthropic_parts.h"
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

TEST(Anthropic, LetsOneTokenFamilyBe) {
  wire::Headers headers;
  headers.add("anthropic-ratelimit-tokens-remaining", "7000");
  headers.add("anthropic-ratelimit-input-tokens-remaining", "5");
  EXPECT_EQ(find_dialect("anthropic")->read_limits(headers, WallTime{}).tokens_remaining, 7000);
  EXPECT_FALSE(find_dialect("anthropic")->read_limits({}, WallTime{}).any());
}

TEST(Anthropic, TellsWhatIsKeptForAnHour) {
  Usage usage;
  Tokens fresh;
  read_anthropic_usage(
      wire::JsonView(R"({"input_tokens":5,"cache_creation_input_tokens":30,"cache_creation":)"
                     R"({"ephemeral_5m_input_tokens":10,"ephemeral_1h_input_tokens":20},)"
                     R"("cache_read_input_tokens":2,"output_tokens":1})"),
      usage, fresh);
  EXPECT_EQ(usage.input, Tokens{37});
  EXPECT_EQ(usage.cache_write, Tokens{30});
  EXPECT_EQ(usage.cache_write_hour, Tokens{20});
  // The stream's last event repeats the counts without the split.
  read_anthropic_usage(wire::JsonView(R"({"output_tokens":9})"), usage, fresh);
  EXPECT_EQ(usage.cache_write_hour, Tokens{20});
  EXPECT_EQ(usage.output, Tokens{9});
}

TEST(Anthropic, BoundsAThinkingBlock) {
  const auto decoder = find_dialect("anthropic")->stream_decoder(Deployment());
  std::vector<Delta> out;
  auto failure = decoder->feed(
      "data: {\"type\":\"content_block_start\",\"index\":0,\"content_block\":"
      "{\"type\":\"thinking\"}}\n\n",
      out);
  const std::string event =
      "data: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"thinking\":\"" +
      std::string(1U << 20, 'x') + "\"}}\n\n";
  int fed = 0;
  for (; !failure && fed < 40; ++fed) {
    failure = decoder->feed(event, out);
    out.clear();
  }
  ASSERT_TRUE(failure);
  EXPECT_EQ(failure->kind, ErrorKind::protocol);
  EXPECT_LE(fed, 18) << "the bound is 16 MiB";
}

TEST(Anthropic, LetsADeploymentNameItsVersion) {
  ChatRequest request;
  request.body = R"({"messages":[{"role":"user","content":"hi"}]})";
  Deployment d;
  d.headers = {{"Anthropic-Version", "2099-01-01"}, {"anthropic-beta", "x"}};
  const auto encoded = find_dialect("anthropic")->encode(request, d, Secret());
  ASSERT_TRUE(encoded);
  int versions = 0;
  for (const auto& [name, value] : encoded->http.headers.items()) {
    if (name == "Anthropic-Version" || name == "anthropic-version") ++versions;
  }
  EXPECT_EQ(versions, 1);
}

TEST(Anthropic, KeepsEscapedSlashesOfADataUrl) {
  ChatRequest request;
  request.body = R"({"messages":[{"role":"user","content":[{"type":"image_url","image_url":)"
                 R"({"url":"data:image\/png;base64,iV\/B"}}]}]})";
  const auto encoded = find_dialect("anthropic")->encode(request, Deployment(), Secret());
  ASSERT_TRUE(encoded);
  const wire::JsonView body(encoded->http.body);
  const wire::JsonView source =
      body["messages"].first_element().value()["content"].first_element().value()["source"];
  EXPECT_EQ(source["media_type"].string(), "image/png");
  EXPECT_EQ(source["data"].string(), "iV/B");
}

TEST(Anthropic, ReadsTheVersionInAModelsName) {
  const std::vector<std::pair<std::string, ModelVersion>> cases = {
      {"claude-3-7-sonnet-20250219", {3, 7}},
      {"claude-sonnet-4-20250514", {4, 0}},
      {"claude-sonnet-4-5-20250929", {4, 5}},
      {"claude-opus-4-6", {4, 6}},
      {"claude-opus-5", {5, 0}},
      {"anthropic/claude-opus-4.7", {4, 7}},
      {"claude-sonnet-4-0", {4, 0}},
      {"claude-instant", {0, 0}},
      {"claude-", {0, 0}},
      {"gpt-4-6", {0, 0}},
      {"", {0, 0}},
      {"claude-haiku-10-12", {10, 12}}};
  for (const auto& [name, version] : cases) {
    EXPECT_EQ(claude_version(name).major, version.major) << name;
    EXPECT_EQ(claude_version(name).minor, version.minor) << name;
  }
}

}  // namespace
}  // namespace llmroute::provider
