// Chunks of a streamed completion, read in the same pass that checks them.
//
// A chunk of 300 bytes carries five that matter, and there are thousands: the scanner's events are
// followed by a small map of where in the document we are, and nothing is looked at twice.
#include <array>
#include <bitset>
#include <utility>

#include "llmroute/model/defaults.h"
#include "llmroute/provider/classify.h"
#include "llmroute/provider/common.h"
#include "llmroute/provider/event_stream.h"
#include "llmroute/provider/openai_parts.h"
#include "llmroute/wire/json_scan.h"

namespace llmroute::provider {

namespace {

using wire::JsonView;

constexpr std::uint16_t kMaxChoices = 1024;
constexpr std::size_t kMaxToolCalls = 4096;

enum class Node : std::uint8_t { other, root, choices, choice, delta, calls, call, function };
enum class Field : std::uint8_t {
  none,
  choices,
  usage,
  error,
  object,
  index,
  delta,
  finish_reason,
  content,
  refusal,
  reasoning,
  reasoning_content,
  images,
  annotations,
  tool_calls,
  function_call,
  id,
  function,
  name,
  arguments
};

Field field_of(Node node, std::string_view key) {
  switch (node) {
    case Node::root:
      if (key == "choices") return Field::choices;
      if (key == "usage") return Field::usage;
      if (key == "error") return Field::error;
      if (key == "object") return Field::object;
      break;
    case Node::choice:
      if (key == "index") return Field::index;
      if (key == "delta") return Field::delta;
      if (key == "finish_reason") return Field::finish_reason;
      if (key == "error") return Field::error;
      break;
    case Node::delta:
      if (key == "content") return Field::content;
      if (key == "tool_calls") return Field::tool_calls;
      if (key == "reasoning_content") return Field::reasoning_content;
      if (key == "reasoning") return Field::reasoning;
      if (key == "refusal") return Field::refusal;
      if (key == "images") return Field::images;
      if (key == "annotations") return Field::annotations;
      if (key == "function_call") return Field::function_call;
      break;
    case Node::call:
      if (key == "index") return Field::index;
      if (key == "id") return Field::id;
      if (key == "function") return Field::function;
      break;
    case Node::function:
      if (key == "name") return Field::name;
      if (key == "arguments") return Field::arguments;
      break;
    default: break;
  }
  return Field::none;
}

// Where a container leads that begins as the value of `field` (or as an element) inside `node`.
Node node_below(Node node, Field field, bool object) {
  if (node == Node::choices) return object ? Node::choice : Node::other;
  if (node == Node::calls) return object ? Node::call : Node::other;
  if (field == Field::choices) return object ? Node::other : Node::choices;
  if (field == Field::delta) return object ? Node::delta : Node::other;
  if (field == Field::tool_calls) return object ? Node::other : Node::calls;
  if (field == Field::function || field == Field::function_call) {
    return object ? Node::function : Node::other;
  }
  return Node::other;
}

// The text of a string event with its quotes, which stand around it in the document.
JsonView quoted(std::string_view inner) { return JsonView({inner.data() - 1, inner.size() + 2}); }

// Which of the provider's tool call fragments belong together. The index says so, but some leave it
// out or give every parallel call the same one: then a new id begins a new call.
class ToolCalls {
 public:
  struct Call {
    std::uint16_t choice = 0;
    std::int64_t wire_index = 0;
    std::uint16_t index = 0;  // ours: 0, 1, ... within the choice
    std::string id;
    bool named = false;
  };

  // Null where a reply has more calls than anyone believes.
  Call* find(std::uint16_t choice, std::optional<std::int64_t> wire_index, const std::string& id) {
    for (auto call = calls_.rbegin(); call != calls_.rend(); ++call) {
      if (call->choice != choice) continue;
      if (wire_index && *wire_index != call->wire_index) continue;
      if (!id.empty() && !call->id.empty() && id != call->id) continue;
      return &*call;
    }
    if (calls_.size() >= kMaxToolCalls) return nullptr;
    std::uint16_t index = 0;
    for (const Call& call : calls_)
      index = static_cast<std::uint16_t>(index + (call.choice == choice));
    calls_.push_back({choice, wire_index.value_or(index), index, {}, false});
    return &calls_.back();
  }

