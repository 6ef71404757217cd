#include "llmroute/policy/condition.h"

#include <algorithm>
#include <charconv>
#include <cmath>

#include "llmroute/analysis/language.h"
#include "llmroute/analysis/texts.h"
#include "llmroute/base/text.h"
#include "llmroute/limits/calendar.h"

namespace llmroute::policy {

namespace {

constexpr std::int64_t kDay = 86'400;

Truth truth(bool value) { return value ? Truth::yes : Truth::no; }

bool one_of(const std::vector<std::string>& words, std::string_view value) {
  return std::find(words.begin(), words.end(), value) != words.end();
}

std::optional<double> number_in(std::string_view text) {
  double value = 0;
  const auto [past, problem] = std::from_chars(text.data(), text.data() + text.size(), value);
  const bool whole = problem == std::errc() && past == text.data() + text.size();
  return whole && std::isfinite(value) ? std::optional(value) : std::nullopt;
}

// Of a text that may be absent.
Truth ask_value(const ValueMatch& match, const std::optional<std::string_view>& value) {
  switch (match.kind) {
    case ValueMatch::Kind::present: return truth(value.has_value());
    case ValueMatch::Kind::absent: return truth(!value.has_value());
    case ValueMatch::Kind::words:
      return value ? truth(one_of(match.words, *value)) : Truth::unknown;
    case ValueMatch::Kind::range: break;
  }
  const auto number = value ? number_in(*value) : std::nullopt;
  return number ? truth(match.range.holds(*number)) : Truth::unknown;
}

std::optional<std::string_view> value_of(const Metadata& entries, std::string_view key) {
  for (const auto& [name, value] : entries) {
    if (name == key) return std::string_view(value);
  }
  return std::nullopt;
}

Truth ask_score(const Condition& c, const RequestOptions& options) {
  const auto found = std::find_if(options.scores.begin(), options.scores.end(),
                                  [&c](const Score& score) { return score.name == c.key; });
  if (found == options.scores.end()) {
    const bool asks = c.match.kind == ValueMatch::Kind::present;
    return asks                                       ? Truth::no
           : c.match.kind == ValueMatch::Kind::absent ? Truth::yes
                                                      : Truth::unknown;
  }
  if (!found->word.empty()) return ask_value(c.match, std::string_view(found->word));
  switch (c.match.kind) {
    case ValueMatch::Kind::present: return Truth::yes;
    case ValueMatch::Kind::absent: return Truth::no;
    case ValueMatch::Kind::range: return truth(c.match.range.holds(found->number));
    case ValueMatch::Kind::words: break;
  }
  return Truth::unknown;  // a number where words are known
}

FeatureSet features_of(const Facts& facts) {
  FeatureSet out;
  const auto set = [&](Feature feature, bool there) {
    out.set(static_cast<std::size_t>(feature), there);
  };
  const auto needs = [&](Capability capability) {
    return facts.needs.test(static_cast<std::size_t>(capability));
  };
  set(Feature::tools, needs(Capability::tools));
  set(Feature::images, needs(Capability::vision));
  set(Feature::audio, needs(Capability::audio));
  set(Feature::files, needs(Capability::files));
  set(Feature::json_schema, needs(Capability::json_schema));
  set(Feature::json_object, facts.json_object);
  return out;
}

// A window that goes past midnight belongs to the day on which it began.
bool within(const TimeWindow& window, WallTime wall) {
  const std::int64_t utc =
      std::chrono::floor<std::chrono::seconds>(wall.time_since_epoch()).count();
  const std::int64_t local = utc + limits::seconds_ahead(window.zone, utc);
  std::int64_t day = local / kDay;
  std::int64_t second = local % kDay;
  if (second < 0) {
    second += kDay;
    --day;
  }
  const bool over_midnight = window.to_s < window.from_s;
  const bool inside = over_midnight ? second >= window.from_s || second < window.to_s
                                    : second >= window.from_s && second < window.to_s;
  if (!inside) return false;
  if (over_midnight && second < window.to_s) --day;
  const std::int64_t weekday = ((day + 3) % 7 + 7) % 7;  // the first of 1970 was a Thursday
  return window.weekdays.test(static_cast<std::size_t>(weekday));
}

Truth ask_tokens(const NumberRange& range, const std::optional<Tokens>& tokens) {
  return tokens ? truth(range.holds(static_cast<double>(tokens->count))) : Truth::unknown;
}

}  // namespace

bool matches_place(std::string_view pattern, std::string_view place) {
  if (pattern.empty() || pattern.back() != '*') return equals_ignore_case(pattern, place);
  pattern.remove_suffix(1);
  return equals_ignore_case(pattern, place.substr(0, pattern.size()));
}

// --- Subject ----------------------------------------------------------------------------------------

const std::string& Subject::text() {
  if (!text_) {
    const Facts& facts = request.facts;
    text_ = analysis::user_text(request.body, facts.messages_begin, facts.messages_end);
  }
  return *text_;
}

bool Subject::text_cut() { return text().size() + 4 > analysis::kMaxUserText; }

std::string_view Subject::language() {
  if (!language_) language_ = analysis::language_of(text());
  return *language_;
}

bool Subject::has_keyword(std::uint32_t list) {
  if (!found_) {
    found_.emplace();
    keywords_.match(text(), *found_);
  }
  return list < found_->size() && (*found_)[list];
}

// --- Conditions -------------------------------------------------------------------------------------

Result<Conditions::Id> Conditions::add(const Condition& condition, const std::string& path) {
  auto node = compile(condition, path);
  if (!node) return node.error();
  roots_.push_back(std::move(*node));
  return static_cast<Id>(roots_.size() - 1);
}

Result<void> Conditions::finish() {
  const std::string problem = analysis::phrases_problem(phrases_.size(), phrase_bytes_);
  if (!problem.empty()) return make_error(ErrorKind::config, "keywords of all rules: " + problem);
  keywords_ = analysis::KeywordSet(phrases_, lists_);
  phrases_.clear();
  std::sort(scores_.begin(), scores_.end());
  scores_.erase(std::unique(scores_.begin(), scores_.end()), scores_.end());
  return {};
}

Result<void> Conditions::add_keywords(const Condition& condition, const std::string& path,
                                      Node& node) {
  node.list = lists_++;
  for (const std::string& phrase : condition.match.words) {
    const std::string problem = analysis::phrase_problem(phrase);
    if (!problem.empty()) {
      return make_error(ErrorKind::config,
                        "has a keyword \"" + ellipsize(phrase, 60) + "\" that " + problem, path);
    }
    phrase_bytes_ += phrase.size();
    phrases_.push_back({phrase, node.list});
  }
  return {};
}

// Recursion is bounded by the document's depth.
Result<Conditions::Node> Conditions::compile(const Condition& condition, const std::string& path) {
  Node node{&condition, 0, {}, {}};
  switch (condition.kind) {
    case ConditionKind::keywords:
      if (auto added = add_keywords(condition, path, node); !added) return added.error();
      break;
    case ConditionKind::regex:
      for (const std::string& regex : condition.match.words) {
        auto pattern = Pattern::compile(regex);
        if (!pattern) {
          return make_error(
              ErrorKind::config,
              "has the pattern \"" + ellipsize(regex, 60) + "\": " + pattern.error().message, path);
        }
        node.patterns.push_back(std::move(*pattern));
      }
      break;
    case ConditionKind::language:
      for (const std::string& code : condition.match.words) {
        const auto known = analysis::known_languages();
        if (std::find(known.begin(), known.end(), code) != known.end()) continue;
        return make_error(ErrorKind::config, "unknown language \"" + ellipsize(code, 60) + "\"",
                          path, std::string(nearest_name(code, known)));
      }
      break;
    case ConditionKind::score: scores_.push_back(condition.key); break;
    default: break;
  }
  for (const Condition& part : condition.parts) {
    auto inner = compile(part, path);
    if (!inner) return inner.error();
    node.parts.push_back(std::move(*inner));
  }
  return node;
}

Truth Conditions::holds(Id id, Subject& subject) const { return ask(roots_[id], subject); }

// Predicates that look at what the user wrote, or at some words of the call.
Truth Conditions::ask_words(const Node& node, Subject& subject) {
  const Condition& c = *node.what;
  const RequestOptions& options = subject.request.options;
  switch (c.kind) {
    case ConditionKind::model: return truth(one_of(c.match.words, options.model));
    case ConditionKind::keywords:
      if (subject.has_keyword(node.list)) return Truth::yes;
      return subject.text_cut() ? Truth::unknown : Truth::no;
    case ConditionKind::regex:
      for (const Pattern& pattern : node.patterns) {
        if (pattern.found_in(subject.text())) return Truth::yes;
      }
      return subject.text_cut() ? Truth::unknown : Truth::no;
    case ConditionKind::language: {
      const std::string_view language = subject.language();
      return language.empty() ? Truth::unknown : truth(one_of(c.match.words, language));
    }
    case ConditionKind::tags:
      return truth(
          std::any_of(options.tags.begin(), options.tags.end(),
                      [&c](const std::string& tag) { return one_of(c.match.words, tag); }));
    case ConditionKind::region:
      if (options.region.empty()) return Truth::unknown;
      return truth(std::any_of(
          c.match.words.begin(), c.match.words.end(),
          [&](const std::string& pattern) { return matches_place(pattern, options.region); }));
    default: return Truth::unknown;
  }
}

Truth Conditions::ask(const Node& node, Subject& subject) {
  const Condition& c = *node.what;
  const ChatRequest& request = subject.request;
  switch (c.kind) {
    case ConditionKind::all: {
      Truth out = Truth::yes;
      for (const Node& part : node.parts) {
        out = std::min(out, ask(part, subject));
        if (out == Truth::no) break;
      }
      return out;
    }
    case ConditionKind::any: {
      Truth out = Truth::no;
      for (const Node& part : node.parts) {
        out = std::max(out, ask(part, subject));
        if (out == Truth::yes) break;
      }
      return out;
    }
    case ConditionKind::negation: {
      const Truth inner = ask(node.parts.front(), subject);
      return inner == Truth::unknown ? inner : truth(inner == Truth::no);
    }
    case ConditionKind::messages:
      return truth(c.match.range.holds(static_cast<double>(request.facts.messages)));
    case ConditionKind::prompt_tokens:
      return ask_tokens(c.match.range, request.facts.prompt_tokens);
    case ConditionKind::max_output_tokens:
      return ask_tokens(c.match.range, request.facts.max_output_tokens);
    case ConditionKind::has: return truth((features_of(request.facts) & c.features).any());
    case ConditionKind::header: return ask_value(c.match, value_of(request.options.headers, c.key));
    case ConditionKind::metadata:
      return ask_value(c.match, value_of(request.options.metadata, c.key));
    case ConditionKind::time: return truth(within(c.time, subject.wall));
    case ConditionKind::priority: return truth(c.priorities.test(request.options.priority));
    case ConditionKind::score: return ask_score(c, request.options);
    default: return ask_words(node, subject);
  }
}

}  // namespace llmroute::policy
