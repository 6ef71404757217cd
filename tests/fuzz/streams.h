// Streams of a dialect's golden events, in an order that an input chooses.
#pragma once

#include <string>
#include <vector>

#include "tests/fuzz/golden.h"

namespace llmroute::fuzz {

class Streams {
 public:
  explicit Streams(const std::string& dialect) {
    for (const auto& test : golden_file(dialect, "streams.json")) {
      for (const auto& event : test["events"]) events_.push_back(event.get<std::string>());
    }
    MUST_HOLD(!events_.empty());
  }

  std::string build(Choices& choices) const {
    if (choices.byte() % 8 == 0) return std::string(choices.rest());
    std::string out;
    for (int events = 0; events < 12 && !choices.empty(); ++events) {
      std::string event = events_[choices.below(events_.size())];
      if (choices.byte() % 2 == 0) damage(event, choices);
      out += event + "\n\n";
    }
    return out;
  }

 private:
  std::vector<std::string> events_;
};

}  // namespace llmroute::fuzz
