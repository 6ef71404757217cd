#include "llmroute/policy/pattern.h"

#include <re2/re2.h>

#include <string>
#include <utility>

#include "llmroute/base/text.h"

namespace llmroute::policy {

namespace {

RE2::Options options() {
  RE2::Options options;
  options.set_max_mem(kMaxPatternMemory);
  options.set_log_errors(false);  // they are returned; the program's standard error is not ours
  return options;
}

const char* problem_of(const RE2& regex) {
  switch (regex.error_code()) {
    case RE2::ErrorBadEscape: return "an escape that RE2 does not have (no back references)";
    case RE2::ErrorBadCharClass:
    case RE2::ErrorBadCharRange: return "a character class that cannot be";
    case RE2::ErrorMissingBracket: return "a [ without its ]";
    case RE2::ErrorMissingParen: return "a ( without its )";
    case RE2::ErrorUnexpectedParen: return "a ) without its (";
    case RE2::ErrorTrailingBackslash: return "a backslash at the end";
    case RE2::ErrorRepeatArgument: return "a repetition of nothing";
    case RE2::ErrorRepeatSize: return "a repetition of more than 1000 times";
    case RE2::ErrorRepeatOp: return "a repetition of a repetition";
    case RE2::ErrorBadPerlOp: return "a group that RE2 does not have (no look-around)";
    case RE2::ErrorBadNamedCapture: return "a named group whose name cannot be";
    case RE2::ErrorBadUTF8: return "invalid UTF-8";
    case RE2::ErrorPatternTooLarge:
      return "a pattern that needs too much memory; make its repetitions smaller";
    default: return "a pattern that RE2 does not take";
  }
}

// RE2 names the offending text, not its place; where that text occurs twice its place is unknown.
std::string place_of(const RE2& regex, std::string_view pattern) {
  const std::string part(regex.error_arg());
  if (part.empty() || part == pattern || regex.error_code() == RE2::ErrorPatternTooLarge) return "";
  std::string place = " at \"" + ellipsize(part, 60) + "\"";
  const std::size_t at = pattern.find(part);
  if (at != std::string_view::npos && pattern.find(part, at + 1) == std::string_view::npos) {
    place += " (byte " + std::to_string(at) + ")";
  }
  return place;
}

Error refused(std::string message) { return make_error(ErrorKind::config, std::move(message)); }

}  // namespace

struct Pattern::Compiled {
  explicit Compiled(std::string_view pattern) : regex(pattern, options()) {}
  RE2 regex;
};

Result<Pattern> Pattern::compile(std::string_view regex) {
  if (regex.empty()) return refused("an empty regular expression is found in every text");
  if (regex.size() > kMaxPatternBytes) {
    return refused("a regular expression has at most " + std::to_string(kMaxPatternBytes) +
                   " bytes; this one has " + std::to_string(regex.size()));
  }
  if (!is_utf8(regex)) return refused("a regular expression must be UTF-8");
  auto compiled = std::make_shared<const Compiled>(regex);
  if (!compiled->regex.ok()) {
    return refused("the regular expression has " + std::string(problem_of(compiled->regex)) +
                   place_of(compiled->regex, regex));
  }
  return Pattern(std::move(compiled));
}

bool Pattern::found_in(std::string_view text) const {
  return compiled_->regex.Match(text, 0, text.size(), RE2::UNANCHORED, nullptr, 0);
}

std::string_view Pattern::source() const { return compiled_->regex.pattern(); }

}  // namespace llmroute::policy
