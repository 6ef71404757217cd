#include "llmroute/policy/filter.h"

#include <gtest/gtest.h>

#include <cmath>

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

TEST(CheckFit, VectorsOfAnotherModelNeverStandIn) {
  const Deployment small = deployment_of("small"), large = deployment_of("large");
  const Facts facts = embeddings_of(small);
  EXPECT_EQ(check_fit(facts, false, fitness_of(small)).reason, Reason::kept);
  EXPECT_EQ(check_fit(facts, false, fitness_of(large)).reason, Reason::embedding_model_differs);
  EXPECT_EQ(check_fit(facts, true, fitness_of(large)).reason, Reason::embedding_model_differs)
      << "no leave to drop parameters opens this door";
  EXPECT_TRUE(Demand(facts).fits(fitness_of(small)));
  EXPECT_FALSE(Demand(facts).fits(fitness_of(large)));
  Deployment alias = deployment_of("my-name");
  alias.embedding = "small";
  EXPECT_EQ(check_fit(facts, false, fitness_of(alias)).reason, Reason::kept);
  EXPECT_TRUE(Demand(facts).fits(fitness_of(alias)));
}

TEST(CheckFit, ADeploymentWithoutEmbeddingsSaysSo) {
  Deployment chat = deployment_of("small");
  const Facts facts = embeddings_of(chat);
  chat.lacks.set(static_cast<std::size_t>(Capability::embeddings));
  EXPECT_EQ(check_fit(facts, false, fitness_of(chat)).reason, Reason::embeddings_not_supported);
  EXPECT_FALSE(Demand(facts).fits(fitness_of(chat)));
}

TEST(CheckFit, AChatAsksForNobodysVectors) {
  Facts chat;
  chat.prompt_tokens = Tokens{100};
  for (const char* model : {"small", "large"}) {
    Deployment d = deployment_of(model);
    d.lacks.set(static_cast<std::size_t>(Capability::embeddings));
    EXPECT_EQ(check_fit(chat, false, fitness_of(d)).reason, Reason::kept);
    EXPECT_TRUE(Demand(chat).fits(fitness_of(d)));
  }
}

TEST(Demand, EmbeddingsNeedNoPriceOfOutput) {
  Deployment d = deployment_of("small");
  d.price.input_usd_per_million = 0.02;
  EXPECT_DOUBLE_EQ(Demand(embeddings_of(d)).usd(fitness_of(d)), 100 * 0.02 / 1e6);
  Facts chat;
  chat.prompt_tokens = Tokens{100};
  EXPECT_TRUE(std::isnan(Demand(chat).usd(fitness_of(d)))) << "an unknown price is not 0";
}

}  // namespace
}  // namespace llmroute::policy
