#include "llmroute/wire/http.h"

#include <algorithm>

#include "llmroute/base/text.h"

namespace llmroute::wire {

namespace {

bool token_char(char c) {
  const auto alnum = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
  return alnum || std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
}

bool forbidden_in_value(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return (byte < 0x20 && c != '\t') || byte == 0x7F;
}

}  // namespace

std::optional<std::string_view> Headers::find(std::string_view name) const {
  for (const auto& [key, value] : items_) {
    if (equals_ignore_case(key, name)) return value;
  }
  return std::nullopt;
}

Result<void> check_header(std::string_view name, std::string_view value) {
  if (name.empty() || !std::all_of(name.begin(), name.end(), token_char)) {
    return make_error(ErrorKind::invalid_argument,
                      "a header name may hold letters, digits and !#$%&'*+-.^_`|~ only, got \"" +
                          ellipsize(name, 60) + "\"");
  }
  if (std::any_of(value.begin(), value.end(), forbidden_in_value)) {
    return make_error(ErrorKind::invalid_argument,
                      "the value of header \"" + std::string(name) +
                          "\" holds a line break or another control character; remove it");
  }
  return {};
}

}  // namespace llmroute::wire
