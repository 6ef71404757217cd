// Server-sent events: any split gives the same events, and a second, slow reading of the whole text
// agrees.
#include <optional>
#include <utility>
#include <vector>

#include "llmroute/wire/sse.h"
#include "tests/fuzz/fuzz.h"

namespace llmroute::fuzz {
namespace {

using Events = std::vector<std::pair<std::string, std::string>>;

constexpr std::size_t kMaxEvent = 4096;

std::optional<Events> parsed(std::string_view bytes, std::optional<std::uint32_t> split) {
  wire::SseParser parser(kMaxEvent);
  Events events;
  bool ok = true;
  const auto feed = [&](std::string_view piece) {
    ok = parser
             .feed(piece,
                   [&](const wire::SseParser::Event& event) {
                     events.emplace_back(event.type, event.data);
                     return true;
                   })
             .has_value();
    return ok;
  };
  if (split) {
    in_pieces(bytes, *split, feed);
  } else if (!bytes.empty()) {
    feed(bytes);
  }
  if (!ok) return std::nullopt;
  return events;
}

std::vector<std::string> lines_of(std::string_view text) {
  std::vector<std::string> lines(1);
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\r' && text[i] != '\n') {
      lines.back() += text[i];
      continue;
    }
    if (text[i] == '\r' && i + 1 < text.size() && text[i + 1] == '\n') ++i;
    lines.emplace_back();
  }
  lines.pop_back();  // not ended
  return lines;
}

// The standard's own steps, line by line over the whole text.
Events read_slowly(std::string_view text) {
  if (text.substr(0, 3) == "\xEF\xBB\xBF") text.remove_prefix(3);
  Events events;
  std::string type, data;
  for (const std::string& line : lines_of(text)) {
    if (line.empty()) {
      if (!data.empty()) {
        data.pop_back();
        events.emplace_back(type.empty() ? "message" : type, data);
      }
      type.clear();
      data.clear();
      continue;
    }
    const std::size_t colon = line.find(':');
    const std::string field = line.substr(0, colon);
    std::string value = colon == std::string::npos ? "" : line.substr(colon + 1);
    if (!value.empty() && value[0] == ' ') value.erase(0, 1);
    if (field == "event") type = value;
    if (field == "data") data += value + "\n";
  }
  return events;
}

}  // namespace
}  // namespace llmroute::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace llmroute::fuzz;
  Choices choices(data, size);
  const std::uint32_t split = choices.byte();
  const std::string_view bytes = choices.rest();
  const auto whole = parsed(bytes, std::nullopt);
  const auto pieces = parsed(bytes, split);
  if (!whole || !pieces) return 0;  // beyond the bound, which may be noticed a piece earlier
  MUST_HOLD(*whole == *pieces);
  MUST_HOLD(*whole == read_slowly(bytes));
  return 0;
}
