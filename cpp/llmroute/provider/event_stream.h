// What the streams of all dialects share: events, the end, and bodies that are no stream at all.
//
// For files of this folder only. A subclass turns one event into deltas and says when it has seen
// the dialect's terminator; this class decides what a close means.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "llmroute/provider/dialect.h"
#include "llmroute/wire/sse.h"

namespace llmroute::provider {

class EventStream : public StreamDecoder {
 public:
  // `terminator` names the dialect's end in messages and has static storage.
  EventStream(std::string_view terminator, bool requires_terminator);

  std::optional<Failure> feed(std::string_view bytes, std::vector<Delta>& out) final;
  // A terminator whose trailing line ends alone are missing counts as seen: nothing of the reply
  // can be lost after it.
  std::optional<Failure> finish(std::vector<Delta>& out) final;
  bool terminated() const final { return terminated_; }
  const ReplySummary& summary() const final { return summary_; }

 protected:
  virtual std::optional<Failure> on_event(const wire::SseParser::Event& event,
                                          std::vector<Delta>& out) = 0;
  // Every answer of the reply has its finish reason: a clean close loses nothing but the terminator.
  virtual bool finished() const = 0;
  void end() { terminated_ = true; }

  ReplySummary summary_;

 private:
  enum class Form : std::uint8_t { unknown, events, document };

  void look_at(std::string_view bytes);
  std::optional<Failure> parse(std::string_view bytes, std::vector<Delta>& out);
  bool ends_in_terminator(std::vector<Delta>& out);
  Failure read_document() const;

  std::string_view terminator_;
  bool requires_terminator_;
  bool terminated_ = false;
  Form form_ = Form::unknown;
  wire::SseParser parser_;
  std::string document_;  // bounded by kMaxErrorBodyBytes
};

}  // namespace llmroute::provider
