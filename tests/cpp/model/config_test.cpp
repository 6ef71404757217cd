#include "llmroute/model/config.h"

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "support/config_texts.h"

namespace llmroute {
namespace {

using testing::kCatalogue;
using testing::kPolicies;
using testing::kWholeConfig;

Inventory parsed(std::string_view json) {
  auto inventory = parse_config(json, kCatalogue, kPolicies);
  EXPECT_TRUE(inventory.has_value())
      << (inventory ? "" : inventory.error().path + ": " + inventory.error().message);
  return inventory ? *inventory : Inventory{};
}

const Deployment& deployment(const Inventory& inventory, std::string_view name) {
  return inventory.deployments.at(inventory.find_deployment(name).value());
}

const Group& group(const Inventory& inventory, std::string_view name) {
  return inventory.groups.at(inventory.find_group(name).value());
}

TEST(ParseConfig, TheFirstConfiguration) {
  const Inventory inventory = parsed(
      R"({"version": 1, "groups": {"fast": {"deployments":
          ["openai/gpt-4o-mini", "anthropic/claude-3-5-haiku-latest"]}}})");
  ASSERT_EQ(inventory.deployments.size(), 2U);
  const Deployment& first = inventory.deployments[0];
  EXPECT_EQ(first.name, "openai/gpt-4o-mini");
  EXPECT_EQ(first.provider, "openai");
  EXPECT_EQ(first.model, "gpt-4o-mini");
  EXPECT_EQ(first.dialect, "openai");
  EXPECT_EQ(first.base_url, "https://api.openai.com/v1");
  ASSERT_EQ(first.keys.size(), 1U);
  EXPECT_EQ(first.keys[0].describe(), "env:OPENAI_API_KEY");
  EXPECT_EQ(first.quirks.max_tokens_field, "max_completion_tokens");
  EXPECT_FALSE(first.price.known());
  EXPECT_FALSE(first.timeouts);
  EXPECT_EQ(inventory.deployments[1].dialect, "anthropic");

  const Group& fast = group(inventory, "fast");
  EXPECT_EQ(fast.policy.name, "weighted");
  EXPECT_FALSE(fast.implicit);
  ASSERT_EQ(fast.members.size(), 2U);
  EXPECT_EQ(fast.members[1].deployment, 1U);
  EXPECT_EQ(fast.members[1].weight, 1.0);
  EXPECT_FALSE(fast.hedge);
}

TEST(ParseConfig, ADeploymentMayHaveLimits) {
  const Inventory inventory = parsed(R"({"deployments": {
      "a": {"base_url": "http://127.0.0.1:1", "model": "m",
            "limits": {"requests_per_minute": 600, "tokens_per_day": 5000000, "in_flight": 64}},
      "b": {"base_url": "http://127.0.0.1:1", "model": "m"}}})");
  const LimitsSpec& limits = deployment(inventory, "a").limits;
  EXPECT_EQ(limits.requests_per_minute, 600);
  EXPECT_EQ(limits.tokens_per_day, 5'000'000);
  EXPECT_EQ(limits.in_flight, 64);
  EXPECT_FALSE(limits.tokens_per_minute);
  EXPECT_FALSE(deployment(inventory, "b").limits.any());
}

TEST(ParseConfig, ADeploymentMayHaveALoad) {
  const Inventory whole = parsed(kWholeConfig);
  const auto& load = deployment(whole, "eu").load;
  ASSERT_TRUE(load);
  EXPECT_EQ(load->metrics, "http://gpu:8000/metrics?all=1");
  EXPECT_EQ(load->every, milliseconds(500));
  EXPECT_EQ(load->names, (std::array<std::string, 5>{"q{a=\"1\"}", "r", "k", "u", "t"}));
  EXPECT_FALSE(deployment(whole, "local").load);
  const Inventory inventory = parsed(R"({"deployments": {
      "a": {"base_url": "http://127.0.0.1:1", "model": "m",
            "load": {"metrics": "http://127.0.0.1:1/metrics"}}}})");
  EXPECT_EQ(deployment(inventory, "a").load->every, Duration(defaults::kLoadEvery));
  EXPECT_EQ(deployment(inventory, "a").load->names[0], "") << "the known ones";
}

