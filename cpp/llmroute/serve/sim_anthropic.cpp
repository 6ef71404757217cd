#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>

#include "llmroute/serve/sim_voice.h"
#include "llmroute/wire/json.h"

namespace llmroute::serve {

namespace {

using wire::JsonWriter;

struct Words {
  int status;
  std::string_view type;
};

Words words_of(SimError::Kind kind) {
  switch (kind) {
    case SimError::Kind::bad_request:
    case SimError::Kind::context_length: return {400, "invalid_request_error"};
    case SimError::Kind::authentication: return {401, "authentication_error"};
    case SimError::Kind::not_found: return {404, "not_found_error"};
    case SimError::Kind::quota: return {402, "billing_error"};
    case SimError::Kind::rate_limit: return {429, "rate_limit_error"};
    case SimError::Kind::server_error: return {500, "api_error"};
    case SimError::Kind::overloaded: return {529, "overloaded_error"};
  }
  return {500, "api_error"};
}

void write_error(const SimError& error, std::string_view id, std::string& out) {
  JsonWriter json(out);
  json.begin_object().key("type").string("error").key("error").begin_object();
  json.key("type").string(words_of(error.kind).type).key("message").string(error.message);
  json.end_object();
  if (!id.empty()) json.key("request_id").string("req_" + std::string(id));
  json.end_object();
}

std::string_view stop_reason(const SimAnswer& answer) {
  if (answer.cut_short) return "max_tokens";
  if (!answer.stop.empty()) return "stop_sequence";
  return answer.calls_tool() ? "tool_use" : "end_turn";
}

void write_stop(JsonWriter& json, const SimAnswer& answer) {
  json.key("stop_reason").string(stop_reason(answer)).key("stop_sequence");
  if (answer.stop.empty() || answer.cut_short) {
    json.null();
  } else {
    json.string(answer.stop);
  }
}

void write_usage(JsonWriter& json, const Usage& usage, std::int64_t output) {
  json.begin_object();
  json.key("input_tokens").integer(usage.input.count);
  json.key("cache_creation_input_tokens").integer(0);
  json.key("cache_read_input_tokens").integer(0);
  json.key("output_tokens").integer(output).end_object();
}

void write_head(JsonWriter& json, const SimAnswer& answer) {
  json.key("id").string(answer.id).key("type").string("message");
  json.key("role").string("assistant").key("model").string(answer.request.model);
}

// A tool's input must be an object; one that max_tokens cut is sent as far as it came only in
// streams, where it is text.
void write_block(JsonWriter& json, const SimAnswer& answer, bool empty) {
  json.begin_object().key("type");
  if (answer.calls_tool()) {
    json.string("tool_use").key("id").string(answer.tool_id);
    json.key("name").string(answer.request.tool).key("input");
    json.raw(empty || answer.cut_short ? "{}" : answer.text());
  } else {
    json.string("text").key("text").string(empty ? "" : answer.text());
  }
  json.end_object();
}

template <class Fill>
void write_event(std::string& out, std::string_view type, Fill&& fill) {
  out.append("event: ").append(type).append("\ndata: ");
  JsonWriter json(out);
  json.begin_object().key("type").string(type);
  fill(json);
  json.end_object();
  out += "\n\n";
}

class AnthropicVoice final : public SimVoice {
 public:
  std::string_view path() const override { return "/messages"; }

  std::string_view key_of(const wire::Headers& headers) const override {
    return headers.find("x-api-key").value_or(std::string_view());
  }

  std::string whole(const SimAnswer& answer) const override {
    std::string out;
    JsonWriter json(out);
    json.begin_object();
    write_head(json, answer);
    json.key("content").begin_array();
    write_block(json, answer, false);
    json.end_array();
    write_stop(json, answer);
    json.key("usage");
    write_usage(json, answer.usage, answer.usage.output.count);
    json.end_object();
    return out;
  }

  std::string models(const SimOptions& options) const override {
    std::string out;
    JsonWriter json(out);
    json.begin_object().key("data").begin_array();
    for (const std::string& model : options.models) {
      json.begin_object().key("type").string("model").key("id").string(model);
      json.key("display_name").string(model).key("created_at").string("1970-01-01T00:00:00Z");
      json.end_object();
    }
    json.end_array().key("has_more").boolean(false).end_object();
    return out;
  }

