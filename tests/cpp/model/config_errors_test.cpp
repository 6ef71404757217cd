// Every way a configuration can be wrong: exact path, nearest name, and the words that name the fix.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "llmroute/model/config.h"
#include "support/config_texts.h"

namespace llmroute {
namespace {

struct Case {
  std::string json;
  const char* path;
  const char* nearest;
  const char* words;  // part of the message
};

void expect_errors(const std::vector<Case>& cases) {
  for (const Case& c : cases) {
    const auto result = parse_config(c.json, testing::kCatalogue, testing::kPolicies);
    ASSERT_TRUE(result.has_error()) << c.json;
    const Error& error = result.error();
    EXPECT_EQ(error.kind, ErrorKind::config) << c.json;
    EXPECT_EQ(error.path, c.path) << c.json << "\n" << error.message;
    EXPECT_EQ(error.nearest, c.nearest) << c.json << "\n" << error.message;
    EXPECT_NE(error.message.find(c.words), std::string::npos) << c.json << "\n" << error.message;
  }
}

std::string in_group(const std::string& members) {
  return R"({"groups": {"g": {"deployments": ["openai/a"], )" + members + "}}}";
}
std::string in_deployment(const std::string& members) {
  return R"({"deployments": {"d": {"provider": "openai", "model": "m", )" + members + "}}}";
}
std::string in_resilience(const std::string& members) {
  return R"({"groups": {"g": {"deployments": ["openai/a"]}}, "resilience": {)" + members + "}}";
}
std::string in_provider(const std::string& members) {
  return R"({"groups": {"g": {"deployments": ["openai/a"]}}, "providers": {"p": {)" + members +
         "}}}";
}

TEST(ConfigErrors, Root) {
  expect_errors({
      {"", "", "", "the configuration is not valid JSON"},
      {"[]", "", "", "the configuration must be a table, not a list"},
      {"{}", "groups", "", "names no deployment"},
      {R"({"groups": {}})", "groups", "", "names no deployment"},
      {R"({"gruops": {}})", "gruops", "groups", "is an unknown key"},
      {R"({"zzzzzzzzzzzz": {}})", "zzzzzzzzzzzz", "", "known here: version, groups"},
      {R"({"intents": {}})", "intents", "", "not part of this version"},
      {R"({"a.b": 1})", "\"a.b\"", "", "is an unknown key"},
      {R"({"version": 2})", "version", "", "must be 1"},
      {R"({"version": "1"})", "version", "", "must be a number, not a string"},
      {R"({"version": 1.5})", "version", "", "must be a whole number, not 1.5"},
      {R"({"groups": []})", "groups", "", "must be a table, not a list"},
      {R"({"groups": null})", "groups", "", "must be a table, not null"},
      {R"({"groups": {"g": {}, "g": {}}})", "groups.g", "", "is given twice"},
  });
}

TEST(ConfigErrors, Groups) {
  expect_errors({
      {R"({"groups": {"g": {}}})", "groups.g.deployments", "", "is missing"},
      {R"({"groups": {"g": []}})", "groups.g", "", "must be a table"},
      {R"({"groups": {"": {"deployments": ["openai/a"]}}})", "groups.\"\"", "",
       "its name is empty"},
      {R"({"groups": {"g": {"deployments": []}}})", "groups.g.deployments", "", "is empty"},
      {R"({"groups": {"g": {"deployments": "openai/a"}}})", "groups.g.deployments", "",
       "must be a list, not a string"},
      {R"({"groups": {"g": {"deployments": [1]}}})", "groups.g.deployments[0]", "",
       "must be a string or a table, not a number"},
      {R"({"groups": {"g": {"deployments": [{"weight": 1}]}}})", "groups.g.deployments[0].use", "",
       "is missing"},
      {R"({"groups": {"g": {"deployments": ["openai/b", {"use": "openai/a", "wieght": 1}]}}})",
       "groups.g.deployments[1].wieght", "weight", "is an unknown key"},
      {R"({"groups": {"g": {"deployments": [{"use": "openai/a", "weight": "1"}]}}})",
       "groups.g.deployments[0].weight", "", "must be a number, not a string"},
      {R"({"groups": {"g": {"deployments": [{"use": "openai/a", "weight": -1}]}}})",
       "groups.g.deployments[0].weight", "", "must be from 0.001 to 1000000, not -1"},
      {R"({"groups": {"g": {"deployments": ["openai/a", "openai/a"]}}})", "groups.g.deployments[1]",
       "", "is listed twice"},
      {R"({"groups": {"g": {"deployments": ["openai/a", {"use": "openai/a"}]}}})",
       "groups.g.deployments[1].use", "", "is listed twice"},
      {in_group(R"("fallback": [])"), "groups.g.fallback", "fallbacks", "is an unknown key"},
      {in_group(R"("hedge": {"after": "p94"})"), "groups.g.hedge.after", "p90", "unknown word"},
      {in_group(R"("hedge": {"extra_load": 2})"), "groups.g.hedge.extra_load", "",
       "from 0.01 to 1"},
      {in_group(R"("hedge": {"extra": 2})"), "groups.g.hedge.extra", "extra_load",
       "is an unknown key"},
      {in_group(R"("fallbacks": "x")"), "groups.g.fallbacks", "", "must be a list"},
      {in_group(R"("fallbacks": ["x"])"), "groups.g.fallbacks[0]", "", "unknown group \"x\""},
      {R"({"groups": {"default": {"deployments": ["openai/a"]},
                      "g": {"deployments": ["openai/a"], "on_content_filter": ["defualt"]}}})",
       "groups.g.on_content_filter[0]", "default", "unknown group \"defualt\""},
      {in_group(R"("fallbacks": ["openai/a", "openai/a"])"), "groups.g.fallbacks[1]", "",
       "is listed twice"},
      {R"({"deployments": {"d": {"provider": "openai", "model": "m"}},
           "groups": {"d": {"deployments": ["d"]}}})",
       "groups.d.deployments[0]", "", "is a group"},
      {R"({"deployments": {"d": {"provider": "openai", "model": "m"}},
           "groups": {"d": {"deployments": ["openai/a"]}}})",
       "groups.d", "", "a deployment has this name too"},
      {R"({"groups": {"g": {"deployments": ["openai/a"]}, "h": {"deployments": ["g"]}}})",
       "groups.h.deployments[0]", "", "groups belong under fallbacks"},
  });
}

