// OpenAI chat completions: the caller's own shape, so most bytes go through as they came.
// Source: the provider's API reference; differences between compatible providers are Quirks.
#include <utility>

#include "llmroute/base/text.h"
#include "llmroute/model/defaults.h"
#include "llmroute/provider/classify.h"
#include "llmroute/provider/common.h"
#include "llmroute/provider/limits.h"
#include "llmroute/wire/json.h"
#include "llmroute/wire/sse.h"

namespace llmroute::provider {

const Dialect& openai_dialect();

namespace {

using wire::JsonView;
using wire::JsonWriter;

Usage read_usage(JsonView usage) {
  Usage out;
  if (!usage.is_object()) return out;
  out.reported = true;
  each_member(usage, [&out](const JsonView::Member& m) {
    if (m.key_is("prompt_tokens")) out.input = tokens(m.value());
    if (m.key_is("completion_tokens")) out.output = tokens(m.value());
    if (m.key_is("prompt_tokens_details")) out.cached_input = tokens(m.value()["cached_tokens"]);
    if (m.key_is("completion_tokens_details")) {
      out.reasoning = tokens(m.value()["reasoning_tokens"]);
    }
  });
  return out;
}

// --- requests -----------------------------------------------------------------------------------

class Encoder {
 public:
  Encoder(const ChatRequest& request, const Deployment& deployment)
      : request_(request), deployment_(deployment), writer_(out_) {}

  Result<std::string> run() {
    constexpr std::size_t kRoomForChanges = 256;
    out_.reserve(request_.body.size() + kRoomForChanges);
    writer_.begin_object().key("model").string(deployment_.model);
    for (auto m = JsonView(request_.body).first_member(); m; m = m.next()) {
      auto written = member(m);
      if (!written) return written.error();
    }
    if (request_.options.stream) {
      writer_.key("stream").boolean(true);
      write_stream_options();
    }
    writer_.end_object();
    return std::move(out_);
  }

  std::vector<std::string> dropped;

 private:
  Result<void> member(const JsonView::Member& m) {
    const JsonView value = m.value();
    if (value.is_null() || m.key_is("model") || m.key_is("stream")) return {};
    if (m.key_is("stream_options")) {
      stream_options_ = value;
      return {};
    }
    const std::string key = m.key_view().string();
    if (refused(key)) {
      if (request_.options.drop_unsupported) {
        dropped.push_back(key);
        return {};
      }
      return make_error(ErrorKind::bad_request,
                        deployment_.name + " does not take the parameter \"" + key +
                            "\"; leave it out, or allow it to be dropped",
                        key);
    }
    if (key == "messages" && !deployment_.quirks.developer_role) {
      write_messages(value);
    } else if (key == "max_tokens" || key == "max_completion_tokens") {
      const std::string& field = deployment_.quirks.max_tokens_field;
      writer_.key(field.empty() ? key : field).raw(value.raw());
    } else {
      writer_.key(key).raw(value.raw());
    }
    return {};
  }

  bool refused(const std::string& key) const {
    const auto parameter = from_slug<Parameter>(key);
    return parameter && *parameter != Parameter::other &&
           deployment_.unsupported.test(static_cast<std::size_t>(*parameter));
  }

  // The same messages with the developer's called the system's.
  void write_messages(JsonView messages) {
    writer_.key("messages").begin_array();
    each_element(messages, [this](JsonView message) {
      if (!message["role"].equals("developer")) {
        writer_.raw(message.raw());
        return;
      }
      writer_.begin_object();
      each_member(message, [this](const JsonView::Member& m) {
        const bool role = m.key_is("role");
        writer_.key(m.key_view().string()).raw(role ? "\"system\"" : m.value().raw());
      });
      writer_.end_object();
    });
    writer_.end_array();
  }

  // Usage is asked for even where the caller did not: an unbilled stream is a lie.
  void write_stream_options() {
    const bool ask = deployment_.quirks.stream_usage;
    if (!ask && stream_options_.missing()) return;
    writer_.key("stream_options").begin_object();
    if (ask) writer_.key("include_usage").boolean(true);
    each_member(stream_options_, [&](const JsonView::Member& m) {
      if (!ask || !m.key_is("include_usage")) {
        writer_.key(m.key_view().string()).raw(m.value().raw());
      }
    });
    writer_.end_object();
  }

  const ChatRequest& request_;
  const Deployment& deployment_;
  std::string out_;
  JsonWriter writer_;
  JsonView stream_options_;
};

// --- streams ------------------------------------------------------------------------------------

class OpenAiStream final : public StreamDecoder {
 public:
  explicit OpenAiStream(bool requires_terminator)
      : requires_terminator_(requires_terminator), parser_(defaults::kMaxSseEventBytes) {}

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
    if (!requires_terminator_ && finished_ && !parser_.mid_event()) {
      terminated_ = true;
      return std::nullopt;
    }
    return make_failure(ErrorKind::stream_interrupted, "the stream ended without [DONE]");
  }

  bool terminated() const override { return terminated_; }
  const ReplySummary& summary() const override { return summary_; }

