// The headers of the call that a request came with, and which of them go on to a provider.
//
// Every deployment has a list of names (Deployment::forward_headers); what is not on it stays here.
// Names are in lower case everywhere but in a configuration. Pure functions, thread-safe.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "llmroute/model/request.h"

namespace llmroute {

// "anthropic-beta", "openai-beta": asks for something that is not yet in the API, as a list of names.
// Leaving one out changes the answer, so it is never left out in silence.
bool is_beta_header(std::string_view name);

// Whether there is one that asks for anything.
bool asks_for_betas(const Metadata& headers);

// Whether `list`, sorted, names it.
bool lets_pass(const std::vector<std::string>& list, std::string_view name);

// Whether all betas that `headers` ask for may pass.
bool lets_betas_pass(const std::vector<std::string>& list, const Metadata& headers);

// Whether any beta may pass.
bool lets_any_beta_pass(const std::vector<std::string>& list);

// The entries of a list such as "a, b", without spaces and empty ones.
std::vector<std::string_view> entries_of(std::string_view value);

// The entries of both in order, each once, as "a,b".
std::string joined_entries(std::string_view first, std::string_view second);

// Names in lower case, sorted, each once.
void tidy_header_names(std::vector<std::string>& names);

}  // namespace llmroute
