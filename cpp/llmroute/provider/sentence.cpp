#include "llmroute/provider/sentence.h"

#include <algorithm>

namespace llmroute::provider {

namespace {

constexpr std::string_view kHoles = "#~%*$";
constexpr std::size_t kMostOfName = 160;
constexpr std::size_t kMostOfAnything = 600;

bool is_digit(char c) { return c >= '0' && c <= '9'; }
// A point or comma belongs to a number only between digits: behind it a sentence ends.
std::size_t number_length(std::string_view text) {
  std::size_t n = 0;
  while (n < text.size()) {
    const bool joins = n > 0 && (text[n] == '.' || text[n] == ',') && n + 1 < text.size() &&
                       is_digit(text[n - 1]) && is_digit(text[n + 1]);
    if (!is_digit(text[n]) && !joins) break;
    ++n;
  }
  return n;
}

std::size_t time_length(std::string_view text) {
  if (text.empty() || !is_digit(text[0])) return 0;
  std::size_t n = text.find_first_not_of("0123456789.hmsun");
  n = std::min(n, text.size());
  while (n > 0 && text[n - 1] == '.') --n;
  return n;
}

// Up to where the rest of the pattern goes on; nothing where it does not.
std::optional<std::size_t> gap_length(std::string_view pattern, std::string_view text,
                                      std::size_t most) {
  const std::string_view literal = pattern.substr(0, pattern.find_first_of(kHoles));
  const std::string_view near = text.substr(0, std::min(text.size(), most + literal.size()));
  if (literal.empty()) return near.size() <= most ? std::optional(near.size()) : std::nullopt;
  const std::size_t at = near.find(literal);
  return at == std::string_view::npos ? std::nullopt : std::optional(at);
}

bool is_name(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(),
                                      [](char c) { return static_cast<unsigned char>(c) > ' '; });
}

// Takes what a hole holds from the text; false where it does not fit.
bool fill(char hole, std::string_view pattern, std::string_view& text, Caught& caught) {
  if (hole == '$') return text.find_first_not_of(" \t\r\n") == std::string_view::npos;
  std::size_t length = 0;
  if (hole == '#') {
    caught.number = text.substr(0, length = number_length(text));
  } else if (hole == '~') {
    caught.time = text.substr(0, length = time_length(text));
  } else {
    const auto gap = gap_length(pattern, text, hole == '%' ? kMostOfName : kMostOfAnything);
    if (!gap) return false;
    length = *gap;
    if (hole == '%') {
      caught.name = text.substr(0, length);
      if (!is_name(caught.name)) return false;
    }
  }
  text.remove_prefix(length);
  return length > 0 || hole == '*';
}

}  // namespace

std::optional<Caught> match_sentence(std::string_view pattern, std::string_view text) {
  Caught caught;
  while (!pattern.empty()) {
    const std::size_t plain = std::min(pattern.find_first_of(kHoles), pattern.size());
    if (text.substr(0, plain) != pattern.substr(0, plain)) return std::nullopt;
    pattern.remove_prefix(plain);
    text.remove_prefix(plain);
    if (pattern.empty()) break;
    const char hole = pattern.front();
    pattern.remove_prefix(1);
    if (!fill(hole, pattern, text, caught)) return std::nullopt;
  }
  return caught;
}

}  // namespace llmroute::provider