TEST(ConfigErrors, UnknownDeploymentsAndProviders) {
  const std::string tables = R"("deployments": {"local": {"provider": "ollama", "model": "m"}}, )";
  expect_errors({
      {"{" + tables + R"("groups": {"g": {"deployments": ["locla"]}}})", "groups.g.deployments[0]",
       "local", "unknown deployment \"locla\""},
      {"{" + tables + R"("groups": {"g": {"deployments": [{"use": "remote-thing"}]}}})",
       "groups.g.deployments[0].use", "", "provider/model"},
      {R"({"groups": {"g": {"deployments": ["opnai/gpt-4o"]}}})", "groups.g.deployments[0]",
       "openai/gpt-4o", "unknown provider \"opnai\""},
      {R"({"groups": {"g": {"deployments": ["nobody/gpt-4o"]}}})", "groups.g.deployments[0]", "",
       "unknown provider \"nobody\""},
      {R"({"groups": {"g": {"deployments": ["openai/"]}}})", "groups.g.deployments[0]", "",
       "names no model"},
      {R"({"deployments": {"d": {"provider": "antropic", "model": "m"}}})",
       "deployments.d.provider", "anthropic", "unknown provider \"antropic\""},
      {R"({"deployments": {"d": {"provider": "openai"}}})", "deployments.d.model", "",
       "is missing"},
      {R"({"deployments": {"d": {"model": "m"}}})", "deployments.d.provider", "", "base_url"},
      {R"({"deployments": {"openai/x": {"provider": "ollama"}}})", "deployments.openai/x.model", "",
       "is missing"},
  });
}

