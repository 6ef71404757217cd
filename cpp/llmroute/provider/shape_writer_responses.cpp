// A stream as the Responses API tells it: items that are announced, told in pieces and told whole.
#include <map>
#include <utility>

#include "llmroute/provider/common.h"
#include "llmroute/provider/shape_parts.h"

namespace llmroute::provider {

namespace {

using wire::JsonView;
using wire::JsonWriter;
using Event = ShapeWriter::Event;

class ResponsesWriter final : public ShapeWriter {
 public:
  ResponsesWriter(std::string id, std::string model, std::int64_t created, std::string echo)
      : id_(std::move(id)), model_(std::move(model)), echo_(std::move(echo)), created_(created) {}

  void take(const Delta& delta, std::vector<Event>& out) override {
    if (delta.choice != 0) return;
    start(out);
    switch (delta.kind) {
      case DeltaKind::text: piece(Item::text, delta.text, out); break;
      case DeltaKind::refusal: piece(Item::refusal, delta.text, out); break;
      case DeltaKind::reasoning: piece(Item::reasoning, delta.text, out); break;
      case DeltaKind::thinking_block:
        if (JsonView(delta.text)["type"].equals("reasoning")) seal(delta.text, out);
        break;
      case DeltaKind::tool_call: take_call(delta, out); break;
      case DeltaKind::annotation: annotate(delta.text, out); break;
      case DeltaKind::image: break;  // its items for images are of tools that nobody called
      case DeltaKind::finish: finish_reason_ = delta.finish_reason; break;
      case DeltaKind::usage:
      case DeltaKind::restart: break;
    }
  }

  void finish(const Usage& usage, std::vector<Event>& out) override {
    start(out);
    close(out);
    for (const auto& [number, call] : calls_) end_call(call, out);
    const bool whole = incomplete_reason(finish_reason_).empty();
    const std::string_view type = whole ? "response.completed" : "response.incomplete";
    std::string data;
    JsonWriter w = event(data, type);
    w.key("response");
    write_response(w, &usage);
    w.end_object();
    out.push_back({std::string(type), std::move(data)});
  }

  void fail(std::string_view kind, std::string_view message, std::vector<Event>& out) override {
    std::string data;
    JsonWriter w = event(data, "error");
    w.key("code").string(kind).key("message").string(message).key("param").null().end_object();
    out.push_back({"error", std::move(data)});
  }

 private:
  enum class Item : std::uint8_t { none, text, refusal, reasoning };

  JsonWriter event(std::string& data, std::string_view type) {
    JsonWriter w(data);
    w.begin_object().key("type").string(type).key("sequence_number").integer(sequence_++);
    return w;
  }

  void start(std::vector<Event>& out) {
    if (std::exchange(started_, true)) return;
    for (const std::string_view type : {"response.created", "response.in_progress"}) {
      std::string data;
      JsonWriter w = event(data, type);
      w.key("response");
      write_response(w, nullptr);
      w.end_object();
      out.push_back({std::string(type), std::move(data)});
    }
  }

  // Without usage: in progress.
  void write_response(JsonWriter& w, const Usage* usage) const {
    ResponseHead head;
    head.id = id_;
    head.model = model_;
    head.created = created_;
    head.in_progress = usage == nullptr;
    head.finish_reason = finish_reason_;
    head.echo = JsonView(echo_);
    begin_response(w, head);
    w.key("output").begin_array();
    for (const auto& [index, item] : output_) w.raw(item);
    w.end_array();
    if (usage != nullptr) write_responses_usage(w, *usage);
    w.end_object();
  }

  std::string item_id() const {
    return (open_ == Item::reasoning ? "rs_" : "msg_") + std::to_string(index_) + "_" + id_;
  }

