// A whole reply in OpenAI's shape. Arguments of tool calls come as objects and become their text as
// it came; calls have ids in later versions only.
#include "llmroute/provider/common.h"
#include "llmroute/provider/limits.h"
#include "llmroute/provider/ollama_parts.h"

namespace llmroute::provider {

namespace {

using wire::JsonView;

// Durations come in nanoseconds; nothing for what cannot be one.
std::optional<Duration> duration(JsonView value) {
  constexpr std::int64_t kMostNs = 86'400'000'000'000;  // a day
  const auto ns = value.integer();
  if (!ns || *ns < 0 || *ns > kMostNs) return std::nullopt;
  return std::chrono::duration_cast<Duration>(std::chrono::nanoseconds(*ns));
}

std::int64_t unix_seconds(JsonView time) {
  const auto when = read_rfc3339(time.string());
  if (!when) return 0;
  return std::chrono::duration_cast<std::chrono::seconds>(when->time_since_epoch()).count();
}

}  // namespace

OllamaReply::OllamaReply(JsonView whole) {
  each_member(whole, [this](const JsonView::Member& m) {
    if (m.key_is("message")) message = m.value();
    if (m.key_is("done")) done = m.value();
    if (m.key_is("model")) model = m.value();
    if (m.key_is("created_at")) created_at = m.value();
    if (m.key_is("done_reason")) done_reason = m.value();
    if (m.key_is("logprobs")) logprobs = m.value();
    if (m.key_is("error")) error = m.value();
    if (m.key_is("embeddings")) embeddings = m.value();
    if (m.key_is("prompt_eval_count")) prompt_eval_count = m.value();
    if (m.key_is("eval_count")) eval_count = m.value();
    if (m.key_is("load_duration")) load_duration = m.value();
    if (m.key_is("total_duration")) total_duration = m.value();
  });
}

bool OllamaReply::failed() const {
  return error.first_member() || (error.is_string() && error.raw().size() > 2);
}

std::string ollama_call_id(JsonView call, std::size_t index) {
  std::string id = call["id"].string();
  return id.empty() ? "call_" + std::to_string(index) : id;
}

void read_ollama_end(const OllamaReply& reply, bool calls_tools, ReplySummary& summary) {
  summary.raw_finish_reason = reply.done_reason.string();
  const bool stopped = summary.raw_finish_reason == "stop";
  summary.finish_reason = stopped && calls_tools ? "tool_calls" : summary.raw_finish_reason;
  const auto input = count(reply.prompt_eval_count);
  const auto output = count(reply.eval_count);
  if (input && output) {
    summary.usage.reported = true;
    summary.usage.input = *input;
    summary.usage.output = *output;
  }
  summary.load = duration(reply.load_duration);
  summary.total = duration(reply.total_duration);
}

std::string ollama_to_openai(const OllamaReply& reply, const ReplySummary& summary) {
  ChatCompletion out;
  out.model = reply.model.string();
  out.created = unix_seconds(reply.created_at);
  ChatAnswer& answer = out.answers.emplace_back();
  each_member(reply.message, [&answer](const JsonView::Member& m) {
    if (m.key_is("content")) answer.has_text = m.value().append_string(answer.text);
    if (m.key_is("thinking")) m.value().append_string(answer.reasoning);
    if (!m.key_is("tool_calls")) return;
    std::size_t index = 0;
    each_element(m.value(), [&](JsonView call) {
      const JsonView function = call["function"];
      const JsonView arguments = function["arguments"];
      answer.add_call(ollama_call_id(call, index++), function["name"].string(),
                      arguments.is_object() ? arguments.raw() : "{}");
    });
  });
  // A reply that calls tools has an empty text beside them.
  if (answer.text.empty() && !answer.tool_calls.empty()) answer.has_text = false;
  if (reply.logprobs.is_array()) {
    wire::JsonWriter(answer.logprobs)
        .begin_object()
        .key("content")
        .raw(reply.logprobs.raw())
        .end_object();
  }
  answer.finish_reason = summary.finish_reason;
  out.usage = summary.usage;
  return out.to_json();
}

}  // namespace llmroute::provider
