// Requests of callers through every dialect: an error with its path, or a body that is JSON; the
// same bytes each time.
#include "llmroute/analysis/facts.h"
#include "llmroute/provider/dialect.h"
#include "llmroute/wire/json.h"
#include "tests/fuzz/golden.h"

namespace llmroute::fuzz {
namespace {

std::vector<std::string> bodies() {
  std::vector<std::string> out;
  for (const provider::Dialect* dialect : provider::dialects()) {
    for (auto& body : golden_texts(std::string(dialect->name()), "requests.json", "request")) {
      out.push_back(std::move(body));
    }
  }
  return out;
}

}  // namespace
}  // namespace llmroute::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace llmroute::fuzz;
  using llmroute::provider::dialects;
  static const std::vector<std::string> known = bodies();
  Choices choices(data, size);
  const auto* dialect = dialects()[choices.below(dialects().size())];
  llmroute::ChatRequest request;
  request.options.drop_unsupported = choices.byte() % 2 == 0;
  request.options.stream = choices.byte() % 2 == 0;
  std::string body = known[choices.below(known.size())];
  if (choices.byte() % 8 == 0) {
    body = choices.rest();
  } else {
    damage(body, choices);
  }
  request.body = body;
  const auto facts = llmroute::analysis::read_facts(request.body);
  if (!facts) {
    MUST_HOLD(!facts.error().message.empty());
    return 0;
  }
  request.facts = *facts;
  llmroute::Deployment deployment;
  deployment.name = "d";
  deployment.model = "m-1";
  deployment.base_url = "http://127.0.0.1:1/v1";
  const auto encoded = dialect->encode(request, deployment, llmroute::Secret());
  if (!encoded) {
    MUST_HOLD(!encoded.error().path.empty());
    return 0;
  }
  MUST_HOLD(llmroute::wire::validate_json(encoded->http.body, 128).has_value());
  const auto again = dialect->encode(request, deployment, llmroute::Secret());
  MUST_HOLD(again.has_value() && again->http.body == encoded->http.body);
  return 0;
}
