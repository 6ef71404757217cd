#include "llmroute/model/call_headers.h"

#include <gtest/gtest.h>

namespace llmroute {
namespace {

TEST(CallHeaders, ABetaIsKnownByItsName) {
  for (const char* name : {"anthropic-beta", "openai-beta", "x-anthropic-beta"}) {
    EXPECT_TRUE(is_beta_header(name)) << name;
  }
  for (const char* name : {"beta", "x-beta-user", "anthropic-version", ""}) {
    EXPECT_FALSE(is_beta_header(name)) << name;
  }
  EXPECT_TRUE(asks_for_betas({{"a", "b"}, {"openai-beta", "c"}}));
  EXPECT_FALSE(asks_for_betas({{"openai-beta", "\t "}})) << "nothing is asked for";
  EXPECT_FALSE(asks_for_betas({}));
}

TEST(CallHeaders, OnlyWhatIsListedPasses) {
  std::vector<std::string> list = {"X-Title", "anthropic-beta", "x-title"};
  tidy_header_names(list);
  EXPECT_EQ(list, (std::vector<std::string>{"anthropic-beta", "x-title"}));
  EXPECT_TRUE(lets_pass(list, "x-title"));
  EXPECT_FALSE(lets_pass(list, "x-titl"));
  EXPECT_TRUE(lets_betas_pass(list, {{"anthropic-beta", "a"}, {"x-other", "b"}}));
  EXPECT_FALSE(lets_betas_pass(list, {{"openai-beta", "a"}}));
  EXPECT_TRUE(lets_any_beta_pass(list));
  EXPECT_FALSE(lets_any_beta_pass({"x-title"}));
}

TEST(CallHeaders, ListsAreJoinedWithEachEntryOnce) {
  struct Case {
    const char *first, *second, *joined;
  };
  const Case cases[] = {
      {"", "", ""},          {"a", "", "a"},   {"", " a ,,b", "a,b"}, {"a, b", "b,c", "a,b,c"},
      {"b,a,b", "a", "b,a"}, {",", ", ,", ""},
  };
  for (const Case& c : cases) EXPECT_EQ(joined_entries(c.first, c.second), c.joined);
}

}  // namespace
}  // namespace llmroute
