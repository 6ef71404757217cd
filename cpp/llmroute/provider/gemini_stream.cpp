// Chunks of streamGenerateContent, read in the same pass that checks them: each is a reply of its own,
// with the next pieces of every candidate, and with counts so far that replace the earlier ones. There
// is no terminator: the stream is complete where every candidate has its finish reason and the
// connection closes between two events.
#include <algorithm>
#include <array>
#include <utility>

#include "llmroute/model/defaults.h"
#include "llmroute/provider/classify.h"
#include "llmroute/provider/common.h"
#include "llmroute/provider/event_stream.h"
#include "llmroute/provider/gemini_parts.h"
#include "llmroute/wire/json_scan.h"

namespace llmroute::provider {

namespace {

using wire::JsonView;

enum class Node : std::uint8_t {
  other,
  root,
  candidates,
  candidate,
  content,
  parts,
  part,
  call,
  blob
};
enum class Field : std::uint8_t {
  none,
  foreign,  // a member of a part that is not one of ours
  candidates,
  usage,
  error,
  reply_id,
  content,
  finish_reason,
  grounding,
  index,
  parts,
  text,
  thought,
  signature,
  call,
  blob,
  id,
  name,
  arguments,
  pieces,
  media_type,
  data
};

Field field_of(Node node, std::string_view key) {
  switch (node) {
    case Node::root:
      if (key == "candidates") return Field::candidates;
      if (key == "usageMetadata") return Field::usage;
      if (key == "responseId") return Field::reply_id;
      if (key == "error") return Field::error;
      break;
    case Node::candidate:
      if (key == "content") return Field::content;
      if (key == "finishReason") return Field::finish_reason;
      if (key == "groundingMetadata") return Field::grounding;
      if (key == "index") return Field::index;
      break;
    case Node::content:
      if (key == "parts") return Field::parts;
      break;
    case Node::part:
      if (key == "text") return Field::text;
      if (key == "thought") return Field::thought;
      if (key == "thoughtSignature") return Field::signature;
      if (key == "functionCall") return Field::call;
      if (key == "inlineData") return Field::blob;
      return Field::foreign;
    case Node::call:
      if (key == "id") return Field::id;
      if (key == "name") return Field::name;
      if (key == "args") return Field::arguments;
      if (key == "partialArgs" || key == "willContinue") return Field::pieces;
      break;
    case Node::blob:
      if (key == "mimeType") return Field::media_type;
      if (key == "data") return Field::data;
      break;
    default: break;
  }
  return Field::none;
}

// Where a container leads that begins as the value of `field` (or as an element) inside `node`.
Node node_below(Node node, Field field, bool object) {
  if (node == Node::candidates) return object ? Node::candidate : Node::other;
  if (node == Node::parts) return object ? Node::part : Node::other;
  if (!object) {
    if (field == Field::candidates) return Node::candidates;
    return field == Field::parts ? Node::parts : Node::other;
  }
  if (field == Field::content) return Node::content;
  if (field == Field::call) return Node::call;
  return field == Field::blob ? Node::blob : Node::other;
}

// The text of a string event with its quotes, which stand around it in the document.
JsonView quoted(std::string_view inner) { return JsonView({inner.data() - 1, inner.size() + 2}); }

// What one chunk holds. Its views are read only after the whole chunk was found valid.
class ChunkReader : public wire::JsonEvents {
 public:
  struct Candidate {
    JsonView finish_reason, grounding;
    std::int64_t index = 0;  // not written where it is 0
    std::size_t parts_begin = 0, parts_end = 0;
  };

  void begin() {
    depth_ = 0;
    field_ = Field::none;
    capture_ = nullptr;
    usage = reply_id = JsonView();
    candidates.clear();
    parts.clear();
    is_object = has_error = odd_candidate = false;
  }

  bool on_key(std::string_view key) {
    if (capture_ != nullptr) return true;
    field_ = field_of(node(), key);
    if (field_ == Field::foreign) parts.back().foreign = true;
    if (field_ == Field::pieces) parts.back().unfinished_call = true;
    return true;
  }

  bool on_string(std::string_view text) {
    if (capture_ != nullptr) return true;
    switch (field_) {
      case Field::text: parts.back().text = quoted(text); break;
      case Field::signature: parts.back().signature = quoted(text); break;
      case Field::id: parts.back().call_id = quoted(text); break;
      case Field::name: parts.back().call_name = quoted(text); break;
      case Field::media_type: parts.back().media_type = quoted(text); break;
      case Field::data: parts.back().data = quoted(text); break;
      case Field::finish_reason: candidates.back().finish_reason = quoted(text); break;
      case Field::reply_id: reply_id = quoted(text); break;
      case Field::error: has_error = has_error || !text.empty(); break;
      default: break;
    }
    odd_candidate = odd_candidate || node() == Node::candidates;
    return true;
  }

  bool on_literal(std::string_view text) {
    if (capture_ != nullptr) return true;
    if (field_ == Field::thought) parts.back().thought = text == "true";
    if (field_ == Field::index) candidates.back().index = JsonView(text).integer().value_or(-1);
    odd_candidate = odd_candidate || node() == Node::candidates;
    return true;
  }

  bool on_begin(bool object, const char* at) {
    const Node above = depth_ == 0 ? Node::other : node();
    Node below = depth_ == 0 && object ? Node::root : node_below(above, field_, object);
    if (depth_ == 0) is_object = object;
    if (capture_ == nullptr && object && wanted_whole(field_)) {
      capture_ = at;
      capture_depth_ = depth_;
      captured_ = field_;
    }
    if (capture_ != nullptr) {
      below = Node::other;
    } else {
      has_error = has_error || (object && field_ == Field::error);
      odd_candidate = odd_candidate || (above == Node::candidates && !object);
      enter(below);
    }
    nodes_[static_cast<std::size_t>(++depth_)] = below;
    field_ = Field::none;
    return true;
  }

