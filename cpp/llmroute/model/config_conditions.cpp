#include <algorithm>
#include <array>

#include "llmroute/base/text.h"
#include "llmroute/model/config_build.h"

namespace llmroute::config {

namespace {

constexpr std::int32_t kHour = 3'600;

struct KindKey {
  std::string_view key;
  ConditionKind kind;
};
// Predicates that are some words, and those that are a range.
constexpr std::array<KindKey, 6> kWordKinds = {{{"model", ConditionKind::model},
                                                {"keywords", ConditionKind::keywords},
                                                {"regex", ConditionKind::regex},
                                                {"language", ConditionKind::language},
                                                {"tags", ConditionKind::tags},
                                                {"region", ConditionKind::region}}};
constexpr std::array<KindKey, 3> kRangeKinds = {
    {{"messages", ConditionKind::messages},
     {"prompt_tokens", ConditionKind::prompt_tokens},
     {"max_output_tokens", ConditionKind::max_output_tokens}}};
constexpr std::array<KindKey, 3> kKeyedKinds = {{{"header", ConditionKind::header},
                                                 {"metadata", ConditionKind::metadata},
                                                 {"scores", ConditionKind::score}}};
constexpr std::array<std::string_view, 3> kNamedScores = {"intent", "sentiment", "complexity"};
constexpr std::array<std::string_view, 7> kDays = {"mon", "tue", "wed", "thu", "fri", "sat", "sun"};

template <std::size_t N>
std::optional<ConditionKind> kind_of(const std::array<KindKey, N>& table, std::string_view key) {
  for (const auto& [name, kind] : table) {
    if (name == key) return kind;
  }
  return {};
}

Result<NumberRange> read_range(const Value& table, const std::string& path) {
  NumberRange range;
  const auto read = [&table](std::string_view key, double& end) {
    const Value* value = table.find(key);
    if (value != nullptr) end = value->number;
    return value != nullptr;
  };
  const bool above = read("above", range.above), at_least = read("at_least", range.at_least);
  const bool below = read("below", range.below), at_most = read("at_most", range.at_most);
  if (above && at_least) {
    return config_error(child_path(path, "at_least"), "stands beside above; keep one of the two");
  }
  if (below && at_most) {
    return config_error(child_path(path, "at_most"), "stands beside below; keep one of the two");
  }
  if (!above && !at_least && !below && !at_most) {
    return config_error(path, "is empty; give an end, as in { above = 8000 }");
  }
  const double low = std::max(range.above, range.at_least);
  const double high = std::min(range.below, range.at_most);
  if (low > high || (low == high && (above || below))) {
    return config_error(path, "holds for no number: its lower end is not below its upper one");
  }
  return range;
}

Result<ValueMatch> read_match(const Value& value, const std::string& path) {
  ValueMatch match;
  switch (value.type) {
    case Value::Type::boolean:
      match.kind = value.boolean ? ValueMatch::Kind::present : ValueMatch::Kind::absent;
      return match;
    case Value::Type::table: {
      auto range = read_range(value, path);
      if (!range) return range.error();
      match.kind = ValueMatch::Kind::range;
      match.range = *range;
      return match;
    }
    default: match.words = read_words(value); return match;
  }
}

std::int32_t seconds_of(std::string_view clock) {
  const auto two = [clock](std::size_t at) {
    return (clock[at] - '0') * 10 + (clock[at + 1] - '0');
  };
  return two(0) * kHour + two(3) * 60;
}

Result<TimeWindow> read_time(const Value& table, const std::string& path) {
  TimeWindow window;
  const Value* from = table.find("from");
  const Value* to = table.find("to");
  const Value* days = table.find("weekdays");
  if (from == nullptr && to == nullptr && days == nullptr) {
    return config_error(path, "says nothing; give from and to, or weekdays");
  }
  if (from != nullptr) window.from_s = seconds_of(from->text);
  if (to != nullptr) window.to_s = seconds_of(to->text);
  if (window.from_s == window.to_s) {
    return config_error(child_path(path, "to"), "is the same time as from: the window is empty");
  }
  if (days != nullptr) {
    window.weekdays.reset();
    for (const Value& day : days->list) {
      const auto found = std::find(kDays.begin(), kDays.end(), day.text);
      window.weekdays.set(static_cast<std::size_t>(found - kDays.begin()));
    }
  }
  window.timezone = table.find("timezone")->text;
  auto zone = read_zone(table, path);
  if (!zone) return zone.error();
  window.zone = std::move(*zone);
  return window;
}

Condition words_condition(ConditionKind kind, const Value& value) {
  Condition out;
  out.kind = kind;
  out.match.words = read_words(value);
  return out;
}

Condition of_features(const Value& value) {
  Condition out;
  out.kind = ConditionKind::has;
  for (const std::string& word : read_words(value)) {
    out.features.set(static_cast<std::size_t>(*from_slug<Feature>(word)));
  }
  return out;
}

Condition of_priorities(const Value& value) {
  Condition out;
  out.kind = ConditionKind::priority;
  if (value.type != Value::Type::list) out.priorities.set(read_priority(value));
  for (const Value& item : value.list) out.priorities.set(read_priority(item));
  return out;
}

Result<void> add_keyed(ConditionKind kind, const Value& table, const std::string& path,
                       std::vector<Condition>& parts) {
  if (table.table.empty()) return config_error(path, "is empty; name a key");
  for (const auto& [key, value] : table.table) {
    auto match = read_match(value, child_path(path, key));
    if (!match) return match.error();
    Condition part;
    part.kind = kind;
    part.key = kind == ConditionKind::header ? to_lower(key) : key;
    part.match = std::move(*match);
    parts.push_back(std::move(part));
  }
  return {};
}

Result<void> add_tree(std::string_view key, const Value& value, const std::string& path,
                      std::vector<Condition>& parts) {
  Condition part;
  part.kind = key == "all"   ? ConditionKind::all
              : key == "any" ? ConditionKind::any
                             : ConditionKind::negation;
  if (part.kind == ConditionKind::negation) {
    auto inner = read_condition(value, path);
    if (!inner) return inner.error();
    part.parts.push_back(std::move(*inner));
  }
  for (std::size_t i = 0; i < value.list.size(); ++i) {
    auto inner = read_condition(value.list[i], child_path(path, i));
    if (!inner) return inner.error();
    part.parts.push_back(std::move(*inner));
  }
  parts.push_back(std::move(part));
  return {};
}

Result<void> add_range(ConditionKind kind, std::string_view key, const Value& value,
                       const std::string& path, std::vector<Condition>& parts) {
  auto range = read_range(value, path);
  if (!range) return range.error();
  Condition part;
  part.kind = kind;
  part.key = std::string(key);
  part.match.kind = ValueMatch::Kind::range;
  part.match.range = *range;
  parts.push_back(std::move(part));
  return {};
}

Result<void> add_part(std::string_view key, const Value& value, const std::string& path,
                      std::vector<Condition>& parts) {
  if (key == "all" || key == "any" || key == "not") return add_tree(key, value, path, parts);
  if (const auto kind = kind_of(kKeyedKinds, key)) return add_keyed(*kind, value, path, parts);
  if (const auto kind = kind_of(kRangeKinds, key)) {
    return add_range(*kind, {}, value, path, parts);
  }
  if (std::find(kNamedScores.begin(), kNamedScores.end(), key) != kNamedScores.end()) {
    if (value.type == Value::Type::table) {
      return add_range(ConditionKind::score, key, value, path, parts);
    }
    parts.push_back(words_condition(ConditionKind::score, value));
    parts.back().key = std::string(key);
    return {};
  }
  if (key == "time") {
    auto window = read_time(value, path);
    if (!window) return window.error();
    Condition part;
    part.kind = ConditionKind::time;
    part.time = std::move(*window);
    parts.push_back(std::move(part));
    return {};
  }
  if (key == "has") {
    parts.push_back(of_features(value));
  } else if (key == "priority") {
    parts.push_back(of_priorities(value));
  } else {
    parts.push_back(words_condition(*kind_of(kWordKinds, key), value));
  }
  return {};
}

}  // namespace

std::vector<std::string> read_words(const Value& value) {
  if (value.type == Value::Type::text) return {value.text};
  std::vector<std::string> out;
  for (const Value& item : value.list) out.push_back(item.text);
  return out;
}

// Recursion is bounded by the document's depth.
Result<Condition> read_condition(const Value& table, const std::string& path) {
  Condition out;
  for (const auto& [key, value] : table.table) {
    auto added = add_part(key, value, child_path(path, key), out.parts);
    if (!added) return added.error();
  }
  if (out.parts.size() != 1) return out;
  Condition only = std::move(out.parts.front());
  return only;
}

}  // namespace llmroute::config
