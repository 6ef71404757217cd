#include "llmroute/analysis/keywords.h"

#include <algorithm>
#include <utility>

#include "llmroute/analysis/letters.h"
#include "llmroute/base/text.h"

namespace llmroute::analysis {

namespace {

// A symbol of the stream beside bytes; UTF-8 does not have it as a byte. It stands between two
// characters of which one is of a word and the other is not. That depends on these two alone, so it
// stands inside a phrase where it stands in the text.
constexpr unsigned char kWordEdge = 0xFF;

// Entries of the table: the offset of a row, or with kSparse the number of a state without one.
constexpr std::uint32_t kEnds = 1U << 31U;  // phrases end in the state or a suffix of it
constexpr std::uint32_t kSparse = 1U << 30U;

// Fewer bytes than this number occur in UTF-8, so it is no class.
constexpr std::uint8_t kNotOfRun = 0xFF;

unsigned char byte(char c) { return static_cast<unsigned char>(c); }

struct Ascii {
  Letter letter;
  bool space;
  unsigned char folded;
};

std::array<Ascii, 128> make_ascii() {
  std::array<Ascii, 128> table{};
  for (unsigned c = 0; c < 128; ++c) {
    table[c] = {letter_of(c), is_white_space(c), static_cast<unsigned char>(fold(c))};
  }
  return table;
}

const std::array<Ascii, 128>& ascii() {
  static const std::array<Ascii, 128> table = make_ascii();
  return table;
}

// Turns a text into the stream of symbols, as if a space stood before and behind it. `put` gets one
// symbol and returns false to stop; `put.run` gets what begins with an ASCII letter or digit, and
// returns past as many of these as it took (one or more), or null to stop.
template <class Put>
class Stream {
 public:
  explicit Stream(Put& put) : put_(put) {}

  void read(std::string_view text) {
    const std::array<Ascii, 128>& table = ascii();
    const char* const end = text.data() + text.size();
    const char* p = text.data();
    while (p != end) {
      const unsigned char c = byte(*p);
      if (c >= 0x80) {
        std::size_t at = static_cast<std::size_t>(p - text.data());
        if (!other(next_character(text, at))) return;
        p = text.data() + at;
      } else if (table[c].letter == Letter::word) {
        if (!between(Letter::word)) return;
        p = put_.run(p, end);
        if (p == nullptr) return;
      } else {
        if (!(table[c].space ? space() : between(Letter::none) && put_(c))) return;
        ++p;
      }
    }
    between(Letter::none);
  }

 private:
  bool space() {
    if (after_space_) return true;
    if (!between(Letter::none)) return false;
    after_space_ = true;
    return put_(' ');
  }

  bool other(char32_t c) {
    if (is_white_space(c)) return space();
    const char32_t folded = fold(c);
    if (!between(letter_of(folded))) return false;
    if (folded < 0x80) return put_(static_cast<unsigned char>(folded));
    unsigned shift = folded < 0x800 ? 6 : folded < 0x10000 ? 12 : 18;
    const unsigned lead = shift == 6 ? 0xC0U : shift == 12 ? 0xE0U : 0xF0U;
    if (!put_(static_cast<unsigned char>(lead | (folded >> shift)))) return false;
    while (shift != 0) {
      shift -= 6;
      if (!put_(static_cast<unsigned char>(0x80U | ((folded >> shift) & 0x3FU)))) return false;
    }
    return true;
  }

  bool between(Letter next) {
    after_space_ = false;
    const bool word = next == Letter::word;
    if (in_word_ == word) return true;
    in_word_ = word;
    return put_(kWordEdge);
  }

  Put& put_;
  bool in_word_ = false, after_space_ = false;
};

struct Writer {
  bool operator()(unsigned char symbol) {
    symbols.push_back(static_cast<char>(symbol));
    return true;
  }
  const char* run(const char* p, const char*) {
    (*this)(ascii()[byte(*p)].folded);
    return p + 1;
  }
  std::string symbols;
};

// A phrase as it passes in a text; "" for white space alone.
std::string symbols_of(std::string_view phrase) {
  Writer writer;
  Stream<Writer>(writer).read(phrase);
  std::string& symbols = writer.symbols;
  if (!symbols.empty() && symbols.back() == ' ') symbols.pop_back();
  if (!symbols.empty() && symbols.front() == ' ') symbols.erase(0, 1);
  return std::move(symbols);
}

}  // namespace

std::string phrase_problem(std::string_view phrase) {
  if (phrase.size() > kMaxPhraseBytes) {
    return "has " + std::to_string(phrase.size()) + " bytes; at most " +
           std::to_string(kMaxPhraseBytes) + " are taken";
  }
  if (!is_utf8(phrase)) return "is not UTF-8";
  if (symbols_of(phrase).empty()) return "is empty";
  return "";
}

std::string phrases_problem(std::size_t count, std::size_t bytes) {
  if (count > kMaxPhrases) {
    return "there are " + std::to_string(count) + " phrases; at most " +
           std::to_string(kMaxPhrases) + " are taken";
  }
  if (bytes > kMaxPhrasesBytes) {
    return "the phrases have " + std::to_string(bytes) + " bytes together; at most " +
           std::to_string(kMaxPhrasesBytes) + " are taken";
  }
  return "";
}

// Sorted phrases give the states level by level: those with one prefix lie together.
class KeywordSet::Builder {
 public:
  explicit Builder(KeywordSet& set) : set_(set) {}

