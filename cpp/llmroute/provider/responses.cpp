// OpenAI Responses. Source: the provider's API reference, openai.com/docs/api-reference/responses;
// Azure, OpenRouter, DeepSeek and Bedrock's OpenAI face speak it too.
//
// The request is written by responses_request.cpp and responses_input.cpp, a reply turned around by
// responses_reply.cpp, a stream read by responses_stream.cpp.
#include <algorithm>
#include <utility>

#include "llmroute/provider/classify.h"
#include "llmroute/provider/common.h"
#include "llmroute/provider/native.h"
#include "llmroute/provider/responses_parts.h"

namespace llmroute::provider {

const Dialect& responses_dialect();

namespace {

using wire::JsonView;

bool has_calls(JsonView output) {
  bool found = false;
  each_element(output, [&found](JsonView item) { found = found || is_call(item["type"]); });
  return found;
}

class Responses final : public Dialect {
 public:
  std::string_view name() const override { return "responses"; }

  ParameterSet unsupported() const override {
    using enum Parameter;
    return parameter_set({stop, seed, logit_bias, frequency_penalty, presence_penalty, modalities,
                          audio, prediction, web_search_options, functions, function_call, other});
  }

  Result<Encoded> encode(const ChatRequest& request, const Deployment& deployment,
                         const Secret& key, WallTime) const override {
    Encoded encoded;
    const bool native = request.facts.shape == Shape::responses && request.native.size() > 0;
    auto body = native
                    ? encode_native(request, deployment, encoded.dropped_parameters)
                    : encode_responses(request, deployment, unsupported() | deployment.unsupported,
                                       encoded.dropped_parameters);
    if (!body) return body.error();
    encoded.http.url = endpoint(deployment.base_url, "/responses");
    encoded.http.body = std::move(*body);
    add_common_headers(encoded, request, deployment);
    add_key(encoded.http.headers, deployment, key, "authorization");
    return encoded;
  }

  std::variant<ReplySummary, Failure> read_reply(std::string_view body) const override {
    if (auto failure = check_reply_json(body)) return *failure;
    const JsonView reply(body);
    const JsonView output = reply["output"];
    if (response_failed(reply)) return read_response_failure(reply);
    if (!output.is_array()) {
      const ErrorFields fields = read_error_fields(reply);
      if (fields.found) return classify_error(200, fields);
      return broken("the reply has no output");
    }
    ReplySummary summary;
    summary.usage = read_responses_usage(reply["usage"]);
    ResponseEnd end = read_response_end(reply, has_calls(output));
    summary.finish_reason = std::move(end.finish_reason);
    summary.raw_finish_reason = std::move(end.raw);
    return summary;
  }

  Result<std::string> to_openai(std::string_view body, std::string_view) const override {
    const auto read = read_reply(body);
    if (const auto* failure = std::get_if<Failure>(&read)) {
      return make_error(failure->kind, failure->message);
    }
    return responses_to_openai(JsonView(body), std::get<ReplySummary>(read));
  }

  std::unique_ptr<StreamDecoder> stream_decoder(const Deployment&) const override {
    return responses_stream();
  }
};

}  // namespace

Usage read_responses_usage(JsonView usage) {
  Usage out;
  std::optional<Tokens> input, output, total;
  each_member(usage, [&](const JsonView::Member& m) {
    const JsonView value = m.value();
    if (m.key_is("input_tokens")) input = count(value);
    if (m.key_is("output_tokens")) output = count(value);
    if (m.key_is("total_tokens")) total = count(value);
    if (m.key_is("input_tokens_details")) {
      out.cached_input = count(value["cached_tokens"]).value_or(Tokens{});
      out.cache_write = count(value["cache_write_tokens"]).value_or(Tokens{});
      out.audio_input = count(value["audio_tokens"]).value_or(Tokens{});
      out.image_input = count(value["image_tokens"]).value_or(Tokens{});
    }
    if (m.key_is("output_tokens_details")) {
      out.reasoning = count(value["reasoning_tokens"]).value_or(Tokens{});
      out.audio_output = count(value["audio_tokens"]).value_or(Tokens{});
      out.image_output = count(value["image_tokens"]).value_or(Tokens{});
    }
  });
  if (!input || !output) return {};
  out.reported = true;
  out.input = *input;
  out.output = *output;
  settle_usage(out, total);
  return out;
}

ResponseEnd read_response_end(JsonView response, bool has_calls, std::string_view status) {
  ResponseEnd end;
  const JsonView reason = response.at("incomplete_details", "reason");
  end.raw = reason.is_string() ? reason.string() : response["status"].string();
  if (end.raw.empty()) end.raw = status;
  end.finish_reason = end.raw;
  if (end.raw == "completed") end.finish_reason = has_calls ? "tool_calls" : "stop";
  if (end.raw == "max_output_tokens") end.finish_reason = "length";
  return end;
}

bool response_failed(JsonView response) {
  const JsonView status = response["status"], error = response["error"];
  return status.equals("failed") || status.equals("cancelled") || error.first_member() ||
         (error.is_string() && error.raw().size() > 2);
}

Failure read_response_failure(JsonView response) {
  ErrorFields fields;
  const JsonView error = response["error"];
  if (error.is_object()) fields = read_error_object(error);
  if (error.is_string()) fields.message = error.string();
  if (fields.message.empty()) {
    fields.message = "the response ended as \"" + response["status"].string() + "\"";
  }
  return classify_error(200, fields);
}

bool is_call(JsonView item_type) {
  return item_type.equals("function_call") || item_type.equals("custom_tool_call");
}

const Dialect& responses_dialect() {
  static const Responses dialect;
  return dialect;
}

}  // namespace llmroute::provider
