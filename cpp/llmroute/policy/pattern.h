// A regular expression of the user's configuration, in RE2's syntax.
//
// RE2 reads a text once, in time linear in its length whatever the pattern, so a pattern from a
// configuration cannot stop the router. What would need much memory is refused when it is compiled.
// A Pattern is an immutable value; copies share what was compiled. found_in may be called by any
// number of threads at once. This is the only place that knows RE2.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>

#include "llmroute/base/error.h"

namespace llmroute::policy {

inline constexpr std::size_t kMaxPatternBytes = 1024;
// Of the program and of the states that it keeps while it reads.
inline constexpr std::int64_t kMaxPatternMemory = 1 << 20;

class Pattern {
 public:
  // Kind config, the path left empty: says what is wrong, and where in the pattern. Refused are the
  // empty pattern (it is found in every text), what is longer than kMaxPatternBytes, what is not
  // UTF-8, what RE2 does not have (look-around, back references) and what needs too much memory.
  static Result<Pattern> compile(std::string_view regex);

  // Somewhere in the text; `^` and `$` are the text's own ends, `(?m)` makes them those of lines.
  bool found_in(std::string_view text) const;

  std::string_view source() const;  // as it was written

 private:
  struct Compiled;
  explicit Pattern(std::shared_ptr<const Compiled> compiled) : compiled_(std::move(compiled)) {}

  std::shared_ptr<const Compiled> compiled_;
};

}  // namespace llmroute::policy