  void build(std::span<const Phrase> phrases) {
    for (const Phrase& phrase : phrases) {
      if (phrase.list >= set_.lists_ || !phrase_problem(phrase.text).empty()) continue;
      words_.push_back({symbols_of(phrase.text), phrase.list});
    }
    if (words_.empty()) return;
    number_classes();
    std::sort(words_.begin(), words_.end());
    words_.erase(std::unique(words_.begin(), words_.end()), words_.end());
    add_states();
    find_fallbacks();
    fill_table();
  }

 private:
  using Word = std::pair<std::string, std::uint32_t>;
  struct Node {  // words_[begin, end) have its prefix in common
    std::size_t begin, end;
  };

  void number_classes() {
    set_.symbols_ = 1;
    for (const Word& word : words_) {
      for (const char c : word.first) {
        std::uint8_t& number = set_.classes_[byte(c)];
        if (number == 0) number = static_cast<std::uint8_t>(set_.symbols_++);
      }
    }
    set_.run_classes_.fill(kNotOfRun);
    for (std::size_t c = 0; c < 128; ++c) {
      if (ascii()[c].letter != Letter::word) continue;
      set_.run_classes_[c] = set_.classes_[ascii()[c].folded];
    }
  }

  void add_states() {
    std::vector<Node> level{{0, words_.size()}};
    set_.symbol_.push_back(0);
    parents_.push_back(0);
    State first = 0;  // of the level
    for (std::size_t depth = 0; !level.empty(); ++depth) {
      std::vector<Node> next;
      for (std::size_t i = 0; i < level.size(); ++i) {
        add_children(level[i], first + static_cast<State>(i), depth, next);
      }
      first += static_cast<State>(level.size());
      level = std::move(next);
    }
    set_.first_child_.push_back(static_cast<State>(set_.symbol_.size()));
    set_.first_list_.push_back(static_cast<std::uint32_t>(set_.ended_lists_.size()));
  }

  void add_children(Node node, State parent, std::size_t depth, std::vector<Node>& next) {
    set_.first_child_.push_back(static_cast<State>(set_.symbol_.size()));
    set_.first_list_.push_back(static_cast<std::uint32_t>(set_.ended_lists_.size()));
    std::size_t at = node.begin;
    for (; at < node.end && words_[at].first.size() == depth; ++at) {
      set_.ended_lists_.push_back(words_[at].second);
    }
    while (at < node.end) {
      const char symbol = words_[at].first[depth];
      const std::size_t begin = at;
      while (at < node.end && words_[at].first[depth] == symbol) ++at;
      set_.symbol_.push_back(set_.classes_[byte(symbol)]);
      parents_.push_back(parent);
      next.push_back({begin, at});
    }
  }

  State child(State state, std::uint8_t symbol) const {
    for (State c = set_.first_child_[state]; c < set_.first_child_[state + 1]; ++c) {
      if (set_.symbol_[c] == symbol) return c;
    }
    return 0;
  }

  bool ends(State state) const { return set_.first_list_[state] != set_.first_list_[state + 1]; }

  void find_fallbacks() {
    const auto states = static_cast<State>(set_.symbol_.size());
    set_.fallback_.assign(states, 0);
    set_.ending_.assign(states, 0);
    for (State state = 1; state < states; ++state) {
      State suffix = parents_[state];
      State found = 0;
      while (suffix != 0 && found == 0) {
        suffix = set_.fallback_[suffix];
        found = child(suffix, set_.symbol_[state]);
      }
      set_.fallback_[state] = found;
      set_.ending_[state] = ends(state) ? state : set_.ending_[found];
    }
  }