 private:
  std::vector<Call> calls_;
};

// Follows one chunk. Views it keeps are read only after the whole chunk was found valid.
class ChunkReader : public wire::JsonEvents {
 public:
  void begin(std::vector<Delta>& out) {
    out_ = &out;
    depth_ = 0;
    field_ = Field::none;
    capture_ = nullptr;
    usage = error = JsonView();
    is_object = says_error = out_of_bounds = false;
  }

  bool on_key(std::string_view key) {
    if (capture_ == nullptr) field_ = field_of(node(), key);
    return true;
  }

  bool on_string(std::string_view text) {
    if (capture_ != nullptr) return true;
    switch (node()) {
      case Node::root: on_root_text(text); break;
      case Node::choice: on_choice_text(text); break;
      case Node::delta: on_delta_text(text); break;
      case Node::call:
        if (field_ == Field::id) id_ = quoted(text).string();
        break;
      case Node::function:
        if (field_ == Field::name) name_ = quoted(text).string();
        if (field_ == Field::arguments) quoted(text).append_string(arguments_);
        break;
      default: break;
    }
    return true;
  }

  bool on_literal(std::string_view text) {
    if (capture_ != nullptr || field_ != Field::index) return true;
    const auto value = JsonView(text).integer();
    if (node() == Node::choice) return set_choice(value.value_or(0));
    if (node() == Node::call) wire_indices_.back() = value;
    return true;
  }

  bool on_begin(bool object, const char* at) {
    const Node below =
        depth_ == 0 ? (object ? Node::root : Node::other) : node_below(node(), field_, object);
    if (depth_ == 0) is_object = object;
    if (capture_ == nullptr && wanted_whole(object)) {
      capture_ = at;
      capture_depth_ = depth_;
    }
    nodes_[static_cast<std::size_t>(++depth_)] = capture_ == nullptr ? below : Node::other;
    if (below == Node::choice) begin_choice();
    const bool legacy = below == Node::function && field_ == Field::function_call;
    if (below == Node::call || legacy) begin_call();
    fields_[static_cast<std::size_t>(depth_)] = field_;
    field_ = Field::none;
    return true;
  }

  bool on_end(bool, const char* past) {
    const Node ended = node();
    const Field field = fields_[static_cast<std::size_t>(depth_)];
    --depth_;
    if (capture_ != nullptr) {
      if (depth_ == capture_depth_) end_capture(field, past);
      return true;
    }
    if (ended == Node::choice) {
      end_choice();
      if (out_of_bounds) return false;
    }
    const bool legacy = ended == Node::function && field == Field::function_call;
    if (ended == Node::call || legacy) end_call();
    field_ = Field::none;
    return true;
  }

  JsonView usage, error;
  bool is_object = false;
  bool says_error = false;     // {"object": "error", ...}
  bool out_of_bounds = false;  // indices that no honest reply has
  // Kept from chunk to chunk.
  std::string finish_reason, raw_finish_reason;  // of choice 0
  bool all_finished() const { return seen_.any() && seen_ == done_; }

 private:
  Node node() const { return nodes_[static_cast<std::size_t>(depth_)]; }

  bool wanted_whole(bool object) const {
    if (node() == Node::root && depth_ == 1) {
      return object && (field_ == Field::usage || field_ == Field::error);
    }
    if (node() == Node::choice) return object && field_ == Field::error;
    return node() == Node::delta && !object &&
           (field_ == Field::content || field_ == Field::images || field_ == Field::annotations);
  }

