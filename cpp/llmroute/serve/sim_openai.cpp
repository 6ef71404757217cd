#include <cstdio>

#include "llmroute/serve/sim_voice.h"
#include "llmroute/wire/json.h"

namespace llmroute::serve {

namespace {

using wire::JsonWriter;

struct Words {
  int status;
  std::string_view type, code;  // code empty: null
};

Words words_of(SimError::Kind kind) {
  switch (kind) {
    case SimError::Kind::bad_request: return {400, "invalid_request_error", ""};
    case SimError::Kind::context_length:
      return {400, "invalid_request_error", "context_length_exceeded"};
    case SimError::Kind::authentication: return {401, "invalid_request_error", "invalid_api_key"};
    case SimError::Kind::not_found: return {404, "invalid_request_error", "model_not_found"};
    case SimError::Kind::quota: return {429, "insufficient_quota", "insufficient_quota"};
    case SimError::Kind::rate_limit: return {429, "requests", "rate_limit_exceeded"};
    case SimError::Kind::server_error: return {500, "server_error", ""};
    case SimError::Kind::overloaded: return {503, "server_error", "service_unavailable"};
  }
  return {500, "server_error", ""};
}

void write_error(const SimError& error, std::string& out) {
  const Words words = words_of(error.kind);
  JsonWriter json(out);
  json.begin_object().key("error").begin_object();
  json.key("message").string(error.message).key("type").string(words.type);
  json.key("param").null().key("code");
  if (words.code.empty()) {
    json.null();
  } else {
    json.string(words.code);
  }
  json.end_object().end_object();
}

std::string_view finish_reason(const SimAnswer& answer) {
  if (answer.cut_short) return "length";
  return answer.calls_tool() ? "tool_calls" : "stop";
}

void write_usage(JsonWriter& json, const Usage& usage) {
  json.begin_object();
  json.key("prompt_tokens").integer(usage.input.count);
  json.key("completion_tokens").integer(usage.output.count);
  json.key("total_tokens").integer((usage.input + usage.output).count);
  json.key("prompt_tokens_details").begin_object().key("cached_tokens").integer(0).end_object();
  json.key("completion_tokens_details").begin_object();
  json.key("reasoning_tokens").integer(0).end_object().end_object();
}

void write_head(JsonWriter& json, const SimAnswer& answer, std::string_view object) {
  json.key("id").string(answer.id).key("object").string(object);
  json.key("created").integer(answer.created).key("model").string(answer.request.model);
  json.key("service_tier").string("default").key("system_fingerprint").string("fp_simulated");
}

void write_tool_call(JsonWriter& json, const SimAnswer& answer, bool indexed,
                     std::string_view arguments) {
  json.key("tool_calls").begin_array().begin_object();
  if (indexed) json.key("index").integer(0);
  json.key("id").string(answer.tool_id).key("type").string("function");
  json.key("function").begin_object().key("name").string(answer.request.tool);
  json.key("arguments").string(arguments).end_object().end_object().end_array();
}

// One event; `fill` writes the delta's members.
template <class Fill>
void write_chunk(const SimAnswer& answer, std::string& out, std::string_view finish, Fill&& fill) {
  out += "data: ";
  JsonWriter json(out);
  json.begin_object();
  write_head(json, answer, "chat.completion.chunk");
  json.key("choices").begin_array().begin_object().key("index").integer(0);
  json.key("delta").begin_object();
  fill(json);
  json.end_object().key("logprobs").null().key("finish_reason");
  if (finish.empty()) {
    json.null();
  } else {
    json.string(finish);
  }
  json.end_object().end_array();
  if (answer.request.include_usage) json.key("usage").null();
  json.end_object();
  out += "\n\n";
}

// Go's time.Duration, as the x-ratelimit-reset headers have it.
std::string go_duration(Duration duration) {
  return std::to_string(duration.count() / 1'000'000) + "ms";
}

class OpenAiVoice final : public SimVoice {
 public:
  std::string_view path() const override { return "/chat/completions"; }

