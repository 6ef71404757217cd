#include "llmroute/analysis/keywords.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <thread>
#include <vector>

#include "llmroute/analysis/letters.h"
#include "llmroute/base/random.h"

namespace llmroute::analysis {
namespace {

bool occurs(const std::string& phrase, const std::string& text) {
  const KeywordSet set(std::vector<Phrase>{{phrase, 0}}, 1);
  std::vector<bool> found;
  set.match(text, found);
  return found.at(0);
}

struct Case {
  std::string phrase, text;
  bool occurs;
};

TEST(KeywordSet, FindsWholeWords) {
  const std::vector<Case> cases = {
      {"invoice", "where is my invoice", true},
      {"invoice", "invoice", true},
      {"invoice", "Invoice!", true},
      {"invoice", "(invoice)", true},
      {"invoice", "pre-invoice", true},
      {"invoice", "invoices", false},
      {"invoice", "reinvoice", false},
      {"invoice", "invoice2", false},
      {"invoice", "2invoice", false},
      {"invoice", "invoic", false},
      {"invoice", "invoiceinvoice", false},
      {"invoice", "invoiceinvoice invoice", true},
      {"invoice", "", false},
      {"a", "a", true},
      {"a", "aa", false},
      {"a", "b a", true},
      {"7", "take 7 of 17", true},
      {"7", "take 17", false},
      {"cafe", "cafe\xCC\x81", false},  // an accent follows
      {"über", "Über uns", true},
      {"über", "gegenüber", false},
      {"кот", "кот и пёс", true},
      {"кот", "который", false},
  };
  for (const Case& c : cases)
    EXPECT_EQ(occurs(c.phrase, c.text), c.occurs) << c.phrase << " in " << c.text;
}

TEST(KeywordSet, TakesRunsOfWhiteSpaceAsOneSpace) {
  const std::vector<Case> cases = {
      {"money back", "I want my money back", true},
      {"money back", "money  \n\t back", true},
      {"money\n back", "money back", true},
      {"  money back ", "money back", true},
      {"money back",
       "money\xC2\xA0"
       "back",
       true},
      {"money back",
       "money\xE3\x80\x80"
       "back",
       true},
      {"money back", "moneyback", false},
      {"money back", "money. back", false},
      {"money back", "money backs", false},
      {"money back", "money money back", true},
      {"moneyback", "money back", false},
      {"a b", " a b ", true},
  };
  for (const Case& c : cases)
    EXPECT_EQ(occurs(c.phrase, c.text), c.occurs) << c.phrase << " in " << c.text;
}

TEST(KeywordSet, FoldsCase) {
  const std::vector<Case> cases = {
      {"REFUND", "refund", true}, {"refund", "ReFuNd", true},
      {"ärger", "ÄRGER", true},   {"Škoda", "šKODA", true},
      {"ΛΌΓΟΣ", "λόγος", true},  // the final sigma too
      {"ПРИВЕТ", "привет", true}, {"İstanbul", "istanbul", true},
      {"đồng", "ĐỒNG", true},     {"don't", "I don\xE2\x80\x99t know", true},
      {"cafe", "café", false},  // letters with marks are other letters
  };
  for (const Case& c : cases)
    EXPECT_EQ(occurs(c.phrase, c.text), c.occurs) << c.phrase << " in " << c.text;
}

TEST(KeywordSet, SignsAtTheEdgePartWordsThemselves) {
  const std::vector<Case> cases = {
      {"c++", "I like C++.", true},
      {"c++", "c++11", true},
      {"c++", "vc++", false},
      {"c++", "c+", false},
      {".pdf", "see invoice.pdf", true},
      {".pdf", "see invoice.pdfs", false},
      {"$", "it costs $50", true},
      {"@acme.com", "bob@acme.com", true},
      {"@acme.com", "bob@acme.community", false},
      {"!!!", "what!!!", true},
      {"e-mail", "my E-Mail", true},
      {"e-mail", "e mail", false},
      {"😀", "hi😀", true},
      {"24/7", "open 24/7", true},
      {"24/7", "124/7", false},
  };
  for (const Case& c : cases)
    EXPECT_EQ(occurs(c.phrase, c.text), c.occurs) << c.phrase << " in " << c.text;
}

TEST(KeywordSet, AsksForNoBoundaryWhereWordsAreWrittenTogether) {
  const std::vector<Case> cases = {
      {"退款", "我要退款谢谢", true},       {"退款", "退货", false},
      {"返金", "返金してください", true},   {"カード", "クレジットカード番号", true},
      {"คืนเงิน", "อยากขอคืนเงินครับ", true},    {"환불", "환불을 받고 싶어요", true},
      {"iphone", "我的iPhone坏了", true},   {"iphone", "我的iPhone5坏了", false},
      {"iphone坏", "我的iPhone坏了", true}, {"坏iphone", "很坏iphones", false},
      {"退 款", "退\xE3\x80\x80款", true},
  };
  for (const Case& c : cases)
    EXPECT_EQ(occurs(c.phrase, c.text), c.occurs) << c.phrase << " in " << c.text;
}

TEST(KeywordSet, MarksTheListsOfAllPhrases) {
  const std::vector<Phrase> phrases = {{"cat", 0},     {"the cat sat", 1}, {"cat sat", 2},
                                       {"sat on", 3},  {"dog", 4},         {"CAT", 5},
                                       {"cat sit", 6}, {"t", 7},           {"cat", 9}};
  const KeywordSet set(phrases, 10);
  EXPECT_EQ(set.lists(), 10U);
  std::vector<bool> found(3, true);  // what it held does not matter
  set.match("The CAT sat on a mat", found);
  EXPECT_EQ(found,
            (std::vector<bool>{true, true, true, true, false, true, false, false, false, true}));
  set.match("nothing", found);
  EXPECT_EQ(std::count(found.begin(), found.end(), true), 0);
}

TEST(KeywordSet, WithoutPhrasesFindsNothing) {
  std::vector<bool> found(2, true);
  KeywordSet().match("text", found);
  EXPECT_TRUE(found.empty());
  KeywordSet(std::vector<Phrase>{}, 2).match("text", found);
  EXPECT_EQ(found, std::vector<bool>({false, false}));
  KeywordSet(std::vector<Phrase>{{"text", 2}, {" ", 0}, {"\xFF", 1}}, 2).match("text \xFF", found);
  EXPECT_EQ(found, std::vector<bool>({false, false})) << "those with a problem are passed over";
}

TEST(KeywordSet, SurvivesATextThatIsNoUtf8) {
  EXPECT_TRUE(occurs("cat", "\xFF\xC3 cat \xE2\x82"));
  EXPECT_TRUE(occurs("cat",
                     "\xFE"
                     "cat\xFF"));
  EXPECT_FALSE(occurs("\xC3\xBF", "\xC3 \xBF"));
}

TEST(PhraseProblem, SaysWhatIsWrong) {
  EXPECT_EQ(phrase_problem("invoice"), "");
  EXPECT_EQ(phrase_problem(std::string(256, 'a')), "");
  EXPECT_EQ(phrase_problem(""), "is empty");
  EXPECT_EQ(phrase_problem(" \t\xC2\xA0"), "is empty");
  EXPECT_EQ(phrase_problem(std::string(257, 'a')), "has 257 bytes; at most 256 are taken");
  EXPECT_EQ(phrase_problem("a\xFF"), "is not UTF-8");
  EXPECT_EQ(phrases_problem(10'000, 200'000), "");
  EXPECT_EQ(phrases_problem(10'001, 0), "there are 10001 phrases; at most 10000 are taken");
  EXPECT_EQ(phrases_problem(1, 200'001),
            "the phrases have 200001 bytes together; at most 200000 are taken");
}

// The rule by hand, in plain code without an automaton, for what the automaton is compared with.
std::u32string plain(const std::string& text) {
  std::u32string out;
  for (std::size_t at = 0; at < text.size();) {
    const char32_t c = next_character(text, at);
    if (!is_white_space(c)) {
      out.push_back(fold(c));
    } else if (out.empty() || out.back() != U' ') {
      out.push_back(U' ');
    }
  }
  return out;
}

bool plainly_occurs(std::string phrase, const std::string& text) {
  std::u32string wanted = plain(phrase);
  const std::u32string read = plain(text);
  while (!wanted.empty() && wanted.front() == U' ') wanted.erase(0, 1);
  while (!wanted.empty() && wanted.back() == U' ') wanted.pop_back();
  const auto word = [](char32_t c) { return letter_of(c) == Letter::word; };
  for (std::size_t at = read.find(wanted); at != std::u32string::npos;
       at = read.find(wanted, at + 1)) {
    const std::size_t past = at + wanted.size();
    const bool cut_before = at > 0 && word(wanted.front()) && word(read[at - 1]);
    const bool cut_behind = past < read.size() && word(wanted.back()) && word(read[past]);
    if (!cut_before && !cut_behind) return true;
  }
  return false;
}

std::string random_text(Random& random, std::size_t length) {
  static const std::vector<std::string> kPieces = {"a",  "b",  "A",  "ä", "Ä",  " ", "  ", ".", "+",
                                                   "中", "文", "ｂ", "1", "\n", "’", "'",  "я"};
  std::string text;
  for (std::size_t i = 0; i < length; ++i) text += kPieces[random.below(kPieces.size())];
  return text;
}

TEST(KeywordSet, AgreesWithPlainSearch) {
  Random random(7);
  std::vector<bool> found;
  int hits = 0;
  for (int round = 0; round < 60; ++round) {
    std::vector<Phrase> phrases;
    while (phrases.size() < 40) {
      const std::string text = random_text(random, 1 + random.below(5));
      if (!phrase_problem(text).empty()) continue;
      phrases.push_back({text, static_cast<std::uint32_t>(phrases.size())});
    }
    const KeywordSet set(phrases, phrases.size());
    for (int i = 0; i < 20; ++i) {
      const std::string text = random_text(random, random.below(40));
      set.match(text, found);
      for (const Phrase& phrase : phrases) {
        ASSERT_EQ(found[phrase.list], plainly_occurs(phrase.text, text))
            << "\"" << phrase.text << "\" in \"" << text << "\"";
        hits += found[phrase.list] ? 1 : 0;
      }
    }
  }
  EXPECT_GT(hits, 5'000) << "the texts were long enough to say something";
}

// The largest set there may be, of many letters, so that most states have no row of their own.
TEST(KeywordSet, KeepsItsMemoryBoundedAndStaysRight) {
  Random random(11);
  std::vector<Phrase> phrases;
  for (std::uint32_t i = 0; i < 1'500; ++i) {
    std::string text;
    while (text.size() < 129) {
      text += random.below(3) == 0 ? "ж" : "";
      text.push_back(static_cast<char>('!' + random.below(90)));
    }
    phrases.push_back({text, i});
  }
  const KeywordSet set(phrases, phrases.size());
  EXPECT_LT(set.bytes(), kMaxTableBytes + (5U << 20));
  EXPECT_GT(set.bytes(), kMaxTableBytes) << "the test wants states without rows";
  std::vector<bool> found;
  for (std::uint32_t i = 0; i < 1'500; i += 100) {
    const std::string& phrase = phrases[i].text;
    const std::string almost = phrase.substr(0, phrase.size() - 1);
    set.match("x " + almost + " " + phrase + " " + phrases[i + 1].text, found);
    EXPECT_TRUE(found[i] && found[i + 1]) << phrase;
    EXPECT_EQ(std::count(found.begin(), found.end(), true), 2);
    set.match("x " + almost, found);
    EXPECT_EQ(std::count(found.begin(), found.end(), true), 0);
  }
}

TEST(KeywordSet, IsReadByManyThreads) {
  const KeywordSet set(std::vector<Phrase>{{"refund", 0}, {"dispute", 1}}, 2);
  std::vector<std::thread> threads;
  std::vector<int> right(4);
  for (std::size_t t = 0; t < right.size(); ++t) {
    threads.emplace_back([&set, &right, t] {
      std::vector<bool> found;
      for (int i = 0; i < 500; ++i) {
        set.match(i % 2 ? "a refund" : "a dispute", found);
        right[t] += found[i % 2 ? 0 : 1] && !found[i % 2 ? 1 : 0] ? 1 : 0;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (const int count : right) EXPECT_EQ(count, 500);
}

}  // namespace
}  // namespace llmroute::analysis
