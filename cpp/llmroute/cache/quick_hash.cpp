#include "llmroute/cache/quick_hash.h"

#include <array>
#include <bit>
#include <cstring>

#include "llmroute/base/random.h"

namespace llmroute::cache {

namespace {

constexpr std::uint64_t kStir = 0xD6E8FEB86659FD93ULL;
constexpr std::uint64_t kApart = 0xA0761D6478BD642FULL;
constexpr std::array<std::uint64_t, 4> kSalts = {0x8BB84B93962EACC9ULL, 0x4B33A62ED433D4A3ULL,
                                                 0x2D358DCCAA6C78A5ULL, 0x9FB21C651E98DF25ULL};
constexpr std::size_t kWord = sizeof(std::uint64_t), kBlock = 2 * kWord * kSalts.size();

std::uint64_t load(const char* p, std::size_t size = kWord) {
  std::uint64_t word = 0;
  std::memcpy(&word, p, size);
  return word;
}

// A multiplication spreads a bit upward only, so the word and what came of it each get one.
std::uint64_t stir(std::uint64_t lane, std::uint64_t word) {
  return std::rotl(lane + word * kStir, 31) * kApart;
}

// Both halves of the product: two words for one multiplication.
std::uint64_t fold(std::uint64_t a, std::uint64_t b) {
  __extension__ using Wide = unsigned __int128;
  const Wide product = static_cast<Wide>(a) * b;
  return static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64);
}

}  // namespace

std::uint64_t quick_hash(std::string_view text, std::uint64_t seed) {
  const char* p = text.data();
  std::size_t left = text.size();
  std::uint64_t hash = seed ^ (kApart * (left + 1));
  if (left >= kBlock) {
    // Four chains that do not wait for each other's multiplications.
    std::array<std::uint64_t, kSalts.size()> lanes = {hash, hash + kApart, hash ^ kStir,
                                                      hash - kStir};
    for (; left >= kBlock; left -= kBlock, p += kBlock) {
      for (std::size_t i = 0; i < lanes.size(); ++i) {
        const char* at = p + 2 * kWord * i;
        lanes[i] = fold(lanes[i] ^ load(at), kSalts[i] ^ load(at + kWord));
      }
    }
    for (const std::uint64_t lane : lanes) hash = stir(hash, lane);
  }
  for (; left >= kWord; left -= kWord, p += kWord) hash = stir(hash, load(p));
  if (left > 0) hash = stir(hash, load(p, left));
  return mix64(hash);
}

}  // namespace llmroute::cache
