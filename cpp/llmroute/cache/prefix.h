// What a provider's prompt cache could know of a request: marks of its beginning, one at the end of
// each message.
//
// Two requests whose messages are the same up to some point, after the same tools and answer schema,
// have the same mark there. White space outside strings does not count, nor does `cache_control`,
// which callers move along as a conversation grows; the order of members does. The hashes are no
// security boundary (quick_hash.h). Computed on the caller's thread in one pass over the body, only
// where the inventory asks for affinity.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "llmroute/model/deployment.h"
#include "llmroute/model/request.h"

namespace llmroute::cache {

// Of a long conversation the first and the last messages have marks.
inline constexpr std::size_t kFirstMarks = 4, kLastMarks = 60;

// Fills the request's `prefixes`, `previous_reply` and `sealed_reasoning` from its body, which
// read_facts has accepted, and its facts. Leaves it alone where the inventory asks for no affinity.
// Marks are comparable where they were made with the same seed.
void mark_prefixes(ChatRequest& request, const Inventory& inventory, std::uint64_t seed);

}  // namespace llmroute::cache