TEST(ConfigErrors, Circles) {
  const auto circle = [](const std::string& key) {
    return R"({"groups": {"a": {"deployments": ["openai/a"], ")" + key + R"(": ["b"]},
                          "b": {"deployments": ["openai/a"], ")" +
           key + R"(": ["c"]},
                          "c": {"deployments": ["openai/a"], ")" +
           key + R"(": ["b"]}}})";
  };
  expect_errors({
      {circle("fallbacks"), "groups.b.fallbacks", "", "goes in a circle: b -> c -> b"},
      {circle("on_context_too_long"), "groups.b.on_context_too_long", "", "b -> c -> b"},
      {circle("on_content_filter"), "groups.b.on_content_filter", "", "b -> c -> b"},
      {in_group(R"("fallbacks": ["g"])"), "groups.g.fallbacks", "", "circle: g -> g"},
  });
}

TEST(ConfigErrors, Policies) {
  expect_errors({
      {in_group(R"("policy": "least_latancy")"), "groups.g.policy", "least_latency",
       "unknown policy \"least_latancy\"; known: ordered, weighted, least_latency"},
      {in_group(R"("policy": 3)"), "groups.g.policy", "", "must be a string or a table"},
      {in_group(R"("policy": {})"), "groups.g.policy.name", "", "is missing"},
      {in_group(R"("policy": {"name": 3})"), "groups.g.policy.name", "", "must be a string"},
      {in_group(R"("policy": {"name": "orderd"})"), "groups.g.policy.name", "ordered",
       "unknown policy"},
      {in_group(R"("policy": {"name": "least_latency", "jiter": 1})"), "groups.g.policy.jiter",
       "jitter", "unknown option"},
      {in_group(R"("policy": {"name": "ordered", "jitter": 1})"), "groups.g.policy.jitter", "",
       "known: none"},
      {in_group(R"("policy": {"name": "least_latency", "jitter": 2})"), "groups.g.policy.jitter",
       "", "must be from 0 to 1, not 2"},
      {in_group(R"("policy": {"name": "least_latency", "jitter": "a"})"), "groups.g.policy.jitter",
       "", "must be a number"},
      {in_group(R"("policy": {"name": "mine", "python": true, "stand_in": "wieghted"})"),
       "groups.g.policy.stand_in", "weighted", "unknown policy"},
      {in_group(R"("policy": {"name": "mine", "python": true, "x": 1})"), "groups.g.policy.x", "",
       "unknown key"},
      {in_group(R"("policy": {"name": "weighted", "python": false})"), "groups.g.policy.python", "",
       "unknown option"},
  });
}

