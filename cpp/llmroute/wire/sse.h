// Server-sent events, incrementally (WHATWG HTML, section 9.2.6).
//
// Feed any split of the bytes; CR, LF and CRLF end lines, a leading byte order mark and comments
// are skipped, data lines join with LF. No line limit but one bound on an event, beyond which the
// parser fails for good. Not thread-safe: one owner.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "llmroute/base/error.h"

namespace llmroute::wire {

class SseParser {
 public:
  struct Event {
    std::string_view type;  // "message" where the stream names none; valid inside the callback
    std::string_view data;
  };

  explicit SseParser(std::size_t max_event_bytes) : max_event_bytes_(max_event_bytes) {}

  // Calls on_event(const Event&) for each event completed by `bytes`. on_event returns false to
  // stop early (the rest of `bytes` is dropped). ErrorKind::protocol when the bound is passed.
  template <class OnEvent>
  Result<void> feed(std::string_view bytes, OnEvent&& on_event) {
    while (!bytes.empty()) {
      std::string_view line;
      if (!take_line(bytes, line)) break;
      const bool dispatch = accept_line(line);
      const bool go_on = !dispatch || on_event(Event{event_type(), data_});
      line_.clear();
      if (dispatch) reset_event();
      if (!go_on) return {};
    }
    if (line_.size() + data_.size() > max_event_bytes_) return too_large();
    return {};
  }

  // True where bytes of an unfinished event are held: a close now cuts an event.
  bool mid_event() const { return !line_.empty() || has_data_; }

 private:
  // Cuts one whole line off `bytes` (joined with what was held of it); false: held for later.
  bool take_line(std::string_view& bytes, std::string_view& line);
  // Reads one line; true where it is the empty one that completes an event with data.
  bool accept_line(std::string_view line);
  std::string_view event_type() const {
    return type_.empty() ? "message" : std::string_view(type_);
  }
  void reset_event();
  static Error too_large();

  std::size_t max_event_bytes_;
  std::string line_;  // an unfinished line
  std::string type_, data_;
  bool has_data_ = false;
  bool after_cr_ = false;  // a LF that comes next belongs to the line before
  bool at_start_ = true;   // a byte order mark may come
};

}  // namespace llmroute::wire
