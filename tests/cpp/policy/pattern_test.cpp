#include "llmroute/policy/pattern.h"

#include <gtest/gtest.h>

#include <string>
#include <thread>
#include <vector>

namespace llmroute::policy {
namespace {

struct Found {
  std::string regex;
  std::string text;
  bool found;
};

TEST(Pattern, FindsWhatItShould) {
  const std::vector<Found> cases = {
      {"ORD-[0-9]+", "where is ORD-4711?", true},
      {"ORD-[0-9]+", "where is ord-4711?", false},
      {"(?i)ORD-[0-9]+", "where is ord-4711?", true},
      {"ORD-[0-9]+", "", false},
      {"^refund", "refund me", true},
      {"^refund", "a refund", false},
      {"^refund", "please\nrefund me", false},
      {"(?m)^refund", "please\nrefund me", true},
      {"money.back", "money\nback", false},
      {"(?s)money.back", "money\nback", true},
      {"\\bcat\\b", "concatenate", false},
      {"\\bcat\\b", "the cat sat", true},
      {"gr(ü|ue)n", "das ist grün", true},
      {"^.$", "ü", true},
      {"[一-鿿]{2}", "请退款", true},
      {"\\p{Greek}+", "what is λ?", true},
      {"x*", "nothing of it", true},
      {"(?i)ÄRGER", "ärger", true},
      {"a", std::string("b\0a", 3), true},
  };
  for (const Found& c : cases) {
    const auto pattern = Pattern::compile(c.regex);
    ASSERT_TRUE(pattern) << c.regex << ": " << pattern.error().message;
    EXPECT_EQ(pattern->found_in(c.text), c.found) << c.regex << " in " << c.text;
    EXPECT_EQ(pattern->source(), c.regex);
  }
}

struct Bad {
  std::string regex;
  std::string message;  // what its error must hold
};

TEST(Pattern, SaysWhatIsWrongAndWhere) {
  const std::vector<Bad> cases = {
      {"", "empty"},
      {std::string(1025, 'a'), "at most 1024 bytes; this one has 1025"},
      {"a\xff", "UTF-8"},
      {"abc(def", "a ( without its )"},
      {"abc)def", "a ) without its ("},
      {"abc[def", "a [ without its ] at \"[def\" (byte 3)"},
      {"ab[z-a]", "character class that cannot be at \"z-a\" (byte 3)"},
      {"ab[[:word:]c[:nope:]]", "character class"},
      {"*ab", "a repetition of nothing at \"*\" (byte 0)"},
      {"ab**", "a repetition of a repetition at \"**\" (byte 2)"},
      {"a{1001}", "more than 1000 times at \"{1001}\" (byte 1)"},
      {"ab\\", "a backslash at the end"},
      {"(a)\\1", "no back references) at \"\\1\" (byte 3)"},
      {"ab(?=c)", "no look-around) at \"(?=\" (byte 2)"},
      {"a(?<!b)", "look-around"},
      {"(?P<n!>a)", "a named group whose name cannot be at"},
      {"\\pX", "character class"},
  };
  for (const Bad& c : cases) {
    const auto pattern = Pattern::compile(c.regex);
    ASSERT_FALSE(pattern) << c.regex;
    EXPECT_EQ(pattern.error().kind, ErrorKind::config);
    EXPECT_NE(pattern.error().message.find(c.message), std::string::npos)
        << c.regex << ": " << pattern.error().message;
  }
}

TEST(Pattern, DoesNotGuessAPlaceThatItDoesNotKnow) {
  const auto pattern = Pattern::compile("(a)\\1(b)\\1");
  ASSERT_FALSE(pattern);
  EXPECT_NE(pattern.error().message.find("at \"\\1\""), std::string::npos);
  EXPECT_EQ(pattern.error().message.find("byte"), std::string::npos) << pattern.error().message;
}

TEST(Pattern, RefusesWhatWouldNeedMuchMemory) {
  for (const char* huge : {"(((a{100}){100}){100}){100}", "((\\pL{200}){5}|x){1000}",
                           "(x|y{500}){500}", "[^a]{900}[^b]{900}\\pL{900}"}) {
    const auto pattern = Pattern::compile(huge);
    ASSERT_FALSE(pattern) << huge;
    EXPECT_EQ(pattern.error().kind, ErrorKind::config);
    EXPECT_LT(pattern.error().message.size(), 200U) << pattern.error().message;
  }
}

// Patterns that take a backtracking engine longer than the universe has. Not timed: an engine that
// is not linear would never come to the end.
TEST(Pattern, ReadsAHardTextInOnePass) {
  const std::string text(50'000, 'a');
  for (const char* hard : {"(a+)+$b", "(a|aa)+b", "(.*)(.*)(.*)(.*)b", "(a?){30}a{30}b"}) {
    const auto pattern = Pattern::compile(hard);
    ASSERT_TRUE(pattern) << hard << ": " << pattern.error().message;
    EXPECT_FALSE(pattern->found_in(text)) << hard;
  }
}

// Its states do not fit: it goes on without keeping them, and is still right.
TEST(Pattern, StaysRightWhereItsStatesDoNotFit) {
  const auto pattern = Pattern::compile("a[ab]{60}c");
  ASSERT_TRUE(pattern);
  std::string text;
  for (std::uint32_t i = 0; i < 20'000; ++i) text += (i * 2'654'435'761U) >> 31U ? 'a' : 'b';
  EXPECT_FALSE(pattern->found_in(text));
  EXPECT_TRUE(pattern->found_in(text + "a" + std::string(60, 'b') + "c"));
}

TEST(Pattern, IsAValueThatThreadsShare) {
  auto compiled = Pattern::compile("b[0-9]+");
  ASSERT_TRUE(compiled);
  Pattern copy = *compiled;
  Pattern moved = std::move(*compiled);
  compiled = copy;
  std::vector<std::thread> threads;
  std::vector<int> found(4);
  for (std::size_t t = 0; t < found.size(); ++t) {
    threads.emplace_back([copy, &found, t] {
      for (int i = 0; i < 200; ++i) found[t] += copy.found_in("a b" + std::to_string(i)) ? 1 : 0;
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (const int count : found) EXPECT_EQ(count, 200);
  EXPECT_TRUE(moved.found_in("b1"));
  EXPECT_TRUE(compiled->found_in("b1"));
}

}  // namespace
}  // namespace llmroute::policy