TEST(ParseConfig, AHedgeHasDefaults) {
  const Inventory inventory = parsed(R"({"groups": {
      "g": {"deployments": ["openai/a"], "hedge": {}},
      "h": {"deployments": ["openai/a"],
            "hedge": {"after": "p50", "extra_load": 0.2, "tools": true}}}})");
  const HedgeSpec& usual = *group(inventory, "g").hedge;
  EXPECT_EQ(usual.after, defaults::kHedgeAfter);
  EXPECT_EQ(usual.extra_load, defaults::kHedgeExtraLoad);
  EXPECT_FALSE(usual.tools);
  const HedgeSpec& own = *group(inventory, "h").hedge;
  EXPECT_EQ(own.after, 0.5);
  EXPECT_EQ(own.extra_load, 0.2);
  EXPECT_TRUE(own.tools);
}

TEST(ParseConfig, DefaultsAreThoseOfTheHeader) {
  const Inventory inventory = parsed(R"({"groups": {"g": {"deployments": ["openai/a"]}}})");
  const Resilience& got = inventory.resilience;
  const Resilience usual;
  EXPECT_EQ(got.attempts, usual.attempts);
  EXPECT_EQ(got.timeouts.connect, usual.timeouts.connect);
  EXPECT_EQ(got.timeouts.ttft, usual.timeouts.ttft);
  EXPECT_EQ(got.timeouts.idle, usual.timeouts.idle);
  EXPECT_EQ(got.timeouts.attempt, usual.timeouts.attempt);
  EXPECT_EQ(got.breaker.failures, usual.breaker.failures);
  EXPECT_EQ(got.breaker.error_rate, usual.breaker.error_rate);
  EXPECT_EQ(got.breaker.cooldown, usual.breaker.cooldown);
  EXPECT_EQ(got.breaker.probes, usual.breaker.probes);
  EXPECT_EQ(got.backoff_base, usual.backoff_base);
  EXPECT_EQ(got.backoff_max, usual.backoff_max);
  EXPECT_EQ(got.max_retry_after, usual.max_retry_after);
  EXPECT_EQ(got.retry_share, usual.retry_share);
  EXPECT_FALSE(got.deadline);
}

TEST(ParseConfig, EveryDeploymentHasItsOwnGroup) {
  const Inventory inventory = parsed(kWholeConfig);
  EXPECT_EQ(inventory.groups.size(), 4 + inventory.deployments.size());  // one is a chain
  for (DeploymentIndex i = 0; i < inventory.deployments.size(); ++i) {
    const Group& own = group(inventory, inventory.deployments[i].name);
    EXPECT_TRUE(own.implicit);
    ASSERT_EQ(own.members.size(), 1U);
    EXPECT_EQ(own.members[0].deployment, i);
  }
}

TEST(ParseConfig, GroupsShareTheirDeployments) {
  const Inventory inventory = parsed(kWholeConfig);
  EXPECT_EQ(group(inventory, "fast").members[1].deployment,
            group(inventory, "default").members[0].deployment);
  EXPECT_EQ(group(inventory, "fast").members[1].weight, 3.0);
}

TEST(ParseConfig, GroupsPointToGroups) {
  const Inventory inventory = parsed(kWholeConfig);
  const Group& fast = group(inventory, "fast");
  const auto named = [&](const std::vector<GroupIndex>& indices) {
    std::string names;
    for (const GroupIndex i : indices) names += inventory.groups.at(i).name + ";";
    return names;
  };
  EXPECT_EQ(named(fast.fallbacks), "default;");
  EXPECT_EQ(named(fast.on_context_too_long), "long;");
  EXPECT_EQ(named(fast.on_content_filter), "default;anthropic/claude-sonnet-4-5;");
}

