#include "llmroute/provider/limit_headers.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <optional>
#include <string_view>
#include <vector>

#include "llmroute/base/text.h"
#include "llmroute/model/defaults.h"
#include "llmroute/provider/limits.h"

namespace llmroute::provider {

namespace {

// --- the families ---------------------------------------------------------------------------------
//
// A name is a prefix, then words in any order: what it says, of what, for how long. So one row stands
// for "x-ratelimit-remaining-tokens-minute" and for its twenty sisters.

struct Family {
  std::string_view prefix;
  LimitUnit unit;  // where no word names one
  LimitPeriod period = LimitPeriod::unstated;
  Refill refill = Refill::unstated;
};

constexpr std::array kFamilies = {
    // OpenAI, Azure, Groq, Cerebras, Mistral, Fireworks, Together, GitHub, OpenRouter, Kong ...
    Family{"x-ratelimit-", LimitUnit::requests},
    // "Fully replenished" is what its resets mean (docs.anthropic.com, Rate limits).
    Family{"anthropic-ratelimit-", LimitUnit::tokens, LimitPeriod::unstated, Refill::gradual},
    Family{"ratelimit-", LimitUnit::requests},  // draft-ietf-httpapi-ratelimit-headers, to 06
    Family{"x-rate-limit-", LimitUnit::requests},
    Family{"x-ratelimitbysize-", LimitUnit::tokens},                             // Mistral
    Family{"ratelimitbysize-", LimitUnit::tokens},                               // Mistral, earlier
    Family{"x-tokenlimit-", LimitUnit::tokens},                                  // Together
    Family{"x-trial-endpoint-call-", LimitUnit::requests, LimitPeriod::minute},  // Cohere
};

// Who else's headers come along says what a family that many use leaves open.
struct Marker {
  std::string_view prefix;
  LimitPeriod requests, tokens;
  Refill refill;
};

constexpr std::array kMarkers = {
    // Requests are a day's, tokens a minute's (console.groq.com/docs/rate-limits); both resets say
    // when all is back: 14,370 of 14,400 left, reset 2m59.56s.
    Marker{"x-groq-", LimitPeriod::day, LimitPeriod::minute, Refill::gradual},
    // "Until the rate limit resets to its initial state" (platform.openai.com, Rate limits).
    Marker{"openai-", LimitPeriod::unstated, LimitPeriod::unstated, Refill::gradual},
};

enum class Says : std::uint8_t { limit, remaining, reset, window, unit, period };
struct Word {
  std::string_view word;
  Says says;
  std::uint8_t value = 0;  // of unit: LimitUnit; of period: LimitPeriod
};

constexpr Word unit_word(std::string_view word, LimitUnit unit) {
  return {word, Says::unit, static_cast<std::uint8_t>(unit)};
}
constexpr Word period_word(std::string_view word, LimitPeriod period) {
  return {word, Says::period, static_cast<std::uint8_t>(period)};
}

constexpr std::array kWords = {
    Word{"limit", Says::limit},
    Word{"remaining", Says::remaining},
    Word{"reset", Says::reset},
    Word{"timeremaining", Says::reset},   // GitHub Models
    Word{"renewalperiod", Says::window},  // Azure: seconds
    unit_word("requests", LimitUnit::requests),
    unit_word("request", LimitUnit::requests),
    unit_word("req", LimitUnit::requests),
    unit_word("tokens", LimitUnit::tokens),
    unit_word("token", LimitUnit::tokens),
    unit_word("input", LimitUnit::input_tokens),
    unit_word("prompt", LimitUnit::input_tokens),  // Fireworks
    unit_word("output", LimitUnit::output_tokens),
    unit_word("completion", LimitUnit::output_tokens),
    unit_word("generated", LimitUnit::output_tokens),  // Fireworks
    period_word("second", LimitPeriod::second),
    period_word("minute", LimitPeriod::minute),
    period_word("hour", LimitPeriod::hour),
    period_word("day", LimitPeriod::day),
    period_word("daily", LimitPeriod::day),
    period_word("month", LimitPeriod::month),
    period_word("monthly", LimitPeriod::month),
};

// --- numbers --------------------------------------------------------------------------------------

std::optional<double> read_number(std::string_view text) {
  double value = 0;
  const char* end = text.data() + text.size();
  const auto [past, problem] = std::from_chars(text.data(), end, value);
  if (problem != std::errc() || past != end || !std::isfinite(value)) return std::nullopt;
  return value;
}

// "100", and the first of "100, 100;w=60" (an early form of the draft).
std::optional<std::int64_t> read_count(std::string_view text) {
  const auto value = read_number(trim(text.substr(0, text.find_first_of(",;"))));
  if (!value || *value < 0 || *value > 9e15) return std::nullopt;
  return static_cast<std::int64_t>(*value);
}

struct Reset {
  std::optional<Duration> after;
  bool moment = false;  // a point in time on the provider's own clock
};

// Seconds, Go durations, RFC 3339 and HTTP dates; a number that would be decades is a moment in
// seconds since 1970 (GitHub), or in milliseconds (OpenRouter).
Reset read_moment(std::string_view text, WallTime now) {
  constexpr double kEpochSeconds = 1e9, kEpochMilliseconds = 1e12;
  text = trim(text);
  std::optional<WallTime> when = read_http_date(text);
  if (const auto number = read_number(text); number && *number >= kEpochSeconds) {
    if (*number > 1e15) return {};
    when = WallTime(from_ms(*number >= kEpochMilliseconds ? *number : *number * 1e3));
  }
  if (!when) return {read_reset(text, now), false};
  const Duration after = std::max(Duration::zero(), *when - now);
  if (after > Duration(defaults::kAbsurdRetryAfter)) return {};
  return {after, true};
}

LimitPeriod period_of(double seconds) {
  if (seconds == 1) return LimitPeriod::second;
  if (seconds == 60) return LimitPeriod::minute;
  if (seconds == 3'600) return LimitPeriod::hour;
  if (seconds == 86'400) return LimitPeriod::day;
  return LimitPeriod::unstated;
}

// --- names ----------------------------------------------------------------------------------------

struct Name {
  Says says = Says::limit;
  LimitUnit unit = LimitUnit::requests;
  LimitPeriod period = LimitPeriod::unstated;
  Refill refill = Refill::unstated;
};

const Word* find_word(std::string_view text) {
  const auto found = std::find_if(kWords.begin(), kWords.end(),
                                  [text](const Word& word) { return word.word == text; });
  return found == kWords.end() ? nullptr : &*found;
}

// "input" and "tokens" together are input tokens, in either order.
void take_unit(std::optional<LimitUnit>& unit, LimitUnit word) {
  if (!unit || *unit == LimitUnit::tokens) unit = word;
}

std::optional<Name> read_words(const Family& family, std::string_view rest) {
  std::optional<Says> says;
  std::optional<LimitUnit> unit;
  Name name{Says::limit, family.unit, family.period, family.refill};
  while (!rest.empty()) {
    const std::size_t end = std::min(rest.find_first_of("-_"), rest.size());
    const Word* word = find_word(rest.substr(0, end));
    rest.remove_prefix(std::min(end + 1, rest.size()));
    if (word == nullptr) return std::nullopt;
    switch (word->says) {
      case Says::unit: take_unit(unit, static_cast<LimitUnit>(word->value)); break;
      case Says::period: name.period = static_cast<LimitPeriod>(word->value); break;
      default:
        if (says) return std::nullopt;
        says = word->says;
    }
  }
  if (!says) return std::nullopt;
  name.says = *says;
  name.unit = unit.value_or(family.unit);
  return name;
}

std::optional<Name> read_name(std::string_view lower) {
  for (const Family& family : kFamilies) {
    if (lower.substr(0, family.prefix.size()) != family.prefix) continue;
    return read_words(family, lower.substr(family.prefix.size()));
  }
  return std::nullopt;
}

// --- the structured fields of the draft's later versions --------------------------------------------
//
//   RateLimit: "burst";r=5;t=30, "daily";r=40;t=3600       (07: limit=100, remaining=5, reset=30)
//   RateLimit-Policy: "burst";q=100;w=60, "daily";q=1000;w=86400

struct Item {
  std::string_view name, unit;
  std::optional<double> quota, window, remaining, reset;
};

std::string_view unquote(std::string_view text) {
  if (text.size() >= 2 && text.front() == '"' && text.back() == '"') {
    text = text.substr(1, text.size() - 2);
  }
  return text;
}

// Up to `stop`, which quotes hide; what is left of `text` is behind it.
std::string_view take_until(std::string_view& text, char stop) {
  bool quoted = false;
  std::size_t at = 0;
  for (; at < text.size() && (quoted || text[at] != stop); ++at) {
    if (text[at] == '"') quoted = !quoted;
  }
  const std::string_view taken = trim(text.substr(0, at));
  text.remove_prefix(std::min(at + 1, text.size()));
  return taken;
}

void read_parameter(std::string_view text, Item& item) {
  const std::size_t equals = text.find('=');
  if (equals == std::string_view::npos) return;
  const std::string_view key = trim(text.substr(0, equals));
  const std::string_view value = trim(text.substr(equals + 1));
  if (key == "q" || key == "limit") item.quota = read_number(value);
  if (key == "w") item.window = read_number(value);
  if (key == "r" || key == "remaining") item.remaining = read_number(value);
  if (key == "t" || key == "reset") item.reset = read_number(value);
  if (key == "qu") item.unit = unquote(value);
}

constexpr std::size_t kMaxItems = AnnouncedLimits::kMost;

std::vector<Item> read_items(std::string_view text) {
  std::vector<Item> items;
  while (!text.empty() && items.size() < kMaxItems) {
    std::string_view one = take_until(text, ',');
    const std::string_view first = take_until(one, ';');
    const bool pair = first.find('=') != std::string_view::npos && first.front() != '"';
    // 07 has one item whose parameters are parted by commas.
    if (!pair || items.empty()) items.emplace_back();
    Item& item = items.back();
    if (pair) {
      read_parameter(first, item);
    } else {
      item.name = unquote(first);
    }
    while (!one.empty()) read_parameter(take_until(one, ';'), item);
  }
  return items;
}

std::optional<std::int64_t> whole(std::optional<double> value) {
  if (!value || *value < 0 || *value > 9e15) return std::nullopt;
  return static_cast<std::int64_t>(*value);
}

void read_structured(const wire::Headers& headers, AnnouncedLimits& limits) {
  const auto said = headers.find("ratelimit");
  if (!said) return;
  const auto policy = headers.find("ratelimit-policy");
  const std::vector<Item> policies = policy ? read_items(*policy) : std::vector<Item>();
  for (Item item : read_items(*said)) {
    for (const Item& known : policies) {
      if (known.name != item.name) continue;
      if (!item.quota) item.quota = known.quota;
      if (!item.window) item.window = known.window;
      if (item.unit.empty()) item.unit = known.unit;
    }
    const Word* word = item.unit.empty() ? nullptr : find_word(item.unit);
    if (!item.unit.empty() && (word == nullptr || word->says != Says::unit)) continue;
    const auto unit = word ? static_cast<LimitUnit>(word->value) : LimitUnit::requests;
    AnnouncedWindow* window = limits.add(unit, period_of(item.window.value_or(0)));
    if (window == nullptr || window->remaining) continue;
    window->limit = whole(item.quota);
    window->remaining = whole(item.remaining);
    if (item.reset && *item.reset >= 0 && *item.reset <= 86'400) {
      window->reset = from_ms(*item.reset * 1e3);
    }
  }
}

// --- all together ------------------------------------------------------------------------------------

// In lower case, where the name may be of a family or a marker; else empty. `room` holds it.
using Room = std::array<char, 64>;
std::string_view lowered(std::string_view name, Room& room) {
  if (name.size() < 7 || name.size() > room.size()) return {};
  if (std::string_view("xXrRaAoO").find(name.front()) == std::string_view::npos) return {};
  std::transform(name.begin(), name.end(), room.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  });
  return {room.data(), name.size()};
}

void take(const Name& name, std::string_view value, WallTime now, AnnouncedLimits& limits) {
  AnnouncedWindow* window = limits.add(name.unit, name.period);
  if (window == nullptr) return;
  if (window->refill == Refill::unstated) window->refill = name.refill;
  switch (name.says) {
    case Says::limit:
      if (!window->limit) window->limit = read_count(value);
      break;
    case Says::remaining:
      if (!window->remaining) window->remaining = read_count(value);
      break;
    case Says::reset: {
      const Reset reset = read_moment(value, now);
      if (window->reset || !reset.after) break;
      window->reset = reset.after;
      if (reset.moment && window->refill == Refill::unstated) window->refill = Refill::at_once;
      break;
    }
    default: break;
  }
}

// What several headers together say of a window.
void settle(AnnouncedLimits& limits, const Marker* marker) {
  for (AnnouncedWindow& window : limits.windows) {
    if (window.period >= LimitPeriod::hour) window.refill = Refill::at_once;
    if (marker == nullptr || window.period != LimitPeriod::unstated) continue;
    window.period = window.unit == LimitUnit::requests ? marker->requests : marker->tokens;
    window.refill = marker->refill;
  }
  const auto empty = [](const AnnouncedWindow& w) { return !w.limit && !w.remaining && !w.reset; };
  limits.windows.erase(std::remove_if(limits.windows.begin(), limits.windows.end(), empty),
                       limits.windows.end());
}

const Marker* find_marker(std::string_view lower) {
  for (const Marker& marker : kMarkers) {
    if (lower.substr(0, marker.prefix.size()) == marker.prefix) return &marker;
  }
  return nullptr;
}

}  // namespace

AnnouncedLimits read_limit_headers(const wire::Headers& headers, WallTime now) {
  AnnouncedLimits limits;
  const Marker* marker = nullptr;
  std::array<LimitPeriod, slugs<LimitUnit>().size()> renewed{};
  Room room{};
  for (const auto& [name, value] : headers.items()) {
    const std::string_view lower = lowered(name, room);
    if (lower.empty()) continue;
    if (marker == nullptr) marker = find_marker(lower);
    const auto read = read_name(lower);
    if (!read) continue;
    if (read->says == Says::window) {
      const double seconds = read_number(trim(value)).value_or(0);
      renewed[static_cast<std::size_t>(read->unit)] = period_of(seconds);
    } else {
      take(*read, value, now, limits);
    }
  }
  for (AnnouncedWindow& window : limits.windows) {
    if (window.period != LimitPeriod::unstated) continue;
    window.period = renewed[static_cast<std::size_t>(window.unit)];
  }
  read_structured(headers, limits);
  settle(limits, marker);
  return limits;
}

}  // namespace llmroute::provider
