// Whole replies of every dialect: a failure, or a reply that turns into OpenAI's shape.
#include "llmroute/base/text.h"
#include "llmroute/provider/dialect.h"
#include "llmroute/wire/json.h"
#include "tests/fuzz/golden.h"

namespace llmroute::fuzz {
namespace {

struct Material {
  const provider::Dialect* dialect;
  std::vector<std::string> replies;
};

std::vector<Material> material() {
  std::vector<Material> out;
  for (const provider::Dialect* dialect : provider::dialects()) {
    out.push_back({dialect, golden_texts(std::string(dialect->name()), "replies.json", "reply")});
  }
  return out;
}

void check(const provider::Dialect& dialect, std::string_view body) {
  const auto read = dialect.read_reply(body);
  if (const auto* failure = std::get_if<Failure>(&read)) {
    MUST_HOLD(is_utf8(failure->message) && !failure->message.empty());
    return;
  }
  const auto& summary = std::get<provider::ReplySummary>(read);
  const Usage& u = summary.usage;
  MUST_HOLD(is_utf8(summary.finish_reason));
  MUST_HOLD(u.cached_input + u.cache_write <= u.input && u.reasoning <= u.output);
  const auto turned = dialect.to_openai(body, "m");
  MUST_HOLD(turned.has_value());
  MUST_HOLD(wire::validate_json(*turned).has_value());
  const wire::JsonView choice = wire::JsonView(*turned)["choices"].first_element().value();
  MUST_HOLD(choice["message"].is_object());
}

}  // namespace
}  // namespace llmroute::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace llmroute::fuzz;
  static const std::vector<Material> known = material();
  Choices choices(data, size);
  const Material& of = known[choices.below(known.size())];
  if (choices.byte() % 8 == 0) {
    check(*of.dialect, choices.rest());
    return 0;
  }
  std::string body = of.replies[choices.below(of.replies.size())];
  damage(body, choices);
  check(*of.dialect, body);
  return 0;
}
