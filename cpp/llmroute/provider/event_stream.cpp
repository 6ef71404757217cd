#include "llmroute/provider/event_stream.h"

#include <algorithm>
#include <iterator>
#include <string>
#include <utility>

#include "llmroute/model/defaults.h"
#include "llmroute/provider/classify.h"
#include "llmroute/provider/common.h"

namespace llmroute::provider {

EventStream::EventStream(std::string_view terminator, bool requires_terminator)
    : terminator_(terminator),
      requires_terminator_(requires_terminator),
      parser_(defaults::kMaxSseEventBytes) {}

std::optional<Failure> EventStream::feed(std::string_view bytes, std::vector<Delta>& out) {
  if (terminated_) return std::nullopt;
  if (form_ == Form::unknown) look_at(bytes);
  if (form_ != Form::document) return parse(bytes, out);
  const std::size_t room = defaults::kMaxErrorBodyBytes - document_.size();
  document_.append(bytes.substr(0, room));
  return std::nullopt;
}

// No line of an event stream begins like a JSON or HTML document, so the first character tells.
void EventStream::look_at(std::string_view bytes) {
  const std::size_t first = bytes.find_first_not_of(" \t\r\n");
  if (first == std::string_view::npos) return;
  const char c = bytes[first];
  form_ = c == '{' || c == '[' || c == '<' ? Form::document : Form::events;
}

std::optional<Failure> EventStream::parse(std::string_view bytes, std::vector<Delta>& out) {
  std::optional<Failure> failure;
  const auto parsed = parser_.feed(bytes, [&](const wire::SseParser::Event& event) {
    failure = on_event(event, out);
    return !failure && !terminated_;
  });
  if (!parsed) return broken(parsed.error().message);
  return failure;
}

std::optional<Failure> EventStream::finish(std::vector<Delta>& out) {
  if (terminated_) return std::nullopt;
  if (form_ == Form::document) return read_document();
  const bool between_events = !parser_.mid_event();
  if (!between_events && ends_in_terminator(out)) return std::nullopt;
  if (between_events && !requires_terminator_ && finished()) {
    end();
    return std::nullopt;
  }
  return make_failure(ErrorKind::stream_interrupted,
                      "the stream ended without " + std::string(terminator_));
}

// Whatever else an unfinished event holds is not trusted: its deltas are thrown away.
bool EventStream::ends_in_terminator(std::vector<Delta>& out) {
  const std::size_t before = out.size();
  parse("\n\n", out);
  if (!terminated_) out.resize(before);
  return terminated_;
}

Failure EventStream::read_document() const {
  if (wire::validate_json(document_, defaults::kMaxJsonDepth)) {
    const ErrorFields fields = read_error_fields(wire::JsonView(document_));
    if (fields.found) return classify_error(200, fields);
  }
  return broken("a stream was asked for, and a whole document came back instead of events");
}

}  // namespace llmroute::provider
