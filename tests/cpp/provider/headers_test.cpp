#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "llmroute/provider/dialect.h"
#include "llmroute/wire/json.h"

namespace llmroute::provider {
namespace {

using Names = std::vector<std::string>;

// One deployment as the runtime has it; a dialect adds its own headers while `stated` is false.
Deployment resolved(const char* dialect, Names list, bool stated, const char* model = "m") {
  Inventory inventory;
  Deployment& d = inventory.deployments.emplace_back();
  d.name = "d";
  d.dialect = dialect;
  d.model = model;
  d.base_url = "https://bedrock-runtime.us-east-1.amazonaws.com";
  d.forward_headers = std::move(list);
  d.own_headers_too = !stated;
  EXPECT_TRUE(resolve_dialects(inventory));
  return inventory.deployments[0];
}

ChatRequest asking(const Metadata& headers) {
  ChatRequest request;
  request.body = R"({"messages":[{"role":"user","content":"hi"}],"max_tokens":9})";
  request.options.headers = headers;
  return request;
}

Encoded encoded(const ChatRequest& request, const Deployment& d, const Secret& key = Secret()) {
  auto out = find_dialect(d.dialect)->encode(request, d, key);
  EXPECT_TRUE(out) << d.dialect;
  return out ? std::move(*out) : Encoded{};
}

// All values of that name, so that none is sent twice unseen.
Names values_of(const wire::Headers& headers, std::string_view name) {
  Names out;
  for (const auto& [known, value] : headers.items()) {
    if (known == name) out.push_back(value);
  }
  return out;
}

bool takes_no_betas(const Deployment& d) {
  return d.unsupported.test(static_cast<std::size_t>(Parameter::beta_headers));
}

const Metadata kCall = {{"anthropic-beta", "a, b"}, {"openai-beta", "c"}, {"x-id", "1"}};

TEST(CallHeaders, EveryDialectSendsWhatIsListedAndListsTheBetasThatItDoesNot) {
  for (const Dialect* dialect : dialects()) {
    const std::string name(dialect->name());
    const Deployment d = resolved(name.c_str(), {"openai-beta", "x-id"}, true);
    for (const bool stream : {false, true}) {
      ChatRequest request = asking(kCall);
      request.options.stream = stream;
      const Encoded out = encoded(request, d);
      EXPECT_EQ(values_of(out.http.headers, "openai-beta"), Names{"c"}) << name;
      EXPECT_EQ(values_of(out.http.headers, "x-id"), Names{"1"}) << name;
      EXPECT_EQ(values_of(out.http.headers, "anthropic-beta"), Names{}) << name;
      EXPECT_EQ(out.dropped_parameters, Names{"anthropic-beta"}) << name;
      EXPECT_EQ(out.http.body.find("beta"), std::string::npos) << name;
    }
  }
}

TEST(CallHeaders, EmbeddingsSendThemToo) {
  for (const Dialect* dialect : dialects()) {
    if (!dialect->has_embeddings()) continue;
    const std::string name(dialect->name());
    const Deployment d =
        resolved(name.c_str(), {"openai-beta"}, true, "amazon.titan-embed-text-v2:0");
    ChatRequest request = asking(kCall);
    request.operation = Operation::embeddings;
    request.body = R"({"input":["one"]})";
    const auto out = dialect->encode_embeddings(request, d, Secret());
    ASSERT_TRUE(out) << name << ": " << out.error().message;
    EXPECT_EQ(values_of(out->http.headers, "openai-beta"), Names{"c"}) << name;
    EXPECT_EQ(out->dropped_parameters, Names{"anthropic-beta"}) << name;
  }
}

TEST(CallHeaders, OnlyTheDialectsThatHaveItTakeAnthropicsBetasByThemselves) {
  struct Case {
    const char *dialect, *model;
    bool stated, takes;
  };
  const Case cases[] = {
      {"anthropic", "claude-sonnet-4-5", false, true},
      {"anthropic", "claude-sonnet-4-5", true, false},
      {"openai", "gpt-4o", false, false},
      {"responses", "gpt-4o", false, false},
      {"gemini", "gemini-2.5-pro", false, false},
      {"bedrock", "us.anthropic.claude-sonnet-4-5-20250929-v1:0", false, true},
      {"bedrock", "arn:aws:bedrock:us-east-1:1:application-inference-profile/x", false, true},
      {"bedrock", "us.amazon.nova-lite-v1:0", false, false},
  };
  for (const Case& c : cases) {
    const Deployment d = resolved(c.dialect, {}, c.stated, c.model);
    EXPECT_EQ(d.forward_headers, c.takes ? Names{"anthropic-beta"} : Names{}) << c.model;
    EXPECT_EQ(takes_no_betas(d), !c.takes) << c.model;
  }
  EXPECT_EQ(resolved("anthropic", {"x-id"}, false).forward_headers,
            (Names{"anthropic-beta", "x-id"}));
}

TEST(CallHeaders, TheConfigurationsOwnStandsButListsOfBetasAreJoined) {
  Deployment d = resolved("anthropic", {"anthropic-version", "x-id"}, false);
  d.headers = {{"X-Id", "ours"}, {"Anthropic-Beta", "z,a"}};
  Encoded out = encoded(asking(kCall), d);
  EXPECT_EQ(values_of(out.http.headers, "X-Id"), Names{"ours"});
  EXPECT_EQ(values_of(out.http.headers, "x-id"), Names{});
  EXPECT_EQ(values_of(out.http.headers, "Anthropic-Beta"), Names{"z,a,b"});
  EXPECT_EQ(values_of(out.http.headers, "anthropic-beta"), Names{});
  EXPECT_EQ(out.dropped_parameters, Names{"openai-beta"});
  out = encoded(asking({{"anthropic-version", "2024-01-01"}}), d);
  EXPECT_EQ(values_of(out.http.headers, "anthropic-version"), Names{"2024-01-01"});
  EXPECT_EQ(values_of(out.http.headers, "Anthropic-Beta"), Names{"z,a"});
  // What is not on the list adds nothing to the configuration's either.
  d.forward_headers.clear();
  out = encoded(asking(kCall), d);
  EXPECT_EQ(values_of(out.http.headers, "Anthropic-Beta"), Names{"z,a"});
  EXPECT_EQ(out.dropped_parameters, (Names{"anthropic-beta", "openai-beta"}));
}

TEST(CallHeaders, AnEmptyListOfBetasIsNone) {
  const Deployment d = resolved("anthropic", {}, false);
  const Encoded out = encoded(asking({{"anthropic-beta", " "}, {"openai-beta", ""}}), d);
  EXPECT_FALSE(out.http.headers.find("anthropic-beta"));
  EXPECT_EQ(out.dropped_parameters, Names{});
}

TEST(CallHeaders, OnBedrockBetasAreAMemberAndOtherHeadersAreSigned) {
  const Secret pair("AKIDEXAMPLEEXAMPLE:wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY");
  const Deployment d = resolved("bedrock", {"x-amzn-bedrock-trace"}, false,
                                "anthropic.claude-sonnet-4-5-20250929-v1:0");
  ChatRequest request = asking({{"anthropic-beta", "a, b"}, {"x-amzn-bedrock-trace", "t"}});
  request.body = R"({"messages":[{"role":"user","content":"hi"}],"reasoning_effort":"low"})";
  const Encoded out = encoded(request, d, pair);
  const auto fields = wire::JsonView(out.http.body)["additionalModelRequestFields"];
  EXPECT_EQ(fields["anthropic_beta"].raw(), R"(["a","b"])") << out.http.body;
  EXPECT_TRUE(fields["thinking"].is_object());
  EXPECT_FALSE(out.http.headers.find("anthropic-beta"));
  EXPECT_EQ(out.dropped_parameters, Names{});
  const std::string authorization(out.http.headers.find("authorization").value_or(""));
  EXPECT_NE(authorization.find(";x-amzn-bedrock-trace,"), std::string::npos) << authorization;
  // A model that has none of it gets none.
  const Encoded nova = encoded(asking({{"anthropic-beta", "a"}}),
                               resolved("bedrock", {}, false, "us.amazon.nova-lite-v1:0"), pair);
  EXPECT_EQ(nova.http.body.find("anthropic_beta"), std::string::npos);
  EXPECT_EQ(nova.dropped_parameters, Names{"anthropic-beta"});
}

TEST(CallHeaders, TheHeaderOfTheKeyCannotBeOneOfThem) {
  Inventory inventory;
  Deployment& d = inventory.deployments.emplace_back();
  d.name = "d";
  d.dialect = "openai";
  d.quirks.key_header = "X-Pass";
  d.forward_headers = {"x-pass"};
  const auto out = resolve_dialects(inventory);
  ASSERT_FALSE(out);
  EXPECT_EQ(out.error().path, "deployments.d.forward_headers");
  EXPECT_EQ(out.error().kind, ErrorKind::config);
}

TEST(CallHeaders, ABodyMemberOfThatNameIsAnUnknownOneAsBefore) {
  ChatRequest request;
  request.body = R"({"messages":[{"role":"user","content":"hi"}],"beta_headers":1})";
  const Encoded out = encoded(request, resolved("openai", {}, true));
  EXPECT_NE(out.http.body.find(R"("beta_headers":1)"), std::string::npos) << out.http.body;
}

TEST(CallHeaders, WhoRefusesThemAltogetherGetsNone) {
  Inventory inventory;
  Deployment& d = inventory.deployments.emplace_back();
  d.dialect = "anthropic";
  d.quirks.unsupported = {"beta_headers"};
  d.forward_headers = {"x-id"};
  ASSERT_TRUE(resolve_dialects(inventory));
  EXPECT_EQ(d.forward_headers, Names{"x-id"});
  EXPECT_TRUE(takes_no_betas(d));
}

}  // namespace
}  // namespace llmroute::provider
