// Chunks of streamGenerateContent: each is a reply of its own, with the next pieces of every
// candidate, and with counts so far that replace the earlier ones. There is no terminator: the
// stream is complete where every candidate has its finish reason and the connection closes between
// two events.
#include <utility>

#include "llmroute/model/defaults.h"
#include "llmroute/provider/classify.h"
#include "llmroute/provider/common.h"
#include "llmroute/provider/event_stream.h"
#include "llmroute/provider/gemini_parts.h"

namespace llmroute::provider {

namespace {

using wire::JsonView;

class GeminiStream final : public EventStream {
 public:
  GeminiStream() : EventStream("the finish reason of every candidate", false) {}

 private:
  // Cap what a broken stream can make us hold.
  static constexpr std::int64_t kMaxChoices = 1024;
  static constexpr std::uint16_t kMaxToolCalls = 4096;

  struct Choice {
    std::uint16_t calls = 0;
    bool seen = false;
    std::string finish_reason;
  };

  std::optional<Failure> on_event(const wire::SseParser::Event& sse,
                                  std::vector<Delta>& out) override {
    if (!wire::validate_json(sse.data, defaults::kMaxJsonDepth)) {
      return broken("a chunk of the stream is not JSON");
    }
    const JsonView whole(sse.data);
    const GeminiReply chunk(whole);
    if (!whole.is_object() || sse.type == "error" || chunk.error.is_object()) {
      const ErrorFields fields = read_error_fields(whole);
      if (!fields.found) return broken("a chunk of the stream is not a reply");
      return classify_error(200, fields);
    }
    if (reply_id_.empty()) chunk.id.append_string(reply_id_);
    const auto first = chunk.candidates.first_element();
    if (!first) {
      if (auto failure = gemini_refusal(chunk, whole)) return failure;
    }
    for (auto e = first; e; e = e.next()) {
      if (auto failure = on_candidate(e.value(), out)) return failure;
    }
    note_usage(chunk.usage, out);
    return std::nullopt;
  }

  bool finished() const override {
    bool any = false;
    for (const Choice& choice : choices_) {
      if (choice.seen && choice.finish_reason.empty()) return false;
      any = any || choice.seen;
    }
    return any;
  }

  std::optional<Failure> on_candidate(JsonView candidate, std::vector<Delta>& out) {
    JsonView content, reason, index;
    each_member(candidate, [&](const JsonView::Member& m) {
      if (m.key_is("content")) content = m.value();
      if (m.key_is("finishReason")) reason = m.value();
      if (m.key_is("index")) index = m.value();
    });
    const std::int64_t at = index.missing() ? 0 : index.integer().value_or(-1);
    if (!candidate.is_object() || at < 0 || at >= kMaxChoices) {
      return broken("a chunk of the stream has a candidate without bounds");
    }
    const auto number = static_cast<std::size_t>(at);
    if (number >= choices_.size()) choices_.resize(number + 1);
    choices_[number].seen = true;
    const std::size_t before = out.size();
    for (auto e = content["parts"].first_element(); e; e = e.next()) {
      if (auto failure = on_part(GeminiPart(e.value()), number, out)) return failure;
    }
    if (reason.is_string()) on_finish(reason.string(), number, out);
    for (std::size_t i = before; i < out.size(); ++i) {
      out[i].choice = static_cast<std::uint16_t>(number);
    }
    return std::nullopt;
  }

  std::optional<Failure> on_part(const GeminiPart& part, std::size_t choice,
                                 std::vector<Delta>& out) {
    if (part.thought) {
      add_text(DeltaKind::reasoning, part.text, out);
    } else if (part.is_call) {
      return on_call(part, choice, out);
    } else if (part.data.is_string()) {
      // Left out silently it would be an answer that is not the model's.
      return make_failure(ErrorKind::bad_request,
                          "the model answers with media, which a stream cannot carry; ask without "
                          "stream");
    } else if (!part.foreign) {
      add_text(DeltaKind::text, part.text, out);
      if (!part.signature.is_string()) return std::nullopt;
      Delta& delta = out.emplace_back();
      delta.kind = DeltaKind::thinking_block;
      delta.text = gemini_signature_block(part.signature);
    }
    return std::nullopt;
  }

  std::optional<Failure> on_call(const GeminiPart& part, std::size_t choice,
                                 std::vector<Delta>& out) {
    if (part.unfinished_call) return broken("the stream gives a tool call in pieces, unasked");
    std::uint16_t& calls = choices_[choice].calls;
    if (calls >= kMaxToolCalls) return broken("the stream has too many tool calls");
    Delta& delta = out.emplace_back();
    delta.kind = DeltaKind::tool_call;
    delta.tool_index = calls;
    delta.tool_id = part.call_id.string();
    if (delta.tool_id.empty()) delta.tool_id = gemini_call_id(reply_id_, choice, calls);
    delta.tool_name = part.call_name.string();
    delta.text = part.arguments.is_object() ? part.arguments.raw() : "{}";
    delta.extra = gemini_extra(part.signature);
    ++calls;
    return std::nullopt;
  }

  // Some models name the reason in every chunk; it is told once.
  void on_finish(std::string raw, std::size_t choice, std::vector<Delta>& out) {
    std::string reason = gemini_finish_reason(raw, choices_[choice].calls > 0);
    if (reason.empty() || reason == choices_[choice].finish_reason) return;
    choices_[choice].finish_reason = reason;
    if (choice == 0) {
      summary_.finish_reason = reason;
      summary_.raw_finish_reason = raw;
    }
    Delta& end = out.emplace_back();
    end.kind = DeltaKind::finish;
    end.finish_reason = std::move(reason);
    end.extra = std::move(raw);
  }

  void note_usage(JsonView object, std::vector<Delta>& out) {
    if (!object.is_object()) return;
    const Usage usage = read_gemini_usage(object);
    if (!usage.reported) return;  // the first chunks of Vertex AI have no counts
    summary_.usage = usage;
    if (!finished()) return;
    Delta& delta = out.emplace_back();
    delta.kind = DeltaKind::usage;
    delta.usage = usage;
  }

  static void add_text(DeltaKind kind, JsonView value, std::vector<Delta>& out) {
    if (value.raw().size() <= 2 || !value.is_string()) return;
    Delta& delta = out.emplace_back();
    delta.kind = kind;
    value.append_string(delta.text);
  }

  std::string reply_id_;
  std::vector<Choice> choices_;  // by index
};

}  // namespace

std::unique_ptr<StreamDecoder> gemini_stream() { return std::make_unique<GeminiStream>(); }

}  // namespace llmroute::provider
