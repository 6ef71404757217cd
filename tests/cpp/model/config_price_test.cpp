#include <gtest/gtest.h>

#include <string>

#include "llmroute/model/config.h"
#include "support/config_texts.h"

namespace llmroute {
namespace {

constexpr std::string_view kCatalogue = R"({
  "providers": {
    "openai": {"base_url": "https://api.openai.com/v1", "api_key": "env:KEY"},
    "azure": {"base_url": "https://example.openai.azure.com/openai/v1"}
  },
  "models": {
    "openai/gpt-x": {
      "price": {"input_usd_per_million": 1, "output_usd_per_million": 4, "date": "2026-07-02",
                "tiers": [{"above_tokens": 200000, "input_usd_per_million": 2}]},
      "context_tokens": 128000, "max_output_tokens": 16000, "lacks": ["vision", "audio"]},
    "openai/gpt-y": {"context_tokens": 1000}
  }})";

Result<Inventory> parsed(const std::string& deployment, const std::string& rest = {}) {
  const std::string json = R"({"deployments": {"d": )" + deployment +
                           R"(}, "groups": {"g": {"deployments": ["d"]}})" + rest + "}";
  return parse_config(json, kCatalogue, testing::kPolicies);
}

Result<Price> price_of(const std::string& price) {
  auto inventory = parsed(R"({"base_url": "http://h", "model": "m", "price": )" + price + "}");
  if (!inventory) return inventory.error();
  return inventory->deployments[0].price;
}

TEST(ConfigPrice, ReadsEveryRate) {
  std::string json = "{";
  double next = 1;
  for (const auto& [key, field] : kRateFields) {
    json += '"' + std::string(key) + "\": " + std::to_string(next++) + ", ";
  }
  const auto price = price_of(json + R"("date": "2026-11-01"})");
  ASSERT_TRUE(price.has_value()) << price.error().message;
  next = 1;
  for (const auto& [key, field] : kRateFields) EXPECT_EQ((*price).*field, next++) << key;
  EXPECT_EQ(price->date, "2026-11-01");
  EXPECT_TRUE(price->plain());
}

TEST(ConfigPrice, ReadsTiersWindowsAndServiceTiers) {
  const auto price = price_of(R"({"input_usd_per_million": 1, "output_usd_per_million": 2,
    "tiers": [{"above_tokens": 1000, "factor": 2},
              {"above_tokens": 2000, "output_usd_per_million": 9}],
    "service_tiers": {"flex": {"factor": 0.5}, "priority": {"input_usd_per_million": 3}},
    "windows": [{"from": "16:30", "to": "00:30", "factor": 0.25}]})");
  ASSERT_TRUE(price.has_value()) << price.error().message;
  ASSERT_EQ(price->tiers.size(), 2U);
  EXPECT_EQ(price->tiers[0].above.count, 1000);
  EXPECT_EQ(price->tiers[0].change.factor, 2);
  EXPECT_EQ(price->tiers[1].change.rates.output_usd_per_million, 9);
  ASSERT_EQ(price->service_tiers.size(), 2U);
  EXPECT_EQ(price->service_tiers[0].tier, ServiceTier::flex);
  EXPECT_EQ(price->service_tiers[1].change.rates.input_usd_per_million, 3);
  ASSERT_EQ(price->windows.size(), 1U);
  EXPECT_EQ(price->windows[0].from_minute, 16 * 60 + 30);
  EXPECT_EQ(price->windows[0].to_minute, 30);
  EXPECT_FALSE(price->plain());
  const auto hourly = price_of(R"({"usd_per_hour": 2.5})");
  ASSERT_TRUE(hourly.has_value());
  EXPECT_EQ(hourly->usd_per_hour, 2.5);
  EXPECT_TRUE(hourly->known());
}

TEST(ConfigPrice, SaysWhatIsWrongAndWhere) {
  const std::string both = R"("input_usd_per_million": 1, "output_usd_per_million": 2)";
  struct Case {
    std::string price, path, message;
  };
  const Case cases[] = {
      {"{}", "input_usd_per_million", "is missing; or give usd_per_hour"},
      {R"({"input_usd_per_million": 1})", "output_usd_per_million", "is missing"},
      {R"({"usd_per_hour": 1, "input_usd_per_million": 1})", "input_usd_per_million",
       "cannot stand beside usd_per_hour"},
      {R"({"usd_per_hour": -1})", "usd_per_hour", "not -1"},
      {"{" + both + R"(, "tiers": [{"factor": 2}]})", "tiers[0].above_tokens", "is missing"},
      {"{" + both + R"(, "tiers": [{"above_tokens": 5}]})", "tiers[0]", "changes nothing"},
      {"{" + both + R"(, "tiers": [{"above_tokens": 5, "factor": 2},
                                   {"above_tokens": 5, "factor": 3}]})",
       "tiers[1].above_tokens", "is not above that of the tier before"},
      {"{" + both + R"(, "windows": [{"from": "25:00", "to": "01:00", "factor": 2}]})",
       "windows[0].from", "is not a time of day"},
      {"{" + both + R"(, "windows": [{"from": "01:00", "to": "01:00", "factor": 2}]})",
       "windows[0].to", "the window is empty"},
      {"{" + both + R"(, "windows": [{"from": "01:00", "to": "02:00"}]})", "windows[0]",
       "changes nothing"},
      {"{" + both + R"(, "service_tiers": {"flexx": {"factor": 2}}})", "service_tiers.flexx",
       "unknown key"},
      {"{" + both + R"(, "service_tiers": {"flex": {}}})", "service_tiers.flex", "changes nothing"},
  };
  for (const Case& c : cases) {
    const auto price = price_of(c.price);
    ASSERT_FALSE(price.has_value()) << c.price;
    EXPECT_EQ(price.error().path, "deployments.d.price." + c.path) << c.price;
    EXPECT_NE(price.error().message.find(c.message), std::string::npos) << price.error().message;
  }
}

