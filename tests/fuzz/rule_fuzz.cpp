// Conditions and expressions of rules: compiled or refused with words, and total over any text.
// Keywords agree with a search that looks at one at a time.
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

}  // namespace
}  // namespace llmroute::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace llmroute::fuzz;
  Choices choices(data, size);
  const std::string_view regex = choices.take(choices.below(48));
  const std::string_view text = choices.rest();
  expression(regex, text);
  llmroute::policy::matches_place(regex, text);
  return 0;
}