TEST(ParseConfig, PoliciesGetTheirOptions) {
  const Inventory inventory = parsed(kWholeConfig);
  const PolicySpec& policy = group(inventory, "fast").policy;
  EXPECT_EQ(policy.name, "least_latency");
  EXPECT_EQ(policy.options.at("jitter"), 0.2);
  EXPECT_FALSE(policy.python);
  const Inventory plain =
      parsed(R"({"groups": {"g": {"deployments": ["openai/a"], "policy": "least_latency"}}})");
  EXPECT_EQ(group(plain, "g").policy.options.at("jitter"), 0.1);
}

TEST(ParseConfig, PythonPolicies) {
  const Inventory inventory = parsed(
      R"({"groups": {
        "a": {"deployments": ["openai/a"], "policy": {"name": "mine", "python": true}},
        "b": {"deployments": ["openai/a"],
              "policy": {"name": "mine", "python": true, "stand_in": "ordered"}}}})");
  EXPECT_TRUE(group(inventory, "a").policy.python);
  EXPECT_EQ(group(inventory, "a").policy.name, "mine");
  EXPECT_EQ(group(inventory, "a").policy.stand_in, "weighted");
  EXPECT_EQ(group(inventory, "b").policy.stand_in, "ordered");
}

TEST(ParseConfig, ATableSaysItAll) {
  const Deployment eu = deployment(parsed(kWholeConfig), "eu");
  EXPECT_EQ(eu.provider, "anthropic");
  EXPECT_EQ(eu.dialect, "anthropic");
  EXPECT_EQ(eu.region, "eu-central");
  EXPECT_EQ(eu.retention, "none");
  ASSERT_EQ(eu.keys.size(), 2U);
  EXPECT_EQ(eu.keys[1].describe(), "file:/run/key-b");
  EXPECT_EQ(eu.tags, std::vector<std::string>{"paid"});
  EXPECT_EQ(eu.price.cached_input_usd_per_million, 0.08);
  EXPECT_EQ(eu.price.cache_write_usd_per_million, 1);
  EXPECT_EQ(eu.context_tokens, Tokens{200'000});
  EXPECT_EQ(eu.max_output_tokens, Tokens{8'192});
  EXPECT_EQ(eu.lacks.count(), 2U);
  EXPECT_TRUE(eu.lacks.test(static_cast<std::size_t>(Capability::json_schema)));
}

TEST(ParseConfig, ATableComesBeforeItsProvider) {
  const Deployment local = deployment(parsed(kWholeConfig), "local");
  EXPECT_EQ(local.base_url, "http://127.0.0.1:8000/v1");  // the slash at the end is cut
  EXPECT_EQ(local.keys.at(0).describe(), "literal");
  EXPECT_EQ(local.keys.at(0).literal.reveal(), "sk-local-literal");
  EXPECT_EQ(local.proxy, "http://proxy:3128");
  EXPECT_EQ(local.ca_file, "/etc/ca.pem");
  const std::vector<std::pair<std::string, std::string>> headers = {{"X-Kept", "yes"},
                                                                    {"x-from", "table"}};
  EXPECT_EQ(local.headers, headers);
  EXPECT_TRUE(local.quirks.stream_usage);     // the table's
  EXPECT_FALSE(local.quirks.developer_role);  // the provider's
  EXPECT_FALSE(local.quirks.requires_terminator);
  EXPECT_EQ(local.quirks.unsupported, std::vector<std::string>{"logprobs"});
  ASSERT_TRUE(local.timeouts);
  EXPECT_EQ(local.timeouts->ttft, milliseconds(500));
  EXPECT_EQ(local.timeouts->attempt, Duration::zero());
  EXPECT_EQ(local.timeouts->idle, milliseconds(3'000));  // as in resilience
}

TEST(ParseConfig, AListOfHeadersIsReplacedWhole) {
  const Inventory inventory = parsed(R"({
    "providers": {"p": {"base_url": "https://p", "forward_headers": ["X-B", "x-a", "X-A"]},
                  "q": {"base_url": "https://q"}},
    "deployments": {"inherits": {"provider": "p", "model": "m"},
                    "own": {"provider": "p", "model": "m", "forward_headers": ["x-c"]},
                    "none": {"provider": "p", "model": "m", "forward_headers": []},
                    "usual": {"provider": "q", "model": "m"}}})");
  using Names = std::vector<std::string>;
  EXPECT_EQ(deployment(inventory, "inherits").forward_headers, (Names{"x-a", "x-b"}));
  EXPECT_EQ(deployment(inventory, "own").forward_headers, Names{"x-c"});
  EXPECT_EQ(deployment(inventory, "none").forward_headers, Names{});
  for (const char* name : {"inherits", "own", "none"}) {
    EXPECT_FALSE(deployment(inventory, name).own_headers_too) << name;
  }
  EXPECT_TRUE(deployment(inventory, "usual").own_headers_too) << "its dialect's, whatever they are";
}

TEST(ParseConfig, QuirksRenameAndKeep) {
  const Inventory inventory = parsed(R"({"providers": {"p": {"base_url": "https://p", "quirks": {
      "rename": {"seed": "random_seed", "user": "user_id"}, "keeps": []}}},
      "deployments": {"a": {"provider": "p", "model": "m"},
                      "b": {"provider": "p", "model": "m", "quirks": {"rename": {"n": "count"},
                            "keeps": ["cache_control"], "extras": false,
                            "reasoning_summary": "auto"}},
                      "c": {"base_url": "https://c/d?api-version=2024-10-21", "model": "m"}}})");
  using Names = std::vector<std::pair<std::string, std::string>>;
  const Quirks& a = deployment(inventory, "a").quirks;
  EXPECT_EQ(a.rename, (Names{{"seed", "random_seed"}, {"user", "user_id"}}));
  EXPECT_TRUE(a.keeps.empty());
  const Quirks& b = deployment(inventory, "b").quirks;
  EXPECT_EQ(b.rename, (Names{{"n", "count"}}));
  EXPECT_EQ(b.keeps, std::vector<std::string>{"cache_control"});
  EXPECT_EQ(b.reasoning_summary, "auto");
  EXPECT_FALSE(b.extras);
  const Deployment& c = deployment(inventory, "c");
  EXPECT_EQ(c.base_url, "https://c/d?api-version=2024-10-21");
  EXPECT_EQ(c.quirks.keeps, (std::vector<std::string>{"reasoning", "reasoning_content"}));
  EXPECT_EQ(c.quirks.reasoning_summary, "");
  EXPECT_TRUE(c.quirks.extras);
}

TEST(ParseConfig, AnAddressMayBeEachCustomersOwn) {
  const std::string catalogue = R"({"providers": {"cloud": {"api_key": "env:K"}}})";
  const auto parse = [&](const std::string& text) {
    return parse_config(text, catalogue, testing::kPolicies);
  };
  const auto given = parse(
      R"({"deployments": {"a": {"provider": "cloud", "model": "m", "base_url": "https://me.test"}}})");
  ASSERT_TRUE(given) << given.error().message;
  EXPECT_EQ(deployment(*given, "a").base_url, "https://me.test");
  const auto missing = parse(R"({"deployments": {"a": {"provider": "cloud", "model": "m"}}})");
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().path, "deployments.a.base_url");
  EXPECT_NE(missing.error().message.find("cloud"), std::string::npos);
  const auto short_form = parse(R"({"groups": {"g": {"deployments": ["cloud/m"]}}})");
  ASSERT_FALSE(short_form);
  EXPECT_EQ(short_form.error().path, "groups.g.deployments[0]");
  EXPECT_NE(short_form.error().message.find("base_url"), std::string::npos);
  // One's own entry may add to it without an address, too.
  EXPECT_TRUE(parse(R"({"providers": {"cloud": {"headers": {"x-a": "b"}}}, "deployments":
      {"a": {"provider": "cloud", "model": "m", "base_url": "https://me.test"}}})"));
}

TEST(ParseConfig, ADeploymentMayDoWithoutProvider) {
  const Deployment bare = deployment(parsed(kWholeConfig), "bare");
  EXPECT_EQ(bare.provider, "custom");
  EXPECT_EQ(bare.dialect, "openai");
  EXPECT_TRUE(bare.keys.empty());
}

TEST(ParseConfig, ATableNamedAfterItsModel) {
  const Inventory inventory = parsed(
      R"({"deployments": {"openai/gpt-4o": {"region": "us"},
                          "openai/x": {"provider": "ollama", "model": "y"}},
          "groups": {"g": {"deployments": ["openai/gpt-4o"]}}})");
  EXPECT_EQ(inventory.deployments.size(), 2U);
  EXPECT_EQ(deployment(inventory, "openai/gpt-4o").model, "gpt-4o");
  EXPECT_EQ(deployment(inventory, "openai/gpt-4o").region, "us");
  EXPECT_EQ(deployment(inventory, "openai/x").provider, "ollama");
  EXPECT_EQ(deployment(inventory, "openai/x").model, "y");
}

