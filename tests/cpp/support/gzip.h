// Gzip of one byte repeated: small on the wire, as large as wanted after it, and no compressor
// needed. One deflate block with fixed codes: the byte once, then matches of length 258 at
// distance 1, the rest as literals.
#pragma once

#include <array>
#include <cstdint>
#include <string>

namespace llmroute::test {

inline std::uint32_t crc32_of_repeated(unsigned char byte, std::size_t count) {
  std::array<std::uint32_t, 256> table{};
  for (std::uint32_t i = 0; i < 256; ++i) {
    std::uint32_t c = i;
    for (int k = 0; k < 8; ++k) c = (c & 1U) != 0 ? 0xEDB88320U ^ (c >> 1U) : c >> 1U;
    table[i] = c;
  }
  std::uint32_t crc = 0xFFFFFFFFU;
  for (std::size_t i = 0; i < count; ++i) crc = table[(crc ^ byte) & 0xFFU] ^ (crc >> 8U);
  return crc ^ 0xFFFFFFFFU;
}

// `byte` is below 0x90: those have codes of eight bits.
inline std::string gzip_of_repeated(char byte, std::size_t count) {
  std::string out("\x1f\x8b\x08\0\0\0\0\0\0\x03", 10);
  unsigned pending = 0;
  unsigned bits = 0;
  const auto put = [&](unsigned value, unsigned width) {  // lowest bit first
    pending |= value << bits;
    for (bits += width; bits >= 8; bits -= 8, pending >>= 8U) out += static_cast<char>(pending);
  };
  const auto put_code = [&](unsigned code, unsigned width) {  // Huffman codes: highest bit first
    for (unsigned i = width; i-- > 0;) put((code >> i) & 1U, 1);
  };
  const unsigned literal = 0x30U + static_cast<unsigned char>(byte);
  put(0b011, 3);  // the last block, fixed codes
  put_code(literal, 8);
  std::size_t left = count - 1;
  for (; left >= 258; left -= 258) {
    put_code(0b11000101, 8);  // length 258
    put_code(0, 5);           // distance 1
  }
  for (; left > 0; --left) put_code(literal, 8);
  put_code(0, 7);  // end of block
  if (bits > 0) put(0, 8 - bits);
  const auto put32 = [&](std::uint32_t value) {
    for (unsigned i = 0; i < 4; ++i) out += static_cast<char>(value >> (8 * i));
  };
  put32(crc32_of_repeated(static_cast<unsigned char>(byte), count));
  put32(static_cast<std::uint32_t>(count));
  return out;
}

}  // namespace llmroute::test
