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
  Result<void> feed(std::string_view bytes, OnEvent&& on_event);

  // True where bytes of an unfinished event are held: a close now cuts an event.
  bool mid_event() const { return !line_.empty() || has_data_; }

 private:
  std::size_t max_event_bytes_;
  std::string line_, type_, data_;
  bool has_data_ = false;
};

}  // namespace llmroute::wire
