// Money and tokens with their unit in the type.
#pragma once

#include <compare>
#include <cstdint>

namespace llmroute {

// A count of tokens. Never negative where it means usage; a sentinel is not used: absent is optional.
struct Tokens {
  std::int64_t count = 0;
  friend constexpr bool operator==(Tokens a, Tokens b) = default;
  friend constexpr auto operator<=>(Tokens a, Tokens b) = default;
  friend constexpr Tokens operator+(Tokens a, Tokens b) { return {a.count + b.count}; }
  friend constexpr Tokens operator-(Tokens a, Tokens b) { return {a.count - b.count}; }
};

// US dollars in whole picodollars: prices per token are exact down to 0.000001 USD per million, and
// sums do not drift. Range about +-9.2 million USD; arithmetic saturates.
struct Usd {
  std::int64_t pico = 0;
  friend constexpr bool operator==(Usd a, Usd b) = default;
  friend constexpr auto operator<=>(Usd a, Usd b) = default;
  constexpr double value() const { return static_cast<double>(pico) / 1e12; }
};
Usd operator+(Usd a, Usd b);
Usd usd(double value);  // rounds to the nearest picodollar, saturates; not-a-number becomes zero

}  // namespace llmroute
