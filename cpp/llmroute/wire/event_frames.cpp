#include "llmroute/wire/event_frames.h"

#include <algorithm>
#include <array>
#include <utility>

namespace llmroute::wire {

namespace {

constexpr std::size_t kPrelude = 12;  // two lengths and their checksum
constexpr std::size_t kChecksum = 4;

constexpr std::array<std::uint32_t, 256> kCrcTable = [] {
  std::array<std::uint32_t, 256> table{};
  for (std::uint32_t i = 0; i < table.size(); ++i) {
    std::uint32_t value = i;
    for (int bit = 0; bit < 8; ++bit) {
      value = (value & 1U) != 0 ? (value >> 1U) ^ 0xEDB88320U : value >> 1U;
    }
    table[i] = value;
  }
  return table;
}();

std::uint64_t big_endian(std::string_view bytes) {
  std::uint64_t value = 0;
  for (const char c : bytes) value = (value << 8U) | static_cast<unsigned char>(c);
  return value;
}

std::int64_t signed_big_endian(std::string_view bytes) {
  const auto unused = static_cast<unsigned>(64 - 8 * bytes.size());
  return static_cast<std::int64_t>(big_endian(bytes) << unused) >> unused;
}

// Reads headers off the front; false once the bytes do not suffice.
class HeaderReader {
 public:
  explicit HeaderReader(std::string_view bytes) : rest_(bytes) {}
  bool done() const { return rest_.empty(); }

  bool read(EventHeader& header) {
    std::string_view byte;
    if (!sized(1, header.name) || header.name.empty() || !take(1, byte)) return false;
    const auto type = static_cast<unsigned char>(byte[0]);
    if (type > static_cast<unsigned char>(EventHeader::Type::uuid)) return false;
    header.type = static_cast<EventHeader::Type>(type);
    return read_value(header);
  }

 private:
  bool read_value(EventHeader& header) {
    using Type = EventHeader::Type;
    switch (header.type) {
      case Type::yes: header.number = 1; return true;
      case Type::no: return true;
      case Type::int8: return number(1, header);
      case Type::int16: return number(2, header);
      case Type::int32: return number(4, header);
      case Type::int64:
      case Type::time: return number(8, header);
      case Type::bytes:
      case Type::text: return sized(2, header.bytes);
      case Type::uuid: return take(16, header.bytes);
    }
    return false;
  }

  bool number(std::size_t size, EventHeader& header) {
    std::string_view bytes;
    if (!take(size, bytes)) return false;
    header.number = signed_big_endian(bytes);
    return true;
  }

  // A length of that many bytes, then as many bytes as it says.
  bool sized(std::size_t length_size, std::string_view& out) {
    std::string_view length;
    return take(length_size, length) && take(static_cast<std::size_t>(big_endian(length)), out);
  }

  bool take(std::size_t size, std::string_view& out) {
    if (rest_.size() < size) return false;
    out = rest_.substr(0, size);
    rest_.remove_prefix(size);
    return true;
  }

  std::string_view rest_;
};

}  // namespace

std::uint32_t crc32(std::string_view bytes) {
  std::uint32_t value = 0xFFFFFFFFU;
  for (const char c : bytes) {
    value = kCrcTable[(value ^ static_cast<unsigned char>(c)) & 0xFFU] ^ (value >> 8U);
  }
  return ~value;
}

std::string_view EventFrame::text(std::string_view name) const {
  for (const EventHeader& header : headers) {
    if (header.name != name) continue;
    return header.type == EventHeader::Type::text ? header.bytes : std::string_view();
  }
  return {};
}

Result<bool> EventFrameParser::take_frame(std::string_view& bytes) {
  if (broken_) return broken("bytes after a broken frame");
  // Most frames arrive whole and are read where they lie.
  std::string_view whole = bytes;
  if (!held_.empty()) {
    const std::size_t wanted = kPrelude - std::min(held_.size(), kPrelude);
    const std::size_t prelude = std::min(wanted, bytes.size());
    held_.append(bytes.substr(0, prelude));
    bytes.remove_prefix(prelude);
    whole = held_;
  }
  if (whole.size() < kPrelude) {
    if (held_.empty()) held_.assign(whole);
    return false;
  }
  const auto size = frame_size(whole.substr(0, kPrelude));
  if (!size) return broken(size.error().message);
  if (held_.empty() && bytes.size() >= *size) {
    whole = bytes.substr(0, *size);
    bytes.remove_prefix(*size);
  } else {
    const std::size_t piece = std::min(*size - held_.size(), bytes.size());
    held_.append(bytes.substr(0, piece));
    bytes.remove_prefix(piece);
    if (held_.size() < *size) return false;
    whole = held_;
  }
  auto read = read_frame(whole);
  if (!read) return broken(std::move(read.error().message));
  return true;
}

// Checked before the rest is waited for: a wrong length would hold the stream up for nothing.
Result<std::size_t> EventFrameParser::frame_size(std::string_view prelude) const {
  const auto fail = [](const char* message) { return make_error(ErrorKind::protocol, message); };
  if (crc32(prelude.substr(0, 8)) != big_endian(prelude.substr(8))) {
    return fail("the checksum of an event frame's lengths is wrong");
  }
  const std::size_t total = big_endian(prelude.substr(0, 4));
  const std::size_t headers = big_endian(prelude.substr(4, 4));
  if (total < kPrelude + kChecksum || headers > total - kPrelude - kChecksum) {
    return fail("the lengths of an event frame contradict each other");
  }
  if (total > max_frame_bytes_ || headers > kMaxHeaderBytes) {
    return fail("an event frame is too large");
  }
  return total;
}

Result<void> EventFrameParser::read_frame(std::string_view whole) {
  const std::size_t end = whole.size() - kChecksum;
  if (crc32(whole.substr(0, end)) != big_endian(whole.substr(end))) {
    return make_error(ErrorKind::protocol, "the checksum of an event frame is wrong");
  }
  const std::size_t headers = big_endian(whole.substr(4, 4));
  frame_.payload = whole.substr(kPrelude + headers, end - kPrelude - headers);
  return read_headers(whole.substr(kPrelude, headers));
}

Result<void> EventFrameParser::read_headers(std::string_view bytes) {
  frame_.headers.clear();
  HeaderReader reader(bytes);
  while (!reader.done()) {
    if (!reader.read(frame_.headers.emplace_back())) {
      return make_error(ErrorKind::protocol, "the headers of an event frame cannot be read");
    }
  }
  return {};
}

Error EventFrameParser::broken(std::string message) {
  broken_ = true;
  return make_error(ErrorKind::protocol, std::move(message));
}

}  // namespace llmroute::wire
