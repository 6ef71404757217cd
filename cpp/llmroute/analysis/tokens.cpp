#include "llmroute/analysis/tokens.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstring>

#include "llmroute/model/defaults.h"

namespace llmroute::analysis {

namespace {

using Byte = unsigned char;

// Hundredths of a token per character.
enum Weight : std::uint8_t {
  kLetter = 25,  // of ASCII
  kSpace = 10,
  kDigit = 60,
  kSign = 35,
  kLatin = 81,  // with diacritics
  kGreek = 40,
  kCyrillic = 33,
  kCaucasian = 37,  // Armenian, Georgian
  kSemitic = 37,    // Hebrew, Arabic and the scripts between them
  kIndic = 42,
  kSoutheast = 49,  // Thai, Lao, Burmese, Khmer
  kHangul = 69,
  kKana = 61,
  kHan = 85,
  kEmoji = 113,
  kOther = 100,
};

struct Script {
  char32_t first;
  Weight weight;
};

// From each on, up to the next.
constexpr Script kScripts[] = {
    {0x80, kOther},       {0xC0, kLatin},    {0x380, kGreek},   {0x400, kCyrillic},
    {0x540, kCaucasian},  {0x5C0, kSemitic}, {0x900, kIndic},   {0xE00, kSoutheast},
    {0x10C0, kCaucasian}, {0x1100, kHangul}, {0x1200, kOther},  {0x1780, kSoutheast},
    {0x1800, kOther},     {0x1E00, kLatin},  {0x1F00, kGreek},  {0x2000, kOther},
    {0x2600, kEmoji},     {0x27C0, kOther},  {0x2E80, kHan},    {0x3000, kOther},
    {0x3040, kKana},      {0x3100, kHan},    {0x3140, kHangul}, {0x3180, kHan},
    {0xA000, kOther},     {0xAC00, kHangul}, {0xD7C0, kOther},  {0xF900, kHan},
    {0xFB00, kSemitic},   {0xFE00, kEmoji},  {0xFE40, kOther},  {0xFE80, kSemitic},
    {0xFF00, kOther},     {0x1F000, kEmoji}, {0x20000, kHan},   {0x40000, kOther},
};

constexpr Weight script_weight(char32_t c) {
  Weight weight = kOther;
  for (const Script& script : kScripts) {
    if (c < script.first) break;
    weight = script.weight;
  }
  return weight;
}

constexpr Weight ascii_weight(Byte c) {
  const auto lower = static_cast<Byte>(c | 0x20U);
  if (lower >= 'a' && lower <= 'z') return kLetter;
  if (c >= '0' && c <= '9') return kDigit;
  return c == ' ' ? kSpace : kSign;
}

// By the first two bytes of a character of three: 64 characters of one script each.
constexpr auto kThreeBytes = [] {
  std::array<Weight, 1'024> out{};
  for (char32_t i = 0; i < out.size(); ++i) out[i] = script_weight(i << 6U);
  return out;
}();

constexpr auto kTwoBytes = [] {
  std::array<Weight, 32> out{};
  for (char32_t i = 0; i < out.size(); ++i) out[i] = script_weight(i << 6U);
  return out;
}();

Byte at(std::string_view text, std::size_t i) {
  return i < text.size() ? static_cast<Byte>(text[i]) : Byte{0};
}

int hex(Byte c) {
  if (c >= '0' && c <= '9') return c - '0';
  const auto lower = static_cast<Byte>(c | 0x20U);
  return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : 0;
}

// Of the four digits behind "\u". Half of a pair weighs half of what pairs mostly are.
Weight escaped_weight(std::string_view text, std::size_t digits) {
  char32_t c = 0;
  for (std::size_t i = digits; i < digits + 4; ++i) {
    c = (c << 4U) + static_cast<char32_t>(hex(at(text, i)));
  }
  if (c < 0x80) return ascii_weight(static_cast<Byte>(c));
  if (c >= 0xD800 && c < 0xE000) return static_cast<Weight>(kEmoji / 2);
  return script_weight(c);
}

// The weight of the character at `i`, which is moved past it.
unsigned next_weight(std::string_view text, std::size_t& i) {
  const Byte lead = at(text, i);
  if (lead == '\\') {
    const Byte second = at(text, i + 1);
    i += second == 'u' ? 6 : 2;
    if (second == 'u') return escaped_weight(text, i - 4);
    return unsigned{kSign} + (i <= text.size() ? unsigned{ascii_weight(second)} : 0U);
  }
  if (lead < 0x80) {
    ++i;
    return ascii_weight(lead);
  }
  if (lead < 0xE0) {
    i += 2;
    return kTwoBytes[lead & 0x1FU];
  }
  const auto second = static_cast<std::size_t>(at(text, i + 1) & 0x3FU);
  if (lead < 0xF0) {
    i += 3;
    return kThreeBytes[((lead & 0x0FU) << 6U) + second];
  }
  i += 4;
  return script_weight((static_cast<char32_t>(lead & 0x07U) << 18U) +
                       (static_cast<char32_t>(second) << 12U));
}

// --- ASCII, sixteen characters at once: a request of a megabyte must not wait for this ---------------

using Vector = Byte __attribute__((vector_size(16)));
constexpr std::size_t kLane = sizeof(Vector);
constexpr std::size_t kBlock = 4 * kLane;
constexpr std::size_t kMostBlocks = 63;  // a count of a lane stays below 256

template <class Mask>
Vector bits(Mask mask) {
  return reinterpret_cast<Vector>(mask);
}

Vector load(const char* text) {
  Vector out;
  std::memcpy(&out, text, sizeof out);
  return out;
}

std::array<std::uint64_t, 2> halves(Vector v) {
  std::array<std::uint64_t, 2> out;
  std::memcpy(out.data(), &v, sizeof out);
  return out;
}

std::uint64_t sum(Vector v) {
  constexpr std::uint64_t kEven = 0x00FF00FF00FF00FF, kOnes = 0x0001000100010001;
  std::uint64_t total = 0;
  for (const std::uint64_t half : halves(v)) {
    total += (((half & kEven) + ((half >> 8U) & kEven)) * kOnes) >> 48U;
  }
  return total;
}

// The weight of the blocks from `i` on, which is moved past them, up to one that is not ASCII alone or
// has a character written as "\u". Reads one character beyond.
std::uint64_t ascii_run(std::string_view text, std::size_t& i) {
  Vector letters{}, digits{}, spaces{};
  const std::size_t begin = i;
  for (std::size_t block = 0; block < kMostBlocks && i + kBlock < text.size(); ++block) {
    Vector more_letters = letters, more_digits = digits, more_spaces = spaces, special{};
    for (std::size_t at = i; at < i + kBlock; at += kLane) {
      const Vector c = load(text.data() + at);
      special |= (c & 0x80) | (bits(c == '\\') & bits(load(text.data() + at + 1) == 'u'));
      more_letters -= bits((c | 0x20) - 'a' < 26);
      more_digits -= bits(c - '0' < 10);
      more_spaces -= bits(c == ' ');
    }
    const auto [low, high] = halves(special);
    if ((low | high) != 0) break;
    letters = more_letters;
    digits = more_digits;
    spaces = more_spaces;
    i += kBlock;
  }
  const std::uint64_t l = sum(letters), d = sum(digits), s = sum(spaces);
  return l * kLetter + d * kDigit + s * kSpace + (i - begin - l - d - s) * kSign;
}

}  // namespace

std::uint64_t text_weight(std::string_view text) {
  std::uint64_t weight = 0;
  std::size_t i = 0;
  while (i < text.size()) {
    const std::size_t begin = i;
    weight += ascii_run(text, i);
    if (i - begin == kMostBlocks * kBlock) continue;
    for (const std::size_t end = std::min(i + kBlock, text.size()); i < end;) {
      weight += next_weight(text, i);
    }
  }
  return weight;
}

Tokens estimate_prompt(std::uint64_t weight, std::uint32_t messages, std::uint32_t images) {
  constexpr std::int64_t kPerMessage = 4;  // role and separators, as OpenAI's cookbook counts
  return Tokens{static_cast<std::int64_t>(weight / kTokenWeight) + 1 + kPerMessage * messages +
                defaults::kImageTokens * images};
}

}  // namespace llmroute::analysis
