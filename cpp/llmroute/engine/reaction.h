// What a request does after an attempt that failed, by the kind of the failure alone.
#pragma once

#include <cstdint>

#include "llmroute/base/error.h"

namespace llmroute::engine {

enum class Reaction : std::uint8_t {
  move_on,        // the next candidate; this one again in a later round
  leave,          // the next candidate; this one never again in this request
  other_key,      // another key of the pool, not charged; with none left, leave
  larger_window,  // known larger windows, then where the group sends too long prompts
  other_filter,   // only where the group sends filtered prompts
  end,            // no attempt would help: the failure is the caller's
};

Reaction reaction_to(ErrorKind kind);

}  // namespace llmroute::engine
