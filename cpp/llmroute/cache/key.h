// The canonical key of a request: equal keys may be given the same answer.
//
// A SHA-256 over the partition (a tenant), the group with the models that may answer for it, the
// options that choose among these, the headers of the call that are sent on, and the body: its top-level members in order of their names,
// without explicit nulls, without white space outside of strings, and without members that change no
// answer (kIgnoredMembers). Nested objects count as they are written apart from white space: another
// order of their members, another spelling of a number or an escape is another key, which costs a
// call and never a wrong answer.
//
// Pure functions, one pass over the body. Thread-safe.
#pragma once

#include <array>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "llmroute/base/sha256.h"
#include "llmroute/model/deployment.h"
#include "llmroute/model/request.h"

namespace llmroute::cache {

using Key = Digest;
// The digest is as good as chance.
struct KeyHash {
  std::size_t operator()(const Key& key) const {
    std::size_t first = 0;
    std::memcpy(&first, key.data(), sizeof first);
    return first;
  }
};

inline constexpr std::array<std::string_view, 9> kIgnoredMembers = {
    "model",       "stream", "stream_options",    "store",
    "metadata",    "user",   "safety_identifier", "prompt_cache_key",
    "service_tier"};

// One per group, in order: what may answer for it, its fallbacks and wherever else a configuration
// may lead included. Another model, address or set of members is another digest; weights, prices and
// the order of members are not.
std::vector<Digest> fingerprints(const Inventory& inventory);

// Of one request to `group`: with what its own list of fallbacks may lead to, if it has one.
Digest fingerprint_of(const Inventory& inventory, const std::vector<Digest>& fingerprints,
                      GroupIndex group, const RequestOptions& options);

// The value that the cache is divided by; nothing for requests that must not be cached, because they
// have none. `by` absent: one cache for all.
std::optional<std::string_view> partition_of(const std::optional<CountedBy>& by,
                                             const Metadata& metadata);

// The headers of a call that any deployment may be sent, sorted: a call may name groups of its own.
std::vector<std::string> forwarded_headers(const Inventory& inventory);

struct Asked {
  std::string_view partition;
  std::string_view group;  // its resolved name
  Digest fingerprint{};    // fingerprint_of the request
  // Members of the group are for some priorities only, so that the priority decides who may answer.
  bool by_priority = false;
  Digest fence{};  // of the constraints that hold for the request
  // Headers that a deployment may be sent, sorted; they count, and so do betas that nobody takes: what asks
  // for one is not given the answer to a request that did not.
  std::span<const std::string> forwarded = {};
};

// Nothing where the answer could not be kept whole: with sound; and streamed, with several choices,
// log probabilities or search results.
std::optional<Key> request_key(const ChatRequest& request, const Asked& asked);

}  // namespace llmroute::cache