  void piece(Item item, std::string_view text, std::vector<Event>& out) {
    // An answer's text and its refusal are parts of one message; they do not mix in practice.
    if (open_ != item) {
      close(out);
      open(item, out);
    }
    text_ += text;
    const std::string_view type = item == Item::text      ? "response.output_text.delta"
                                  : item == Item::refusal ? "response.refusal.delta"
                                                          : "response.reasoning_summary_text.delta";
    std::string data;
    JsonWriter w = event(data, type);
    w.key("item_id").string(item_id()).key("output_index").integer(index_);
    w.key(item == Item::reasoning ? "summary_index" : "content_index").integer(0);
    if (item == Item::text) w.key("logprobs").begin_array().end_array();
    w.key("delta").string(text).end_object();
    out.push_back({std::string(type), std::move(data)});
  }

  // Of the text that was just told; of nothing else can there be one.
  void annotate(const std::string& annotation, std::vector<Event>& out) {
    if (open_ != Item::text) return;
    const std::string flat = response_annotation(JsonView(annotation));
    if (flat.empty()) return;
    constexpr std::string_view kType = "response.output_text.annotation.added";
    std::string data;
    JsonWriter w = event(data, kType);
    w.key("item_id").string(item_id()).key("output_index").integer(index_);
    w.key("content_index").integer(0);
    w.key("annotation_index").integer(static_cast<std::int64_t>(annotations_.size()));
    w.key("annotation").raw(flat).end_object();
    annotations_.push_back(flat);
    out.push_back({std::string(kType), std::move(data)});
  }

  void open(Item item, std::vector<Event>& out) {
    open_ = item;
    index_ = next_++;
    text_.clear();
    annotations_.clear();
    std::string added;
    JsonWriter a(added);
    write_item(a, "in_progress", false);
    item_event("response.output_item.added", index_, added, out);
    part_event("added", false, out);
  }

  void close(std::vector<Event>& out) {
    if (open_ == Item::none) return;
    text_done(out);
    part_event("done", true, out);
    std::string done;
    JsonWriter w(done);
    if (open_ == Item::reasoning && !sealed_.empty()) {
      w.raw(std::exchange(sealed_, {}));
    } else {
      write_item(w, "completed", true);
    }
    item_event("response.output_item.done", index_, done, out);
    output_[index_] = std::move(done);
    open_ = Item::none;
  }

  void item_event(std::string_view type, std::int64_t index, std::string_view item,
                  std::vector<Event>& out) {
    std::string data;
    JsonWriter w = event(data, type);
    w.key("output_index").integer(index).key("item").raw(item).end_object();
    out.push_back({std::string(type), std::move(data)});
  }

  void write_part(JsonWriter& w, bool whole) const {
    const std::string_view text = whole ? std::string_view(text_) : std::string_view();
    w.begin_object().key("type");
    if (open_ == Item::refusal) {
      w.string("refusal").key("refusal").string(text);
    } else if (open_ == Item::reasoning) {
      w.string("summary_text").key("text").string(text);
    } else {
      w.string("output_text").key("text").string(text);
      w.key("annotations").begin_array();
      if (whole) {
        for (const std::string& annotation : annotations_) w.raw(annotation);
      }
      w.end_array();
      w.key("logprobs").begin_array().end_array();
    }
    w.end_object();
  }

  void write_item(JsonWriter& w, std::string_view status, bool whole) const {
    const bool reasoning = open_ == Item::reasoning;
    w.begin_object().key("id").string(item_id());
    w.key("type").string(reasoning ? "reasoning" : "message");
    if (!reasoning) w.key("status").string(status).key("role").string("assistant");
    w.key(reasoning ? "summary" : "content").begin_array();
    if (whole) write_part(w, true);
    w.end_array().end_object();
  }

  void part_event(std::string_view what, bool whole, std::vector<Event>& out) {
    const bool reasoning = open_ == Item::reasoning;
    const std::string type =
        (reasoning ? "response.reasoning_summary_part." : "response.content_part.") +
        std::string(what);
    std::string data;
    JsonWriter w = event(data, type);
    w.key("item_id").string(item_id()).key("output_index").integer(index_);
    w.key(reasoning ? "summary_index" : "content_index").integer(0).key("part");
    write_part(w, whole);
    w.end_object();
    out.push_back({type, std::move(data)});
  }

