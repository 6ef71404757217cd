#include "llmroute/provider/limits.h"

#include <array>
#include <charconv>
#include <cmath>

#include "llmroute/base/text.h"
#include "llmroute/model/defaults.h"

namespace llmroute::provider {

namespace {

std::optional<double> read_number(std::string_view text) {
  double value = 0;
  const char* end = text.data() + text.size();
  const auto [past, problem] = std::from_chars(text.data(), end, value);
  if (problem != std::errc() || past != end || !std::isfinite(value)) return std::nullopt;
  return value;
}

std::optional<Duration> believable(double ms) {
  if (!(ms >= 0) || ms > static_cast<double>(defaults::kAbsurdRetryAfter.count())) {
    return std::nullopt;
  }
  return from_ms(ms);
}

std::optional<double> unit_ms(std::string_view unit) {
  if (unit == "h") return 3'600'000;
  if (unit == "m") return 60'000;
  if (unit == "s") return 1'000;
  if (unit == "ms") return 1;
  if (unit == "us" || unit == "\xC2\xB5s") return 1e-3;
  if (unit == "ns") return 1e-6;
  return std::nullopt;
}

// Go's time.Duration.String: numbers with units, largest first.
std::optional<double> read_go_duration(std::string_view text) {
  double total = 0;
  if (text.empty()) return std::nullopt;
  while (!text.empty()) {
    const std::size_t digits = text.find_first_not_of("0123456789.");
    if (digits == 0 || digits == std::string_view::npos) return std::nullopt;
    std::size_t unit_end = text.find_first_of("0123456789.", digits);
    if (unit_end == std::string_view::npos) unit_end = text.size();
    const auto value = read_number(text.substr(0, digits));
    const auto unit = unit_ms(text.substr(digits, unit_end - digits));
    if (!value || !unit) return std::nullopt;
    total += *value * *unit;
    text.remove_prefix(unit_end);
  }
  return total;
}

// Days since 1970-01-01 of a proleptic Gregorian date (Hinnant, "chrono-compatible algorithms").
std::int64_t days_from_civil(std::int64_t y, std::int64_t m, std::int64_t d) {
  y -= m <= 2 ? 1 : 0;
  const std::int64_t era = (y >= 0 ? y : y - 399) / 400;
  const std::int64_t yoe = y - era * 400;
  const std::int64_t doy = (153 * (m + (m > 2 ? -3 : 9)) + 2) / 5 + d - 1;
  return era * 146097 + yoe * 365 + yoe / 4 - yoe / 100 + doy - 719468;
}

std::optional<std::int64_t> digits_at(std::string_view text, std::size_t at, std::size_t count) {
  if (at + count > text.size()) return std::nullopt;
  std::int64_t value = 0;
  for (char c : text.substr(at, count)) {
    if (c < '0' || c > '9') return std::nullopt;
    value = value * 10 + (c - '0');
  }
  return value;
}

std::optional<WallTime> wall_time(std::int64_t year, std::int64_t month, std::int64_t day,
                                  std::int64_t seconds_of_day) {
  if (year < 1970 || year > 2200 || month < 1 || month > 12 || day < 1 || day > 31) {
    return std::nullopt;
  }
  return WallTime(seconds(days_from_civil(year, month, day) * 86400 + seconds_of_day));
}

std::optional<std::int64_t> read_clock(std::string_view text, std::size_t at) {
  const auto h = digits_at(text, at, 2);
  const auto m = digits_at(text, at + 3, 2);
  const auto s = digits_at(text, at + 6, 2);
  if (!h || !m || !s || text[at + 2] != ':' || text[at + 5] != ':') return std::nullopt;
  if (*h > 23 || *m > 59 || *s > 60) return std::nullopt;
  return *h * 3600 + *m * 60 + *s;
}

std::optional<Duration> until(std::optional<WallTime> when, WallTime now) {
  if (!when) return std::nullopt;
  // A moment that has passed means "now": clocks differ by a little.
  return believable(std::max(0.0, to_ms(*when - now)));
}

}  // namespace

std::optional<WallTime> read_http_date(std::string_view text) {
  constexpr std::array<std::string_view, 12> kMonths = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                        "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  if (text.size() != 29 || text.substr(25) != " GMT") return std::nullopt;
  std::int64_t month = 0;
  for (std::size_t i = 0; i < kMonths.size(); ++i) {
    if (text.substr(8, 3) == kMonths[i]) month = static_cast<std::int64_t>(i) + 1;
  }
  const auto day = digits_at(text, 5, 2);
  const auto year = digits_at(text, 12, 4);
  const auto clock = read_clock(text, 17);
  if (!day || !year || !clock) return std::nullopt;
  return wall_time(*year, month, *day, *clock);
}

std::optional<WallTime> read_rfc3339(std::string_view text) {
  if (text.size() < 20 || text[4] != '-' || text[7] != '-') return std::nullopt;
  const auto year = digits_at(text, 0, 4);
  const auto month = digits_at(text, 5, 2);
  const auto day = digits_at(text, 8, 2);
  const auto clock = read_clock(text, 11);
  if (!year || !month || !day || !clock) return std::nullopt;
  std::string_view rest = text.substr(19);
  if (!rest.empty() && rest.front() == '.') {
    const std::size_t end = rest.find_first_not_of("0123456789", 1);
    rest = end == std::string_view::npos ? std::string_view() : rest.substr(end);
  }
  std::int64_t offset = 0;
  if (rest.size() == 6 && (rest[0] == '+' || rest[0] == '-') && rest[3] == ':') {
    const auto h = digits_at(rest, 1, 2);
    const auto m = digits_at(rest, 4, 2);
    if (!h || !m) return std::nullopt;
    offset = (*h * 3600 + *m * 60) * (rest[0] == '-' ? -1 : 1);
  } else if (rest != "Z" && rest != "z") {
    return std::nullopt;
  }
  return wall_time(*year, *month, *day, *clock - offset);
}

std::optional<Duration> read_reset(std::string_view text, WallTime now) {
  text = trim(text);
  if (const auto number = read_number(text)) return believable(*number * 1000);
  if (const auto ms = read_go_duration(text)) return believable(*ms);
  return until(read_rfc3339(text), now);
}

}  // namespace llmroute::provider
