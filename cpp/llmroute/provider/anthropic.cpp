// Anthropic messages. Source: the provider's API reference, version 2023-06-01.
//
// System and developer messages become the system prompt, in order. Turns of one role that follow
// each other are one turn, which is how parallel tool results must arrive. response_format with a
// schema is output_config.format; reasoning_effort is a thinking budget: low 1,024, medium 4,096,
// high 16,384 tokens, cut below max_tokens.
#include <utility>

#include "llmroute/model/defaults.h"
#include "llmroute/provider/anthropic_request.h"
#include "llmroute/provider/classify.h"
#include "llmroute/provider/common.h"
#include "llmroute/provider/limits.h"
#include "llmroute/wire/sse.h"

namespace llmroute::provider {

const Dialect& anthropic_dialect();

namespace {

using wire::JsonView;
using wire::JsonWriter;

// input_tokens leaves the cached parts out; ours are inclusive totals. Members that are absent keep
// what an earlier event said: the stream's counts are cumulative.
void read_usage(JsonView usage, Usage& out, Tokens& fresh) {
  if (!usage.is_object()) return;
  out.reported = true;
  each_member(usage, [&](const JsonView::Member& m) {
    if (m.value().is_null()) return;
    if (m.key_is("input_tokens")) fresh = tokens(m.value());
    if (m.key_is("cache_read_input_tokens")) out.cached_input = tokens(m.value());
    if (m.key_is("cache_creation_input_tokens")) out.cache_write = tokens(m.value());
    if (m.key_is("output_tokens")) out.output = tokens(m.value());
  });
  out.input = fresh + out.cached_input + out.cache_write;
}

// A value nobody knows stays as it is: it must not look like a normal end.
std::string finish_reason(std::string raw) {
  if (raw == "end_turn" || raw == "stop_sequence") return "stop";
  if (raw == "max_tokens" || raw == "model_context_window_exceeded") return "length";
  if (raw == "tool_use") return "tool_calls";
  if (raw == "refusal") return "content_filter";
  return raw;
}

// --- streams ------------------------------------------------------------------------------------

class AnthropicStream final : public StreamDecoder {
 public:
  AnthropicStream() : parser_(defaults::kMaxSseEventBytes) {}

  std::optional<Failure> feed(std::string_view bytes, std::vector<Delta>& out) override {
    if (terminated_) return std::nullopt;
    std::optional<Failure> failure;
    const auto parsed = parser_.feed(bytes, [&](const wire::SseParser::Event& event) {
      failure = on_event(event.data, out);
      return !failure && !terminated_;
    });
    if (!parsed) return broken(parsed.error().message);
    return failure;
  }

  std::optional<Failure> finish(std::vector<Delta>&) override {
    if (terminated_) return std::nullopt;
    return make_failure(ErrorKind::stream_interrupted, "the stream ended without message_stop");
  }

  bool terminated() const override { return terminated_; }
  const ReplySummary& summary() const override { return summary_; }

 private:
  std::optional<Failure> on_event(std::string_view data, std::vector<Delta>& out) {
    if (!wire::validate_json(data, defaults::kMaxJsonDepth)) {
      return broken("an event of the stream is not JSON");
    }
    const JsonView event(data);
    const JsonView type = event["type"];
    if (type.equals("content_block_delta")) {
      on_delta(event, out);
    } else if (type.equals("content_block_start")) {
      on_block(event, out);
    } else if (type.equals("message_start")) {
      read_usage(event.at("message", "usage"), summary_.usage, fresh_input_);
    } else if (type.equals("message_delta")) {
      on_message_delta(event, out);
    } else if (type.equals("message_stop")) {
      terminated_ = true;
    } else if (type.equals("error")) {
      return classify_error(200, read_error_fields(event));
    } else if (!type.is_string()) {
      return broken("an event of the stream has no type");
    }
    return std::nullopt;  // ping, content_block_stop, and types of the future
  }

