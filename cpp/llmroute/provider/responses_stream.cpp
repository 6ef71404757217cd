// A streamed response: typed events, of which the last holds the whole response once more.
//
// Every text comes in pieces and then, in its `done` event and in the item's, as a whole; servers
// leave out one or the other. So each text keeps how much of it was given, and a whole only adds
// what is missing. Items are told apart by their place (output_index): their ids are not the same in
// all events at all providers.
#include <array>
#include <utility>

#include "llmroute/model/defaults.h"
#include "llmroute/provider/classify.h"
#include "llmroute/provider/common.h"
#include "llmroute/provider/event_stream.h"
#include "llmroute/provider/responses_parts.h"

namespace llmroute::provider {

namespace {

using wire::JsonView;

// Caps what a broken stream of ever new items can make us hold.
constexpr std::size_t kMaxPieces = 4096;

enum class What : std::uint8_t { piece, whole, item, end, failed, error, other };

// An event's meaning: which text it is about, and the member that holds it.
struct Row {
  std::string_view type;
  What what;
  DeltaKind kind = DeltaKind::text;
  std::string_view member = {};
};

constexpr std::array kRows = {
    Row{"response.output_text.delta", What::piece, DeltaKind::text, "delta"},
    Row{"response.function_call_arguments.delta", What::piece, DeltaKind::tool_call, "delta"},
    Row{"response.reasoning_summary_text.delta", What::piece, DeltaKind::reasoning, "delta"},
    Row{"response.reasoning_text.delta", What::piece, DeltaKind::reasoning, "delta"},
    Row{"response.refusal.delta", What::piece, DeltaKind::refusal, "delta"},
    Row{"response.custom_tool_call_input.delta", What::piece, DeltaKind::tool_call, "delta"},
    Row{"response.output_text.done", What::whole, DeltaKind::text, "text"},
    Row{"response.function_call_arguments.done", What::whole, DeltaKind::tool_call, "arguments"},
    Row{"response.reasoning_summary_text.done", What::whole, DeltaKind::reasoning, "text"},
    Row{"response.reasoning_text.done", What::whole, DeltaKind::reasoning, "text"},
    Row{"response.refusal.done", What::whole, DeltaKind::refusal, "refusal"},
    Row{"response.custom_tool_call_input.done", What::whole, DeltaKind::tool_call, "input"},
    Row{"response.output_item.added", What::item},
    Row{"response.output_item.done", What::item},
    Row{"response.completed", What::end},
    Row{"response.incomplete", What::end},
    Row{"response.failed", What::failed},
    Row{"error", What::error},
};

const Row& find_row(JsonView type) {
  static constexpr Row kOther{"", What::other};
  const std::string_view raw = type.raw();
  if (!type.is_string()) return kOther;
  const std::string_view name = raw.substr(1, raw.size() - 2);
  for (const Row& row : kRows) {
    if (row.type == name) return row;
  }
  return kOther;
}

// The members of an event that count, found in one walk.
struct EventParts {
  JsonView type, item, output_index, content_index, summary_index, response, error;
  explicit EventParts(JsonView event) {
    each_member(event, [this](const JsonView::Member& m) {
      if (m.key_is("type")) type = m.value();
      if (m.key_is("item")) item = m.value();
      if (m.key_is("output_index")) output_index = m.value();
      if (m.key_is("content_index")) content_index = m.value();
      if (m.key_is("summary_index")) summary_index = m.value();
      if (m.key_is("response")) response = m.value();
      if (m.key_is("error")) error = m.value();
    });
  }
};

class ResponsesStream final : public EventStream {
 public:
  ResponsesStream() : EventStream("response.completed", true) {}

 private:
  // One text of the reply: a part of a message or of reasoning, or the arguments of a call.
  struct Piece {
    DeltaKind kind = DeltaKind::text;
    std::int64_t item = 0;  // output_index
    std::int64_t part = 0;  // summaries count from 0 up, all others from -1 down
    std::size_t sent = 0;   // bytes given so far
    std::uint16_t call = 0;
  };

