// What every request says beside its body: the common headers, the deployment's own, and those of the
// call that are on the deployment's list.
#include "llmroute/base/text.h"
#include "llmroute/model/call_headers.h"
#include "llmroute/provider/common.h"

namespace llmroute::provider {

namespace {

// The header of the call that goes on to this deployment, or null.
const Metadata::value_type* passing(const Metadata& call, const Deployment& deployment,
                                    std::string_view name) {
  const std::string lower = to_lower(name);
  if (!lets_pass(deployment.forward_headers, lower)) return nullptr;
  for (const auto& header : call) {
    if (header.first == lower) return &header;
  }
  return nullptr;
}

bool states(const Deployment& deployment, std::string_view name) {
  for (const auto& [own, value] : deployment.headers) {
    if (equals_ignore_case(own, name)) return true;
  }
  return false;
}

// The configuration's word stands, but for lists of betas: those of both are asked for.
void add_own_headers(wire::Headers& headers, const Metadata& call, const Deployment& deployment) {
  for (const auto& [name, value] : deployment.headers) {
    const auto* also = is_beta_header(to_lower(name)) ? passing(call, deployment, name) : nullptr;
    headers.add(name, also != nullptr ? joined_entries(value, also->second) : value);
  }
}

void add_call_headers(Encoded& encoded, const Metadata& call, const Deployment& deployment,
                      std::string_view in_body) {
  for (const auto& [name, value] : call) {
    const bool beta = is_beta_header(name);
    if (beta && trim(value).empty()) continue;
    if (!lets_pass(deployment.forward_headers, name)) {
      if (beta) encoded.dropped_parameters.push_back(name);
    } else if (name != in_body && !states(deployment, name)) {
      encoded.http.headers.add(name, beta ? joined_entries(value, {}) : value);
    }
  }
}

}  // namespace

void add_common_headers(Encoded& encoded, const ChatRequest& request, const Deployment& deployment,
                        std::string_view stream_type, std::string_view in_body) {
  wire::Headers& headers = encoded.http.headers;
  headers.add("content-type", "application/json");
  headers.add("accept", request.options.stream ? std::string(stream_type) : "application/json");
  headers.add("user-agent", std::string(kUserAgent));
  const Metadata& call = request.options.headers;
  add_own_headers(headers, call, deployment);
  if (!call.empty()) add_call_headers(encoded, call, deployment, in_body);
}

void add_key(wire::Headers& headers, const Deployment& deployment, const Secret& key,
             std::string_view header) {
  if (key.empty()) return;
  if (!deployment.quirks.key_header.empty()) header = deployment.quirks.key_header;
  const bool bearer = equals_ignore_case(header, "authorization");
  headers.add(std::string(header), bearer ? "Bearer " + key.reveal() : key.reveal());
}

Result<void> resolve_headers(const Dialect& dialect, Deployment& deployment) {
  std::vector<std::string>& list = deployment.forward_headers;
  if (deployment.own_headers_too) {
    for (const std::string_view name : dialect.own_headers(deployment)) list.emplace_back(name);
    tidy_header_names(list);
  }
  if (lets_pass(list, to_lower(deployment.quirks.key_header))) {
    return make_error(
        ErrorKind::config,
        "names the header of the key, " + deployment.quirks.key_header + ", which no call may give",
        "deployments." + deployment.name + ".forward_headers");
  }
  const auto betas = static_cast<std::size_t>(Parameter::beta_headers);
  if (deployment.unsupported.test(betas)) std::erase_if(list, is_beta_header);
  deployment.unsupported.set(betas, !lets_any_beta_pass(list));
  return {};
}

}  // namespace llmroute::provider
