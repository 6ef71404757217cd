#include <utility>

#include "llmroute/model/defaults.h"
#include "llmroute/provider/classify.h"
#include "llmroute/provider/cohere_parts.h"
#include "llmroute/provider/common.h"
#include "llmroute/provider/event_stream.h"

namespace llmroute::provider {

namespace {

using wire::JsonView;

class CohereStream final : public EventStream {
 public:
  explicit CohereStream(bool requires_terminator)
      : EventStream("message-end", requires_terminator) {}

 private:
  // Caps what a broken stream of call starts can make us hold.
  static constexpr std::size_t kMaxToolCalls = 4096;

  struct Parts {
    JsonView type, index, delta;
  };

  std::optional<Failure> on_event(const wire::SseParser::Event& sse,
                                  std::vector<Delta>& out) override {
    if (sse.data == "[DONE]") return std::nullopt;  // follows the end, and is none
    if (!wire::validate_json(sse.data, defaults::kMaxJsonDepth)) {
      return broken("an event of the stream is not JSON");
    }
    const JsonView event(sse.data);
    Parts parts;
    each_member(event, [&parts](const JsonView::Member& m) {
      if (m.key_is("type")) parts.type = m.value();
      if (m.key_is("index")) parts.index = m.value();
      if (m.key_is("delta")) parts.delta = m.value();
    });
    const JsonView type = parts.type;
    if (type.equals("content-delta") || type.equals("content-start")) {
      on_content(parts.delta.at("message", "content"), out);
    } else if (type.equals("tool-call-delta")) {
      on_arguments(parts, out);
    } else if (type.equals("tool-call-start")) {
      return on_call(parts, out);
    } else if (type.equals("tool-plan-delta")) {
      add_text(DeltaKind::reasoning, parts.delta.at("message", "tool_plan"), out);
    } else if (type.equals("message-end")) {
      return on_end(parts.delta, out);
    } else if (!type.is_string() || type.equals("error")) {
      const ErrorFields fields = read_error_fields(event);
      if (fields.found) return classify_error(200, fields);
      return broken("an event of the stream has no type");
    }
    return std::nullopt;  // starts, ends, citations, and types of the future
  }

  bool finished() const override { return false; }  // the reason comes with the end

  static void on_content(JsonView content, std::vector<Delta>& out) {
    each_member(content, [&out](const JsonView::Member& m) {
      if (m.key_is("text")) add_text(DeltaKind::text, m.value(), out);
      if (m.key_is("thinking")) add_text(DeltaKind::reasoning, m.value(), out);
    });
  }

  std::optional<Failure> on_call(const Parts& parts, std::vector<Delta>& out) {
    if (calls_.size() >= kMaxToolCalls) return broken("the stream has too many tool calls");
    const JsonView call = parts.delta.at("message", "tool_calls");
    const JsonView function = call["function"];
    Delta& delta = out.emplace_back();
    delta.kind = DeltaKind::tool_call;
    delta.tool_index = static_cast<std::uint16_t>(calls_.size());
    delta.tool_id = call["id"].string();
    delta.tool_name = function["name"].string();
    function["arguments"].append_string(delta.text);
    calls_.push_back(parts.index.integer().value_or(-1));
    return std::nullopt;
  }

  void on_arguments(const Parts& parts, std::vector<Delta>& out) {
    const JsonView piece = parts.delta.at("message", "tool_calls", "function", "arguments");
    if (!piece.is_string() || piece.raw().size() <= 2) return;
    const std::int64_t index = parts.index.integer().value_or(-1);
    for (std::size_t i = calls_.size(); i-- > 0;) {
      if (calls_[i] != index) continue;
      Delta& delta = out.emplace_back();
      delta.kind = DeltaKind::tool_call;
      delta.tool_index = static_cast<std::uint16_t>(i);
      piece.append_string(delta.text);
      return;
    }
  }

  std::optional<Failure> on_end(JsonView delta, std::vector<Delta>& out) {
    const JsonView error = delta["error"];
    if (error.is_string() && error.raw().size() > 2) {
      return classify_error(200, read_error_fields(delta));
    }
    summary_.raw_finish_reason = delta["finish_reason"].string();
    summary_.finish_reason = cohere_finish_reason(summary_.raw_finish_reason);
    summary_.usage = read_cohere_usage(delta["usage"]);
    end();
    if (!summary_.raw_finish_reason.empty()) {
      Delta& finish = out.emplace_back();
      finish.kind = DeltaKind::finish;
      finish.finish_reason = summary_.finish_reason;
      finish.extra = summary_.raw_finish_reason;
    }
    if (!summary_.usage.reported) return std::nullopt;
    Delta& usage = out.emplace_back();
    usage.kind = DeltaKind::usage;
    usage.usage = summary_.usage;
    return std::nullopt;
  }

  static void add_text(DeltaKind kind, JsonView value, std::vector<Delta>& out) {
    if (value.raw().size() <= 2 || !value.is_string()) return;
    Delta& delta = out.emplace_back();
    delta.kind = kind;
    value.append_string(delta.text);
  }

  std::vector<std::int64_t> calls_;  // the provider's index of each tool call, in order
};

}  // namespace

std::unique_ptr<StreamDecoder> cohere_stream(bool requires_terminator) {
  return std::make_unique<CohereStream>(requires_terminator);
}

}  // namespace llmroute::provider
