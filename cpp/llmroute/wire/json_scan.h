// One checked pass over JSON text that tells a handler what it sees.
//
// Grammar of RFC 8259, UTF-8 and depth are checked on the way; nothing is allocated and nothing
// recurses. The handler is a plain class; deriving from JsonEvents gives it empty hooks to hide.
// Positions are views into the text: strings without their quotes, still escaped.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "llmroute/base/error.h"

namespace llmroute::wire {

// Hard ceiling of any depth bound: the scanner's stack is this many bits.
inline constexpr int kScanDepthCeiling = 256;

struct JsonEvents {
  // Each returns false to stop the scan with an error of the handler's own (see ScanStatus).
  bool on_key(std::string_view) { return true; }
  bool on_string(std::string_view) { return true; }
  // Number, true, false or null, as written.
  bool on_literal(std::string_view) { return true; }
  bool on_begin(bool /*object*/, const char* /*at*/) { return true; }
  bool on_end(bool /*object*/, const char* /*past*/) { return true; }
};

struct ScanStatus {
  bool ok = true;
  bool stopped = false;      // by the handler
  std::size_t offset = 0;    // where it went wrong
  const char* problem = "";  // static text
};

namespace detail {

// First byte in [p, end) that ends or complicates a string: quote, backslash, control character or
// the first byte of a multi-byte character.
const char* find_string_special(const char* p, const char* end);
// First quote or backslash.
const char* find_quote(const char* p, const char* end);
// Past one multi-byte UTF-8 character, or null.
const char* skip_utf8(const char* p, const char* end);
// Past the closing quote of a string whose first character is at p, or null; checks escapes.
const char* check_string(const char* p, const char* end, const char** problem);
// Past a number, true, false or null at p, or null.
const char* check_literal(const char* p, const char* end);

constexpr bool is_space(char c) { return c == ' ' || c == '\n' || c == '\r' || c == '\t'; }

}  // namespace detail

template <class Handler>
class JsonScanner {
 public:
  JsonScanner(std::string_view text, int max_depth, Handler& handler)
      : begin_(text.data()),
        p_(text.data()),
        end_(text.data() + text.size()),
        max_depth_(max_depth < kScanDepthCeiling ? max_depth : kScanDepthCeiling),
        handler_(handler) {}

  ScanStatus run() {
    skip_space();
    if (!value()) return status_;
    while (depth_ > 0) {
      if (!step()) return status_;
    }
    skip_space();
    if (p_ != end_) fail("text after the value");
    return status_;
  }

 private:
  // One member or element, or the end of the innermost container.
  bool step() {
    const bool object = in_object();
    skip_space();
    if (p_ == end_) return fail("unexpected end");
    if (*p_ == (object ? '}' : ']')) {
      if (after_comma_) return fail("a comma without a value after it");
      ++p_;
      return close(object);
    }
    if (!first_ && !after_comma_) {
      if (*p_ != ',') return fail("expected a comma or the end of the container");
      ++p_;
      after_comma_ = true;
      return true;
    }
    if (object && !key()) return false;
    return value();
  }

  bool key() {
    if (*p_ != '"') return fail("expected a key in quotes");
    const char* start = ++p_;
    if (!string_end()) return false;
    if (!handler_.on_key({start, static_cast<std::size_t>(p_ - start - 1)})) return stop();
    skip_space();
    if (p_ == end_ || *p_ != ':') return fail("expected a colon");
    ++p_;
    skip_space();
    return true;
  }

  bool value() {
    if (p_ == end_) return fail("unexpected end");
    first_ = after_comma_ = false;
    const char* start = p_;
    if (*p_ == '"') {
      ++start;
      ++p_;
      if (!string_end()) return false;
      return handler_.on_string({start, static_cast<std::size_t>(p_ - start - 1)}) || stop();
    }
    if (*p_ == '{' || *p_ == '[') return open(*p_ == '{');
    p_ = detail::check_literal(start, end_);
    if (p_ == nullptr) {
      p_ = start;
      return fail("not a JSON value");
    }
    return handler_.on_literal({start, static_cast<std::size_t>(p_ - start)}) || stop();
  }

  bool open(bool object) {
    if (depth_ >= max_depth_) return fail("nested too deeply");
    const char* start = p_++;
    const auto word = static_cast<std::size_t>(depth_) / 64;
    const auto bit = std::uint64_t{1} << (static_cast<unsigned>(depth_) % 64);
    kinds_[word] = object ? kinds_[word] | bit : kinds_[word] & ~bit;
    ++depth_;
    first_ = true;
    return handler_.on_begin(object, start) || stop();
  }

  bool close(bool object) {
    --depth_;
    first_ = after_comma_ = false;
    return handler_.on_end(object, p_) || stop();
  }

  bool in_object() const {
    const auto top = static_cast<unsigned>(depth_ - 1);
    return (kinds_[top / 64] >> (top % 64)) & 1U;
  }

  bool string_end() {
    const char* problem = "";
    const char* past = detail::check_string(p_, end_, &problem);
    if (past == nullptr) return fail(problem);
    p_ = past;
    return true;
  }

  void skip_space() {
    while (p_ != end_ && detail::is_space(*p_)) ++p_;
  }
  bool fail(const char* problem) {
    status_ = {false, false, static_cast<std::size_t>(p_ - begin_), problem};
    return false;
  }
  bool stop() {
    status_ = {false, true, static_cast<std::size_t>(p_ - begin_), ""};
    return false;
  }

  const char* begin_;
  const char* p_;
  const char* end_;
  int max_depth_;
  int depth_ = 0;
  bool first_ = false, after_comma_ = false;
  std::array<std::uint64_t, kScanDepthCeiling / 64> kinds_{};
  Handler& handler_;
  ScanStatus status_;
};

template <class Handler>
ScanStatus scan_json(std::string_view text, int max_depth, Handler& handler) {
  return JsonScanner<Handler>(text, max_depth, handler).run();
}

// "invalid JSON at byte 17: expected a colon"
Error scan_error(const ScanStatus& status);

}  // namespace llmroute::wire