  void fill_table() {
    const std::size_t states = set_.symbol_.size();
    const std::size_t rows = kMaxTableBytes / sizeof(std::uint32_t) / set_.symbols_;
    set_.dense_ = static_cast<State>(std::min(states, rows));
    set_.table_.assign(set_.dense_ * set_.symbols_, 0);
    for (State state = 0; state < set_.dense_; ++state) {
      std::uint32_t* row = &set_.table_[state * set_.symbols_];
      if (state != 0) {
        const std::uint32_t* suffix = &set_.table_[set_.fallback_[state] * set_.symbols_];
        std::copy(suffix, suffix + set_.symbols_, row);
      }
      for (State c = set_.first_child_[state]; c < set_.first_child_[state + 1]; ++c) {
        row[set_.symbol_[c]] = entry(c);
      }
    }
  }

  std::uint32_t entry(State state) const {
    const std::uint32_t end = set_.ending_[state] != 0 ? kEnds : 0;
    const auto row = static_cast<std::uint32_t>(state * set_.symbols_);
    return end | (state < set_.dense_ ? row : kSparse | state);
  }

  KeywordSet& set_;
  std::vector<Word> words_;
  std::vector<State> parents_;
};

KeywordSet::KeywordSet(std::span<const Phrase> phrases, std::size_t lists) : lists_(lists) {
  Builder(*this).build(phrases);
}

// Amortised one step per symbol: each fall makes the state shallower, each symbol deeper by one.
KeywordSet::State KeywordSet::sparse_next(State state, std::uint8_t symbol) const {
  while (state >= dense_) {
    for (State c = first_child_[state]; c < first_child_[state + 1]; ++c) {
      if (symbol_[c] == symbol) return kSparse | c | (ending_[c] != 0 ? kEnds : 0);
    }
    state = fallback_[state];
  }
  return table_[state * symbols_ + symbol];
}

KeywordSet::State KeywordSet::number_of(std::uint32_t entry) const {
  if ((entry & kSparse) != 0) return entry & ~(kSparse | kEnds);
  return static_cast<State>((entry & ~kEnds) / symbols_);
}

// Follows one text; what `Stream` puts symbols to.
class KeywordSet::Reader {
 public:
  Reader(const KeywordSet& set, std::vector<bool>& found)
      : set_(set), table_(set.table_.data()), missing_(set.lists_), found_(found) {}

  bool operator()(unsigned char symbol) {
    entry_ = next(entry_, set_.classes_[symbol]);
    return (entry_ & kEnds) == 0 || mark();
  }

  // The tight loop: what is in the members would be loaded and stored for each byte.
  const char* run(const char* p, const char* end) {
    const std::uint8_t* const classes = set_.run_classes_.data();
    std::uint32_t entry = entry_;
    std::uint8_t c = classes[byte(*p)];
    do {
      entry = next(entry, c);
      if ((entry & kEnds) != 0) {
        entry_ = entry;
        if (!mark()) return nullptr;
        entry = entry_;
      }
      c = ++p == end ? kNotOfRun : classes[byte(*p)];
    } while (c != kNotOfRun);
    entry_ = entry;
    return p;
  }

 private:
  std::uint32_t next(std::uint32_t entry, std::uint8_t c) const {
    return entry < kSparse ? table_[entry + c] : set_.sparse_next(entry & ~kSparse, c);
  }

  bool mark() {
    entry_ &= ~kEnds;
    for (State s = set_.ending_[set_.number_of(entry_)]; s != 0;
         s = set_.ending_[set_.fallback_[s]]) {
      for (std::uint32_t i = set_.first_list_[s]; i < set_.first_list_[s + 1]; ++i) {
        const std::uint32_t list = set_.ended_lists_[i];
        if (!found_[list]) --missing_;
        found_[list] = true;
      }
    }
    return missing_ != 0;
  }

  const KeywordSet& set_;
  const std::uint32_t* table_;
  std::uint32_t entry_ = 0;
  std::size_t missing_;
  std::vector<bool>& found_;
};

void KeywordSet::match(std::string_view text, std::vector<bool>& found) const {
  found.assign(lists_, false);
  if (table_.empty()) return;
  Reader reader(*this, found);
  Stream<Reader>(reader).read(text);
}

std::size_t KeywordSet::bytes() const {
  return sizeof(std::uint32_t) * (table_.size() + first_child_.size() + fallback_.size() +
                                  ending_.size() + first_list_.size() + ended_lists_.size()) +
         symbol_.size();
}

}  // namespace llmroute::analysis
