// SHA-256 (FIPS 180-4), for keys that nobody can make collide. Not for passwords.
//
// Fed piece by piece; the same bytes give the same digest however they are cut. One owner.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace llmroute {

using Digest = std::array<std::uint8_t, 32>;

class Sha256 {
 public:
  // fastest: with the processor's own instructions, where it has them; ten times as fast.
  enum class Way : std::uint8_t { fastest, portable };
  explicit Sha256(Way way = Way::fastest);

  Sha256& update(std::string_view bytes);
  // As eight bytes, lowest first: lengths and flags between texts, so that neighbours cannot run
  // into each other.
  Sha256& number(std::uint64_t value);
  // Its length, then the text.
  Sha256& text(std::string_view bytes) { return number(bytes.size()).update(bytes); }
  // Once, at the end.
  Digest finish();

 private:
  using State = std::array<std::uint32_t, 8>;
  using Take = void (*)(State& state, const std::uint8_t* blocks, std::size_t count);
  static void take_portably(State& state, const std::uint8_t* blocks, std::size_t count);
  static void take_with_instructions(State& state, const std::uint8_t* blocks, std::size_t count);
  static Take fastest();

  Take take_;
  State state_ = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                  0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
  std::array<std::uint8_t, 64> block_{};
  std::size_t filled_ = 0;  // of block_
  std::uint64_t bytes_ = 0;
};

Digest sha256(std::string_view bytes);
// RFC 2104 with SHA-256. Compare what came from outside in constant time, not with ==.
Digest hmac_sha256(std::string_view key, std::string_view message);
// 64 lower-case digits.
std::string to_hex(const Digest& digest);

}  // namespace llmroute
