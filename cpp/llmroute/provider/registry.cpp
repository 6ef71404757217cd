#include <array>

#include "llmroute/base/text.h"
#include "llmroute/model/defaults.h"
#include "llmroute/provider/classify.h"
#include "llmroute/provider/common.h"
#include "llmroute/provider/dialect.h"
#include "llmroute/provider/limit_headers.h"

namespace llmroute::provider {

// A dialect has no header: its file defines the one function declared here.
const Dialect& openai_dialect();
const Dialect& anthropic_dialect();
const Dialect& bedrock_dialect();
const Dialect& cohere_dialect();
const Dialect& ollama_dialect();
const Dialect& responses_dialect();
const Dialect& gemini_dialect();

namespace {

std::span<const Dialect* const> table() {
  static const std::array dialects = {&openai_dialect(), &responses_dialect(), &anthropic_dialect(),
                                      &gemini_dialect(), &bedrock_dialect(),   &cohere_dialect(),
                                      &ollama_dialect()};
  return dialects;
}

}  // namespace

std::span<const Dialect* const> dialects() { return table(); }

const Dialect* find_dialect(std::string_view name) {
  for (const Dialect* dialect : table()) {
    if (dialect->name() == name) return dialect;
  }
  return nullptr;
}

Result<void> resolve_dialects(Inventory& inventory) {
  for (Deployment& deployment : inventory.deployments) {
    const std::string path = "deployments." + deployment.name;
    const Dialect* dialect = find_dialect(deployment.dialect);
    if (dialect == nullptr) {
      std::vector<std::string_view> names;
      for (const Dialect* known : table()) names.push_back(known->name());
      return make_error(ErrorKind::config, "unknown dialect \"" + deployment.dialect + "\"",
                        path + ".dialect", std::string(nearest_name(deployment.dialect, names)));
    }
    deployment.unsupported = dialect->unsupported();
    if (!dialect->has_embeddings()) {
      deployment.lacks.set(static_cast<std::size_t>(Capability::embeddings));
    }
    for (const std::string& name : deployment.quirks.unsupported) {
      const auto parameter = from_slug<Parameter>(name);
      if (!parameter) {
        return make_error(ErrorKind::config, "unknown parameter \"" + name + "\"",
                          path + ".quirks.unsupported",
                          std::string(nearest_name(name, slugs<Parameter>())));
      }
      deployment.unsupported.set(static_cast<std::size_t>(*parameter));
    }
    if (auto listed = resolve_headers(*dialect, deployment); !listed) return listed;
  }
  return {};
}

ParameterSet parameter_set(std::initializer_list<Parameter> list) {
  ParameterSet set;
  for (Parameter parameter : list) set.set(static_cast<std::size_t>(parameter));
  return set;
}

std::string endpoint(std::string_view base_url, std::string_view path) {
  const std::size_t query = std::min(base_url.find('?'), base_url.size());
  std::string url(base_url.substr(0, query));
  while (!url.empty() && url.back() == '/') url.pop_back();
  return url.append(path).append(base_url.substr(query));
}

Failure Dialect::classify(const wire::ResponseHead& head, std::string_view body,
                          WallTime now) const {
  return classify_response(head, body, now);
}

AnnouncedLimits Dialect::read_limits(const wire::Headers& headers, WallTime now) const {
  return read_limit_headers(headers, now);
}

Result<Encoded> Dialect::encode_embeddings(const ChatRequest&, const Deployment& deployment,
                                           const Secret&, WallTime) const {
  return make_error(ErrorKind::bad_request,
                    deployment.name + ": the dialect " + std::string(name()) +
                        " has no embeddings; use a deployment of a provider that has");
}

std::variant<ReplySummary, Failure> Dialect::read_embeddings(std::string_view) const {
  return broken("this dialect has no embeddings");
}

Result<std::string> Dialect::embeddings_to_openai(std::string_view, std::string_view) const {
  return make_error(ErrorKind::protocol, "this dialect has no embeddings");
}

Failure broken(std::string message) {
  return make_failure(ErrorKind::protocol, std::move(message));
}

std::optional<Failure> check_reply_json(std::string_view body) {
  const auto valid = wire::validate_json(body, defaults::kMaxJsonDepth);
  if (valid) return std::nullopt;
  return broken("the reply cannot be read (" + valid.error().message +
                "); a proxy or a wrong base_url may have answered");
}

}  // namespace llmroute::provider
