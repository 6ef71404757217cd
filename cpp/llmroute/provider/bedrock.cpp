// Amazon Bedrock: Converse and ConverseStream, and InvokeModel for embeddings. Source: the Bedrock
// API reference, version 2023-09-30.
//
// The request is written by bedrock_request.cpp and bedrock_messages.cpp and signed by
// bedrock_key.cpp, a reply turned around by bedrock_reply.cpp, a stream read by bedrock_stream.cpp,
// errors named by bedrock_errors.cpp; embeddings are in bedrock_embeddings.cpp.
#include <utility>

#include "llmroute/provider/bedrock_parts.h"
#include "llmroute/provider/common.h"

namespace llmroute::provider {

const Dialect& bedrock_dialect();

namespace {

using wire::JsonView;

class Bedrock final : public Dialect {
 public:
  std::string_view name() const override { return "bedrock"; }

  ParameterSet unsupported() const override {
    using enum Parameter;
    return parameter_set({seed, logprobs, top_logprobs, logit_bias, frequency_penalty,
                          presence_penalty, store, modalities, audio, prediction,
                          web_search_options, functions, function_call, verbosity, prompt_cache_key,
                          other});
  }

  Result<Encoded> encode(const ChatRequest& request, const Deployment& deployment,
                         const Secret& key, WallTime now) const override {
    Encoded encoded;
    auto body = encode_bedrock(request, deployment, unsupported() | deployment.unsupported,
                               encoded.dropped_parameters);
    if (!body) return body.error();
    const bool stream = request.options.stream;
    encoded.http.url =
        endpoint(deployment.base_url,
                 bedrock_path(deployment.model, stream ? "converse-stream" : "converse"));
    return finish(std::move(encoded), std::move(*body), request, deployment, key, now);
  }

  std::vector<std::string_view> own_headers(const Deployment& deployment) const override {
    const BedrockModel model(deployment.model);
    if (!model.claude() && !model.opaque()) return {};
    return {kBedrockBetaHeader};
  }

  std::variant<ReplySummary, Failure> read_reply(std::string_view body) const override {
    if (auto failure = check_reply_json(body)) return *failure;
    const JsonView reply(body);
    if (!reply.at("output", "message", "content").is_array()) {
      const ErrorFields fields = read_bedrock_fields(reply);
      if (fields.found) return bedrock_failure(200, fields);
      return broken("the reply has no content");
    }
    ReplySummary summary;
    summary.usage = read_bedrock_usage(reply["usage"]);
    summary.raw_finish_reason = reply["stopReason"].string();
    summary.finish_reason = bedrock_finish_reason(summary.raw_finish_reason);
    return summary;
  }

  Result<std::string> to_openai(std::string_view body, std::string_view model) const override {
    const auto read = read_reply(body);
    if (const auto* failure = std::get_if<Failure>(&read)) {
      return make_error(failure->kind, failure->message);
    }
    return bedrock_to_openai(JsonView(body), std::get<ReplySummary>(read), model);
  }

  std::unique_ptr<StreamDecoder> stream_decoder(const Deployment& deployment) const override {
    return bedrock_stream(deployment.quirks.requires_terminator);
  }

  bool has_embeddings() const override { return true; }

  Result<Encoded> encode_embeddings(const ChatRequest& request, const Deployment& deployment,
                                    const Secret& key, WallTime now) const override {
    Encoded encoded;
    auto body = encode_bedrock_embeddings(request, deployment, encoded.dropped_parameters);
    if (!body) return body.error();
    encoded.http.url = endpoint(deployment.base_url, bedrock_path(deployment.model, "invoke"));
    return finish(std::move(encoded), std::move(*body), request, deployment, key, now);
  }

  std::variant<ReplySummary, Failure> read_embeddings(std::string_view body) const override {
    return read_bedrock_embeddings(body);
  }

  Result<std::string> embeddings_to_openai(std::string_view body,
                                           std::string_view model) const override {
    return bedrock_embeddings_to_openai(body, model);
  }

  Failure classify(const wire::ResponseHead& head, std::string_view body,
                   WallTime now) const override {
    Failure failure = classify_bedrock(head, body);
    read_wait(head.headers, now, failure);
    return failure;
  }

  // It announces none: quotas are asked for elsewhere.
  AnnouncedLimits read_limits(const wire::Headers&, WallTime) const override { return {}; }

 private:
  static Result<Encoded> finish(Encoded encoded, std::string body, const ChatRequest& request,
                                const Deployment& deployment, const Secret& key, WallTime now) {
    encoded.http.body = std::move(body);
    // Before the signature, which covers the headers as well.
    add_common_headers(encoded, request, deployment, "application/vnd.amazon.eventstream",
                       kBedrockBetaHeader);
    const auto authorized = authorize_bedrock(encoded.http, deployment, key, now);
    if (!authorized) return authorized.error();
    return encoded;
  }
};

}  // namespace

const Dialect& bedrock_dialect() {
  static const Bedrock dialect;
  return dialect;
}

}  // namespace llmroute::provider
