// Lines of text, incrementally: what newline-delimited JSON is made of.
//
// Feed any split of the bytes; LF ends a line, a CR before it belongs to the end, empty lines and a
// leading byte order mark are skipped. One bound on a line, beyond which the splitter fails for
// good. Not thread-safe: one owner.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "llmroute/base/error.h"

namespace llmroute::wire {

class LineSplitter {
 public:
  explicit LineSplitter(std::size_t max_line_bytes) : max_line_bytes_(max_line_bytes) {}

  // Calls on_line(std::string_view) for each line completed by `bytes`; the view is valid inside the
  // callback. on_line returns false to stop early (the rest of `bytes` is dropped).
  // ErrorKind::protocol when the bound is passed, on this call and every later one.
  template <class OnLine>
  Result<void> feed(std::string_view bytes, OnLine&& on_line) {
    while (!bytes.empty() && !failed_) {
      std::string_view line;
      if (!take_line(bytes, line)) break;
      const bool go_on = line.empty() || on_line(line);
      held_.clear();
      if (!go_on) return {};
    }
    if (failed_) return too_large();
    return {};
  }

  // The bytes of an unfinished line: a close now cuts it, or lacks its line end alone.
  std::string_view held() const { return held_; }

 private:
  // Cuts one whole line off `bytes` (joined with what was held of it); false: held for later, or
  // over the bound.
  bool take_line(std::string_view& bytes, std::string_view& line);
  static Error too_large();

  std::size_t max_line_bytes_;
  std::string held_;
  bool at_start_ = true;  // a byte order mark may come
  bool failed_ = false;
};

}  // namespace llmroute::wire
