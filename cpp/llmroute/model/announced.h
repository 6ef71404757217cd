// What a provider says of its own limits in the headers of a response.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "llmroute/base/enum.h"
#include "llmroute/base/time.h"

namespace llmroute {

LLMROUTE_ENUM(LimitUnit, requests, tokens, input_tokens, output_tokens);
LLMROUTE_ENUM(LimitPeriod, unstated, second, minute, hour, day, month);

// How what was used comes back.
LLMROUTE_ENUM(Refill,
              unstated,  // the provider did not say: the reset may be the end of a slow refill
              at_once,   // all of it at the reset
              gradual);  // evenly until the reset, when all of it is back

// One limit; absent where the headers are silent.
struct AnnouncedWindow {
  LimitUnit unit = LimitUnit::requests;
  LimitPeriod period = LimitPeriod::unstated;
  Refill refill = Refill::unstated;
  std::optional<std::int64_t> limit, remaining;
  std::optional<Duration> reset;  // from now
};

// At most kMost windows, each unit and period once.
struct AnnouncedLimits {
  static constexpr std::size_t kMost = 8;

  std::vector<AnnouncedWindow> windows;

  bool any() const { return !windows.empty(); }
  // The window of that unit; where it has several, that period's or the first.
  const AnnouncedWindow* find(LimitUnit unit, std::optional<LimitPeriod> period = {}) const;
  // The same, added where it is not there; null where there is no room for it.
  AnnouncedWindow* add(LimitUnit unit, LimitPeriod period = LimitPeriod::unstated);
};

// A window as one number of a decision's reason, and its name there: "input_tokens_per_minute", or
// "requests" without a period. 0 is no window, its name empty.
std::uint16_t window_code(LimitUnit unit, LimitPeriod period);
std::string window_name(std::uint16_t code);

}  // namespace llmroute
