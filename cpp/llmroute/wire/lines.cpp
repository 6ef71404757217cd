#include "llmroute/wire/lines.h"

namespace llmroute::wire {

bool LineSplitter::take_line(std::string_view& bytes, std::string_view& line) {
  constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";
  const std::size_t end = bytes.find('\n');
  const std::string_view piece = bytes.substr(0, end);
  if (held_.size() + piece.size() > max_line_bytes_) {
    failed_ = true;
    held_.clear();
    return false;
  }
  if (end == std::string_view::npos) {
    held_.append(piece);
    bytes = {};
    return false;
  }
  line = held_.empty() ? piece : std::string_view(held_.append(piece));
  bytes.remove_prefix(end + 1);
  if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
  if (at_start_ && line.substr(0, kByteOrderMark.size()) == kByteOrderMark) {
    line.remove_prefix(kByteOrderMark.size());
  }
  at_start_ = false;
  return true;
}

Error LineSplitter::too_large() {
  return make_error(ErrorKind::protocol, "a line of the stream is larger than this router accepts");
}

}  // namespace llmroute::wire
