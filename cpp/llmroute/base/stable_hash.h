// A 64-bit hash of text that is the same on every machine and in every version: for draws that must
// be repeatable, and for names of what is kept. FNV-1a, then one step of splitmix64. No security
// boundary. Pure; any thread.
#pragma once

#include <cstdint>
#include <string_view>

#include "llmroute/base/random.h"

namespace llmroute {

inline std::uint64_t stable_hash(std::string_view text, std::uint64_t seed = 0) {
  std::uint64_t hash = seed ^ 0xcbf29ce484222325U;
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3U;
  return mix64(hash);
}

// In [0, 1), 53 bits.
inline double fraction_of(std::uint64_t hash) {
  return static_cast<double>(hash >> 11) * 0x1.0p-53;
}

}  // namespace llmroute