  std::string_view key_of(const wire::Headers& headers) const override {
    constexpr std::string_view kBearer = "Bearer ";
    const auto value = headers.find("authorization");
    if (!value || value->substr(0, kBearer.size()) != kBearer) return {};
    return value->substr(kBearer.size());
  }

  std::string whole(const SimAnswer& answer) const override {
    std::string out;
    JsonWriter json(out);
    json.begin_object();
    write_head(json, answer, "chat.completion");
    json.key("choices").begin_array().begin_object().key("index").integer(0);
    json.key("message").begin_object().key("role").string("assistant").key("content");
    if (answer.calls_tool()) {
      json.null();
      write_tool_call(json, answer, false, answer.text());
    } else {
      json.string(answer.text());
    }
    json.key("refusal").null().key("annotations").begin_array().end_array().end_object();
    json.key("logprobs").null().key("finish_reason").string(finish_reason(answer));
    json.end_object().end_array().key("usage");
    write_usage(json, answer.usage);
    json.end_object();
    return out;
  }

  std::string models(const SimOptions& options) const override {
    std::string out;
    JsonWriter json(out);
    json.begin_object().key("object").string("list").key("data").begin_array();
    for (const std::string& model : options.models) {
      json.begin_object().key("id").string(model).key("object").string("model");
      json.key("created").integer(0).key("owned_by").string("simulated").end_object();
    }
    json.end_array().end_object();
    return out;
  }

  void open(const SimAnswer& answer, std::string& out) const override {
    write_chunk(answer, out, {}, [&](JsonWriter& json) {
      json.key("role").string("assistant").key("content");
      if (answer.calls_tool()) {
        json.null();
        write_tool_call(json, answer, true, "");
      } else {
        json.string("");
      }
      json.key("refusal").null();
    });
  }

  void piece(const SimAnswer& answer, std::size_t index, std::string& out) const override {
    write_chunk(answer, out, {}, [&](JsonWriter& json) {
      if (!answer.calls_tool()) {
        json.key("content").string(answer.pieces[index]);
        return;
      }
      json.key("tool_calls").begin_array().begin_object().key("index").integer(0);
      json.key("function").begin_object().key("arguments").string(answer.pieces[index]);
      json.end_object().end_object().end_array();
    });
  }

  void close(const SimAnswer& answer, std::string& out) const override {
    trail_off(answer, out);
    if (answer.request.include_usage) {
      out += "data: ";
      JsonWriter json(out);
      json.begin_object();
      write_head(json, answer, "chat.completion.chunk");
      json.key("choices").begin_array().end_array().key("usage");
      write_usage(json, answer.usage);
      json.end_object();
      out += "\n\n";
    }
    out += "data: [DONE]\n\n";
  }

  void trail_off(const SimAnswer& answer, std::string& out) const override {
    write_chunk(answer, out, finish_reason(answer), [](JsonWriter&) {});
  }

  void error_event(const SimError& error, std::string& out) const override {
    out += "data: ";
    write_error(error, out);
    out += "\n\n";
  }

  void malformed(std::string& out) const override {
    out += "data: {\"id\": \"chatcmpl-broken\", \"choices\": [{\"delta\": \n\n";
  }

  SimReply error(const SimError& error, std::string_view) const override {
    SimReply reply;
    reply.status = words_of(error.kind).status;
    write_error(error, reply.body);
    return reply;
  }

  void headers(std::string_view id, const SimLimits& limits, wire::Headers& out) const override {
    out.add("x-request-id", "req_" + std::string(id));
    out.add("openai-version", "2020-10-01");
    out.add("x-ratelimit-limit-requests", std::to_string(limits.requests_limit));
    out.add("x-ratelimit-remaining-requests", std::to_string(limits.requests_remaining));
    out.add("x-ratelimit-reset-requests", go_duration(limits.reset));
    out.add("x-ratelimit-limit-tokens", std::to_string(limits.tokens_limit));
    out.add("x-ratelimit-remaining-tokens", std::to_string(limits.tokens_remaining));
    out.add("x-ratelimit-reset-tokens", go_duration(limits.reset));
  }
};

}  // namespace

const SimVoice& openai_voice() {
  static const OpenAiVoice voice;
  return voice;
}

}  // namespace llmroute::serve
