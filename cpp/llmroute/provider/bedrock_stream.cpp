// ConverseStream: binary event frames, whose last is `metadata`, behind `messageStop`. Only both
// together are an end: a reply without its usage has been cut.
#include <utility>

#include "llmroute/base/base64.h"
#include "llmroute/model/defaults.h"
#include "llmroute/provider/bedrock_parts.h"
#include "llmroute/provider/common.h"
#include "llmroute/wire/event_frames.h"

namespace llmroute::provider {

namespace {

using wire::EventFrame;
using wire::JsonView;

class BedrockStream final : public StreamDecoder {
 public:
  explicit BedrockStream(bool requires_terminator)
      : requires_terminator_(requires_terminator), parser_(defaults::kMaxSseEventBytes) {}

  std::optional<Failure> feed(std::string_view bytes, std::vector<Delta>& out) override {
    if (terminated() || bytes.empty()) return std::nullopt;
    // A frame begins with the high byte of its length, which the bound keeps below any letter.
    if (form_ == Form::unknown) {
      form_ = static_cast<unsigned char>(bytes[0]) <= 1 ? Form::frames : Form::document;
    }
    if (form_ == Form::document) {
      document_.append(bytes.substr(0, defaults::kMaxErrorBodyBytes - document_.size()));
      return std::nullopt;
    }
    std::optional<Failure> failure;
    const auto parsed = parser_.feed(bytes, [&](const EventFrame& frame) {
      failure = on_frame(frame, out);
      return !failure && !terminated();
    });
    return parsed ? failure : broken(parsed.error().message);
  }

  std::optional<Failure> finish(std::vector<Delta>&) override {
    if (terminated()) return std::nullopt;
    if (form_ == Form::document) return read_document();
    if (stopped_ && !requires_terminator_ && !parser_.mid_frame()) {
      has_metadata_ = true;
      return std::nullopt;
    }
    return make_failure(
        ErrorKind::stream_interrupted,
        stopped_ ? "the stream ended without metadata" : "the stream ended without messageStop");
  }

  bool terminated() const override { return stopped_ && has_metadata_; }
  const ReplySummary& summary() const override { return summary_; }

 private:
  enum class Form : std::uint8_t { unknown, frames, document };
  // Cap what a broken stream can make us hold.
  static constexpr std::size_t kMaxToolCalls = 4096;
  static constexpr std::size_t kMaxThinkingBytes = defaults::kMaxSseEventBytes;

  std::optional<Failure> on_frame(const EventFrame& frame, std::vector<Delta>& out) {
    const std::string_view kind = frame.text(":message-type");
    if (kind == "exception" || kind == "error") return read_exception(frame);
    if (kind != "event") return broken("a frame of the stream has no known type");
    if (!wire::validate_json(frame.payload, defaults::kMaxJsonDepth)) {
      return broken("an event of the stream is not JSON");
    }
    return on_event(frame.text(":event-type"), JsonView(frame.payload), out);
  }

  // Those it lists as exceptions have a name and a document, all others a code and words.
  static Failure read_exception(const EventFrame& frame) {
    ErrorFields fields;
    if (wire::validate_json(frame.payload, defaults::kMaxJsonDepth)) {
      fields = read_bedrock_fields(JsonView(frame.payload));
    }
    for (const std::string_view header : {":exception-type", ":error-code"}) {
      if (!frame.text(header).empty()) fields.type = frame.text(header);
    }
    if (fields.message.empty()) fields.message = frame.text(":error-message");
    return bedrock_failure(200, fields);
  }

  std::optional<Failure> on_event(std::string_view type, JsonView event, std::vector<Delta>& out) {
    if (type == "contentBlockDelta") return on_delta(event, out);
    if (type == "contentBlockStart") return on_start(event, out);
    if (type == "contentBlockStop") {
      end_thinking(out);
    } else if (type == "messageStop") {
      end_thinking(out);
      on_message_stop(event, out);
    } else if (type == "metadata") {
      on_metadata(event, out);
    }
    return std::nullopt;  // messageStart, and types of the future
  }

  std::optional<Failure> on_start(JsonView event, std::vector<Delta>& out) {
    const JsonView use = event.at("start", "toolUse");
    // The provider's own tools are called and answered on its side.
    if (!use.is_object() || use["type"].equals("server_tool_use")) return std::nullopt;
    if (tools_.size() >= kMaxToolCalls) return broken("the stream has too many tool calls");
    Delta& delta = add_tool(tools_.size(), out);
    delta.tool_id = use["toolUseId"].string();
    delta.tool_name = use["name"].string();
    tools_.push_back(index_of(event));
    return std::nullopt;
  }