TEST(ParseConfig, OwnProvidersAddAndOverride) {
  const Inventory inventory = parsed(
      R"({"providers": {"corp": {"base_url": "https://corp.example/v1/", "api_keys": []},
                        "openai": {"base_url": "https://proxy.example/v1"}},
          "groups": {"g": {"deployments": ["corp/m", "openai/gpt-4o", "ollama/llama3"]}}})");
  EXPECT_EQ(deployment(inventory, "corp/m").base_url, "https://corp.example/v1");
  EXPECT_EQ(deployment(inventory, "corp/m").dialect, "openai");
  EXPECT_EQ(deployment(inventory, "openai/gpt-4o").base_url, "https://proxy.example/v1");
  EXPECT_EQ(deployment(inventory, "openai/gpt-4o").keys.size(), 1U);
  EXPECT_TRUE(deployment(inventory, "ollama/llama3").keys.empty());
}

TEST(ParseConfig, OnlyDeployments) {
  const Inventory inventory =
      parsed(R"({"deployments": {"a": {"provider": "ollama", "model": "llama3"}}})");
  EXPECT_TRUE(inventory.find_group("a"));
  EXPECT_EQ(inventory.groups.size(), 1U);
}

TEST(ParseConfig, LongChainsAndDiamondsAreNoCircles) {
  std::string json = R"({"groups": {"end": {"deployments": ["openai/a"]})";
  for (int i = 0; i < 3'000; ++i) {
    const std::string next = i == 0 ? "end" : "g" + std::to_string(i - 1);
    json += ",\"g" + std::to_string(i) +
            "\": {\"deployments\": [\"openai/a\"], \"fallbacks\": [\"" + next + "\"" +
            (i == 0 ? "" : ", \"end\"") + "]}";
  }
  EXPECT_EQ(parsed(json + "}}").groups.size(), 3'002U);
}

TEST(ParseConfig, TheBoundOnDeployments) {
  const auto with = [](int count) {
    std::string json = R"({"groups": {"g": {"deployments": [)";
    for (int i = 0; i < count; ++i) {
      json += (i == 0 ? "\"openai/m" : ",\"openai/m") + std::to_string(i) + "\"";
    }
    return parse_config(json + R"(]}, "h": {"deployments": ["ollama/one-more"]}}})", kCatalogue,
                        kPolicies);
  };
  EXPECT_TRUE(with(9'999).has_value());
  const auto over = with(10'000);
  ASSERT_TRUE(over.has_error());
  EXPECT_EQ(over.error().path, "groups.h.deployments[0]");
  EXPECT_NE(over.error().message.find("at most 10000"), std::string::npos);
}

}  // namespace
}  // namespace llmroute
