#include <utility>

#include "llmroute/provider/classify.h"
#include "llmroute/provider/common.h"
#include "llmroute/provider/line_stream.h"
#include "llmroute/provider/ollama_parts.h"

namespace llmroute::provider {

namespace {

using wire::JsonView;

class OllamaStream final : public LineStream {
 public:
  OllamaStream() : LineStream("\"done\": true") {}

 private:
  // Caps what a broken stream can make anybody hold.
  static constexpr std::size_t kMaxToolCalls = 4096;

  std::optional<Failure> on_line(JsonView line, std::vector<Delta>& out) override {
    const OllamaReply reply(line);
    if (reply.failed()) return classify_error(200, read_error_fields(line));
    if (!reply.message.is_object() && reply.done.boolean() != true) {
      return broken("a line of the stream has no message");
    }
    bool too_many = false;
    each_member(reply.message, [&](const JsonView::Member& m) {
      if (m.key_is("thinking")) add_text(DeltaKind::reasoning, m.value(), out);
      if (m.key_is("content")) add_text(DeltaKind::text, m.value(), out);
      if (!m.key_is("tool_calls")) return;
      each_element(m.value(), [&](JsonView call) {
        too_many = too_many || calls_ >= kMaxToolCalls;
        if (!too_many) add_call(call, out);
      });
    });
    if (too_many) return broken("the stream has too many tool calls");
    if (reply.done.boolean() == true) on_done(reply, out);
    return std::nullopt;
  }

  static void add_text(DeltaKind kind, JsonView value, std::vector<Delta>& out) {
    if (value.raw().size() <= 2 || !value.is_string()) return;
    Delta& delta = out.emplace_back();
    delta.kind = kind;
    value.append_string(delta.text);
  }

  // Calls come whole.
  void add_call(JsonView call, std::vector<Delta>& out) {
    const JsonView function = call["function"];
    const JsonView arguments = function["arguments"];
    Delta& delta = out.emplace_back();
    delta.kind = DeltaKind::tool_call;
    delta.tool_index = static_cast<std::uint16_t>(calls_);
    delta.tool_id = ollama_call_id(call, calls_++);
    delta.tool_name = function["name"].string();
    delta.text = arguments.is_object() ? arguments.raw() : "{}";
  }

  void on_done(const OllamaReply& reply, std::vector<Delta>& out) {
    end();
    read_ollama_end(reply, calls_ > 0, summary_);
    if (!summary_.raw_finish_reason.empty()) {
      Delta& finish = out.emplace_back();
      finish.kind = DeltaKind::finish;
      finish.finish_reason = summary_.finish_reason;
      finish.extra = summary_.raw_finish_reason;
    }
    if (!summary_.usage.reported) return;
    Delta& usage = out.emplace_back();
    usage.kind = DeltaKind::usage;
    usage.usage = summary_.usage;
  }

  std::size_t calls_ = 0;
};

}  // namespace

std::unique_ptr<StreamDecoder> ollama_stream() { return std::make_unique<OllamaStream>(); }

}  // namespace llmroute::provider
