// A fast 64-bit hash of text, for tables in memory.
//
// No security boundary: whoever chooses both texts can make two of them collide, more so where the
// seed is known. What is looked up by it may be wrong at worst, never secret. Not for storage: it may
// differ between machines. Pure; any thread.
#pragma once

#include <cstdint>
#include <string_view>

namespace llmroute::cache {

// Near the speed of memory for long texts, a few nanoseconds for short ones.
std::uint64_t quick_hash(std::string_view text, std::uint64_t seed);

}  // namespace llmroute::cache
