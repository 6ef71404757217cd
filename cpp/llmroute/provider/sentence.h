// Whole sentences of providers, with holes: the last resort where an error has no code.
//
// A pattern is anchored at the start of the text and must match to its own end; `$` ends it with the
// text. What may stand in a hole is narrow, so that no foreign words fit in:
//
//   #  a number: 4096, 1,048,576, 0.5
//   ~  a time as Go writes it: 10h17m5s, 7.66s, 450ms
//   %  a name without spaces, at most 160 bytes, up to what follows it in the pattern
//   *  anything of at most 600 bytes, up to what follows it in the pattern
//
// Two holes never follow each other. Linear in the text; allocates nothing.
#pragma once

#include <optional>
#include <string_view>

namespace llmroute::provider {

// The last of each kind that was met; windows of the text.
struct Caught {
  std::string_view number, time, name;
};

std::optional<Caught> match_sentence(std::string_view pattern, std::string_view text);

}  // namespace llmroute::provider
