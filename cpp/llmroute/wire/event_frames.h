// Binary event frames ("application/vnd.amazon.eventstream"), incrementally.
//
// A frame is its length, the length of its headers, a CRC-32 of these two, headers, payload, and a
// CRC-32 of all before it; numbers are big-endian. Both checksums are verified before anything of a
// frame is handed out. Feed any split of the bytes; frames are bounded, and one that breaks the
// format makes the parser fail for good. Not thread-safe: one owner.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "llmroute/base/error.h"

namespace llmroute::wire {

// CRC-32 as zlib and Ethernet have it (reflected, polynomial 0x04C11DB7).
std::uint32_t crc32(std::string_view bytes);

struct EventHeader {
  // In the order of their numbers on the wire.
  enum class Type : std::uint8_t { yes, no, int8, int16, int32, int64, bytes, text, time, uuid };
  std::string_view name;
  Type type = Type::no;
  std::int64_t number = 0;  // int8 to int64; time: milliseconds since 1970-01-01; yes: 1
  std::string_view bytes;   // bytes, text; uuid: 16 bytes
};

// Valid inside the callback.
struct EventFrame {
  std::vector<EventHeader> headers;
  std::string_view payload;
  // The first header of that name, where it is a text; else empty.
  std::string_view text(std::string_view name) const;
};

class EventFrameParser {
 public:
  static constexpr std::size_t kMaxHeaderBytes = 128U << 10;  // the format's own bound

  // `max_frame_bytes` counts the whole frame.
  explicit EventFrameParser(std::size_t max_frame_bytes) : max_frame_bytes_(max_frame_bytes) {}

  // Calls on_frame(const EventFrame&) for each frame completed by `bytes`. on_frame returns false
  // to stop early (the rest of `bytes` is dropped). ErrorKind::protocol for a frame that breaks the
  // format or a bound; frames before it were handed out.
  template <class OnFrame>
  Result<void> feed(std::string_view bytes, OnFrame&& on_frame) {
    while (!bytes.empty()) {
      const auto taken = take_frame(bytes);
      if (!taken) return taken.error();
      if (!*taken) break;
      const bool go_on = on_frame(static_cast<const EventFrame&>(frame_));
      held_.clear();
      if (!go_on) return {};
    }
    return {};
  }

  // True where bytes of an unfinished frame are held: a close now cuts a frame.
  bool mid_frame() const { return !held_.empty(); }

 private:
  // Moves one whole frame off `bytes` into frame_; false: all of `bytes` is held for later.
  Result<bool> take_frame(std::string_view& bytes);
  Result<std::size_t> frame_size(std::string_view prelude) const;
  Result<void> read_frame(std::string_view whole);
  Result<void> read_headers(std::string_view bytes);
  Error broken(std::string message);

  std::size_t max_frame_bytes_;
  std::string held_;  // an unfinished frame, or the one that is being handed out
  EventFrame frame_;
  bool broken_ = false;
};

}  // namespace llmroute::wire
