// Time and allocations of looking for a thousand phrases in a prompt of 10 KB: English words of which
// the phrases are made too, so that many begin in the text; none is found, so nothing ends early.
//
// Prints a JSON array of {phrases, text_bytes, us, allocations}.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "bench.h"
#include "llmroute/analysis/keywords.h"
#include "llmroute/base/random.h"

namespace {

using namespace llmroute;

// Made of syllables, 2 to 12 letters, the short ones often: about as English is.
std::vector<std::string> make_words(Random& random) {
  static const std::vector<std::string> kSyllables = {"re", "in", "con", "ti",  "er",  "al",
                                                      "st", "a",  "o",   "men", "tra", "vi",
                                                      "co", "un", "de",  "ly"};
  std::vector<std::string> words;
  for (int i = 0; i < 3'000; ++i) {
    std::string word;
    const std::uint64_t syllables = 1 + random.below(4);
    for (std::uint64_t s = 0; s < syllables; ++s)
      word += kSyllables[random.below(kSyllables.size())];
    words.push_back(word);
  }
  return words;
}

}  // namespace

int bench_keywords() {
  constexpr std::size_t kPhrases = 1'000, kLists = 20, kTextBytes = 10'000;
  Random random(1);
  const std::vector<std::string> words = make_words(random);
  std::vector<analysis::Phrase> phrases;
  for (std::size_t i = 0; i < kPhrases; ++i) {
    std::string text = words[random.below(words.size())];
    if (i % 2 == 0) text += " " + words[random.below(words.size())];
    phrases.push_back({text + "xq", static_cast<std::uint32_t>(i % kLists)});
  }
  const analysis::KeywordSet set(phrases, kLists);
  std::string text;
  while (text.size() < kTextBytes) {
    std::string word = words[random.below(words.size())];
    if (random.below(10) == 0) word[0] = static_cast<char>(word[0] - 32);
    text += word + (random.below(12) == 0 ? ". " : random.below(80) == 0 ? "\n\n" : " ");
  }
  text.resize(kTextBytes);

  std::vector<bool> found(kLists);
  double best = 1e18;
  const long before = allocations();
  for (int repeat = 0; repeat < 20; ++repeat) {
    constexpr int kRounds = 200;
    const auto start = std::chrono::steady_clock::now();
    for (int i = 0; i < kRounds; ++i) set.match(text, found);
    const auto took = std::chrono::steady_clock::now() - start;
    best = std::min(best, std::chrono::duration<double, std::micro>(took).count() / kRounds);
  }
  if (std::find(found.begin(), found.end(), true) != found.end()) std::abort();
  std::printf("[{\"phrases\":%zu,\"text_bytes\":%zu,\"us\":%.4f,\"allocations\":%ld}]\n", kPhrases,
              kTextBytes, best, allocations() - before);
  return 0;
}