  std::optional<Failure> on_event(const wire::SseParser::Event& sse,
                                  std::vector<Delta>& out) override {
    if (sse.data == "[DONE]") return std::nullopt;  // of other dialects; it proves nothing here
    if (!wire::validate_json(sse.data, defaults::kMaxJsonDepth)) {
      return broken("an event of the stream is not JSON");
    }
    const JsonView event(sse.data);
    const EventParts parts(event);
    const Row& row = find_row(parts.type);
    item_ = parts.output_index.integer().value_or(item_);
    switch (row.what) {
      case What::piece: on_text(row, event[row.member], parts, false, out); break;
      case What::whole: on_text(row, event[row.member], parts, true, out); break;
      case What::item: on_item(parts.item, row.type == "response.output_item.done", out); break;
      case What::end: return on_end(parts.response, row.type, out);
      case What::failed: return read_response_failure(parts.response);
      case What::error: return classify_error(200, read_error_fields(event));
      case What::other:
        if (sse.type == "error" || parts.error.first_member()) {
          return classify_error(200, read_error_fields(event));
        }
        if (!parts.type.is_string()) return broken("an event of the stream has no type");
    }
    if (pieces_.size() >= kMaxPieces) return broken("the stream has too many items");
    return std::nullopt;
  }

  bool finished() const override { return false; }  // the end and the finish are one event

  // --- texts ------------------------------------------------------------------------------------

  Piece* find(DeltaKind kind, std::int64_t part) {
    for (std::size_t i = pieces_.size(); i-- > 0;) {
      Piece& piece = pieces_[i];
      if (piece.kind == kind && piece.item == item_ && piece.part == part) return &piece;
    }
    return nullptr;
  }

  Piece& find_or_add(DeltaKind kind, std::int64_t part) {
    if (Piece* piece = find(kind, part)) return *piece;
    return pieces_.emplace_back(Piece{kind, item_, part, 0, 0});
  }

  static std::int64_t part_of(JsonView index, bool summary) {
    const std::int64_t part = index.integer().value_or(0);
    return summary ? part : -1 - part;
  }

  void on_text(const Row& row, JsonView text, const EventParts& event, bool whole,
               std::vector<Delta>& out) {
    const bool summary = !event.summary_index.missing();
    Piece* piece = nullptr;
    if (row.kind == DeltaKind::tool_call) {
      piece = find(row.kind, 0);
      if (piece == nullptr) return;  // of a call without a name: its item's end has all of it
    } else {
      const JsonView index = summary ? event.summary_index : event.content_index;
      piece = &find_or_add(row.kind, part_of(index, summary));
    }
    give(*piece, text, whole ? piece->sent : 0, out);
  }

  // `skip` bytes were given before.
  void give(Piece& piece, JsonView text, std::size_t skip, std::vector<Delta>& out) {
    if (!text.is_string() || text.raw().size() <= skip + 2) return;
    std::string said = text.string();
    const bool inside_character =
        skip < said.size() && (static_cast<unsigned char>(said[skip]) & 0xC0U) == 0x80U;
    if (said.size() <= skip || inside_character) return;
    Delta& delta = out.emplace_back();
    delta.kind = piece.kind;
    delta.tool_index = piece.call;
    const bool paragraph = piece.kind == DeltaKind::reasoning && piece.sent == 0;
    if (paragraph && std::exchange(has_reasoning_, true)) delta.text = "\n\n";
    piece.sent = skip == 0 ? piece.sent + said.size() : said.size();
    if (skip != 0) {
      delta.text.append(said, skip);
    } else if (delta.text.empty()) {
      delta.text = std::move(said);
    } else {
      delta.text += said;
    }
  }

  // --- items ------------------------------------------------------------------------------------

  void on_item(JsonView item, bool done, std::vector<Delta>& out) {
    const JsonView type = item["type"];
    if (is_call(type)) {
      on_call(item, done, out);
    } else if (done && type.equals("message")) {
      settle_parts(item["content"], false, out);
      each_element(item["content"], [&out](JsonView part) { add_annotations(part, out); });
    } else if (done && type.equals("reasoning")) {
      settle_parts(item["summary"], true, out);
      settle_parts(item["content"], false, out);
      Delta& delta = out.emplace_back();
      delta.kind = DeltaKind::thinking_block;
      delta.text = item.raw();
      has_blocks_ = true;
    }
  }

