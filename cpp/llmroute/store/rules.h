// What every store keeps to, whatever it keeps its state in. Pure functions.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "llmroute/store/store.h"

namespace llmroute::store {

// ErrorKind::invalid_argument, with the bound in the message.
Result<void> check_key(std::string_view key);
Result<void> check_prefix(std::string_view prefix);  // may be empty
Result<void> check_entry(std::string_view key, std::string_view value);
Result<void> check_amount(std::string_view key, std::int64_t amount);
Result<void> check_wish(const LeaseWish& wish);

// For a valid wish under a key of which `taken` is taken. Saturates.
Grant decide(std::int64_t taken, const LeaseWish& wish);

// Something that lasts until `expires` is gone at `now`.
constexpr bool has_expired(WallTime expires, WallTime now) { return expires <= now; }

// The first key, in order of bytes, behind all that begin with `prefix`; empty: there is none.
std::string behind(std::string_view prefix);

// Most that values may use of a store of that size.
constexpr std::size_t room_for_values(std::size_t max_bytes) { return max_bytes - max_bytes / 8; }

}  // namespace llmroute::store
