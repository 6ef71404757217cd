#include "llmroute/wire/json_scan.h"

#include <cstring>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

namespace llmroute::wire {

namespace detail {

namespace {

constexpr unsigned char byte(char c) { return static_cast<unsigned char>(c); }

constexpr bool plain(char c) { return byte(c) >= 0x20 && byte(c) < 0x80 && c != '"' && c != '\\'; }

constexpr bool is_digit(char c) { return c >= '0' && c <= '9'; }

const char* skip_digits(const char* p, const char* end) {
  while (p != end && is_digit(*p)) ++p;
  return p;
}

bool continuation(char c) { return (byte(c) & 0xC0U) == 0x80U; }

bool is_hex(char c) { return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'); }

unsigned hex_digit(char c) {
  if (is_digit(c)) return static_cast<unsigned>(c - '0');
  return static_cast<unsigned>((c | 0x20) - 'a') + 10U;
}

// p stands after "\u". A lone surrogate cannot be written as UTF-8 later, so it is refused here.
const char* check_unicode_escape(const char* p, const char* end) {
  if (end - p < 4) return nullptr;
  unsigned code = 0;
  for (int i = 0; i < 4; ++i) {
    if (!is_hex(p[i])) return nullptr;
    code = code * 16 + hex_digit(p[i]);
  }
  p += 4;
  if (code >= 0xDC00 && code <= 0xDFFF) return nullptr;
  if (code < 0xD800 || code > 0xDBFF) return p;
  if (end - p < 6 || p[0] != '\\' || p[1] != 'u') return nullptr;
  unsigned low = 0;
  for (int i = 2; i < 6; ++i) {
    if (!is_hex(p[i])) return nullptr;
    low = low * 16 + hex_digit(p[i]);
  }
  return low >= 0xDC00 && low <= 0xDFFF ? p + 6 : nullptr;
}

const char* check_number(const char* p, const char* end) {
  if (p != end && *p == '-') ++p;
  if (p == end || !is_digit(*p)) return nullptr;
  p = *p == '0' ? p + 1 : skip_digits(p, end);
  if (p != end && *p == '.') {
    ++p;
    if (p == end || !is_digit(*p)) return nullptr;
    p = skip_digits(p, end);
  }
  if (p != end && (*p == 'e' || *p == 'E')) {
    ++p;
    if (p != end && (*p == '+' || *p == '-')) ++p;
    if (p == end || !is_digit(*p)) return nullptr;
    p = skip_digits(p, end);
  }
  return p;
}

}  // namespace

#if defined(__SSE2__)

namespace {

// Skips blocks of 64 bytes in which `hits` finds nothing, then 16 by 16: text of megabytes, such as
// an image, is read at the speed of memory. Sets `found` where it stopped at a hit.
template <class Hits>
const char* skip_plain_blocks(const char* p, const char* end, bool& found, Hits hits) {
  const auto at = [](const char* q) {
    return _mm_loadu_si128(reinterpret_cast<const __m128i*>(q));
  };
  while (end - p >= 64) {
    const __m128i any = _mm_or_si128(_mm_or_si128(hits(at(p)), hits(at(p + 16))),
                                     _mm_or_si128(hits(at(p + 32)), hits(at(p + 48))));
    if (_mm_movemask_epi8(any) != 0) break;
    p += 64;
  }
  while (end - p >= 16) {
    const int mask = _mm_movemask_epi8(hits(at(p)));
    if (mask != 0) {
      found = true;
      return p + __builtin_ctz(static_cast<unsigned>(mask));
    }
    p += 16;
  }
  return p;
}

}  // namespace

#endif

const char* find_string_special(const char* p, const char* end) {
#if defined(__SSE2__)
  // A signed comparison with 0x20 finds control characters and bytes from 0x80 up in one step.
  const __m128i quote = _mm_set1_epi8('"');
  const __m128i backslash = _mm_set1_epi8('\\');
  const __m128i space = _mm_set1_epi8(0x20);
  bool found = false;
  p = skip_plain_blocks(p, end, found, [&](__m128i x) {
    return _mm_or_si128(_mm_or_si128(_mm_cmpeq_epi8(x, quote), _mm_cmpeq_epi8(x, backslash)),
                        _mm_cmplt_epi8(x, space));
  });
  if (found) return p;
#endif
  while (p != end && plain(*p)) ++p;
  return p;
}

const char* find_quote(const char* p, const char* end) {
#if defined(__SSE2__)
  const __m128i quote = _mm_set1_epi8('"');
  const __m128i backslash = _mm_set1_epi8('\\');
  bool found = false;
  p = skip_plain_blocks(p, end, found, [&](__m128i x) {
    return _mm_or_si128(_mm_cmpeq_epi8(x, quote), _mm_cmpeq_epi8(x, backslash));
  });
  if (found) return p;
#endif
  while (p != end && *p != '"' && *p != '\\') ++p;
  return p;
}

const char* skip_utf8(const char* p, const char* end) {
  const unsigned char lead = byte(*p);
  const auto left = end - p;
  if (lead >= 0xC2 && lead <= 0xDF) {
    return left >= 2 && continuation(p[1]) ? p + 2 : nullptr;
  }
  if (lead >= 0xE0 && lead <= 0xEF) {
    if (left < 3 || !continuation(p[1]) || !continuation(p[2])) return nullptr;
    if (lead == 0xE0 && byte(p[1]) < 0xA0) return nullptr;  // overlong
    if (lead == 0xED && byte(p[1]) > 0x9F) return nullptr;  // surrogate
    return p + 3;
  }
  if (lead >= 0xF0 && lead <= 0xF4) {
    if (left < 4 || !continuation(p[1]) || !continuation(p[2]) || !continuation(p[3])) {
      return nullptr;
    }
    if (lead == 0xF0 && byte(p[1]) < 0x90) return nullptr;  // overlong
    if (lead == 0xF4 && byte(p[1]) > 0x8F) return nullptr;  // beyond U+10FFFF
    return p + 4;
  }
  return nullptr;
}

const char* check_string(const char* p, const char* end, const char** problem) {
  while (true) {
    p = find_string_special(p, end);
    if (p == end) {
      *problem = "a string without its end";
      return nullptr;
    }
    if (*p == '"') return p + 1;
    if (byte(*p) >= 0x80) {
      p = skip_utf8(p, end);
      *problem = "invalid UTF-8";
    } else if (*p == '\\') {
      *problem = "an escape that JSON does not have";
      ++p;
      if (p == end || std::strchr("\"\\/bfnrtu", *p) == nullptr || *p == '\0') return nullptr;
      p = *p == 'u' ? check_unicode_escape(p + 1, end) : p + 1;
    } else {
      *problem = "a control character in a string";
      return nullptr;
    }
    if (p == nullptr) return nullptr;
  }
}

const char* check_literal(const char* p, const char* end) {
  const std::string_view rest(p, static_cast<std::size_t>(end - p));
  if (rest.substr(0, 4) == "true" || rest.substr(0, 4) == "null") return p + 4;
  if (rest.substr(0, 5) == "false") return p + 5;
  return check_number(p, end);
}

}  // namespace detail

Error scan_error(const ScanStatus& status) {
  return make_error(ErrorKind::protocol, "invalid JSON at byte " + std::to_string(status.offset) +
                                             ": " + status.problem);
}

}  // namespace llmroute::wire
