// Expressions of rules and patterns of places: compiled or refused with words, and total over any
// text. What a place matches is what a comparison of the letters says.
#include "llmroute/analysis/facts.h"
#include "llmroute/base/text.h"
#include "llmroute/policy/condition.h"
#include "llmroute/policy/pattern.h"
#include "llmroute/wire/json.h"
#include "tests/fuzz/fuzz.h"

namespace llmroute::fuzz {
namespace {

void expression(std::string_view regex, std::string_view text) {
  const auto pattern = policy::Pattern::compile(regex);
  if (!pattern) {
    MUST_HOLD(pattern.error().kind == ErrorKind::config && !pattern.error().message.empty());
    return;
  }
  MUST_HOLD(pattern->source() == regex);
  const bool found = pattern->found_in(text);
  MUST_HOLD(pattern->found_in(text) == found);
}

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; }

// Letter by letter.
bool same_place(std::string_view pattern, std::string_view place) {
  for (std::size_t i = 0; i < pattern.size(); ++i) {
    if (pattern[i] == '*' && i + 1 == pattern.size()) return true;
    if (i >= place.size() || lower(pattern[i]) != lower(place[i])) return false;
  }
  return pattern.size() == place.size();
}

}  // namespace
}  // namespace llmroute::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace llmroute::fuzz;
  Choices choices(data, size);
  const std::string_view regex = choices.take(choices.below(48));
  const std::string_view text = choices.rest();
  expression(regex, text);
  MUST_HOLD(llmroute::policy::matches_place(regex, text) == same_place(regex, text));
  return 0;
}
