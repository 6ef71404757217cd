// Anthropic messages. Source: the provider's API reference, version 2023-06-01.
//
// The request is written by anthropic_request.cpp and anthropic_messages.cpp, a reply turned around
// by anthropic_reply.cpp, a stream read by anthropic_stream.cpp.
#include <utility>

#include "llmroute/provider/anthropic_parts.h"
#include "llmroute/provider/classify.h"
#include "llmroute/provider/common.h"
#include "llmroute/provider/native.h"

namespace llmroute::provider {

const Dialect& anthropic_dialect();

namespace {

using wire::JsonView;

class Anthropic final : public Dialect {
 public:
  std::string_view name() const override { return "anthropic"; }

  std::vector<std::string_view> own_headers(const Deployment&) const override {
    return {"anthropic-beta"};
  }

  ParameterSet unsupported() const override {
    using enum Parameter;
    return parameter_set({seed, logprobs, top_logprobs, logit_bias, frequency_penalty,
                          presence_penalty, store, modalities, audio, prediction,
                          web_search_options, functions, function_call, verbosity, prompt_cache_key,
                          metadata, service_tier, other});
  }

  Result<Encoded> encode(const ChatRequest& request, const Deployment& deployment,
                         const Secret& key, WallTime) const override {
    Encoded encoded;
    const bool native = request.facts.shape == Shape::messages && request.native.size() > 0;
    auto body = native
                    ? encode_native(request, deployment, encoded.dropped_parameters,
                                    {"max_tokens", default_max_tokens(deployment).count})
                    : encode_anthropic(request, deployment, unsupported() | deployment.unsupported,
                                       encoded.dropped_parameters);
    if (!body) return body.error();
    encoded.http.url = endpoint(deployment.base_url, "/messages");
    encoded.http.body = std::move(*body);
    add_common_headers(encoded, request, deployment);
    if (!encoded.http.headers.find("anthropic-version")) {
      encoded.http.headers.add("anthropic-version", "2023-06-01");
    }
    add_key(encoded.http.headers, deployment, key, "x-api-key");
    return encoded;
  }

  std::variant<ReplySummary, Failure> read_reply(std::string_view body) const override {
    if (auto failure = check_reply_json(body)) return *failure;
    const JsonView reply(body);
    if (!reply["content"].is_array() || reply["type"].equals("error")) {
      const ErrorFields fields = read_error_fields(reply);
      if (fields.found) return classify_error(200, fields);
      return broken("the reply has no content");
    }
    ReplySummary summary;
    Tokens fresh;
    read_anthropic_usage(reply["usage"], summary.usage, fresh);
    summary.raw_finish_reason = reply["stop_reason"].string();
    summary.finish_reason = anthropic_finish_reason(summary.raw_finish_reason);
    return summary;
  }

  Result<std::string> to_openai(std::string_view body, std::string_view) const override {
    const auto read = read_reply(body);
    if (const auto* failure = std::get_if<Failure>(&read)) {
      return make_error(failure->kind, failure->message);
    }
    return anthropic_to_openai(JsonView(body), std::get<ReplySummary>(read));
  }

  std::unique_ptr<StreamDecoder> stream_decoder(const Deployment& deployment) const override {
    return anthropic_stream(deployment.quirks.requires_terminator);
  }
};

}  // namespace

const Dialect& anthropic_dialect() {
  static const Anthropic dialect;
  return dialect;
}

}  // namespace llmroute::provider
