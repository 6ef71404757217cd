#include <optional>
#include <utility>

#include "llmroute/model/defaults.h"
#include "llmroute/provider/anthropic_parts.h"
#include "llmroute/provider/classify.h"
#include "llmroute/provider/common.h"
#include "llmroute/provider/event_stream.h"

namespace llmroute::provider {

namespace {

using wire::JsonView;

// A block of thinking that is open.
struct Thinking {
  std::int64_t block = -1;
  std::string text, signature;
  bool is_signed = false;
  std::string redacted;  // JSON: there is no text
};

class AnthropicStream final : public EventStream {
 public:
  explicit AnthropicStream(bool requires_terminator)
      : EventStream("message_stop", requires_terminator) {}

 private:
  // Caps what a broken stream of block starts can make us hold.
  static constexpr std::size_t kMaxToolCalls = 4096;

  std::optional<Failure> on_event(const wire::SseParser::Event& sse,
                                  std::vector<Delta>& out) override {
    if (!wire::validate_json(sse.data, defaults::kMaxJsonDepth)) {
      return broken("an event of the stream is not JSON");
    }
    const JsonView event(sse.data);
    const JsonView type = event["type"];
    if (type.equals("content_block_delta")) {
      return on_delta(event, out);
    } else if (type.equals("content_block_stop")) {
      end_thinking(event["index"], out);
    } else if (type.equals("content_block_start")) {
      return on_block(event, out);
    } else if (type.equals("message_start")) {
      read_anthropic_usage(event.at("message", "usage"), summary_.usage, fresh_input_);
    } else if (type.equals("message_delta")) {
      on_message_delta(event, out);
    } else if (type.equals("message_stop")) {
      end();
    } else if (type.equals("error") || sse.type == "error" || event["error"].is_object()) {
      return classify_error(200, read_error_fields(event));
    } else if (!type.is_string()) {
      return broken("an event of the stream has no type");
    }
    return std::nullopt;  // ping, and types of the future
  }

  bool finished() const override { return finished_; }

  std::optional<Failure> on_block(JsonView event, std::vector<Delta>& out) {
    const JsonView block = event["content_block"];
    const JsonView type = block["type"];
    if (type.equals("text")) add_text(DeltaKind::text, block["text"], out);
    if (type.equals("thinking")) add_text(DeltaKind::reasoning, block["thinking"], out);
    if (type.equals("thinking") || type.equals("redacted_thinking")) begin_thinking(event, block);
    if (!type.equals("tool_use")) return std::nullopt;
    if (tools_.size() >= kMaxToolCalls) return broken("the stream has too many tool calls");
    Delta& delta = add_tool(static_cast<std::uint16_t>(tools_.size()), out);
    delta.tool_id = block["id"].string();
    delta.tool_name = block["name"].string();
    // Some compatible servers give the whole input at once; the provider itself gives {}.
    const JsonView input = block["input"];
    if (input.first_member()) delta.text = input.raw();
    tools_.push_back(event["index"].integer().value_or(-1));
    return std::nullopt;
  }

  std::optional<Failure> on_delta(JsonView event, std::vector<Delta>& out) {
    each_member(event["delta"], [&](const JsonView::Member& m) {
      if (m.key_is("text")) add_text(DeltaKind::text, m.value(), out);
      if (m.key_is("partial_json")) add_arguments(event["index"], m.value(), out);
      const bool open = thinking_ && thinking_->block == event["index"].integer().value_or(-1);
      if (m.key_is("thinking")) {
        add_text(DeltaKind::reasoning, m.value(), out);
        if (open) m.value().append_string(thinking_->text);
      }
      if (m.key_is("signature") && open) {
        thinking_->is_signed = m.value().append_string(thinking_->signature);
      }
    });
    if (!thinking_) return std::nullopt;
    const std::size_t held = thinking_->text.size() + thinking_->signature.size();
    if (held <= defaults::kMaxSseEventBytes) return std::nullopt;
    return broken("a thinking block of the stream is too long");
  }

  // --- thinking: its pieces for the reader, the whole block with its signature for the next turn ---

  void begin_thinking(JsonView event, JsonView block) {
    thinking_.emplace();
    thinking_->block = event["index"].integer().value_or(-1);
    if (block["type"].equals("redacted_thinking")) thinking_->redacted = block.raw();
    block["thinking"].append_string(thinking_->text);
    thinking_->is_signed = block["signature"].append_string(thinking_->signature);
  }

  void end_thinking(JsonView block, std::vector<Delta>& out) {
    if (!thinking_ || thinking_->block != block.integer().value_or(-1)) return;
    Delta& delta = out.emplace_back();
    delta.kind = DeltaKind::thinking_block;
    delta.text = std::move(thinking_->redacted);
    if (delta.text.empty()) {
      wire::JsonWriter w(delta.text);
      w.begin_object().key("type").string("thinking").key("thinking").string(thinking_->text);
      if (thinking_->is_signed) w.key("signature").string(thinking_->signature);
      w.end_object();
    }
    thinking_.reset();
  }

  // Blocks that are no calls of the caller's tools have partial_json too (the provider's own
  // tools), so the block's index decides.
  void add_arguments(JsonView block, JsonView piece, std::vector<Delta>& out) {
    if (piece.raw().size() <= 2 || !piece.is_string()) return;
    const std::int64_t index = block.integer().value_or(-1);
    for (std::size_t i = tools_.size(); i-- > 0;) {
      if (tools_[i] != index) continue;
      piece.append_string(add_tool(static_cast<std::uint16_t>(i), out).text);
      return;
    }
  }

  void on_message_delta(JsonView event, std::vector<Delta>& out) {
    const JsonView usage = event["usage"];
    read_anthropic_usage(usage, summary_.usage, fresh_input_);
    const JsonView reason = event.at("delta", "stop_reason");
    if (reason.is_string()) {
      finished_ = true;
      summary_.raw_finish_reason = reason.string();
      summary_.finish_reason = anthropic_finish_reason(summary_.raw_finish_reason);
      Delta& end = out.emplace_back();
      end.kind = DeltaKind::finish;
      end.finish_reason = summary_.finish_reason;
      end.extra = summary_.raw_finish_reason;
    }
    if (!summary_.usage.reported) return;
    Delta& delta = out.emplace_back();
    delta.kind = DeltaKind::usage;
    delta.usage = summary_.usage;
  }

  static void add_text(DeltaKind kind, JsonView value, std::vector<Delta>& out) {
    if (value.raw().size() <= 2 || !value.is_string()) return;
    Delta& delta = out.emplace_back();
    delta.kind = kind;
    value.append_string(delta.text);
  }

  static Delta& add_tool(std::uint16_t index, std::vector<Delta>& out) {
    Delta& delta = out.emplace_back();
    delta.kind = DeltaKind::tool_call;
    delta.tool_index = index;
    return delta;
  }

  Tokens fresh_input_;
  std::optional<Thinking> thinking_;  // the block that is open
  std::vector<std::int64_t> tools_;   // the block of each tool call, in order
  bool finished_ = false;
};

}  // namespace

std::unique_ptr<StreamDecoder> anthropic_stream(bool requires_terminator) {
  return std::make_unique<AnthropicStream>(requires_terminator);
}

}  // namespace llmroute::provider
