// A stream as chat completions tell it: chunks without a type.
#include <utility>

#include "llmroute/provider/common.h"
#include "llmroute/provider/shape_parts.h"

namespace llmroute::provider {

namespace {

using wire::JsonWriter;
using Event = ShapeWriter::Event;

class ChatWriter final : public ShapeWriter {
 public:
  ChatWriter(std::string id, std::string model, std::int64_t created)
      : id_(std::move(id)), model_(std::move(model)), created_(created) {}

  void take(const Delta& delta, std::vector<Event>& out) override {
    if (delta.kind == DeltaKind::usage || delta.kind == DeltaKind::restart) return;
    std::string data;
    JsonWriter w = chunk(data);
    w.begin_object().key("index").integer(delta.choice).key("delta").begin_object();
    write_delta(w, delta);
    w.end_object().key("finish_reason");
    if (delta.kind == DeltaKind::finish) {
      w.string(delta.finish_reason);
    } else {
      w.null();
    }
    w.end_object().end_array().end_object();
    out.push_back({"", std::move(data)});
  }

  void finish(const Usage& usage, std::vector<Event>& out) override {
    std::string data;
    JsonWriter w = chunk(data);
    w.end_array().key("usage").begin_object();
    w.key("prompt_tokens").integer(usage.input.count);
    w.key("completion_tokens").integer(usage.output.count);
    w.key("total_tokens").integer((usage.input + usage.output).count).end_object().end_object();
    out.push_back({"", std::move(data)});
  }

  void fail(std::string_view kind, std::string_view message, std::vector<Event>& out) override {
    std::string data;
    JsonWriter w(data);
    w.begin_object().key("error").begin_object().key("type").string(kind);
    w.key("message").string(message).end_object().end_object();
    out.push_back({"", std::move(data)});
  }

 private:
  JsonWriter chunk(std::string& data) const {
    JsonWriter w(data);
    w.begin_object().key("id").string(id_).key("object").string("chat.completion.chunk");
    w.key("created").integer(created_).key("model").string(model_).key("choices").begin_array();
    return w;
  }

  static void write_delta(JsonWriter& w, const Delta& delta) {
    switch (delta.kind) {
      case DeltaKind::text: w.key("content").string(delta.text); break;
      case DeltaKind::refusal: w.key("refusal").string(delta.text); break;
      case DeltaKind::reasoning: w.key("reasoning_content").string(delta.text); break;
      case DeltaKind::thinking_block:
        w.key("thinking_blocks").begin_array().raw(delta.text).end_array();
        break;
      case DeltaKind::image: w.key("images").begin_array().raw(delta.text).end_array(); break;
      case DeltaKind::annotation:
        w.key("annotations").begin_array().raw(delta.text).end_array();
        break;
      case DeltaKind::tool_call: write_call(w, delta); break;
      case DeltaKind::finish:
      case DeltaKind::usage:
      case DeltaKind::restart: break;
    }
  }

  static void write_call(JsonWriter& w, const Delta& delta) {
    w.key("tool_calls").begin_array().begin_object().key("index").integer(delta.tool_index);
    if (!delta.tool_id.empty()) w.key("id").string(delta.tool_id).key("type").string("function");
    w.key("function").begin_object();
    if (!delta.tool_name.empty()) w.key("name").string(delta.tool_name);
    w.key("arguments").string(delta.text).end_object();
    if (!delta.extra.empty()) w.key("extra_content").raw(delta.extra);
    w.end_object().end_array();
  }

  std::string id_, model_;
  std::int64_t created_;
};

}  // namespace

std::unique_ptr<ShapeWriter> shape_writer(Shape shape, std::string id, std::string model,
                                          std::int64_t created, std::string echo) {
  switch (shape) {
    case Shape::messages: return messages_writer(std::move(id), std::move(model));
    case Shape::responses:
      return responses_writer(std::move(id), std::move(model), created, std::move(echo));
    case Shape::chat: break;
  }
  return std::make_unique<ChatWriter>(std::move(id), std::move(model), created);
}

}  // namespace llmroute::provider
