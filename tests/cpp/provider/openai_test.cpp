#include <gtest/gtest.h>

#include "llmroute/provider/dialect.h"

namespace llmroute::provider {
namespace {

TEST(OpenAi, SpeaksItsHeadersAndAddress) {
  ChatRequest request;
  request.body = R"({"messages":[]})";
  Deployment d;
  d.model = "m";
  d.base_url = "https://api.test/v1";
  d.headers = {{"x-team", "blue"}};
  const auto encoded = find_dialect("openai")->encode(request, d, Secret("sk-1"));
  ASSERT_TRUE(encoded);
  EXPECT_EQ(encoded->http.url, "https://api.test/v1/chat/completions");
  EXPECT_EQ(encoded->http.headers.find("authorization"), "Bearer sk-1");
  EXPECT_EQ(encoded->http.headers.find("x-team"), "blue");
  EXPECT_EQ(encoded->http.headers.find("content-type"), "application/json");
}

TEST(OpenAi, PassesEveryByteButWhatChanges) {
  ChatRequest request;
  const std::string messages = "[ {\"role\" : \"user\",\"content\":\"\\u0041\\/ \xC3\xA9\"} ]";
  request.body = "{ \"messages\" : " + messages + " , \"temperature\":0.70 }";
  Deployment d;
  d.model = "m\"x";
  const auto encoded = find_dialect("openai")->encode(request, d, Secret());
  ASSERT_TRUE(encoded);
  EXPECT_EQ(encoded->http.body,
            "{\"model\":\"m\\\"x\",\"messages\":" + messages + ",\"temperature\":0.70}");
}

TEST(Registry, FindsByNameAndNamesTheNearest) {
  EXPECT_EQ(find_dialect("openai")->name(), "openai");
  EXPECT_EQ(find_dialect("nobody"), nullptr);
  EXPECT_EQ(dialects().size(), 2U);
  Inventory inventory;
  inventory.deployments.emplace_back().name = "d";
  inventory.deployments[0].dialect = "opneai";
  auto resolved = resolve_dialects(inventory);
  ASSERT_FALSE(resolved);
  EXPECT_EQ(resolved.error().path, "deployments.d.dialect");
  EXPECT_EQ(resolved.error().nearest, "openai");
  inventory.deployments[0].dialect = "openai";
  inventory.deployments[0].quirks.unsupported = {"sead"};
  resolved = resolve_dialects(inventory);
  ASSERT_FALSE(resolved);
  EXPECT_EQ(resolved.error().nearest, "seed");
}

}  // namespace
}  // namespace llmroute::provider
