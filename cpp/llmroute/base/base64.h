// Base64 (RFC 4648, the standard alphabet with padding).
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace llmroute {

std::string to_base64(std::string_view bytes);

// Nothing for text that is not exactly base64: foreign characters, white space, a wrong length,
// padding missing or in the middle.
std::optional<std::string> from_base64(std::string_view text);

}  // namespace llmroute