  void on_call(JsonView item, bool done, std::vector<Delta>& out) {
    const JsonView id = item["call_id"], name = item["name"];
    Piece* piece = find(DeltaKind::tool_call, 0);
    if (piece == nullptr) {
      if (!done && (!id.is_string() || !name.is_string())) return;
      piece = &pieces_.emplace_back(Piece{DeltaKind::tool_call, item_, 0, 0, calls_});
      Delta& delta = out.emplace_back();
      delta.kind = DeltaKind::tool_call;
      delta.tool_index = calls_++;
      delta.tool_id = id.string();
      delta.tool_name = name.string();
    }
    if (!done) return;
    const bool function = item["type"].equals("function_call");
    give(*piece, item[function ? "arguments" : "input"], piece->sent, out);
  }

  void settle_parts(JsonView parts, bool summary, std::vector<Delta>& out) {
    std::int64_t index = 0;
    each_element(parts, [&](JsonView part) {
      const std::int64_t number = summary ? index : -1 - index;
      ++index;
      const JsonView type = part["type"];
      if (type.equals("refusal")) {
        settle(DeltaKind::refusal, number, part["refusal"], out);
      } else if (type.equals("output_text")) {
        settle(DeltaKind::text, number, part["text"], out);
      } else if (type.equals("summary_text") || type.equals("reasoning_text")) {
        settle(DeltaKind::reasoning, number, part["text"], out);
      }
    });
  }

  // Events of their own came before, but the whole item has all of them.
  static void add_annotations(JsonView part, std::vector<Delta>& out) {
    each_element(part["annotations"], [&out](JsonView annotation) {
      std::string json = chat_annotation(annotation);
      if (json.empty()) return;
      Delta& delta = out.emplace_back();
      delta.kind = DeltaKind::annotation;
      delta.text = std::move(json);
    });
  }

  void settle(DeltaKind kind, std::int64_t part, JsonView whole, std::vector<Delta>& out) {
    if (pieces_.size() >= kMaxPieces) return;
    Piece& piece = find_or_add(kind, part);
    give(piece, whole, piece.sent, out);
  }

  // --- the end ----------------------------------------------------------------------------------

  std::optional<Failure> on_end(JsonView response, std::string_view type, std::vector<Delta>& out) {
    if (!response.is_object()) return broken("the stream's last event has no response");
    if (response_failed(response)) return read_response_failure(response);
    if (pieces_.empty() && !has_blocks_) take_all(response["output"], out);
    ResponseEnd end = read_response_end(response, calls_ > 0, type.substr(type.find('.') + 1));
    summary_.finish_reason = end.finish_reason;
    summary_.raw_finish_reason = end.raw;
    Delta& finish = out.emplace_back();
    finish.kind = DeltaKind::finish;
    finish.finish_reason = std::move(end.finish_reason);
    finish.extra = std::move(end.raw);
    summary_.usage = read_responses_usage(response["usage"]);
    if (summary_.usage.reported) {
      Delta& delta = out.emplace_back();
      delta.kind = DeltaKind::usage;
      delta.usage = summary_.usage;
    }
    this->end();
    return std::nullopt;
  }

  // Nothing came but the end: some proxies give no more.
  void take_all(JsonView output, std::vector<Delta>& out) {
    item_ = 0;
    each_element(output, [&](JsonView item) {
      if (pieces_.size() < kMaxPieces) on_item(item, true, out);
      ++item_;
    });
  }

  std::vector<Piece> pieces_;
  std::int64_t item_ = 0;  // output_index of the event, or of the last one that had any
  std::uint16_t calls_ = 0;
  bool has_reasoning_ = false, has_blocks_ = false;
};

}  // namespace

std::unique_ptr<StreamDecoder> responses_stream() { return std::make_unique<ResponsesStream>(); }

}  // namespace llmroute::provider