  void text_done(std::vector<Event>& out) {
    const bool reasoning = open_ == Item::reasoning;
    const std::string_view type = open_ == Item::text      ? "response.output_text.done"
                                  : open_ == Item::refusal ? "response.refusal.done"
                                                           : "response.reasoning_summary_text.done";
    std::string data;
    JsonWriter w = event(data, type);
    w.key("item_id").string(item_id()).key("output_index").integer(index_);
    w.key(reasoning ? "summary_index" : "content_index").integer(0);
    if (open_ == Item::text) w.key("logprobs").begin_array().end_array();
    w.key(open_ == Item::refusal ? "refusal" : "text").string(text_).end_object();
    out.push_back({std::string(type), std::move(data)});
  }

  struct Call {
    std::int64_t index = 0;
    std::string item_id, id, name, arguments;
  };

  // Calls may come interleaved; their items stay open to the end.
  void take_call(const Delta& fragment, std::vector<Event>& out) {
    auto known = calls_.find(fragment.tool_index);
    if (known == calls_.end()) {
      close(out);
      Call call;
      call.index = next_++;
      call.item_id = "fc_" + std::to_string(call.index) + "_" + id_;
      call.id = fragment.tool_id;
      call.name = fragment.tool_name;
      item_event("response.output_item.added", call.index, call_item(call, "in_progress"), out);
      known = calls_.emplace(fragment.tool_index, std::move(call)).first;
    }
    if (fragment.text.empty()) return;
    known->second.arguments += fragment.text;
    call_event("response.function_call_arguments.delta", "delta", fragment.text, known->second,
               out);
  }

  // The whole item of the reasoning that was just told, or of one without words.
  void seal(const std::string& item, std::vector<Event>& out) {
    if (open_ == Item::reasoning) {
      sealed_ = item;
      close(out);
      return;
    }
    close(out);
    const std::int64_t index = next_++;
    item_event("response.output_item.added", index, item, out);
    item_event("response.output_item.done", index, item, out);
    output_[index] = item;
  }

  void end_call(const Call& call, std::vector<Event>& out) {
    call_event("response.function_call_arguments.done", "arguments", call.arguments, call, out);
    std::string item = call_item(call, "completed");
    item_event("response.output_item.done", call.index, item, out);
    output_[call.index] = std::move(item);
  }

  void call_event(std::string_view type, std::string_view key, std::string_view text,
                  const Call& call, std::vector<Event>& out) {
    std::string data;
    JsonWriter w = event(data, type);
    w.key("item_id").string(call.item_id).key("output_index").integer(call.index);
    if (key == "arguments") w.key("name").string(call.name);  // told whole
    w.key(key).string(text).end_object();
    out.push_back({std::string(type), std::move(data)});
  }

  static std::string call_item(const Call& call, std::string_view status) {
    std::string item;
    JsonWriter w(item);
    w.begin_object().key("id").string(call.item_id).key("type").string("function_call");
    w.key("status").string(status).key("call_id").string(call.id).key("name").string(call.name);
    w.key("arguments").string(call.arguments).end_object();
    return item;
  }

  std::string id_, model_, echo_;
  std::int64_t created_;
  bool started_ = false;
  std::int64_t sequence_ = 0, index_ = 0, next_ = 0;  // index_ of the open item
  Item open_ = Item::none;
  std::string text_, sealed_, finish_reason_;
  std::vector<std::string> annotations_;        // of the open text, JSON
  std::map<std::int64_t, std::string> output_;  // items that are whole
  std::map<std::uint16_t, Call> calls_;
};

}  // namespace

std::unique_ptr<ShapeWriter> responses_writer(std::string id, std::string model,
                                              std::int64_t created, std::string echo) {
  return std::make_unique<ResponsesWriter>(std::move(id), std::move(model), created,
                                           std::move(echo));
}

}  // namespace llmroute::provider
