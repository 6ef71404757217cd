// What the fuzz targets share: taking an input apart, and saying what must hold.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

// Ends the run where a promise is broken; the input is kept by libFuzzer.
#define MUST_HOLD(condition)                                                       \
  do {                                                                             \
    if (!(condition)) {                                                            \
      std::fprintf(stderr, "%s:%d: broken: %s\n", __FILE__, __LINE__, #condition); \
      std::abort();                                                                \
    }                                                                              \
  } while (false)

namespace llmroute::fuzz {

// Reads choices off the front of an input; zeros once it is used up.
class Choices {
 public:
  Choices(const std::uint8_t* data, std::size_t size)
      : rest_(reinterpret_cast<const char*>(data), size) {}

  std::uint8_t byte() {
    if (rest_.empty()) return 0;
    const auto value = static_cast<std::uint8_t>(rest_.front());
    rest_.remove_prefix(1);
    return value;
  }
  // In [0, n); n at least 1.
  std::size_t below(std::size_t n) { return (byte() | std::size_t{byte()} << 8U) % n; }
  std::string_view take(std::size_t most) {
    const std::string_view out = rest_.substr(0, most);
    rest_.remove_prefix(out.size());
    return out;
  }
  std::string_view rest() { return take(rest_.size()); }
  bool empty() const { return rest_.empty(); }

 private:
  std::string_view rest_;
};

// Calls f with pieces of `bytes`, whose sizes follow from `seed`.
template <class F>
void in_pieces(std::string_view bytes, std::uint32_t seed, F&& f) {
  while (!bytes.empty()) {
    seed = seed * 1664525U + 1013904223U;  // Numerical Recipes
    const std::size_t size = std::min<std::size_t>(1 + (seed >> 16U) % 23, bytes.size());
    if (!f(bytes.substr(0, size))) return;
    bytes.remove_prefix(size);
  }
}

// Overwrites, inserts and cuts a few bytes of a text that was well formed.
inline void damage(std::string& text, Choices& choices) {
  for (std::size_t hits = choices.below(4); hits > 0 && !text.empty(); --hits) {
    const std::size_t at = choices.below(text.size());
    const auto value = static_cast<char>(choices.byte());
    switch (choices.below(4)) {
      case 0: text[at] = value; break;
      case 1: text.insert(at, 1, value); break;
      case 2: text.erase(at, 1 + choices.below(8)); break;
      default: text.insert(at, std::string(choices.take(16))); break;
    }
  }
}

}  // namespace llmroute::fuzz
