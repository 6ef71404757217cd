#include "llmroute/provider/sentence.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace llmroute::provider {
namespace {

struct Case {
  std::string pattern, text;
  bool matches;
};

TEST(MatchSentence, IsAnchoredAndWhole) {
  const std::vector<Case> cases = {
      {"too long", "too long for this model", true},
      {"too long", "It is too long", false},
      {"too long", "Too long", false},
      {"too long$", "too long", true},
      {"too long$", "too long \r\n", true},
      {"too long$", "too long.", false},
      {"# tokens > # max", "5 tokens > 4 max", true},
      {"# tokens > # max", "5 tokens", false},
      {"# tokens", "1,048,576 tokens", true},
      {"# tokens", "0.5 tokens", true},
      {"# tokens", "-5 tokens", false},
      {"# tokens", " tokens", false},
      {"has #.", "has 4096. And more", true},
      {"has #, then", "has 4096, then", true},
      {"in ~.", "in 7.66s. Visit", true},
      {"in ~.", "in 10h17m5s.", true},
      {"in ~.", "in 450ms.", true},
      {"in ~.", "in a while.", false},
      {"in ~.", "in 5s", false},
      {"model `%` is", "model `a/b-1.5:free` is gone", true},
      {"model `%` is", "model `a b` is gone", false},
      {"model `%` is", "model `` is gone", false},
      {"% is not a valid model ID$", "acme/none is not a valid model ID", true},
      {"% is not a valid model ID$", "say: acme/none is not a valid model ID", false},
      {"models/%$", "models/gemma-1", true},
      {"models/%$", "models/gemma-1 and more", false},
      {"for *: Limit #", "for x, y\nand z: Limit 5", true},
      {"for *: Limit #", "for : Limit 5", true},
      {"for *: Limit #", "for x: Limits", false},
      {"", "anything", true},
      {"a", "", false}};
  for (const Case& c : cases) {
    EXPECT_EQ(match_sentence(c.pattern, c.text).has_value(), c.matches)
        << c.pattern << " | " << c.text;
  }
}

TEST(MatchSentence, GivesWhatItCaught) {
  const auto caught = match_sentence("`%` takes # in ~.", "`a.b` takes 1,000 in 1m2.5s. More");
  ASSERT_TRUE(caught);
  EXPECT_EQ(caught->name, "a.b");
  EXPECT_EQ(caught->number, "1,000");
  EXPECT_EQ(caught->time, "1m2.5s");
}

TEST(MatchSentence, BoundsWhatAHoleHolds) {
  const std::string long_name(161, 'n'), name(160, 'n');
  EXPECT_TRUE(match_sentence("model % is", "model " + name + " is"));
  EXPECT_FALSE(match_sentence("model % is", "model " + long_name + " is"));
  EXPECT_TRUE(match_sentence("for *: 1", "for " + std::string(600, 'x') + ": 1"));
  EXPECT_FALSE(match_sentence("for *: 1", "for " + std::string(601, 'x') + ": 1"));
  EXPECT_FALSE(match_sentence("models/%$", "models/" + long_name));
}

}  // namespace
}  // namespace llmroute::provider