  void end_capture(Field field, const char* past) {
    const JsonView whole({capture_, static_cast<std::size_t>(past - capture_)});
    capture_ = nullptr;
    if (field == Field::usage) usage = whole;
    if (field == Field::error && whole.first_member()) error = whole;
    if (field == Field::content) each_element(whole, [this](JsonView part) { add_part(part); });
    if (field == Field::images) add_members(DeltaKind::image, whole);
    if (field == Field::annotations) add_members(DeltaKind::annotation, whole);
  }

  void on_root_text(std::string_view text) {
    if (field_ == Field::error && !text.empty()) error = quoted(text);
    if (field_ == Field::object && text == "error") says_error = true;
  }

  void on_choice_text(std::string_view text) {
    if (field_ == Field::finish_reason && !text.empty()) reason_ = quoted(text).string();
  }

  void on_delta_text(std::string_view text) {
    if (field_ == Field::content) add_text(DeltaKind::text, quoted(text));
    if (field_ == Field::refusal) add_text(DeltaKind::refusal, quoted(text));
    if (field_ == Field::reasoning || field_ == Field::reasoning_content) {
      // Some send the same piece under both names.
      if (!has_reasoning_) add_text(DeltaKind::reasoning, quoted(text));
      has_reasoning_ = has_reasoning_ || !text.empty();
    }
  }

  // Content as a list of parts: {"type": "text"} or {"type": "thinking", "thinking": [parts]}.
  void add_part(JsonView part) {
    if (part["type"].equals("text")) add_text(DeltaKind::text, part["text"]);
    const JsonView thinking = part["thinking"];
    add_text(DeltaKind::reasoning, thinking);
    each_element(thinking, [this](JsonView p) { add_text(DeltaKind::reasoning, p["text"]); });
  }

  void add_members(DeltaKind kind, JsonView list) {
    each_element(list, [&](JsonView member) {
      if (!member.is_object()) return;
      Delta& delta = out_->emplace_back();
      delta.kind = kind;
      delta.text = member.raw();
    });
  }

  void add_text(DeltaKind kind, JsonView value) {
    if (value.raw().size() <= 2 || !value.is_string()) return;
    Delta& delta = out_->emplace_back();
    delta.kind = kind;
    value.append_string(delta.text);
  }

  void begin_choice() {
    choice_ = 0;
    first_delta_ = out_->size();
    reason_.clear();
    wire_indices_.clear();
    has_reasoning_ = false;
  }

  bool set_choice(std::int64_t index) {
    out_of_bounds = index < 0 || index >= kMaxChoices;
    if (!out_of_bounds) choice_ = static_cast<std::uint16_t>(index);
    return !out_of_bounds;
  }

  // The index may come last, so what the choice gave learns it here.
  void end_choice() {
    std::size_t kept = first_delta_;
    std::size_t calls = 0;
    for (std::size_t i = first_delta_; i < out_->size(); ++i) {
      Delta& delta = (*out_)[i];
      delta.choice = choice_;
      if (delta.kind == DeltaKind::tool_call && !settle_call(delta, wire_indices_[calls++]))
        continue;
      if (kept != i) (*out_)[kept] = std::move(delta);
      ++kept;
    }
    out_->resize(kept);
    seen_.set(choice_);
    if (!reason_.empty()) add_finish();
  }

  void add_finish() {
    done_.set(choice_);
    Delta& end = out_->emplace_back();
    end.kind = DeltaKind::finish;
    end.choice = choice_;
    end.extra = reason_;
    end.finish_reason = openai_finish_reason(std::move(reason_));
    if (choice_ != 0) return;
    finish_reason = end.finish_reason;
    raw_finish_reason = end.extra;
  }

  void begin_call() {
    wire_indices_.emplace_back();
    id_.clear();
    name_.clear();
    arguments_.clear();
  }

  void end_call() {
    Delta& delta = out_->emplace_back();
    delta.kind = DeltaKind::tool_call;
    delta.tool_id = std::move(id_);
    delta.tool_name = std::move(name_);
    delta.text = std::move(arguments_);
  }

