// Enumerations whose enumerators are also the words users read.
//
// One table serves three vocabularies: the C++ enumerator, the slug in JSON and the Python `Literal`
// (bindings export `slugs<E>()`, a test compares all three). The slug is the enumerator's own name.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace llmroute {

namespace detail {

constexpr std::size_t count_names(std::string_view list) {
  std::size_t n = 1;
  for (char c : list) n += c == ',' ? 1U : 0U;
  return n;
}

template <std::size_t N>
constexpr std::array<std::string_view, N> split_names(std::string_view list) {
  std::array<std::string_view, N> out{};
  for (std::size_t i = 0; i < N; ++i) {
    while (!list.empty() && (list.front() == ' ' || list.front() == ',')) list.remove_prefix(1);
    std::size_t end = 0;
    while (end < list.size() && list[end] != ',' && list[end] != ' ') ++end;
    out[i] = list.substr(0, end);
    list.remove_prefix(end);
  }
  return out;
}

}  // namespace detail

// Specialised by LLMROUTE_ENUM only.
template <class E>
struct EnumTable;

// All slugs of E, in the order of its enumerators. Static storage.
template <class E>
constexpr const auto& slugs() {
  return EnumTable<E>::names;
}

// The slug of a value; "invalid" for a value outside the table (only reachable by a cast).
template <class E>
constexpr std::string_view slug(E value) {
  const auto index = static_cast<std::size_t>(value);
  return index < slugs<E>().size() ? slugs<E>()[index] : std::string_view("invalid");
}

template <class E>
constexpr std::optional<E> from_slug(std::string_view text) {
  for (std::size_t i = 0; i < slugs<E>().size(); ++i) {
    if (slugs<E>()[i] == text) return static_cast<E>(i);
  }
  return std::nullopt;
}

}  // namespace llmroute

// Use at namespace scope inside llmroute. Enumerators take no explicit values.
#define LLMROUTE_ENUM(Name, ...)                                              \
  enum class Name : std::uint8_t { __VA_ARGS__ };                             \
  template <>                                                                 \
  struct EnumTable<Name> {                                                    \
    static constexpr std::array names =                                       \
        detail::split_names<detail::count_names(#__VA_ARGS__)>(#__VA_ARGS__); \
  }
