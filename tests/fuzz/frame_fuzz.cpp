// Binary event frames: raw bytes never crash, frames that were written are read in any split, and a
// frame with a damaged byte is never handed out.
#include <optional>
#include <vector>

#include "llmroute/wire/event_frames.h"
#include "tests/cpp/support/event_frames.h"
#include "tests/fuzz/fuzz.h"

namespace llmroute::fuzz {
namespace {

struct Heard {
  std::vector<std::pair<std::string, std::string>> frames;  // type and payload
  bool ok = true, mid = false;
};

Heard listen(std::string_view bytes, std::optional<std::uint32_t> split) {
  wire::EventFrameParser parser(1U << 16);
  Heard out;
  const auto feed = [&](std::string_view piece) {
    out.ok = parser
                 .feed(piece,
                       [&](const wire::EventFrame& frame) {
                         out.frames.emplace_back(frame.text("t"), frame.payload);
                         return true;
                       })
                 .has_value();
    return out.ok;
  };
  if (split) {
    in_pieces(bytes, *split, feed);
  } else if (!bytes.empty()) {
    feed(bytes);
  }
  out.mid = parser.mid_frame();
  return out;
}

void written(Choices& choices, std::uint32_t split) {
  std::vector<std::pair<std::string, std::string>> frames;
  std::string bytes;
  while (frames.size() < 4 && !choices.empty()) {
    std::string type(choices.take(choices.below(12)));
    std::string payload(choices.take(choices.below(64)));
    bytes += event_frame({{"t", type}}, payload);
    frames.emplace_back(std::move(type), std::move(payload));
  }
  const Heard heard = listen(bytes, split);
  MUST_HOLD(heard.ok && !heard.mid && heard.frames == frames);
  if (bytes.empty()) return;
  const std::size_t at = choices.below(bytes.size());
  bytes[at] = static_cast<char>(bytes[at] ^ (1 + choices.byte() % 255));
  const Heard damaged = listen(bytes, split);
  MUST_HOLD(damaged.frames.size() < frames.size());
}

}  // namespace
}  // namespace llmroute::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace llmroute::fuzz;
  Choices choices(data, size);
  const std::uint32_t split = choices.byte();
  if (choices.byte() % 2 == 0) {
    written(choices, split);
    return 0;
  }
  const std::string_view bytes = choices.rest();
  const Heard whole = listen(bytes, std::nullopt);
  const Heard pieces = listen(bytes, split);
  MUST_HOLD(whole.ok == pieces.ok && whole.frames == pieces.frames);
  return 0;
}
