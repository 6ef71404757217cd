// Ollama's own chat and embed. Source: github.com/ollama/ollama, docs/api.md.
//
// The request is written by ollama_request.cpp and ollama_messages.cpp, a reply turned around by
// ollama_reply.cpp, a stream read by ollama_stream.cpp.
#include <array>
#include <utility>

#include "llmroute/provider/classify.h"
#include "llmroute/provider/common.h"
#include "llmroute/provider/embedding_parts.h"
#include "llmroute/provider/ollama_parts.h"

namespace llmroute::provider {

const Dialect& ollama_dialect();

namespace {

using wire::JsonView;

// Its errors are a text and a status, no code. These are the whole text of one each.
bool says_too_long(std::string_view message) {
  constexpr std::array<std::string_view, 2> kTooLong = {
      "the input length exceeds the context length", "input length exceeds maximum context length"};
  for (const std::string_view text : kTooLong) {
    if (message == text) return true;
  }
  return false;
}

Failure no_reply(JsonView reply, const char* lacking) {
  const ErrorFields fields = read_error_fields(reply);
  if (fields.found) return classify_error(200, fields);
  return broken(std::string("the reply has no ") + lacking);
}

class Ollama final : public Dialect {
 public:
  std::string_view name() const override { return "ollama"; }

  ParameterSet unsupported() const override {
    using enum Parameter;
    return parameter_set({logit_bias, metadata, store, service_tier, modalities, audio, prediction,
                          web_search_options, functions, function_call, verbosity, prompt_cache_key,
                          other});
  }

  Result<Encoded> encode(const ChatRequest& request, const Deployment& deployment,
                         const Secret& key, WallTime) const override {
    Encoded encoded;
    auto body = encode_ollama(request, deployment, unsupported() | deployment.unsupported,
                              encoded.dropped_parameters);
    if (!body) return body.error();
    encoded.http.url = endpoint(deployment.base_url, "/api/chat");
    encoded.http.body = std::move(*body);
    add_common_headers(encoded, request, deployment, "application/x-ndjson");
    add_key(encoded.http.headers, deployment, key, "authorization");
    return encoded;
  }

  std::variant<ReplySummary, Failure> read_reply(std::string_view body) const override {
    if (auto failure = check_reply_json(body)) return *failure;
    const JsonView whole(body);
    const OllamaReply reply(whole);
    if (!reply.message.is_object() || reply.failed()) return no_reply(whole, "message");
    ReplySummary summary;
    const bool calls = static_cast<bool>(reply.message["tool_calls"].first_element());
    read_ollama_end(reply, calls, summary);
    return summary;
  }

  Result<std::string> to_openai(std::string_view body, std::string_view) const override {
    const auto read = read_reply(body);
    if (const auto* failure = std::get_if<Failure>(&read)) {
      return make_error(failure->kind, failure->message);
    }
    return ollama_to_openai(OllamaReply(JsonView(body)), std::get<ReplySummary>(read));
  }

  std::unique_ptr<StreamDecoder> stream_decoder(const Deployment&) const override {
    return ollama_stream();
  }

  bool has_embeddings() const override { return true; }

  Result<Encoded> encode_embeddings(const ChatRequest& request, const Deployment& deployment,
                                    const Secret& key, WallTime) const override {
    Encoded encoded;
    Losses losses("ollama", request.options.drop_unsupported, encoded.dropped_parameters);
    const EmbeddingBody body(request, losses);
    wire::JsonWriter w(encoded.http.body);
    w.begin_object().key("model").string(deployment.model);
    write_texts(w, "input", body.input, losses);
    // By default the end of a long text is thrown away without a word.
    w.key("truncate").boolean(false);
    if (!body.dimensions.missing()) w.key("dimensions").raw(body.dimensions.raw());
    if (!body.input_type.missing()) losses.left_out("input_type");
    w.end_object();
    if (losses.error()) return *losses.error();
    encoded.http.url = endpoint(deployment.base_url, "/api/embed");
    add_common_headers(encoded, request, deployment);
    add_key(encoded.http.headers, deployment, key, "authorization");
    return encoded;
  }

  std::variant<ReplySummary, Failure> read_embeddings(std::string_view body) const override {
    if (auto failure = check_reply_json(body)) return *failure;
    const JsonView whole(body);
    const OllamaReply reply(whole);
    if (!reply.embeddings.first_element().value().is_array() || reply.failed()) {
      return no_reply(whole, "embeddings");
    }
    ReplySummary summary;
    read_ollama_end(reply, false, summary);
    const auto input = count(reply.prompt_eval_count);
    summary.usage.reported = input.has_value();
    summary.usage.input = input.value_or(Tokens{});
    return summary;
  }

  Result<std::string> embeddings_to_openai(std::string_view body,
                                           std::string_view model) const override {
    const auto read = read_embeddings(body);
    if (const auto* failure = std::get_if<Failure>(&read)) {
      return make_error(failure->kind, failure->message);
    }
    const OllamaReply reply{JsonView(body)};
    const std::string own = reply.model.string();
    return embeddings_json(reply.embeddings, own.empty() ? model : own,
                           std::get<ReplySummary>(read).usage);
  }

  Failure classify(const wire::ResponseHead& head, std::string_view body,
                   WallTime now) const override {
    Failure failure = classify_response(head, body, now);
    if (failure.kind == ErrorKind::bad_request && says_too_long(failure.message)) {
      failure.kind = ErrorKind::context_length;
    }
    return failure;
  }

  // The server has none; one that stands before it may.
};

}  // namespace

const Dialect& ollama_dialect() {
  static const Ollama dialect;
  return dialect;
}

}  // namespace llmroute::provider