  void open(const SimAnswer& answer, std::string& out) const override {
    write_event(out, "message_start", [&](JsonWriter& json) {
      json.key("message").begin_object();
      write_head(json, answer);
      json.key("content").begin_array().end_array();
      json.key("stop_reason").null().key("stop_sequence").null().key("usage");
      write_usage(json, answer.usage, 1);
      json.end_object();
    });
    write_event(out, "content_block_start", [&](JsonWriter& json) {
      json.key("index").integer(0).key("content_block");
      write_block(json, answer, true);
    });
    write_event(out, "ping", [](JsonWriter&) {});
  }

  void piece(const SimAnswer& answer, std::size_t index, std::string& out) const override {
    write_event(out, "content_block_delta", [&](JsonWriter& json) {
      const bool tool = answer.calls_tool();
      json.key("index").integer(0).key("delta").begin_object();
      json.key("type").string(tool ? "input_json_delta" : "text_delta");
      json.key(tool ? "partial_json" : "text").string(answer.pieces[index]).end_object();
    });
  }

  void close(const SimAnswer& answer, std::string& out) const override {
    trail_off(answer, out);
    write_event(out, "message_stop", [](JsonWriter&) {});
  }

  void trail_off(const SimAnswer& answer, std::string& out) const override {
    write_event(out, "content_block_stop", [](JsonWriter& json) { json.key("index").integer(0); });
    write_event(out, "message_delta", [&](JsonWriter& json) {
      json.key("delta").begin_object();
      write_stop(json, answer);
      json.end_object().key("usage").begin_object();
      json.key("output_tokens").integer(answer.usage.output.count).end_object();
    });
  }

  void error_event(const SimError& error, std::string& out) const override {
    out += "event: error\ndata: ";
    write_error(error, {}, out);
    out += "\n\n";
  }

  void malformed(std::string& out) const override {
    out += "event: content_block_delta\ndata: {\"type\": \"content_block_delta\", \"delta\": \n\n";
  }

  SimReply error(const SimError& error, std::string_view id) const override {
    SimReply reply;
    reply.status = words_of(error.kind).status;
    write_error(error, id, reply.body);
    return reply;
  }

  void headers(std::string_view id, const SimLimits& limits, wire::Headers& out) const override {
    out.add("request-id", "req_" + std::string(id));
    const std::string reset = utc_seconds(limits.now + limits.reset);
    out.add("anthropic-ratelimit-requests-limit", std::to_string(limits.requests_limit));
    out.add("anthropic-ratelimit-requests-remaining", std::to_string(limits.requests_remaining));
    out.add("anthropic-ratelimit-requests-reset", reset);
    out.add("anthropic-ratelimit-tokens-limit", std::to_string(limits.tokens_limit));
    out.add("anthropic-ratelimit-tokens-remaining", std::to_string(limits.tokens_remaining));
    out.add("anthropic-ratelimit-tokens-reset", reset);
  }
};

}  // namespace

const SimVoice& anthropic_voice() {
  static const AnthropicVoice voice;
  return voice;
}

const SimVoice& voice_of(SimDialect dialect) {
  return dialect == SimDialect::anthropic ? anthropic_voice() : openai_voice();
}

std::string utc_seconds(WallTime time) {
  using namespace std::chrono;
  const auto since = ceil<std::chrono::seconds>(time.time_since_epoch());
  const auto day = floor<days>(since);
  const year_month_day date{sys_days(day)};
  const hh_mm_ss clock{since - day};
  std::array<char, 40> buffer{};
  std::snprintf(buffer.data(), buffer.size(), "%04d-%02u-%02uT%02d:%02d:%02dZ",
                static_cast<int>(date.year()), static_cast<unsigned>(date.month()),
                static_cast<unsigned>(date.day()), static_cast<int>(clock.hours().count()),
                static_cast<int>(clock.minutes().count()),
                static_cast<int>(clock.seconds().count()));
  return buffer.data();
}

}  // namespace llmroute::serve
