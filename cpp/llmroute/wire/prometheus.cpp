#include "llmroute/wire/prometheus.h"

#include <algorithm>
#include <charconv>
#include <limits>

#include "llmroute/base/text.h"

namespace llmroute::wire {

namespace {

bool begins_name(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == ':';
}
bool in_name(char c) { return begins_name(c) || (c >= '0' && c <= '9'); }

void skip_blanks(std::string_view& text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
}

// Empty where there is none.
std::string_view take_name(std::string_view& text) {
  std::size_t length = 0;
  if (!text.empty() && begins_name(text.front())) {
    while (length < text.size() && in_name(text[length])) ++length;
  }
  const std::string_view name = text.substr(0, length);
  text.remove_prefix(length);
  return name;
}

// "text" with its quotes taken off and escapes as they are; nothing without its end.
std::optional<std::string_view> take_quoted(std::string_view& text) {
  if (text.empty() || text.front() != '"') return std::nullopt;
  std::size_t at = 1;
  while (at < text.size() && text[at] != '"') at += text[at] == '\\' ? 2U : 1U;
  if (at >= text.size()) return std::nullopt;
  const std::string_view inside = text.substr(1, at - 1);
  text.remove_prefix(at + 1);
  return inside;
}

struct Label {
  std::string_view name, value;
};

// The next `name="value"` and the comma behind it.
std::optional<Label> take_label(std::string_view& text) {
  skip_blanks(text);
  Label label;
  label.name = take_name(text);
  skip_blanks(text);
  if (label.name.empty() || text.empty() || text.front() != '=') return std::nullopt;
  text.remove_prefix(1);
  skip_blanks(text);
  const auto value = take_quoted(text);
  if (!value) return std::nullopt;
  label.value = *value;
  skip_blanks(text);
  if (text.empty() || text.front() == '}') return label;
  if (text.front() != ',') return std::nullopt;
  text.remove_prefix(1);
  skip_blanks(text);
  return label;
}

// What stands between braces, or nothing where they do not close or hold something else.
std::optional<std::string_view> take_labels(std::string_view& text) {
  text.remove_prefix(1);
  const std::string_view begin = text;
  skip_blanks(text);
  while (!text.empty() && text.front() != '}') {
    if (!take_label(text)) return std::nullopt;
  }
  if (text.empty()) return std::nullopt;
  const std::string_view inside = begin.substr(0, begin.size() - text.size());
  text.remove_prefix(1);
  return trim(inside);
}

std::optional<double> read_value(std::string_view text) {
  if (text == "+Inf") return std::numeric_limits<double>::infinity();
  if (text == "-Inf") return -std::numeric_limits<double>::infinity();
  if (text == "NaN") return std::numeric_limits<double>::quiet_NaN();
  if (!text.empty() && text.front() == '+') text.remove_prefix(1);
  double value = 0;
  const char* end = text.data() + text.size();
  const auto [past, problem] = std::from_chars(text.data(), end, value);
  if (text.empty() || problem != std::errc() || past != end) return std::nullopt;
  return value;
}

std::optional<PrometheusSample> read_line(std::string_view line) {
  PrometheusSample sample;
  sample.name = take_name(line);
  if (sample.name.empty()) return std::nullopt;
  skip_blanks(line);
  if (!line.empty() && line.front() == '{') {
    const auto labels = take_labels(line);
    if (!labels) return std::nullopt;
    sample.labels = *labels;
    skip_blanks(line);
  }
  const auto value = read_value(line.substr(0, line.find_first_of(" \t")));
  if (!value) return std::nullopt;
  sample.value = *value;
  return sample;
}

std::string unescaped(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\\' || i + 1 == text.size()) {
      out += text[i];
    } else {
      ++i;
      out += text[i] == 'n' ? '\n' : text[i];
    }
  }
  return out;
}

}  // namespace

std::optional<PrometheusSample> PrometheusReader::next() {
  while (!rest_.empty()) {
    const std::size_t end = std::min(rest_.find('\n'), rest_.size());
    std::string_view line = rest_.substr(0, end);
    rest_.remove_prefix(std::min(end + 1, rest_.size()));
    if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
    line = trim(line);
    if (line.empty() || line.front() == '#') continue;
    if (const auto sample = read_line(line)) return sample;
    ++skipped_;
  }
  return std::nullopt;
}

std::optional<std::string> label_of(std::string_view labels, std::string_view name) {
  while (!labels.empty()) {
    const auto label = take_label(labels);
    if (!label) return std::nullopt;
    if (label->name == name) return unescaped(label->value);
  }
  return std::nullopt;
}

bool MetricSelector::matches(const PrometheusSample& sample) const {
  if (sample.name != name) return false;
  for (const auto& [label, value] : labels) {
    if (label_of(sample.labels, label) != value) return false;
  }
  return true;
}

std::optional<MetricSelector> read_selector(std::string_view text) {
  text = trim(text);
  MetricSelector out;
  out.name = std::string(take_name(text));
  if (out.name.empty()) return std::nullopt;
  skip_blanks(text);
  if (text.empty()) return out;
  if (text.front() != '{') return std::nullopt;
  auto labels = take_labels(text);
  if (!labels || !text.empty()) return std::nullopt;
  while (!labels->empty()) {
    const auto label = take_label(*labels);
    if (!label) return std::nullopt;
    out.labels.emplace_back(label->name, unescaped(label->value));
  }
  return out;
}

}  // namespace llmroute::wire
