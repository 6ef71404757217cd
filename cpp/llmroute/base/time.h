// Time as an argument.
//
// The core never asks what time it is: `now` comes in with every event. Instant is monotonic and
// means nothing outside one process; WallTime is for people and for dates in headers.
#pragma once

#include <chrono>
#include <cstdint>

namespace llmroute {

using Duration = std::chrono::nanoseconds;
using std::chrono::milliseconds;
using std::chrono::seconds;

// Tag clocks without now(): nobody can read them behind the back of whoever passes time in.
struct MonotonicTag {
  using rep = std::int64_t;
  using period = std::nano;
  using duration = Duration;
  using time_point = std::chrono::time_point<MonotonicTag, Duration>;
  static constexpr bool is_steady = true;
};
struct WallTag {
  using rep = std::int64_t;
  using period = std::nano;
  using duration = Duration;
  using time_point = std::chrono::time_point<WallTag, Duration>;  // since 1970-01-01 UTC
  static constexpr bool is_steady = false;
};
using Instant = MonotonicTag::time_point;
using WallTime = WallTag::time_point;

inline constexpr Instant kNever = Instant::max();

constexpr double to_ms(Duration d) { return static_cast<double>(d.count()) / 1e6; }
constexpr double to_seconds(Duration d) { return static_cast<double>(d.count()) / 1e9; }
// Saturates instead of overflowing; not-a-number becomes zero.
Duration from_ms(double ms);
// `at + d` that saturates at kNever.
constexpr Instant add_saturated(Instant at, Duration d) {
  return d > kNever - at ? kNever : at + d;
}

// The only door to real clocks. Implementations are thread-safe; they outlive whoever holds them.
class Clock {
 public:
  virtual ~Clock() = default;
  virtual Instant now() const = 0;
  virtual WallTime wall_now() const = 0;
  // True where time moves by itself; false for a manual clock, which tells its listeners.
  virtual bool runs_by_itself() const { return true; }
};

// CLOCK_MONOTONIC and the system clock. One shared instance without state.
const Clock& system_clock();

}  // namespace llmroute
