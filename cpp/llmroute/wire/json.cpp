#include "llmroute/wire/json.h"

#include <algorithm>
#include <charconv>
#include <cmath>

#include "llmroute/wire/json_scan.h"

namespace llmroute::wire {

namespace {

std::string_view strip(std::string_view text) {
  while (!text.empty() && detail::is_space(text.front())) text.remove_prefix(1);
  while (!text.empty() && detail::is_space(text.back())) text.remove_suffix(1);
  return text;
}

// The functions below trust the grammar: the text was validated. They still never read past `end`.

const char* skip_string(const char* p, const char* end) {
  for (++p; p < end; p += 2) {
    p = detail::find_quote(p, end);
    if (p == end) return end;
    if (*p == '"') return p + 1;
  }
  return end;
}

const char* skip_container(const char* p, const char* end) {
  int depth = 0;
  while (p < end) {
    switch (*p) {
      case '"': p = skip_string(p, end); continue;
      case '{':
      case '[': ++depth; break;
      case '}':
      case ']':
        if (--depth == 0) return p + 1;
        break;
      default: break;
    }
    ++p;
  }
  return end;
}

const char* skip_value(const char* p, const char* end) {
  if (p == end) return end;
  if (*p == '"') return skip_string(p, end);
  if (*p == '{' || *p == '[') return skip_container(p, end);
  while (p != end && *p != ',' && *p != '}' && *p != ']' && !detail::is_space(*p)) ++p;
  return p;
}

// Cuts one value off the front of `rest`.
std::string_view take_value(std::string_view& rest) {
  const char* start = rest.data();
  const char* past = skip_value(start, start + rest.size());
  const auto size = static_cast<std::size_t>(past - start);
  const std::string_view value = rest.substr(0, size);
  rest.remove_prefix(size);
  return value;
}

// White space, and the comma or colon between two parts.
void skip_separators(std::string_view& rest) {
  while (!rest.empty() &&
         (detail::is_space(rest.front()) || rest.front() == ',' || rest.front() == ':')) {
    rest.remove_prefix(1);
  }
}

unsigned hex4(const char* p) {
  unsigned code = 0;
  std::from_chars(p, p + 4, code, 16);
  return code;
}

void append_utf8(std::string& out, unsigned code) {
  const auto put = [&out](unsigned value) { out.push_back(static_cast<char>(value)); };
  if (code < 0x80) {
    put(code);
  } else if (code < 0x800) {
    put(0xC0U | (code >> 6U));
    put(0x80U | (code & 0x3FU));
  } else if (code < 0x10000) {
    put(0xE0U | (code >> 12U));
    put(0x80U | ((code >> 6U) & 0x3FU));
    put(0x80U | (code & 0x3FU));
  } else {
    put(0xF0U | (code >> 18U));
    put(0x80U | ((code >> 12U) & 0x3FU));
    put(0x80U | ((code >> 6U) & 0x3FU));
    put(0x80U | (code & 0x3FU));
  }
}

// `p` stands on the backslash; returns past the escape.
const char* append_escape(std::string& out, const char* p, const char* end) {
  if (end - p < 2) return end;
  switch (p[1]) {
    case 'b': out.push_back('\b'); return p + 2;
    case 'f': out.push_back('\f'); return p + 2;
    case 'n': out.push_back('\n'); return p + 2;
    case 'r': out.push_back('\r'); return p + 2;
    case 't': out.push_back('\t'); return p + 2;
    case 'u': break;
    default: out.push_back(p[1]); return p + 2;
  }
  if (end - p < 6) return end;
  unsigned code = hex4(p + 2);
  p += 6;
  if (code >= 0xD800 && code <= 0xDBFF && end - p >= 6) {
    code = 0x10000 + ((code - 0xD800) << 10U) + (hex4(p + 2) - 0xDC00);
    p += 6;
  }
  append_utf8(out, code);
  return p;
}

// Where the text up to `cut` ends between two characters.
const char* whole_characters(const char* begin, const char* cut) {
  while (cut != begin && (static_cast<unsigned char>(*cut) & 0xC0U) == 0x80U) --cut;
  return cut;
}

void append_unescaped(std::string& out, std::string_view escaped, std::size_t max_bytes) {
  const char* p = escaped.data();
  const char* end = p + escaped.size();
  const std::size_t begin = out.size();
  while (p < end) {
    const std::size_t room = max_bytes - (out.size() - begin);
    const bool last = room < static_cast<std::size_t>(end - p);  // of what may be plain text
    const char* stop = detail::find_quote(p, last ? p + room : end);
    if (last && stop == p + room) {
      out.append(p, whole_characters(p, stop));
      return;
    }
    out.append(p, stop);
    const std::size_t plain = out.size();
    p = stop == end ? end : append_escape(out, stop, end);
    if (out.size() - begin > max_bytes) {
      out.resize(plain);
      return;
    }
  }
}

}  // namespace

Result<void> validate_json(std::string_view text, int max_depth) {
  JsonEvents nobody;
  const ScanStatus status = scan_json(text, max_depth, nobody);
  if (!status.ok) return scan_error(status);
  return {};
}

JsonView::JsonView(std::string_view validated) : text_(strip(validated)) {}

JsonView::Type JsonView::type() const {
  if (text_.empty()) return Type::missing;
  switch (text_.front()) {
    case '{': return Type::object;
    case '[': return Type::array;
    case '"': return Type::string;
    case 't':
    case 'f': return Type::boolean;
    case 'n': return Type::null;
    default: return Type::number;
  }
}

JsonView JsonView::operator[](std::string_view key) const {
  for (Member m = first_member(); m; m = m.next()) {
    if (m.key_is(key)) return m.value();
  }
  return {};
}

std::string JsonView::string() const {
  std::string out;
  append_string(out);
  return out;
}

bool JsonView::append_string(std::string& out) const { return append_string(out, text_.size()); }

bool JsonView::append_string(std::string& out, std::size_t max_bytes) const {
  if (!is_string() || text_.size() < 2) return false;
  append_unescaped(out, text_.substr(1, text_.size() - 2), max_bytes);
  return true;
}

bool JsonView::equals(std::string_view text) const {
  if (!is_string() || text_.size() < 2) return false;
  const std::string_view inner = text_.substr(1, text_.size() - 2);
  if (inner == text) return true;
  // Only an escape can make equal texts look different.
  return inner.find('\\') != std::string_view::npos && string() == text;
}

std::optional<std::int64_t> JsonView::integer() const {
  if (type() != Type::number) return std::nullopt;
  std::int64_t value = 0;
  const char* end = text_.data() + text_.size();
  const auto [past, error] = std::from_chars(text_.data(), end, value);
  if (error == std::errc() && past == end) return value;
  const std::optional<double> real = number();  // 1e3 and 5.0 are integers too
  if (!real || *real != std::floor(*real) || std::fabs(*real) > 9e15) return std::nullopt;
  return static_cast<std::int64_t>(*real);
}

namespace {

// Of a number that no double holds: whether it is too near to zero, not too far from it.
bool vanishes(std::string_view number) {
  const std::size_t e = number.find_first_of("eE");
  const std::string_view digits = number.substr(0, e);
  const std::size_t first = digits.find_first_of("123456789");
  if (first == digits.npos) return true;
  const std::size_t point = std::min(digits.find('.'), digits.size());
  auto power = static_cast<std::int64_t>(point) - static_cast<std::int64_t>(first);
  if (e == number.npos) return power < 0;
  std::string_view exponent = number.substr(e + 1);
  if (exponent.front() == '+') exponent.remove_prefix(1);
  std::int64_t given = 0;
  const auto read = std::from_chars(exponent.data(), exponent.data() + exponent.size(), given);
  constexpr std::int64_t kBeyondAllDigits = std::int64_t{1} << 40;
  const bool far = read.ec != std::errc() || given > kBeyondAllDigits || given < -kBeyondAllDigits;
  return far ? exponent.front() == '-' : power + given < 0;
}

}  // namespace

std::optional<double> JsonView::number() const {
  if (type() != Type::number) return std::nullopt;
  double value = 0;
  const char* end = text_.data() + text_.size();
  const auto [past, error] = std::from_chars(text_.data(), end, value);
  if (past != end) return std::nullopt;
  if (error == std::errc::result_out_of_range && vanishes(text_)) return 0.0;
  if (error != std::errc()) return std::nullopt;
  return value;
}

std::optional<bool> JsonView::boolean() const {
  if (type() != Type::boolean) return std::nullopt;
  return text_.front() == 't';
}

JsonView::Member JsonView::first_member() const { return first_member({}); }

JsonView::Member JsonView::first_member(std::string_view known) const {
  Member first;
  if (!is_object()) return first;
  first.known_ = known;
  first.rest_ = text_.substr(1);
  return first.next();
}

JsonView::Member JsonView::Member::next() const {
  Member following;
  std::string_view rest = rest_;
  skip_separators(rest);
  if (rest.empty() || rest.front() != '"') return following;
  following.key_ = take_value(rest);
  skip_separators(rest);
  if (rest.data() == known_.data() && !known_.empty()) {
    following.value_ = known_;
    rest.remove_prefix(known_.size());
  } else {
    following.value_ = take_value(rest);
  }
  following.rest_ = rest;
  following.known_ = known_;
  return following;
}

JsonView::Element JsonView::first_element() const {
  Element first;
  if (!is_array()) return first;
  first.rest_ = text_.substr(1);
  return first.next();
}

JsonView::Element JsonView::Element::next() const {
  Element following;
  std::string_view rest = rest_;
  skip_separators(rest);
  if (rest.empty() || rest.front() == ']') return following;
  following.value_ = take_value(rest);
  following.rest_ = rest;
  return following;
}

}  // namespace llmroute::wire