  std::optional<Failure> on_delta(JsonView event, std::vector<Delta>& out) {
    std::optional<Failure> failure;
    each_member(event["delta"], [&](const JsonView::Member& m) {
      const JsonView value = m.value();
      if (m.key_is("text")) add_text(DeltaKind::text, value, out);
      if (m.key_is("toolUse")) add_arguments(index_of(event), value["input"], out);
      if (m.key_is("reasoningContent")) failure = on_reasoning(index_of(event), value, out);
    });
    return failure;
  }

  void add_arguments(std::int64_t block, JsonView piece, std::vector<Delta>& out) {
    if (!piece.is_string() || piece.raw().size() <= 2) return;
    for (std::size_t i = tools_.size(); i-- > 0;) {
      if (tools_[i] != block) continue;
      piece.append_string(add_tool(i, out).text);
      return;
    }
  }

  // The text goes out as it comes; the signed whole is for whoever continues the conversation.
  std::optional<Failure> on_reasoning(std::int64_t block, JsonView reasoning,
                                      std::vector<Delta>& out) {
    if (block != thinking_block_) end_thinking(out);
    thinking_block_ = block;
    const JsonView text = reasoning["text"];
    add_text(DeltaKind::reasoning, text, out);
    text.append_string(thinking_);
    reasoning["signature"].append_string(signature_);
    redacted_ += from_base64(reasoning["redactedContent"].string()).value_or("");
    if (thinking_.size() + signature_.size() + redacted_.size() <= kMaxThinkingBytes) {
      return std::nullopt;
    }
    return broken("the stream has too much thinking in one block");
  }

  void end_thinking(std::vector<Delta>& out) {
    const auto add = [&out](std::string block) {
      if (block.empty()) return;
      Delta& delta = out.emplace_back();
      delta.kind = DeltaKind::thinking_block;
      delta.text = std::move(block);
    };
    add(signed_thinking(thinking_, signature_));
    if (!redacted_.empty()) add(redacted_thinking(redacted_));
    thinking_.clear();
    signature_.clear();
    redacted_.clear();
  }

  void on_message_stop(JsonView event, std::vector<Delta>& out) {
    const JsonView reason = event["stopReason"];
    if (!reason.is_string() || stopped_) return;
    stopped_ = true;
    summary_.raw_finish_reason = reason.string();
    summary_.finish_reason = bedrock_finish_reason(summary_.raw_finish_reason);
    Delta& end = out.emplace_back();
    end.kind = DeltaKind::finish;
    end.finish_reason = summary_.finish_reason;
    end.extra = summary_.raw_finish_reason;
  }

  void on_metadata(JsonView event, std::vector<Delta>& out) {
    has_metadata_ = true;
    summary_.usage = read_bedrock_usage(event["usage"]);
    if (!summary_.usage.reported) return;
    Delta& delta = out.emplace_back();
    delta.kind = DeltaKind::usage;
    delta.usage = summary_.usage;
  }

  Failure read_document() const {
    if (wire::validate_json(document_, defaults::kMaxJsonDepth)) {
      const ErrorFields fields = read_bedrock_fields(JsonView(document_));
      if (fields.found) return bedrock_failure(200, fields);
    }
    return broken("a stream was asked for, and something else than its events came back");
  }

  static std::int64_t index_of(JsonView event) {
    return event["contentBlockIndex"].integer().value_or(-1);
  }

  static void add_text(DeltaKind kind, JsonView value, std::vector<Delta>& out) {
    if (!value.is_string() || value.raw().size() <= 2) return;
    Delta& delta = out.emplace_back();
    delta.kind = kind;
    value.append_string(delta.text);
  }

  static Delta& add_tool(std::size_t index, std::vector<Delta>& out) {
    Delta& delta = out.emplace_back();
    delta.kind = DeltaKind::tool_call;
    delta.tool_index = static_cast<std::uint16_t>(index);
    return delta;
  }

  bool requires_terminator_;
  bool stopped_ = false, has_metadata_ = false;
  Form form_ = Form::unknown;
  wire::EventFrameParser parser_;
  ReplySummary summary_;
  std::string document_;             // bounded by kMaxErrorBodyBytes
  std::vector<std::int64_t> tools_;  // the block of each tool call, in order
  std::int64_t thinking_block_ = -1;
  std::string thinking_, signature_, redacted_;  // of the block that is open
};

}  // namespace

std::unique_ptr<StreamDecoder> bedrock_stream(bool requires_terminator) {
  return std::make_unique<BedrockStream>(requires_terminator);
}

}  // namespace llmroute::provider
