// A stream as the Messages API tells it: one block of text or thinking at a time, and the calls.
#include <map>
#include <utility>

#include "llmroute/provider/common.h"
#include "llmroute/provider/shape_parts.h"

namespace llmroute::provider {

namespace {

using wire::JsonView;
using wire::JsonWriter;
using Event = ShapeWriter::Event;

class MessagesWriter final : public ShapeWriter {
 public:
  MessagesWriter(std::string id, std::string model)
      : id_(std::move(id)), model_(std::move(model)) {}

  void take(const Delta& delta, std::vector<Event>& out) override {
    if (delta.choice != 0) return;
    start(out);
    switch (delta.kind) {
      case DeltaKind::text:
      case DeltaKind::refusal: piece(Block::text, "text_delta", "text", delta.text, out); break;
      case DeltaKind::reasoning:
        piece(Block::thinking, "thinking_delta", "thinking", delta.text, out);
        break;
      case DeltaKind::thinking_block: seal(JsonView(delta.text), out); break;
      case DeltaKind::tool_call: take_call(delta, out); break;
      case DeltaKind::image:
      case DeltaKind::annotation: break;  // no block of an answer holds one without its own search
      case DeltaKind::finish: stop_reason_ = stop_reason_of(delta.finish_reason); break;
      case DeltaKind::usage:
      case DeltaKind::restart: break;
    }
  }

  void finish(const Usage& usage, std::vector<Event>& out) override {
    start(out);
    close(out);
    for (const auto& [number, block] : calls_) stop(block, out);
    std::string data;
    JsonWriter w(data);
    w.begin_object().key("type").string("message_delta").key("delta").begin_object();
    w.key("stop_reason");
    if (stop_reason_.empty()) {
      w.null();  // the provider gave none
    } else {
      w.string(stop_reason_);
    }
    w.key("stop_sequence").null().end_object();
    write_messages_usage(w, usage);
    w.end_object();
    out.push_back({"message_delta", std::move(data)});
    out.push_back({"message_stop", R"({"type":"message_stop"})"});
  }

  void fail(std::string_view kind, std::string_view message, std::vector<Event>& out) override {
    std::string data;
    JsonWriter w(data);
    w.begin_object().key("type").string("error").key("error").begin_object();
    w.key("type").string(kind).key("message").string(message).end_object().end_object();
    out.push_back({"error", std::move(data)});
  }

 private:
  enum class Block : std::uint8_t { none, text, thinking };

  void start(std::vector<Event>& out) {
    if (std::exchange(started_, true)) return;
    std::string data;
    JsonWriter w(data);
    w.begin_object().key("type").string("message_start").key("message").begin_object();
    w.key("id").string(id_).key("type").string("message").key("role").string("assistant");
    w.key("model").string(model_).key("content").begin_array().end_array();
    w.key("stop_reason").null().key("stop_sequence").null();
    write_messages_usage(w, Usage());
    w.end_object().end_object();
    out.push_back({"message_start", std::move(data)});
  }

  static JsonWriter event(std::string& data, std::string_view type, std::int64_t index) {
    JsonWriter w(data);
    w.begin_object().key("type").string(type).key("index").integer(index);
    return w;
  }

  // The index of the new block.
  std::int64_t begin(std::string_view content_block, std::vector<Event>& out) {
    std::string data;
    JsonWriter w = event(data, "content_block_start", next_);
    w.key("content_block").raw(content_block).end_object();
    out.push_back({"content_block_start", std::move(data)});
    return next_++;
  }

  static void stop(std::int64_t index, std::vector<Event>& out) {
    std::string data;
    event(data, "content_block_stop", index).end_object();
    out.push_back({"content_block_stop", std::move(data)});
  }

  void open(Block block, std::string_view content_block, std::vector<Event>& out) {
    open_ = block;
    index_ = begin(content_block, out);
  }

  void close(std::vector<Event>& out) {
    if (open_ != Block::none) stop(index_, out);
    open_ = Block::none;
  }

  static void delta(std::int64_t index, std::string_view type, std::string_view key,
                    std::string_view text, std::vector<Event>& out) {
    std::string data;
    JsonWriter w = event(data, "content_block_delta", index);
    w.key("delta").begin_object().key("type").string(type).key(key).string(text);
    w.end_object().end_object();
    out.push_back({"content_block_delta", std::move(data)});
  }

  void piece(Block block, std::string_view type, std::string_view key, std::string_view text,
             std::vector<Event>& out) {
    if (open_ != block) {
      close(out);
      open(block,
           block == Block::text ? R"({"type":"text","text":""})"
                                : R"({"type":"thinking","thinking":"","signature":""})",
           out);
    }
    delta(index_, type, key, text, out);
  }

  // The signature of the thinking that was just told, or a block of its own.
  void seal(JsonView block, std::vector<Event>& out) {
    const JsonView signature = block["signature"];
    if (block["type"].equals("thinking") && signature.is_string()) {
      if (open_ != Block::thinking) {
        piece(Block::thinking, "thinking_delta", "thinking", block["thinking"].string(), out);
      }
      delta(index_, "signature_delta", "signature", signature.string(), out);
      close(out);
    } else if (block["type"].equals("redacted_thinking")) {
      close(out);
      open(Block::thinking, block.raw(), out);
      close(out);
    }
  }

  // Calls may come interleaved, so their blocks stay open to the end.
  void take_call(const Delta& fragment, std::vector<Event>& out) {
    auto known = calls_.find(fragment.tool_index);
    if (known == calls_.end()) {
      close(out);
      std::string block;
      JsonWriter w(block);
      w.begin_object().key("type").string("tool_use").key("id").string(fragment.tool_id);
      w.key("name").string(fragment.tool_name).key("input").begin_object().end_object();
      w.end_object();
      known = calls_.emplace(fragment.tool_index, begin(block, out)).first;
    }
    if (fragment.text.empty()) return;
    delta(known->second, "input_json_delta", "partial_json", fragment.text, out);
  }

  std::string id_, model_, stop_reason_;
  bool started_ = false;
  Block open_ = Block::none;
  std::int64_t index_ = 0, next_ = 0;            // of the open block; of the one that begins next
  std::map<std::uint16_t, std::int64_t> calls_;  // the block of each
};

}  // namespace

std::unique_ptr<ShapeWriter> messages_writer(std::string id, std::string model) {
  return std::make_unique<MessagesWriter>(std::move(id), std::move(model));
}

}  // namespace llmroute::provider
