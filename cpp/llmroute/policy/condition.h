// Conditions of rules and constraints, compiled and asked about one request.
//
// Kleene's logic: yes, no, or unknown where the request lacks what a predicate looks at. Total and
// without side effects; linear in the texts, whose keywords are all looked for in one pass.
//
// Conditions are immutable and thread-safe. A Subject belongs to one question and one thread; it reads
// what it needs at first use, and only that.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "llmroute/analysis/keywords.h"
#include "llmroute/base/error.h"
#include "llmroute/base/time.h"
#include "llmroute/model/request.h"
#include "llmroute/model/rules.h"
#include "llmroute/policy/pattern.h"

namespace llmroute::policy {

enum class Truth : std::uint8_t { no, unknown, yes };

class Subject {
 public:
  // Both outlive it.
  Subject(const ChatRequest& asked, WallTime at, const analysis::KeywordSet& keywords)
      : request(asked), wall(at), keywords_(keywords) {}

  const ChatRequest& request;
  const WallTime wall;

  const std::string& text();  // what the user wrote
  bool text_cut();            // there is more than is read
  std::string_view language();
  bool has_keyword(std::uint32_t list);

 private:
  const analysis::KeywordSet& keywords_;
  std::optional<std::string> text_;
  std::optional<std::string_view> language_;
  std::optional<std::vector<bool>> found_;
};

class Conditions {
 public:
  using Id = std::uint32_t;

  // `condition` outlives this object. `path` is for errors: kind config, a keyword or an expression
  // that cannot be used, or an unknown language.
  Result<Id> add(const Condition& condition, const std::string& path);
  // Behind the last add() and before the first question.
  Result<void> finish();

  Truth holds(Id id, Subject& subject) const;
  const analysis::KeywordSet& keywords() const { return keywords_; }
  // The scores that somebody asks for, sorted, each once.
  const std::vector<std::string>& scores() const { return scores_; }

 private:
  struct Node {
    const Condition* what;
    std::uint32_t list = 0;  // of keywords
    std::vector<Pattern> patterns;
    std::vector<Node> parts;
  };
  Result<Node> compile(const Condition& condition, const std::string& path);
  Result<void> add_keywords(const Condition& condition, const std::string& path, Node& node);
  static Truth ask(const Node& node, Subject& subject);
  static Truth ask_words(const Node& node, Subject& subject);

  std::vector<Node> roots_;
  std::vector<analysis::Phrase> phrases_;
  std::size_t phrase_bytes_ = 0;
  std::uint32_t lists_ = 0;
  analysis::KeywordSet keywords_;
  std::vector<std::string> scores_;
};

// A name against a pattern that may end in *; without regard to case.
bool matches_place(std::string_view pattern, std::string_view place);

}  // namespace llmroute::policy
