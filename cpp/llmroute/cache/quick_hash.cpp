#include "llmroute/cache/quick_hash.h"

#include <array>
#include <bit>
#include <cstring>

#include "llmroute/base/random.h"

namespace llmroute::cache {

namespace {

constexpr std::uint64_t kStir = 0xD6E8FEB86659FD93ULL;
constexpr std::uint64_t kApart = 0xA0761D6478BD642FULL;
constexpr std::size_t kWord = sizeof(std::uint64_t), kLanes = 4, kBlock = kWord * kLanes;

std::uint64_t load(const char* p, std::size_t size = kWord) {
  std::uint64_t word = 0;
  std::memcpy(&word, p, size);
  return word;
}

// A multiplication spreads a bit upward only, so the word and what came of it each get one.
std::uint64_t stir(std::uint64_t lane, std::uint64_t word) {
  return std::rotl(lane + word * kStir, 31) * kApart;
}

}  // namespace

std::uint64_t quick_hash(std::string_view text, std::uint64_t seed) {
  const char* p = text.data();
  std::size_t left = text.size();
  std::uint64_t hash = seed ^ (kApart * (left + 1));
  if (left >= kBlock) {
    // Four chains that do not wait for each other's multiplications.
    std::array<std::uint64_t, kLanes> lanes = {hash, hash + kApart, hash ^ kStir, hash - kStir};
    for (; left >= kBlock; left -= kBlock, p += kBlock) {
      for (std::size_t i = 0; i < kLanes; ++i) lanes[i] = stir(lanes[i], load(p + i * kWord));
    }
    for (const std::uint64_t lane : lanes) hash = stir(hash, lane);
  }
  for (; left >= kWord; left -= kWord, p += kWord) hash = stir(hash, load(p));
  if (left > 0) hash = stir(hash, load(p, left));
  return mix64(hash);
}

}  // namespace llmroute::cache
