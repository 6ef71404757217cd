#include "llmroute/model/request.h"

#include <gtest/gtest.h>

#include "llmroute/model/defaults.h"

namespace llmroute {
namespace {

TEST(Facts, ExpectedOutputIsTheSmallerOfLimitAndGuess) {
  const Tokens guess{defaults::kGuessedOutputTokens};
  Facts facts;
  EXPECT_EQ(facts.expected_output(), guess);
  facts.max_output_tokens = Tokens{5};
  EXPECT_EQ(facts.expected_output(), Tokens{5});
  facts.max_output_tokens = Tokens{1'000'000};
  EXPECT_EQ(facts.expected_output(), guess);
}

TEST(Parameters, SetHasAPlaceForEverySlug) {
  EXPECT_EQ(ParameterSet().size(), slugs<Parameter>().size());
  EXPECT_EQ(from_slug<Parameter>("temperature"), Parameter::temperature);
  EXPECT_EQ(slugs<Parameter>().back(), "other");
  EXPECT_EQ(CapabilitySet().size(), slugs<Capability>().size());
}

}  // namespace
}  // namespace llmroute