TEST(ModelCatalogue, FillsInWhatIsNotStated) {
  const auto inventory = parsed(R"({"provider": "openai", "model": "gpt-x"})");
  ASSERT_TRUE(inventory.has_value()) << inventory.error().message;
  const Deployment& d = inventory->deployments[0];
  EXPECT_EQ(d.price.input_usd_per_million, 1);
  EXPECT_EQ(d.price.date, "2026-07-02");
  EXPECT_EQ(d.price.tiers.size(), 1U);
  EXPECT_TRUE(d.price_listed);
  EXPECT_EQ(d.context_tokens->count, 128'000);
  EXPECT_EQ(d.max_output_tokens->count, 16'000);
  EXPECT_TRUE(d.lacks.test(static_cast<std::size_t>(Capability::vision)));
  EXPECT_FALSE(d.lacks.test(static_cast<std::size_t>(Capability::tools)));
}

TEST(ModelCatalogue, AlsoForABareName) {
  const auto inventory =
      parse_config(R"({"groups": {"g": {"deployments": ["openai/gpt-x", "openai/gpt-z"]}}})",
                   kCatalogue, testing::kPolicies);
  ASSERT_TRUE(inventory.has_value()) << inventory.error().message;
  EXPECT_TRUE(inventory->deployments[0].price.known());
  EXPECT_FALSE(inventory->deployments[1].price.known()) << "not in the catalogue: unknown";
}

TEST(ModelCatalogue, WhatIsStatedWinsPieceByPiece) {
  const auto inventory = parsed(
      R"({"provider": "openai", "model": "gpt-x", "lacks": [], "context_tokens": 5,
          "price": {"input_usd_per_million": 7, "output_usd_per_million": 8}})");
  ASSERT_TRUE(inventory.has_value()) << inventory.error().message;
  const Deployment& d = inventory->deployments[0];
  EXPECT_EQ(d.price.input_usd_per_million, 7);
  EXPECT_EQ(d.price.date, "") << "nothing of the catalogue's price";
  EXPECT_TRUE(d.price.tiers.empty());
  EXPECT_FALSE(d.price_listed);
  EXPECT_EQ(d.context_tokens->count, 5);
  EXPECT_EQ(d.max_output_tokens->count, 16'000) << "this one was left open";
  EXPECT_TRUE(d.lacks.none());
}

TEST(ModelCatalogue, OnlyWhereRequestsGoToTheProviderItself) {
  struct Case {
    const char* what;
    std::string deployment, rest;
    bool known;
  };
  const Case cases[] = {
      {"another address", R"({"provider": "openai", "model": "gpt-x", "base_url": "http://h"})", "",
       false},
      {"the same, written out",
       R"({"provider": "openai", "model": "gpt-x", "base_url": "https://api.openai.com/v1/"})", "",
       true},
      {"a provider moved elsewhere", R"({"provider": "openai", "model": "gpt-x"})",
       R"(, "providers": {"openai": {"base_url": "http://proxy"}})", false},
      {"a provider of one's own", R"({"provider": "mine", "model": "gpt-x"})",
       R"(, "providers": {"mine": {"base_url": "https://api.openai.com/v1"}})", false},
      {"named", R"({"base_url": "http://h", "model": "m", "catalogue": "openai/gpt-x"})", "", true},
      {"named instead of its own",
       R"({"provider": "openai", "model": "gpt-y", "catalogue": "openai/gpt-x"})", "", true},
      {"an entry without a price", R"({"provider": "openai", "model": "gpt-y"})", "", false},
  };
  for (const Case& c : cases) {
    const auto inventory = parsed(c.deployment, c.rest);
    ASSERT_TRUE(inventory.has_value()) << c.what << ": " << inventory.error().message;
    EXPECT_EQ(inventory->deployments[0].price.known(), c.known) << c.what;
  }
  const auto missing =
      parsed(R"({"base_url": "http://h", "model": "m", "catalogue": "openai/gpt-q"})");
  ASSERT_FALSE(missing.has_value());
  EXPECT_EQ(missing.error().path, "deployments.d.catalogue");
  EXPECT_NE(missing.error().message.find("names no entry"), std::string::npos);
}

}  // namespace
}  // namespace llmroute