  // Finds the call a fragment belongs to; false where the fragment says nothing new.
  bool settle_call(Delta& delta, std::optional<std::int64_t> wire_index) {
    ToolCalls::Call* call = calls_.find(choice_, wire_index, delta.tool_id);
    if (call == nullptr) {
      out_of_bounds = true;
      return false;
    }
    delta.tool_index = call->index;
    if (call->id.empty()) {
      call->id = delta.tool_id;
    } else {
      delta.tool_id.clear();
    }
    if (call->named) delta.tool_name.clear();
    call->named = call->named || !delta.tool_name.empty();
    return !delta.tool_id.empty() || !delta.tool_name.empty() || !delta.text.empty();
  }

  std::vector<Delta>* out_ = nullptr;
  int depth_ = 0;
  std::array<Node, defaults::kMaxJsonDepth + 1> nodes_{};
  std::array<Field, defaults::kMaxJsonDepth + 1> fields_{};  // that led into each container
  Field field_ = Field::none;
  const char* capture_ = nullptr;  // begin of a value that is kept whole
  int capture_depth_ = 0;
  // Of the choice and the call being read.
  std::uint16_t choice_ = 0;
  std::size_t first_delta_ = 0;
  std::string reason_, id_, name_, arguments_;
  std::vector<std::optional<std::int64_t>> wire_indices_;  // of the choice's fragments, in order
  bool has_reasoning_ = false;
  // Of the stream.
  ToolCalls calls_;
  std::bitset<kMaxChoices> seen_, done_;  // choices
};

class OpenAiStream final : public EventStream {
 public:
  explicit OpenAiStream(bool requires_terminator) : EventStream("[DONE]", requires_terminator) {}

 private:
  std::optional<Failure> on_event(const wire::SseParser::Event& event,
                                  std::vector<Delta>& out) override {
    if (event.data == "[DONE]") return on_done();
    const std::size_t before = out.size();
    reader_.begin(out);
    const auto status = wire::scan_json(event.data, defaults::kMaxJsonDepth, reader_);
    if (!status.ok || !reader_.is_object) {
      out.resize(before);
      if (reader_.out_of_bounds) return broken("a chunk of the stream has an index out of bounds");
      return broken(status.ok ? "a chunk of the stream is not a JSON object"
                              : "a chunk of the stream is not JSON");
    }
    summary_.finish_reason = reader_.finish_reason;
    summary_.raw_finish_reason = reader_.raw_finish_reason;
    if (!reader_.usage.missing()) note_usage(out);
    if (reader_.error.missing() && !reader_.says_error && event.type != "error") {
      return std::nullopt;
    }
    return read_failure(JsonView(event.data));
  }

  bool finished() const override { return reader_.all_finished(); }

  // Some servers end a stream that was interrupted like a whole one (llama.cpp's), others never give
  // a finish reason (Snowflake), but count at the end.
  std::optional<Failure> on_done() {
    if (!finished() && !summary_.usage.reported) {
      return make_failure(ErrorKind::stream_interrupted,
                          "the stream ended with [DONE] in the middle of an answer");
    }
    end();
    return std::nullopt;
  }

  void note_usage(std::vector<Delta>& out) {
    const Usage usage = read_openai_usage(reader_.usage);
    if (!usage.reported) return;
    summary_.usage = usage;
    Delta& delta = out.emplace_back();
    delta.kind = DeltaKind::usage;
    delta.usage = usage;
  }

  Failure read_failure(JsonView chunk) const {
    const ErrorFields fields = read_error_fields(chunk);
    if (fields.found || reader_.error.missing()) return classify_error(200, fields);
    return classify_error(200, read_error_object(reader_.error));
  }

  ChunkReader reader_;
};

}  // namespace

std::unique_ptr<StreamDecoder> openai_stream(bool requires_terminator) {
  return std::make_unique<OpenAiStream>(requires_terminator);
}

}  // namespace llmroute::provider
