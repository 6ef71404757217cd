// Streams of a dialect's golden events, in an order that an input chooses.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "tests/cpp/support/event_frames.h"
#include "tests/fuzz/golden.h"

namespace llmroute::fuzz {

class Streams {
 public:
  explicit Streams(const std::string& dialect) {
    for (const auto& test : golden_file(dialect, "streams.json")) {
      for (const auto& event : test["events"]) take(event);
    }
    MUST_HOLD(!events_.empty());
  }

  std::string build(Choices& choices) const {
    if (choices.byte() % 8 == 0) return std::string(choices.rest());
    std::string out;
    for (int events = 0; events < 12 && !choices.empty(); ++events) {
      out += made(events_[choices.below(events_.size())], choices);
    }
    return out;
  }

 private:
  // Of a binary frame the headers, and the payload as text.
  struct Event {
    std::vector<std::pair<std::string, std::string>> headers;
    std::string text;
  };

  void take(const nlohmann::ordered_json& json) {
    Event& event = events_.emplace_back();
    if (json.is_string()) {
      event.text = json.get<std::string>();
      return;
    }
    for (const auto& [name, value] : json["headers"].items()) {
      event.headers.emplace_back(name, value.get<std::string>());
    }
    const auto& payload = json["payload"];
    event.text = payload.is_string() ? payload.get<std::string>() : payload.dump();
  }

  // Damage within a frame gets past its checksums, or does not.
  static std::string made(Event event, Choices& choices) {
    const std::uint8_t how = choices.byte();
    if (how % 2 == 0) damage(event.text, choices);
    if (event.headers.empty()) return event.text + "\n\n";
    std::string frame = event_frame(event.headers, event.text);
    if (how % 16 == 1) damage(frame, choices);
    return frame;
  }

  std::vector<Event> events_;
};

}  // namespace llmroute::fuzz
