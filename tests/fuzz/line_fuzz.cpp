// Lines: any split gives the same lines, and they are those of a search for line ends.
#include <optional>
#include <vector>

#include "llmroute/wire/lines.h"
#include "tests/fuzz/fuzz.h"

namespace llmroute::fuzz {
namespace {

constexpr std::size_t kMaxLine = 128;

struct Split {
  std::vector<std::string> lines;
  std::string held;
  bool ok = true;
};

Split split(std::string_view bytes, std::optional<std::uint32_t> seed) {
  wire::LineSplitter splitter(kMaxLine);
  Split out;
  const auto feed = [&](std::string_view piece) {
    out.ok = splitter
                 .feed(piece,
                       [&](std::string_view line) {
                         out.lines.emplace_back(line);
                         return true;
                       })
                 .has_value();
    return out.ok;
  };
  if (seed) {
    in_pieces(bytes, *seed, feed);
  } else if (!bytes.empty()) {
    feed(bytes);
  }
  out.held = splitter.held();
  return out;
}

std::vector<std::string> read_slowly(std::string_view text) {
  if (text.substr(0, 3) == "\xEF\xBB\xBF") text.remove_prefix(3);
  std::vector<std::string> lines;
  for (std::size_t end = text.find('\n'); end != text.npos; end = text.find('\n')) {
    std::string line(text.substr(0, end));
    if (!line.empty() && line.back() == '\r') line.pop_back();
    if (!line.empty()) lines.push_back(std::move(line));
    text.remove_prefix(end + 1);
  }
  return lines;
}

}  // namespace
}  // namespace llmroute::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace llmroute::fuzz;
  Choices choices(data, size);
  const std::uint32_t seed = choices.byte();
  const std::string_view bytes = choices.rest();
  const Split whole = split(bytes, std::nullopt);
  const Split pieces = split(bytes, seed);
  MUST_HOLD(whole.held.size() <= kMaxLine + 4 && pieces.held.size() <= kMaxLine + 4);
  if (!whole.ok || !pieces.ok) return 0;
  MUST_HOLD(whole.lines == pieces.lines);
  MUST_HOLD(whole.lines == read_slowly(bytes));
  return 0;
}
