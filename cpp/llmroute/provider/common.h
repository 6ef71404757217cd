// What the dialects' sources share; for files of this folder only.
#pragma once

#include <algorithm>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "llmroute/base/secret.h"
#include "llmroute/model/deployment.h"
#include "llmroute/provider/dialect.h"
#include "llmroute/wire/json.h"

namespace llmroute::provider {

inline constexpr std::string_view kUserAgent = "llmroute/0.1";

// Content type, accept (`stream_type` where a stream is asked for) and user agent, then the
// deployment's own headers, then those of the call that are on its list. A beta that the call asks
// for and that is not on the list is dropped and listed; filters let that happen only where the caller
// allows it. `in_body`: one that the dialect writes elsewhere.
void add_common_headers(Encoded& encoded, const ChatRequest& request, const Deployment& deployment,
                        std::string_view stream_type = "text/event-stream",
                        std::string_view in_body = {});

// Completes Deployment::forward_headers and marks deployments that take no betas. ErrorKind::config
// where the list names the header of the key.
Result<void> resolve_headers(const Dialect& dialect, Deployment& deployment);

// The key, where there is one: in `header` or the one that the quirks name; "authorization" takes it
// as a bearer token.
void add_key(wire::Headers& headers, const Deployment& deployment, const Secret& key,
             std::string_view header);

// `path` behind the base URL, and before its query where it has one.
std::string endpoint(std::string_view base_url, std::string_view path);

// Sets bits by slug.
ParameterSet parameter_set(std::initializer_list<Parameter> list);

// A failure of kind protocol: what came is not what the dialect promises.
Failure broken(std::string message);

// The failure of a whole reply that is not JSON within the bounds, or nothing.
std::optional<Failure> check_reply_json(std::string_view body);

// The members of an object one by one; f(member) for each.
template <class F>
void each_member(wire::JsonView object, F&& f) {
  for (auto m = object.first_member(); m; m = m.next()) f(m);
}
template <class F>
void each_element(wire::JsonView array, F&& f) {
  for (auto e = array.first_element(); e; e = e.next()) f(e.value());
}

// Adds what was left out to a list of them, each once and not without end.
inline void list_once(std::vector<std::string>& paths, std::string path) {
  constexpr std::size_t kMost = 1'000;
  if (paths.size() >= kMost || std::find(paths.begin(), paths.end(), path) != paths.end()) return;
  paths.push_back(std::move(path));
}

// A count that a provider gave; nothing for what cannot be one (negative, a text, beyond a trillion).
inline std::optional<Tokens> count(wire::JsonView value) {
  constexpr std::int64_t kMost = 1'000'000'000'000;
  const auto number = value.integer();
  if (!number || *number < 0 || *number > kMost) return std::nullopt;
  return Tokens{*number};
}

}  // namespace llmroute::provider
