// A seeded generator that gives the same numbers on every machine and compiler.
//
// xoshiro256** (Blackman and Vigna, 2018) seeded by splitmix64. The std distributions are not used,
// because their output differs between standard libraries. Not thread-safe: one owner.
#pragma once

#include <cstdint>

namespace llmroute {

class Random {
 public:
  explicit Random(std::uint64_t seed);

  std::uint64_t next() {
    const std::uint64_t result = rotl(state_[1] * 5, 7) * 9;
    const std::uint64_t shifted = state_[1] << 17;
    state_[2] ^= state_[0];
    state_[3] ^= state_[1];
    state_[1] ^= state_[2];
    state_[0] ^= state_[3];
    state_[2] ^= shifted;
    state_[3] = rotl(state_[3], 45);
    return result;
  }
  double unit() { return static_cast<double>(next() >> 11) * 0x1.0p-53; }  // [0, 1), 53 bits
  std::uint64_t below(std::uint64_t bound);  // [0, bound); 0 for bound 0
  double exponential(double mean);           // >= 0
  double normal();                           // mean 0, deviation 1 (Box-Muller, no cached half)

 private:
  static constexpr std::uint64_t rotl(std::uint64_t x, int k) { return (x << k) | (x >> (64 - k)); }

  std::uint64_t state_[4];
};

// One step of splitmix64: a cheap way to spread a counter into a seed.
std::uint64_t mix64(std::uint64_t value);

}  // namespace llmroute