  bool on_end(bool, const char* past) {
    const Node ended = node();
    --depth_;
    field_ = Field::none;
    if (capture_ == nullptr) {
      if (ended == Node::candidate) candidates.back().parts_end = parts.size();
    } else if (depth_ == capture_depth_) {
      const JsonView whole({capture_, static_cast<std::size_t>(past - capture_)});
      target() = whole;
      capture_ = nullptr;
    }
    return true;
  }

  JsonView usage, reply_id;
  std::vector<Candidate> candidates;
  std::vector<GeminiPart> parts;
  bool is_object = false;
  bool has_error = false;
  bool odd_candidate = false;  // one that is no object

 private:
  Node node() const { return nodes_[static_cast<std::size_t>(depth_)]; }

  static bool wanted_whole(Field field) {
    return field == Field::usage || field == Field::arguments || field == Field::grounding;
  }

  JsonView& target() {
    if (captured_ == Field::usage) return usage;
    return captured_ == Field::grounding ? candidates.back().grounding : parts.back().arguments;
  }

  void enter(Node below) {
    if (below == Node::candidate) candidates.emplace_back().parts_begin = parts.size();
    if (below == Node::part) parts.emplace_back();
    if (below == Node::call) parts.back().is_call = true;
  }

  int depth_ = 0;
  std::array<Node, defaults::kMaxJsonDepth + 1> nodes_{};
  Field field_ = Field::none;
  const char* capture_ = nullptr;  // begin of a value that is kept whole
  int capture_depth_ = 0;
  Field captured_ = Field::none;
};

class GeminiStream final : public EventStream {
 public:
  GeminiStream() : EventStream("the finish reason of every candidate", false) {}

 private:
  // Cap what a broken stream can make us hold.
  static constexpr std::int64_t kMaxChoices = 1024;
  static constexpr std::uint16_t kMaxToolCalls = 4096;
  static constexpr std::size_t kMaxCitations = 1000;
  static constexpr std::size_t kMaxCitedBytes = std::size_t{1} << 20;

  struct Choice {
    std::uint16_t calls = 0;
    bool seen = false;
    std::string finish_reason;
    std::string text;                    // the first of it, for sources name places in it
    std::vector<std::string> citations;  // that were told
  };

  std::optional<Failure> on_event(const wire::SseParser::Event& sse,
                                  std::vector<Delta>& out) override {
    reader_.begin();
    if (!wire::scan_json(sse.data, defaults::kMaxJsonDepth, reader_).ok) {
      return broken("a chunk of the stream is not JSON");
    }
    if (!reader_.is_object || reader_.has_error || sse.type == "error") {
      const ErrorFields fields = read_error_fields(JsonView(sse.data));
      if (!fields.found) return broken("a chunk of the stream is not a reply");
      return classify_error(200, fields);
    }
    if (reader_.odd_candidate) return broken("a chunk of the stream has a candidate that is none");
    if (reply_id_.empty()) reader_.reply_id.append_string(reply_id_);
    if (reader_.candidates.empty()) {
      const JsonView whole(sse.data);
      if (auto failure = gemini_refusal(GeminiReply(whole), whole)) return failure;
    }
    for (const ChunkReader::Candidate& candidate : reader_.candidates) {
      if (auto failure = on_candidate(candidate, out)) return failure;
    }
    note_usage(out);
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

  std::optional<Failure> on_candidate(const ChunkReader::Candidate& candidate,
                                      std::vector<Delta>& out) {
    if (candidate.index < 0 || candidate.index >= kMaxChoices) {
      return broken("a chunk of the stream has a candidate out of bounds");
    }
    const auto number = static_cast<std::size_t>(candidate.index);
    if (number >= choices_.size()) choices_.resize(number + 1);
    choices_[number].seen = true;
    const std::size_t before = out.size();
    for (std::size_t i = candidate.parts_begin; i < candidate.parts_end; ++i) {
      if (auto failure = on_part(reader_.parts[i], number, out)) return failure;
    }
    if (candidate.grounding.is_object()) on_grounding(candidate.grounding, choices_[number], out);
    if (candidate.finish_reason.is_string()) {
      on_finish(candidate.finish_reason.string(), number, out);
    }
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
      Delta& delta = out.emplace_back();
      delta.kind = DeltaKind::image;
      delta.text = chat_image(part.media_type.string(), part.data, gemini_extra(part.signature));
    } else if (!part.foreign) {
      const std::size_t before = out.size();
      add_text(DeltaKind::text, part.text, out);
      std::string& text = choices_[choice].text;
      if (out.size() > before && text.size() < kMaxCitedBytes) text += out.back().text;
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

  // Later chunks repeat what earlier ones said.
  static void on_grounding(JsonView grounding, Choice& choice, std::vector<Delta>& out) {
    for (std::string& annotation : gemini_annotations(grounding, choice.text, {})) {
      auto& told = choice.citations;
      if (std::find(told.begin(), told.end(), annotation) != told.end()) continue;
      if (told.size() >= kMaxCitations) return;
      told.push_back(annotation);
      Delta& delta = out.emplace_back();
      delta.kind = DeltaKind::annotation;
      delta.text = std::move(annotation);
    }
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

  void note_usage(std::vector<Delta>& out) {
    if (reader_.usage.missing()) return;
    const Usage usage = read_gemini_usage(reader_.usage);
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

  ChunkReader reader_;
  std::string reply_id_;
  std::vector<Choice> choices_;  // by index
};

}  // namespace

std::unique_ptr<StreamDecoder> gemini_stream() { return std::make_unique<GeminiStream>(); }

}  // namespace llmroute::provider