TEST(ConfigErrors, Deployments) {
  expect_errors({
      {R"({"deployments": {"d": 1}})", "deployments.d", "", "must be a table, not a number"},
      {R"({"deployments": {"a\nb": {}}})", "deployments.\"a\\nb\"", "", "control character"},
      {in_deployment(R"("regoin": "eu")"), "deployments.d.regoin", "region", "unknown key"},
      {in_deployment(R"("limits": {"in_flight": 0})"), "deployments.d.limits.in_flight", "",
       "from 1"},
      {in_deployment(R"("limits": {"requests_per_minut": 1})"),
       "deployments.d.limits.requests_per_minut", "requests_per_minute", "is an unknown key"},
      {in_deployment(R"("region": "")"), "deployments.d.region", "", "is empty"},
      {in_deployment(R"("base_url": "api.openai.com")"), "deployments.d.base_url", "",
       "http:// or https://"},
      {in_deployment(R"("base_url": "https://u:p@h/v1")"), "deployments.d.base_url", "",
       "user name or password"},
      {in_deployment(R"("api_key": "")"), "deployments.d.api_key", "", "is empty"},
      {in_deployment(R"("api_key": 7)"), "deployments.d.api_key", "", "must be a string"},
      {in_deployment(R"("api_key": "env:A", "api_keys": ["env:B"])"), "deployments.d.api_keys", "",
       "keep one of the two"},
      {in_deployment(R"("api_keys": ["env:A", "env:A"])"), "deployments.d.api_keys[1]", "",
       "is listed twice"},
      {in_deployment(R"("api_keys": ["env:"])"), "deployments.d.api_keys[0]", "",
       "environment variable"},
      {in_deployment(R"("price": {"input_usd_per_million": 1})"),
       "deployments.d.price.output_usd_per_million", "", "is missing"},
      {in_deployment(R"("embedding": "e", "price": {"output_usd_per_million": 1})"),
       "deployments.d.price.input_usd_per_million", "", "is missing"},
      {in_deployment(R"("price": {"input_usd_per_million": -1, "output_usd_per_million": 1})"),
       "deployments.d.price.input_usd_per_million", "", "not -1"},
      {in_deployment(R"("price": {"input_usd_per_milion": 1})"),
       "deployments.d.price.input_usd_per_milion", "input_usd_per_million", "unknown key"},
      {in_deployment(R"("context_tokens": 0)"), "deployments.d.context_tokens", "",
       "from 1 to 1000000000, not 0"},
      {in_deployment(R"("context_tokens": 1.5)"), "deployments.d.context_tokens", "",
       "whole number"},
      {in_deployment(R"("context_tokens": true)"), "deployments.d.context_tokens", "",
       "must be a number, not true or false"},
      {in_deployment(R"("max_output_tokens": 1e300)"), "deployments.d.max_output_tokens", "",
       "not 1e+300"},
      {in_deployment(R"("lacks": ["visoin"])"), "deployments.d.lacks[0]", "vision",
       "known: tools, vision"},
      {in_deployment(R"("tags": [""])"), "deployments.d.tags[0]", "", "is empty"},
      {in_deployment(R"("timeouts": {"ttft": 5})"), "deployments.d.timeouts.ttft", "ttft_ms",
       "unknown key"},
      {in_deployment(R"("timeouts": {"ttft_ms": 1e12})"), "deployments.d.timeouts.ttft_ms", "",
       "from 0 to 86400000"},
      {in_deployment(R"("headers": {"X-A": "b\r\nEvil: 1"})"), "deployments.d.headers.X-A", "",
       "line break"},
      {in_deployment(R"("headers": {"X A": "b"})"), "deployments.d.headers.\"X A\"", "",
       "its name is not a header name"},
      {in_deployment(R"("forward_headers": ["x-title", "Cookie"])"),
       "deployments.d.forward_headers[1]", "", "use api_key"},
      {in_deployment(R"("forward_headers": ["host"])"), "deployments.d.forward_headers[0]", "",
       "cannot be given"},
      {in_deployment(R"("forward_headers": "anthropic-beta")"), "deployments.d.forward_headers", "",
       "list"},
      {in_deployment(R"("headers": {"Authorization": "Bearer x"})"),
       "deployments.d.headers.Authorization", "", "use api_key"},
      {in_deployment(R"("proxy": "proxy:3128")"), "deployments.d.proxy", "", "must begin"},
      {in_deployment(R"("load": {})"), "deployments.d.load.metrics", "", "missing"},
      {in_deployment(R"("load": {"metrics": "x:1"})"), "deployments.d.load.metrics", "",
       "must begin"},
      {in_deployment(R"("load": {"metrics": "http://h/m", "queue": "1a"})"),
       "deployments.d.load.queue", "", "name of a metric"},
      {in_deployment(R"("load": {"metrics": "http://h/m", "kv_cach": "a"})"),
       "deployments.d.load.kv_cach", "kv_cache", "unknown"},
      {in_deployment(R"("quirks": {"stream_usage": 1})"), "deployments.d.quirks.stream_usage", "",
       "must be true or false, not a number"},
      {in_deployment(R"("quirks": {"max_tokens_field": "max_token"})"),
       "deployments.d.quirks.max_tokens_field", "max_tokens", "unknown word"},
      {in_deployment(R"("quirks": {"rename": {"sead": "x"}})"), "deployments.d.quirks.rename.sead",
       "", "no parameter"},
      {in_deployment(R"("quirks": {"rename": {"seed": ""}})"), "deployments.d.quirks.rename.seed",
       "", "is empty"},
      {in_deployment(R"("quirks": {"keeps": ["thinking_block"]})"), "deployments.d.quirks.keeps[0]",
       "thinking_blocks", "unknown word"},
      {in_deployment(R"("quirks": {"reasoning_summary": "long"})"),
       "deployments.d.quirks.reasoning_summary", "", "unknown word"},
      {in_deployment(R"("quirks": {"unsupported": ["temprature"]})"),
       "deployments.d.quirks.unsupported[0]", "temperature", "unknown word"},
      {in_deployment("\"region\": \"" + std::string(5'000, 'r') + "\""), "deployments.d.region", "",
       "longer than 4096 bytes"},
  });
}

TEST(ConfigErrors, ResilienceAndProviders) {
  expect_errors({
      {in_resilience(R"("attempts": 0)"), "resilience.attempts", "", "from 1 to 100, not 0"},
      {in_resilience(R"("atempts": 1)"), "resilience.atempts", "attempts", "unknown key"},
      {in_resilience(R"("breaker": {"error_rate": 1.5})"), "resilience.breaker.error_rate", "",
       "from 0.01 to 1, not 1.5"},
      {in_resilience(R"("breaker": {"failures": -1})"), "resilience.breaker.failures", "",
       "not -1"},
      {in_resilience(R"("breaker": {"cooldown": 1})"), "resilience.breaker.cooldown", "cooldown_ms",
       "unknown key"},
      {in_resilience(R"("backoff": {"base_ms": 100, "max_ms": 50})"), "resilience.backoff.base_ms",
       "", "larger than max_ms"},
      {in_resilience(R"("retry_share": 2)"), "resilience.retry_share", "", "from 0 to 1"},
      {in_resilience(R"("deadline_ms": 0)"), "resilience.deadline_ms", "", "from 1 to"},
      {in_resilience(R"("timeouts": [])"), "resilience.timeouts", "", "must be a table"},
      {in_provider(R"("dialect": "openai")"), "providers.p.base_url", "", "is missing"},
      {in_provider(R"("base_ulr": "https://h")"), "providers.p.base_ulr", "base_url",
       "unknown key"},
      {in_provider(R"("base_url": "https://h", "api_key": "x", "api_keys": ["y"])"),
       "providers.p.api_keys", "", "keep one of the two"},
  });
}

TEST(ConfigErrors, NoMessageShowsASecret) {
  const std::string secret = "sk-very-secret-value";
  const std::vector<std::string> places = {
      in_deployment("\"api_key\": \"" + secret + "\\n\""),
      in_deployment("\"apikey\": \"" + secret + "\""),
      in_deployment("\"api_key\": [\"" + secret + "\"]"),
      in_deployment("\"api_keys\": [\"" + secret + "\", \"" + secret + "\"]"),
      in_deployment("\"api_key\": \"env:" + secret + "\""),
      in_deployment("\"headers\": {\"x-api-key\": \"" + secret + "\"}"),
      in_deployment("\"headers\": {\"X-A\": \"" + secret + "\\r\"}"),
      in_deployment("\"base_url\": \"https://u:" + secret + "@host/v1\""),
      in_deployment("\"proxy\": \"u:" + secret + "@host\""),
  };
  for (const std::string& json : places) {
    const auto result = parse_config(json, testing::kCatalogue, testing::kPolicies);
    ASSERT_TRUE(result.has_error()) << json;
    EXPECT_EQ(
        (result.error().message + result.error().path + result.error().nearest).find("secret"),
        std::string::npos)
        << result.error().message;
  }
}

TEST(ConfigErrors, TheCatalogueIsCheckedToo) {
  const auto result =
      parse_config("{}", R"({"providers": {"p": {"url": "x"}}})", testing::kPolicies);
  ASSERT_TRUE(result.has_error());
  EXPECT_EQ(result.error().path, "providers.p.url");
  EXPECT_TRUE(parse_config("{}", "[]", testing::kPolicies).has_error());
  EXPECT_TRUE(parse_config("{}", testing::kCatalogue, "{").has_error());
}

}  // namespace
}  // namespace llmroute