  void on_block(JsonView event, std::vector<Delta>& out) {
    const JsonView block = event["content_block"];
    if (block["type"].equals("tool_use")) {
      Delta& delta = out.emplace_back();
      delta.kind = DeltaKind::tool_call;
      delta.tool_index = static_cast<std::uint16_t>(++tools_);
      delta.tool_id = block["id"].string();
      delta.tool_name = block["name"].string();
    } else if (block["type"].equals("text")) {
      add_text(DeltaKind::text, block["text"], out);
    }
  }

  void on_delta(JsonView event, std::vector<Delta>& out) {
    each_member(event["delta"], [&](const JsonView::Member& m) {
      if (m.key_is("text")) add_text(DeltaKind::text, m.value(), out);
      if (m.key_is("thinking")) add_text(DeltaKind::reasoning, m.value(), out);
      if (!m.key_is("partial_json") || m.value().raw().size() <= 2 || tools_ < 0) return;
      Delta& delta = out.emplace_back();
      delta.kind = DeltaKind::tool_call;
      delta.tool_index = static_cast<std::uint16_t>(tools_);
      m.value().append_string(delta.text);
    });
  }

  void on_message_delta(JsonView event, std::vector<Delta>& out) {
    read_usage(event["usage"], summary_.usage, fresh_input_);
    const JsonView reason = event.at("delta", "stop_reason");
    if (reason.is_string()) {
      summary_.finish_reason = finish_reason(reason.string());
      Delta& end = out.emplace_back();
      end.kind = DeltaKind::finish;
      end.finish_reason = summary_.finish_reason;
    }
    if (!summary_.usage.reported) return;
    Delta& usage = out.emplace_back();
    usage.kind = DeltaKind::usage;
    usage.usage = summary_.usage;
  }

  static void add_text(DeltaKind kind, JsonView value, std::vector<Delta>& out) {
    if (value.raw().size() <= 2 || !value.is_string()) return;
    Delta& delta = out.emplace_back();
    delta.kind = kind;
    value.append_string(delta.text);
  }

  wire::SseParser parser_;
  ReplySummary summary_;
  Tokens fresh_input_;
  int tools_ = -1;  // index of the newest tool call
  bool terminated_ = false;
};

// --- replies ------------------------------------------------------------------------------------

// What an OpenAI message keeps apart, gathered from the content blocks.
struct Gathered {
  std::string text, reasoning;
  std::string tool_calls;  // JSON elements
  bool has_text = false;
};

Gathered gather(JsonView content) {
  Gathered out;
  JsonWriter calls(out.tool_calls);
  each_element(content, [&](JsonView block) {
    const JsonView type = block["type"];
    if (type.equals("text")) {
      out.has_text = block["text"].append_string(out.text);
    } else if (type.equals("thinking")) {
      block["thinking"].append_string(out.reasoning);
    } else if (type.equals("tool_use")) {
      calls.begin_object().key("id").raw(block["id"].raw()).key("type").string("function");
      calls.key("function").begin_object().key("name").raw(block["name"].raw());
      const JsonView input = block["input"];
      calls.key("arguments").string(input.missing() ? "{}" : input.raw());
      calls.end_object().end_object();
    }
  });
  return out;
}

void write_usage(JsonWriter& w, const Usage& usage) {
  w.key("usage").begin_object();
  w.key("prompt_tokens").integer(usage.input.count);
  w.key("completion_tokens").integer(usage.output.count);
  w.key("total_tokens").integer(usage.input.count + usage.output.count);
  w.key("prompt_tokens_details").begin_object();
  w.key("cached_tokens").integer(usage.cached_input.count).end_object();
  w.end_object();
}

// --- the dialect --------------------------------------------------------------------------------

class Anthropic final : public Dialect {
 public:
  std::string_view name() const override { return "anthropic"; }

  ParameterSet unsupported() const override {
    using enum Parameter;
    return parameter_set({seed, logprobs, top_logprobs, logit_bias, frequency_penalty,
                          presence_penalty, store, modalities, audio, prediction,
                          web_search_options, functions, function_call, verbosity, prompt_cache_key,
                          safety_identifier, metadata, service_tier, other});
  }

