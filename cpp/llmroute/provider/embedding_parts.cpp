#include "llmroute/provider/embedding_parts.h"

#include "llmroute/provider/common.h"

namespace llmroute::provider {

using wire::JsonView;
using wire::JsonWriter;

EmbeddingBody::EmbeddingBody(const ChatRequest& request, Losses& losses) {
  each_member(JsonView(request.body), [&](const JsonView::Member& m) {
    const JsonView value = m.value();
    if (value.is_null() || m.key_is("model")) return;
    if (m.key_is("input")) {
      input = value;
    } else if (m.key_is("dimensions")) {
      dimensions = value;
    } else if (m.key_is("input_type")) {
      input_type = value;
    } else if (m.key_is("encoding_format")) {
      if (!value.equals("float")) losses.left_out("encoding_format");
    } else if (m.key_is("user")) {
      losses.left_out("user");
    } else {
      const std::string key = m.key_view().string();
      losses.cannot_carry(key, "the parameter \"" + key + "\"");
    }
  });
}

void write_texts(JsonWriter& writer, std::string_view key, JsonView input, Losses& losses) {
  writer.key(key).begin_array();
  const bool one = input.is_string() && input.raw().size() > 2;
  if (one) writer.raw(input.raw());
  std::size_t index = 0;
  each_element(input, [&](JsonView text) {
    const std::string path = "input[" + std::to_string(index++) + "]";
    if (text.is_string()) {
      writer.raw(text.raw());
    } else if (text.is_array() || text.integer()) {
      losses.malformed("this dialect embeds texts, not tokens", path);
    } else {
      losses.malformed("input must be a text or an array of texts", path);
    }
  });
  writer.end_array();
  if (!one && index == 0) {
    losses.malformed("input must be a text or an array of texts, at least one", "input");
  }
}

std::string embeddings_json(JsonView vectors, std::string_view model, const Usage& usage) {
  constexpr std::size_t kRoomForTheRest = 256;
  std::string out;
  out.reserve(vectors.raw().size() + kRoomForTheRest);
  JsonWriter w(out);
  w.begin_object().key("object").string("list").key("data").begin_array();
  std::int64_t index = 0;
  each_element(vectors, [&](JsonView vector) {
    w.begin_object().key("object").string("embedding").key("index").integer(index++);
    w.key("embedding").raw(vector.raw()).end_object();
  });
  w.end_array().key("model").string(model);
  if (usage.reported) {
    w.key("usage").begin_object().key("prompt_tokens").integer(usage.input.count);
    w.key("total_tokens").integer(usage.input.count).end_object();
  }
  w.end_object();
  return out;
}

}  // namespace llmroute::provider
