// Embeddings in OpenAI's own shape, which most compatible providers speak: everything but the
// model's name goes through as it came, in both directions; only OpenAI itself does not tell purposes
// apart, and refuses the word. Some (Voyage) say the total alone, which is the input, for there is no
// output.
#include "llmroute/provider/chat_parts.h"
#include "llmroute/provider/classify.h"
#include "llmroute/provider/common.h"
#include "llmroute/provider/openai_parts.h"

namespace llmroute::provider {

using wire::JsonView;
using wire::JsonWriter;

namespace {

bool holds_something(JsonView input) {
  return (input.is_string() && input.raw().size() > 2) || input.first_element();
}

}  // namespace

Result<std::string> encode_openai_embeddings(const ChatRequest& request,
                                             const Deployment& deployment,
                                             std::vector<std::string>& dropped) {
  constexpr std::size_t kRoomForChanges = 256;
  Losses losses("openai", request.options.drop_unsupported, dropped);
  const std::string_view body = request.body;
  std::string out;
  out.reserve(body.size() + kRoomForChanges);
  JsonWriter w(out);
  w.begin_object().key("model").string(deployment.model);
  bool has_input = false;
  each_member(JsonView(body), [&](const JsonView::Member& m) {
    const JsonView value = m.value();
    if (value.is_null() || m.key_is("model")) return;
    const std::string key = m.key_view().string();
    const Parameter parameter = parameter_of(key);
    if (parameter != Parameter::other &&
        deployment.unsupported.test(static_cast<std::size_t>(parameter))) {
      losses.cannot_carry(key, "the parameter \"" + key + "\"");
      return;
    }
    if (key == "input_type" && !deployment.quirks.extras) {
      losses.left_out(key);
      return;
    }
    if (key == "input") has_input = holds_something(value);
    w.key(key).raw(value.raw());
  });
  w.end_object();
  if (!has_input) losses.malformed("input must be a text or an array, and not empty", "input");
  if (losses.error()) return *losses.error();
  return out;
}

std::variant<ReplySummary, Failure> read_openai_embeddings(std::string_view body) {
  if (auto failure = check_reply_json(body)) return *failure;
  const JsonView reply(body);
  JsonView data, usage, error;
  each_member(reply, [&](const JsonView::Member& m) {
    if (m.key_is("data")) data = m.value();
    if (m.key_is("usage")) usage = m.value();
    if (m.key_is("error")) error = m.value();
  });
  const JsonView vector = data.first_element().value()["embedding"];
  if (error.first_member() || (!vector.is_array() && !vector.is_string())) {
    const ErrorFields fields = read_error_fields(reply);
    if (fields.found) return classify_error(200, fields);
    return broken("the reply has no embedding");
  }
  ReplySummary summary;
  auto tokens = count(usage["prompt_tokens"]);
  if (!tokens) tokens = count(usage["total_tokens"]);
  summary.usage.reported = tokens.has_value();
  summary.usage.input = tokens.value_or(Tokens{});
  return summary;
}

}  // namespace llmroute::provider
