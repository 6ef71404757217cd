#include "llmroute/serve/sim_options.h"

#include <gtest/gtest.h>

namespace llmroute::serve {
namespace {

TEST(SimOptions, Defaults) {
  const auto options = parse_sim_options("{}");
  ASSERT_TRUE(options.has_value());
  const SimOptions usual;
  EXPECT_EQ(options->dialect, usual.dialect);
  EXPECT_EQ(options->ttft_ms, usual.ttft_ms);
  EXPECT_EQ(options->ttft_sigma, usual.ttft_sigma);
  EXPECT_EQ(options->tokens_per_second, usual.tokens_per_second);
  EXPECT_EQ(options->output_tokens, usual.output_tokens);
  EXPECT_FALSE(options->context_tokens);
  EXPECT_FALSE(options->price.known());
}

TEST(SimOptions, Everything) {
  const auto options = parse_sim_options(R"({
    "dialect": "anthropic", "models": ["m"], "seed": 7, "ttft_ms": 5, "ttft_sigma": 0.3,
    "tokens_per_second": 100, "output_tokens": 9, "api_keys": ["k"], "context_tokens": 100,
    "requests_per_minute": 60, "port": 8080,
    "price": {"input_usd_per_million": 1, "output_usd_per_million": 2},
    "faults": [{"kind": "cut", "chance": 0.5, "from_ms": 10, "to_ms": 20, "from_request": 3,
                "to_request": 4, "retry_after_s": 9, "after_chunks": 1, "delay_ms": 30,
                "status": 502}]})");
  ASSERT_TRUE(options.has_value()) << options.error().path << options.error().message;
  EXPECT_EQ(options->dialect, SimDialect::anthropic);
  EXPECT_EQ(options->models, std::vector<std::string>{"m"});
  EXPECT_EQ(options->seed, 7U);
  EXPECT_EQ(options->ttft_sigma, 0.3);
  EXPECT_EQ(options->context_tokens, Tokens{100});
  EXPECT_EQ(options->requests_per_minute, 60U);
  EXPECT_EQ(options->port, 8080);
  EXPECT_EQ(options->price.output_usd_per_million, 2);
  ASSERT_EQ(options->faults.size(), 1U);
  const Fault& fault = options->faults[0];
  EXPECT_EQ(fault.kind, FaultKind::cut);
  EXPECT_EQ(fault.chance, 0.5);
  EXPECT_EQ(fault.from, milliseconds(10));
  EXPECT_EQ(fault.to, milliseconds(20));
  EXPECT_EQ(fault.from_request, 3U);
  EXPECT_EQ(fault.to_request, 4U);
  EXPECT_EQ(fault.after_chunks, 1U);
  EXPECT_EQ(fault.delay, milliseconds(30));
  EXPECT_EQ(fault.status, 502);
}

TEST(SimOptions, ErrorsHavePathAndNearest) {
  struct Case {
    const char* json;
    const char* path;
    const char* nearest;
  };
  const Case cases[] = {
      {"[]", "", ""},
      {R"({"dialect": "antropic"})", "dialect", "anthropic"},
      {R"({"tfft_ms": 1})", "tfft_ms", "ttft_ms"},
      {R"({"output_tokens": 0})", "output_tokens", ""},
      {R"({"faults": {}})", "faults", ""},
      {R"({"faults": [{}]})", "faults[0].kind", ""},
      {R"({"faults": [{"kind": "rate_limt"}]})", "faults[0].kind", "rate_limit"},
      {R"({"faults": [{"kind": "cut", "chance": 2}]})", "faults[0].chance", ""},
      {R"({"price": {"input_usd_per_million": 1}})", "price.output_usd_per_million", ""},
  };
  for (const Case& c : cases) {
    const auto options = parse_sim_options(c.json);
    ASSERT_TRUE(options.has_error()) << c.json;
    EXPECT_EQ(options.error().kind, ErrorKind::config);
    EXPECT_EQ(options.error().path, c.path) << c.json;
    EXPECT_EQ(options.error().nearest, c.nearest) << c.json;
  }
}

TEST(SimOptions, FaultsAlone) {
  const auto faults = parse_faults(R"([{"kind": "stall"}, {"kind": "html"}])");
  ASSERT_TRUE(faults.has_value());
  EXPECT_EQ(faults->size(), 2U);
  EXPECT_EQ(parse_faults(R"([{"kind": "x"}])").error().path, "faults[0].kind");
  EXPECT_TRUE(parse_faults("{").has_error());
}

}  // namespace
}  // namespace llmroute::serve
