// Cohere's chat and embed, version 2. Source: the provider's API reference (docs.cohere.com).
//
// The request is written by cohere_request.cpp and cohere_messages.cpp, a reply turned around by
// cohere_reply.cpp, a stream read by cohere_stream.cpp.
#include <utility>

#include "llmroute/provider/classify.h"
#include "llmroute/provider/cohere_parts.h"
#include "llmroute/provider/common.h"
#include "llmroute/provider/embedding_parts.h"

namespace llmroute::provider {

const Dialect& cohere_dialect();

namespace {

using wire::JsonView;

// The API has no code for it; the words are the start of the error's own message.
bool says_too_long(std::string_view message) {
  constexpr std::string_view kTooLong =
      "too many tokens: total number of tokens in the prompt cannot exceed ";
  return message.substr(0, kTooLong.size()) == kTooLong && message.size() > kTooLong.size() &&
         message[kTooLong.size()] >= '0' && message[kTooLong.size()] <= '9';
}

Failure no_reply(JsonView reply, const char* lacking) {
  const ErrorFields fields = read_error_fields(reply);
  if (fields.found) return classify_error(200, fields);
  return broken(std::string("the reply has no ") + lacking);
}

// The vectors as numbers; the only type that is asked for.
JsonView vectors_of(JsonView reply) { return reply.at("embeddings", "float"); }

class Cohere final : public Dialect {
 public:
  std::string_view name() const override { return "cohere"; }

  ParameterSet unsupported() const override {
    using enum Parameter;
    return parameter_set({top_logprobs, logit_bias, metadata, store, service_tier, modalities,
                          audio, prediction, web_search_options, functions, function_call,
                          verbosity, prompt_cache_key, other});
  }

  Result<Encoded> encode(const ChatRequest& request, const Deployment& deployment,
                         const Secret& key, WallTime) const override {
    Encoded encoded;
    auto body = encode_cohere(request, deployment, unsupported() | deployment.unsupported,
                              encoded.dropped_parameters);
    if (!body) return body.error();
    encoded.http.url = endpoint(deployment.base_url, "/v2/chat");
    encoded.http.body = std::move(*body);
    add_common_headers(encoded, request, deployment);
    add_key(encoded.http.headers, deployment, key, "authorization");
    return encoded;
  }

  std::variant<ReplySummary, Failure> read_reply(std::string_view body) const override {
    if (auto failure = check_reply_json(body)) return *failure;
    const JsonView reply(body);
    // An error's message is a text.
    if (!reply["message"].is_object()) return no_reply(reply, "message");
    ReplySummary summary;
    summary.usage = read_cohere_usage(reply["usage"]);
    summary.raw_finish_reason = reply["finish_reason"].string();
    summary.finish_reason = cohere_finish_reason(summary.raw_finish_reason);
    return summary;
  }

  Result<std::string> to_openai(std::string_view body, std::string_view model) const override {
    const auto read = read_reply(body);
    if (const auto* failure = std::get_if<Failure>(&read)) {
      return make_error(failure->kind, failure->message);
    }
    return cohere_to_openai(JsonView(body), std::get<ReplySummary>(read), model);
  }

  std::unique_ptr<StreamDecoder> stream_decoder(const Deployment& deployment) const override {
    return cohere_stream(deployment.quirks.requires_terminator);
  }

  bool has_embeddings() const override { return true; }

  Result<Encoded> encode_embeddings(const ChatRequest& request, const Deployment& deployment,
                                    const Secret& key, WallTime) const override {
    Encoded encoded;
    auto body = encode_cohere_embeddings(request, deployment, encoded.dropped_parameters);
    if (!body) return body.error();
    encoded.http.url = endpoint(deployment.base_url, "/v2/embed");
    encoded.http.body = std::move(*body);
    add_common_headers(encoded, request, deployment);
    add_key(encoded.http.headers, deployment, key, "authorization");
    return encoded;
  }

  std::variant<ReplySummary, Failure> read_embeddings(std::string_view body) const override {
    if (auto failure = check_reply_json(body)) return *failure;
    const JsonView reply(body);
    if (!vectors_of(reply).is_array()) return no_reply(reply, "embeddings as numbers");
    ReplySummary summary;
    const JsonView billed = reply.at("meta", "billed_units");
    const auto texts = count(billed["input_tokens"]);
    const auto images = count(billed["image_tokens"]);
    if (texts) {
      summary.usage.reported = true;
      summary.usage.image_input = images.value_or(Tokens{});
      summary.usage.input = *texts + summary.usage.image_input;
    }
    return summary;
  }

  Result<std::string> embeddings_to_openai(std::string_view body,
                                           std::string_view model) const override {
    const auto read = read_embeddings(body);
    if (const auto* failure = std::get_if<Failure>(&read)) {
      return make_error(failure->kind, failure->message);
    }
    return embeddings_json(vectors_of(JsonView(body)), model, std::get<ReplySummary>(read).usage);
  }

  Failure classify(const wire::ResponseHead& head, std::string_view body,
                   WallTime now) const override {
    constexpr int kBlockedToken = 498;  // the input or output holds what the provider denies
    Failure failure = classify_response(head, body, now);
    if (head.status == kBlockedToken) failure.kind = ErrorKind::content_filter;
    if (failure.kind == ErrorKind::bad_request && says_too_long(failure.message)) {
      failure.kind = ErrorKind::context_length;
    }
    return failure;
  }
};

}  // namespace

const Dialect& cohere_dialect() {
  static const Cohere dialect;
  return dialect;
}

}  // namespace llmroute::provider