  Result<Encoded> encode(const ChatRequest& request, const Deployment& deployment,
                         const Secret& key) const override {
    Encoded encoded;
    auto body = encode_anthropic(request, deployment, unsupported(), encoded.dropped_parameters);
    if (!body) return body.error();
    encoded.http.url = deployment.base_url + "/messages";
    encoded.http.body = std::move(*body);
    add_common_headers(encoded.http.headers, request, deployment);
    encoded.http.headers.add("anthropic-version", "2023-06-01");
    if (!key.empty()) encoded.http.headers.add("x-api-key", key.reveal());
    return encoded;
  }

  std::variant<ReplySummary, Failure> read_reply(std::string_view body) const override {
    if (!wire::validate_json(body, defaults::kMaxJsonDepth)) {
      return broken("the reply is not JSON; a proxy or a wrong base_url may have answered");
    }
    const JsonView reply(body);
    if (!reply["content"].is_array()) {
      const ErrorFields fields = read_error_fields(reply);
      if (fields.found) return classify_error(200, fields);
      return broken("the reply has no content");
    }
    ReplySummary summary;
    Tokens fresh;
    read_usage(reply["usage"], summary.usage, fresh);
    summary.finish_reason = finish_reason(reply["stop_reason"].string());
    return summary;
  }

  Result<std::string> to_openai(std::string_view body) const override {
    const auto read = read_reply(body);
    if (const auto* failure = std::get_if<Failure>(&read)) {
      return make_error(failure->kind, failure->message);
    }
    const auto& summary = std::get<ReplySummary>(read);
    const JsonView reply(body);
    const Gathered got = gather(reply["content"]);
    std::string out;
    JsonWriter w(out);
    w.begin_object().key("id").string(reply["id"].string());
    w.key("object").string("chat.completion").key("created").integer(0);
    w.key("model").string(reply["model"].string());
    w.key("choices").begin_array().begin_object().key("index").integer(0);
    w.key("message").begin_object().key("role").string("assistant").key("content");
    if (got.has_text) {
      w.string(got.text);
    } else {
      w.null();
    }
    if (!got.reasoning.empty()) w.key("reasoning_content").string(got.reasoning);
    if (!got.tool_calls.empty()) w.key("tool_calls").raw("[" + got.tool_calls + "]");
    w.end_object().key("finish_reason").string(summary.finish_reason).key("logprobs").null();
    w.end_object().end_array();
    write_usage(w, summary.usage);
    w.end_object();
    return out;
  }

  std::unique_ptr<StreamDecoder> stream_decoder(const Deployment&) const override {
    return std::make_unique<AnthropicStream>();
  }

  Failure classify(const wire::ResponseHead& head, std::string_view body,
                   WallTime now) const override {
    Failure failure = classify_response(head.status, body);
    failure.retry_after = read_retry_after(head.headers, now);
    return failure;
  }

  AnnouncedLimits read_limits(const wire::Headers& headers, WallTime now) const override {
    constexpr std::string_view kPrefix = "anthropic-ratelimit-";
    AnnouncedLimits limits = read_limit_headers(headers, kPrefix, true, now);
    if (limits.tokens_remaining) return limits;
    // Only the separate families: the tighter of the two is what will stop us.
    for (const std::string_view what : {"input-tokens", "output-tokens"}) {
      read_token_family(headers, what, now, limits);
    }
    return limits;
  }

 private:
  static void read_token_family(const wire::Headers& headers, std::string_view what, WallTime now,
                                AnnouncedLimits& limits) {
    const std::string prefix = std::string("anthropic-ratelimit-").append(what).append("-");
    const auto remaining = headers.find(prefix + "remaining");
    const auto reset = headers.find(prefix + "reset");
    if (!remaining) return;
    const auto left = JsonView(*remaining).integer();
    if (!left || (limits.tokens_remaining && *limits.tokens_remaining <= *left)) return;
    limits.tokens_remaining = *left;
    limits.tokens_reset = reset ? read_reset(*reset, now) : std::nullopt;
  }
};

}  // namespace

const Dialect& anthropic_dialect() {
  static const Anthropic dialect;
  return dialect;
}

}  // namespace llmroute::provider
