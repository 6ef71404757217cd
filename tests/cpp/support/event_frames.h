// Writes binary event frames for tests; shares no code with what reads them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace llmroute {

inline std::string big_endian_bytes(std::uint64_t value, unsigned size) {
  std::string out;
  for (unsigned i = size; i-- > 0;) out.push_back(static_cast<char>(value >> (8 * i)));
  return out;
}

// Bit by bit, as the polynomial is defined.
inline std::uint32_t plain_crc32(std::string_view bytes) {
  std::uint32_t crc = 0xFFFFFFFFU;
  for (const char c : bytes) {
    crc ^= static_cast<unsigned char>(c);
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1U) ^ ((crc & 1U) != 0 ? 0xEDB88320U : 0U);
  }
  return ~crc;
}

// A frame around header bytes as they are.
inline std::string raw_event_frame(const std::string& headers, std::string_view payload) {
  std::string out = big_endian_bytes(16 + headers.size() + payload.size(), 4) +
                    big_endian_bytes(headers.size(), 4);
  out += big_endian_bytes(plain_crc32(out), 4);
  out.append(headers).append(payload);
  return out + big_endian_bytes(plain_crc32(out), 4);
}

inline std::string event_header(std::string_view name, char type, const std::string& value) {
  return big_endian_bytes(name.size(), 1) + std::string(name) + type + value;
}

// A frame with headers that are texts.
inline std::string event_frame(const std::vector<std::pair<std::string, std::string>>& headers,
                               std::string_view payload) {
  std::string bytes;
  for (const auto& [name, value] : headers) {
    bytes += event_header(name, 7, big_endian_bytes(value.size(), 2) + value);
  }
  return raw_event_frame(bytes, payload);
}

}  // namespace llmroute