 private:
  std::optional<Failure> on_event(std::string_view data, std::vector<Delta>& out) {
    if (data == "[DONE]") {
      terminated_ = true;
      return std::nullopt;
    }
    if (!wire::validate_json(data, defaults::kMaxJsonDepth)) {
      return broken("a chunk of the stream is not JSON");
    }
    const JsonView chunk(data);
    if (!chunk.is_object()) return broken("a chunk of the stream is not a JSON object");
    JsonView error;
    each_member(chunk, [&](const JsonView::Member& m) {
      if (m.key_is("choices")) {
        each_element(m.value(), [&](JsonView choice) { on_choice(choice, out); });
      } else if (m.key_is("usage") && m.value().is_object()) {
        summary_.usage = read_usage(m.value());
        Delta& delta = out.emplace_back();
        delta.kind = DeltaKind::usage;
        delta.usage = summary_.usage;
      } else if (m.key_is("error")) {
        error = m.value();
      } else if (m.key_is("object") && m.value().equals("error")) {
        error = chunk;
      }
    });
    if (error.missing() || error.is_null()) return std::nullopt;
    return classify_error(200, read_error_fields(chunk));
  }

  void on_choice(JsonView choice, std::vector<Delta>& out) {
    std::uint16_t index = 0;
    JsonView delta, reason;
    each_member(choice, [&](const JsonView::Member& m) {
      if (m.key_is("index")) index = static_cast<std::uint16_t>(m.value().integer().value_or(0));
      if (m.key_is("delta")) delta = m.value();
      if (m.key_is("finish_reason")) reason = m.value();
    });
    each_member(delta, [&](const JsonView::Member& m) { on_delta_member(m, index, out); });
    if (!reason.is_string()) return;
    finished_ = true;
    Delta& end = out.emplace_back();
    end.kind = DeltaKind::finish;
    end.choice = index;
    end.finish_reason = reason.string();
    if (index == 0) summary_.finish_reason = end.finish_reason;
  }

  void on_delta_member(const JsonView::Member& m, std::uint16_t choice, std::vector<Delta>& out) {
    if (m.key_is("content")) {
      add_text(DeltaKind::text, m.value(), choice, out);
    } else if (m.key_is("refusal")) {
      add_text(DeltaKind::refusal, m.value(), choice, out);
    } else if (m.key_is("reasoning_content") || m.key_is("reasoning")) {
      add_text(DeltaKind::reasoning, m.value(), choice, out);
    } else if (m.key_is("tool_calls")) {
      each_element(m.value(), [&](JsonView call) { add_tool_call(call, choice, out); });
    }
  }

  static void add_text(DeltaKind kind, JsonView value, std::uint16_t choice,
                       std::vector<Delta>& out) {
    if (value.raw().size() <= 2 || !value.is_string()) return;
    Delta& delta = out.emplace_back();
    delta.kind = kind;
    delta.choice = choice;
    value.append_string(delta.text);
  }

  static void add_tool_call(JsonView call, std::uint16_t choice, std::vector<Delta>& out) {
    Delta& delta = out.emplace_back();
    delta.kind = DeltaKind::tool_call;
    delta.choice = choice;
    delta.tool_index = static_cast<std::uint16_t>(call["index"].integer().value_or(0));
    delta.tool_id = call["id"].string();
    const JsonView function = call["function"];
    delta.tool_name = function["name"].string();
    delta.text = function["arguments"].string();
  }

  bool requires_terminator_;
  wire::SseParser parser_;
  ReplySummary summary_;
  bool terminated_ = false, finished_ = false;
};

// --- the dialect --------------------------------------------------------------------------------

class OpenAi final : public Dialect {
 public:
  std::string_view name() const override { return "openai"; }
  ParameterSet unsupported() const override { return {}; }

  Result<Encoded> encode(const ChatRequest& request, const Deployment& deployment,
                         const Secret& key) const override {
    Encoder encoder(request, deployment);
    auto body = encoder.run();
    if (!body) return body.error();
    Encoded encoded;
    encoded.http.url = deployment.base_url + "/chat/completions";
    encoded.http.body = std::move(*body);
    encoded.dropped_parameters = std::move(encoder.dropped);
    add_common_headers(encoded.http.headers, request, deployment);
    if (!key.empty()) encoded.http.headers.add("authorization", "Bearer " + key.reveal());
    return encoded;
  }

  std::variant<ReplySummary, Failure> read_reply(std::string_view body) const override {
    if (!wire::validate_json(body, defaults::kMaxJsonDepth)) {
      return broken("the reply is not JSON; a proxy or a wrong base_url may have answered");
    }
    const JsonView reply(body);
    ReplySummary summary;
    bool has_choices = false, has_error = false;
    each_member(reply, [&](const JsonView::Member& m) {
      if (m.key_is("usage")) summary.usage = read_usage(m.value());
      if (m.key_is("error") && !m.value().is_null()) has_error = true;
      if (m.key_is("choices") && m.value().first_element()) {
        has_choices = true;
        summary.finish_reason = m.value().first_element().value()["finish_reason"].string();
      }
    });
    if (has_error && !has_choices) return classify_error(200, read_error_fields(reply));
    if (has_choices) return summary;
    const ErrorFields fields = read_error_fields(reply);
    if (fields.found) return classify_error(200, fields);
    return broken("the reply has no choices");
  }

  Result<std::string> to_openai(std::string_view body) const override { return std::string(body); }

  std::unique_ptr<StreamDecoder> stream_decoder(const Deployment& deployment) const override {
    return std::make_unique<OpenAiStream>(deployment.quirks.requires_terminator);
  }

  Failure classify(const wire::ResponseHead& head, std::string_view body,
                   WallTime now) const override {
    Failure failure = classify_response(head.status, body);
    failure.retry_after = read_retry_after(head.headers, now);
    return failure;
  }

  AnnouncedLimits read_limits(const wire::Headers& headers, WallTime now) const override {
    return read_limit_headers(headers, "x-ratelimit-", false, now);
  }
};

}  // namespace

const Dialect& openai_dialect() {
  static const OpenAi dialect;
  return dialect;
}

}  // namespace llmroute::provider
