#include "llmroute/wire/sse.h"

#include <cstring>

namespace llmroute::wire {

namespace {

constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";

const char* find_line_end(const char* p, const char* end) {
  // Two memchr passes beat one byte loop, and streams rarely hold a CR at all.
  const auto* lf =
      static_cast<const char*>(std::memchr(p, '\n', static_cast<std::size_t>(end - p)));
  const char* stop = lf == nullptr ? end : lf;
  const auto* cr =
      static_cast<const char*>(std::memchr(p, '\r', static_cast<std::size_t>(stop - p)));
  return cr == nullptr ? stop : cr;
}

}  // namespace

bool SseParser::take_line(std::string_view& bytes, std::string_view& line) {
  if (after_cr_ && bytes.front() == '\n') bytes.remove_prefix(1);
  after_cr_ = false;
  const char* begin = bytes.data();
  const char* end = begin + bytes.size();
  const char* stop = bytes.empty() ? end : find_line_end(begin, end);
  const auto size = static_cast<std::size_t>(stop - begin);
  if (stop == end) {
    line_.append(begin, size);
    bytes = {};
    return false;
  }
  if (line_.empty()) {
    line = bytes.substr(0, size);
  } else {
    line = line_.append(begin, size);
  }
  after_cr_ = *stop == '\r';
  bytes.remove_prefix(size + 1);
  return true;
}

bool SseParser::accept_line(std::string_view line) {
  if (at_start_ && line.substr(0, kByteOrderMark.size()) == kByteOrderMark) {
    line.remove_prefix(kByteOrderMark.size());
  }
  at_start_ = false;
  if (line.empty()) {
    if (!has_data_) type_.clear();
    return has_data_;
  }
  const std::size_t colon = line.find(':');
  if (colon == 0) return false;  // a comment
  const std::string_view field = line.substr(0, colon);
  std::string_view value =
      colon == std::string_view::npos ? std::string_view() : line.substr(colon + 1);
  if (!value.empty() && value.front() == ' ') value.remove_prefix(1);
  if (field == "data") {
    if (has_data_) data_.push_back('\n');
    data_.append(value);
    has_data_ = true;
  } else if (field == "event") {
    type_.assign(value);
  }
  return false;
}

void SseParser::reset_event() {
  type_.clear();
  data_.clear();
  has_data_ = false;
}

Error SseParser::too_large() {
  return make_error(ErrorKind::protocol,
                    "an event of the stream is larger than this router accepts");
}

}  // namespace llmroute::wire
