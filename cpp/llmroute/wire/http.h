// HTTP messages as values; no sockets.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "llmroute/base/error.h"

namespace llmroute::wire {

// In order of appearance; names compare without case. Bounded by the transport.
class Headers {
 public:
  void add(std::string name, std::string value) {
    items_.emplace_back(std::move(name), std::move(value));
  }
  // First value of that name, or nothing. The view lives as long as this object is not changed.
  std::optional<std::string_view> find(std::string_view name) const;
  const std::vector<std::pair<std::string, std::string>>& items() const { return items_; }
  void clear() { items_.clear(); }

 private:
  std::vector<std::pair<std::string, std::string>> items_;
};

struct Request {
  std::string method = "POST";
  std::string url;
  Headers headers;
  std::string body;
};

struct ResponseHead {
  int status = 0;
  Headers headers;
};

// A header that cannot smuggle another: token characters in the name; no CR, LF, NUL or other
// control characters (tab apart) in the value. ErrorKind::invalid_argument names the header, never
// its value.
Result<void> check_header(std::string_view name, std::string_view value);

}  // namespace llmroute::wire
