#include "llmroute/provider/line_stream.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "llmroute/model/defaults.h"
#include "llmroute/provider/classify.h"
#include "llmroute/provider/common.h"

namespace llmroute::provider {

LineStream::LineStream(std::string_view terminator)
    : terminator_(terminator), splitter_(defaults::kMaxSseEventBytes) {}

std::optional<Failure> LineStream::feed(std::string_view bytes, std::vector<Delta>& out) {
  if (terminated_) return std::nullopt;
  std::optional<Failure> failure;
  const auto split = splitter_.feed(bytes, [&](std::string_view line) {
    failure = read_line(line, out);
    return !failure && !terminated_;
  });
  if (!split) return broken(split.error().message);
  return failure;
}

std::optional<Failure> LineStream::read_line(std::string_view line, std::vector<Delta>& out) {
  if (!document_.empty()) {
    const std::size_t room = defaults::kMaxErrorBodyBytes - document_.size();
    document_.append(line.substr(0, room));
    return std::nullopt;
  }
  const bool first = !has_lines_;
  has_lines_ = true;
  if (wire::validate_json(line, defaults::kMaxJsonDepth)) {
    return on_line(wire::JsonView(line), out);
  }
  const char c = line.front();
  if (!first || (c != '{' && c != '[' && c != '<'))
    return broken("a line of the stream is not JSON");
  document_ = line.substr(0, defaults::kMaxErrorBodyBytes);
  return std::nullopt;
}

// What an unfinished line holds beside an end is not trusted: its deltas are thrown away.
std::optional<Failure> LineStream::finish(std::vector<Delta>& out) {
  if (terminated_) return std::nullopt;
  const std::string held(splitter_.held());
  if (!document_.empty() || (!has_lines_ && held.substr(0, 1) == "<")) {
    document_ += held;
    return read_document();
  }
  if (wire::validate_json(held, defaults::kMaxJsonDepth)) {
    std::vector<Delta> last;
    auto failure = on_line(wire::JsonView(held), last);
    if (failure) return failure;
    if (terminated_) {
      std::move(last.begin(), last.end(), std::back_inserter(out));
      return std::nullopt;
    }
  }
  return make_failure(ErrorKind::stream_interrupted,
                      "the stream ended without " + std::string(terminator_));
}

Failure LineStream::read_document() const {
  if (wire::validate_json(document_, defaults::kMaxJsonDepth)) {
    const ErrorFields fields = read_error_fields(wire::JsonView(document_));
    if (fields.found) return classify_error(200, fields);
  }
  return broken("a stream was asked for, and a document over several lines came back");
}

}  // namespace llmroute::provider
