// Secrets that do not print.
//
// Secret has no stream operator, no comparison with text and no implicit conversion; reveal() is the
// one way to its text and is called where a header is written. SecretSource says where a secret comes
// from and is what configurations, reprs and logs may show.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "llmroute/base/error.h"

namespace llmroute {

class Secret {
 public:
  Secret() = default;
  explicit Secret(std::string text) : text_(std::move(text)) {}
  Secret(const Secret&) = default;
  Secret(Secret&&) noexcept = default;
  Secret& operator=(const Secret&) = default;
  Secret& operator=(Secret&&) noexcept = default;
  ~Secret();  // overwrites its text

  const std::string& reveal() const { return text_; }
  bool empty() const { return text_.empty(); }

 private:
  std::string text_;
};

LLMROUTE_ENUM(SecretOrigin, none, env, file, callable, literal);

struct SecretSource {
  SecretOrigin origin = SecretOrigin::none;
  std::string where;  // variable name, path, or the callable's label; never the secret itself
  Secret literal;     // set for `literal` only

  std::string describe() const;  // "env:OPENAI_API_KEY", "file:keys/a", "literal", "callable:NAME"
};

// "env:NAME", "file:PATH", "callable:LABEL" or a literal. Never fails: anything else is a literal.
SecretSource parse_secret(std::string_view text);

// Reads env and file now; a literal gives itself; a callable cannot be resolved here (its value is
// handed in by the face that owns the callable). A missing or empty secret is an
// ErrorKind::authentication error that names the source. Trailing line ends of files are cut.
Result<Secret> resolve_secret(const SecretSource& source);

// Replaces known secret texts in foreign text with "[secret]". Texts under 4 bytes are ignored.
class Scrubber {
 public:
  void add(const Secret& secret);
  std::string scrub(std::string text) const;

 private:
  std::vector<Secret> secrets_;
};

}  // namespace llmroute
