// Streams that are newline-delimited JSON: one document a line, the last of which says so.
//
// For files of this folder only; EventStream is the same for server-sent events. A subclass turns
// one line into deltas and says when it has seen the dialect's end; this class decides what a close
// means.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "llmroute/provider/dialect.h"
#include "llmroute/wire/json.h"
#include "llmroute/wire/lines.h"

namespace llmroute::provider {

class LineStream : public StreamDecoder {
 public:
  // `terminator` names the dialect's end in messages and has static storage.
  explicit LineStream(std::string_view terminator);

  std::optional<Failure> feed(std::string_view bytes, std::vector<Delta>& out) final;
  // A last line that lacks its line end alone counts where it is the end, or tells of an error.
  std::optional<Failure> finish(std::vector<Delta>& out) final;
  bool terminated() const final { return terminated_; }
  const ReplySummary& summary() const final { return summary_; }

 protected:
  // A line that was found to be JSON.
  virtual std::optional<Failure> on_line(wire::JsonView line, std::vector<Delta>& out) = 0;
  void end() { terminated_ = true; }

  ReplySummary summary_;

 private:
  std::optional<Failure> read_line(std::string_view line, std::vector<Delta>& out);
  Failure read_document() const;

  std::string_view terminator_;
  bool terminated_ = false;
  bool has_lines_ = false;
  wire::LineSplitter splitter_;
  // Not empty: the first line is no JSON but the begin of a document over several of them, as a
  // proxy writes its errors. Bounded by kMaxErrorBodyBytes.
  std::string document_;
};

}  // namespace llmroute::provider
