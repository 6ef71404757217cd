#include "llmroute/model/call_headers.h"

#include <algorithm>

#include "llmroute/base/text.h"

namespace llmroute {

namespace {

bool asks(const Metadata::value_type& header) {
  return is_beta_header(header.first) && !trim(header.second).empty();
}

}  // namespace

bool is_beta_header(std::string_view name) { return name.ends_with("-beta"); }

bool asks_for_betas(const Metadata& headers) {
  return std::any_of(headers.begin(), headers.end(), asks);
}

bool lets_pass(const std::vector<std::string>& list, std::string_view name) {
  return std::binary_search(list.begin(), list.end(), name);
}

bool lets_betas_pass(const std::vector<std::string>& list, const Metadata& headers) {
  return std::all_of(headers.begin(), headers.end(), [&list](const auto& header) {
    return !asks(header) || lets_pass(list, header.first);
  });
}

bool lets_any_beta_pass(const std::vector<std::string>& list) {
  return std::any_of(list.begin(), list.end(), is_beta_header);
}

std::vector<std::string_view> entries_of(std::string_view value) {
  std::vector<std::string_view> out;
  while (!value.empty()) {
    const std::size_t comma = std::min(value.find(','), value.size());
    const std::string_view entry = trim(value.substr(0, comma));
    if (!entry.empty()) out.push_back(entry);
    value.remove_prefix(std::min(comma + 1, value.size()));
  }
  return out;
}

std::string joined_entries(std::string_view first, std::string_view second) {
  std::vector<std::string_view> kept;
  for (const std::string_view value : {first, second}) {
    for (const std::string_view entry : entries_of(value)) {
      if (std::find(kept.begin(), kept.end(), entry) == kept.end()) kept.push_back(entry);
    }
  }
  std::string out;
  for (const std::string_view entry : kept) {
    if (!out.empty()) out += ',';
    out += entry;
  }
  return out;
}

void tidy_header_names(std::vector<std::string>& names) {
  for (std::string& name : names) name = to_lower(name);
  std::sort(names.begin(), names.end());
  names.erase(std::unique(names.begin(), names.end()), names.end());
}

}  // namespace llmroute
