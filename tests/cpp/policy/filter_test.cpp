#include "llmroute/policy/filter.h"

#include <gtest/gtest.h>

#include <cmath>
#include <string>
#include <vector>

namespace llmroute::policy {
namespace {

Facts embeddings_of(const Deployment& deployment) {
  Facts facts;
  facts.needs.set(static_cast<std::size_t>(Capability::embeddings));
  facts.max_output_tokens = Tokens{};
  facts.prompt_tokens = Tokens{100};
  facts.embedding_model = embedding_id(deployment);
  return facts;
}

Deployment deployment_of(const char* model) {
  Deployment d;
  d.model = model;
  return d;
}

RequestOptions options_of(bool drop_unsupported) {
  RequestOptions options;
  options.drop_unsupported = drop_unsupported;
  return options;
}

TEST(CheckFit, VectorsOfAnotherModelNeverStandIn) {
  const Deployment small = deployment_of("small"), large = deployment_of("large");
  const Facts facts = embeddings_of(small);
  EXPECT_EQ(check_fit(facts, options_of(false), fitness_of(small)).reason, Reason::kept);
  EXPECT_EQ(check_fit(facts, options_of(false), fitness_of(large)).reason,
            Reason::embedding_model_differs);
  EXPECT_EQ(check_fit(facts, options_of(true), fitness_of(large)).reason,
            Reason::embedding_model_differs)
      << "no leave to drop parameters opens this door";
  EXPECT_TRUE(Demand(facts, {}).fits(fitness_of(small)));
  EXPECT_FALSE(Demand(facts, {}).fits(fitness_of(large)));
  Deployment alias = deployment_of("my-name");
  alias.embedding = "small";
  EXPECT_EQ(check_fit(facts, options_of(false), fitness_of(alias)).reason, Reason::kept);
  EXPECT_TRUE(Demand(facts, {}).fits(fitness_of(alias)));
}

TEST(CheckFit, ADeploymentWithoutEmbeddingsSaysSo) {
  Deployment chat = deployment_of("small");
  const Facts facts = embeddings_of(chat);
  chat.lacks.set(static_cast<std::size_t>(Capability::embeddings));
  EXPECT_EQ(check_fit(facts, options_of(false), fitness_of(chat)).reason,
            Reason::embeddings_not_supported);
  EXPECT_FALSE(Demand(facts, {}).fits(fitness_of(chat)));
}

TEST(CheckFit, AChatAsksForNobodysVectors) {
  Facts chat;
  chat.prompt_tokens = Tokens{100};
  for (const char* model : {"small", "large"}) {
    Deployment d = deployment_of(model);
    d.lacks.set(static_cast<std::size_t>(Capability::embeddings));
    EXPECT_EQ(check_fit(chat, options_of(false), fitness_of(d)).reason, Reason::kept);
    EXPECT_TRUE(Demand(chat, {}).fits(fitness_of(d)));
  }
}

TEST(CheckFit, ABetaThatADeploymentMayNotBeSentDropsItUnlessItMayBeDropped) {
  struct Case {
    std::vector<std::string> list;
    Metadata headers;
    bool kept;
  };
  const Case cases[] = {
      {{}, {}, true},
      {{}, {{"x-team", "a"}}, true},
      {{}, {{"anthropic-beta", " "}}, true},
      {{}, {{"anthropic-beta", "a"}}, false},
      {{"anthropic-beta"}, {{"anthropic-beta", "a"}, {"x-team", "b"}}, true},
      {{"anthropic-beta"}, {{"anthropic-beta", "a"}, {"openai-beta", "b"}}, false},
      {{"anthropic-beta", "openai-beta"}, {{"anthropic-beta", "a"}, {"openai-beta", "b"}}, true},
      {{"x-team"}, {{"openai-beta", "b"}}, false},
  };
  for (const Case& c : cases) {
    Deployment d = deployment_of("m");
    d.forward_headers = c.list;
    d.dialect = "anthropic";
    RequestOptions options;
    options.headers = c.headers;
    Facts facts;
    const Fitness fitness = fitness_of(d);
    const std::string shown = c.headers.empty() ? "none" : c.headers[0].first;
    EXPECT_EQ(Demand(facts, options.headers).fits(fitness), c.kept) << shown;
    const health::Admission found = check_fit(facts, options, fitness);
    EXPECT_EQ(found.reason == Reason::kept, c.kept) << shown;
    if (!c.kept) {
      EXPECT_EQ(found.reason, Reason::parameter_not_supported);
      EXPECT_EQ(found.a, static_cast<float>(Parameter::beta_headers));
    }
    // That its body goes as it came says nothing of the headers beside it.
    facts.shape = Shape::messages;
    facts.parameters.set(static_cast<std::size_t>(Parameter::beta_headers));
    EXPECT_EQ(check_fit(facts, options, fitness).reason == Reason::kept, c.kept) << shown;
    options.drop_unsupported = true;
    EXPECT_EQ(check_fit(facts, options, fitness).reason, Reason::kept) << shown;
  }
}

TEST(Demand, EmbeddingsNeedNoPriceOfOutput) {
  Deployment d = deployment_of("small");
  d.price.input_usd_per_million = 0.02;
  EXPECT_DOUBLE_EQ(Demand(embeddings_of(d), {}).usd(fitness_of(d)), 100 * 0.02 / 1e6);
  Facts chat;
  chat.prompt_tokens = Tokens{100};
  EXPECT_TRUE(std::isnan(Demand(chat, {}).usd(fitness_of(d)))) << "an unknown price is not 0";
}

}  // namespace
}  // namespace llmroute::policy
