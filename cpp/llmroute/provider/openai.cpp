// OpenAI chat completions: the caller's own shape, so most bytes go through as they came.
// Source: the provider's API reference; differences between compatible providers are Quirks.
#include <utility>

#include "llmroute/model/defaults.h"
#include "llmroute/provider/chat_parts.h"
#include "llmroute/provider/classify.h"
#include "llmroute/provider/common.h"
#include "llmroute/provider/openai_parts.h"

namespace llmroute::provider {

const Dialect& openai_dialect();

namespace {

using wire::JsonView;

// What a whole reply holds, found in one walk over its members.
struct ReplyParts {
  JsonView usage, error, first_choice;
};

ReplyParts read_parts(JsonView reply) {
  ReplyParts parts;
  each_member(reply, [&parts](const JsonView::Member& m) {
    if (m.key_is("usage")) parts.usage = m.value();
    if (m.key_is("error")) parts.error = m.value();
    if (m.key_is("choices")) parts.first_choice = m.value().first_element().value();
  });
  return parts;
}

// Some send "error": null or {} with every success.
bool is_error(JsonView error) {
  return error.first_member() || (error.is_string() && error.raw().size() > 2);
}

class OpenAi final : public Dialect {
 public:
  std::string_view name() const override { return "openai"; }
  ParameterSet unsupported() const override { return {}; }

  Result<Encoded> encode(const ChatRequest& request, const Deployment& deployment,
                         const Secret& key, WallTime) const override {
    Encoded encoded;
    auto body = encode_openai(request, deployment, encoded.dropped_parameters);
    if (!body) return body.error();
    encoded.http.url = endpoint(deployment.base_url, "/chat/completions");
    encoded.http.body = std::move(*body);
    add_common_headers(encoded, request, deployment);
    add_key(encoded.http.headers, deployment, key, "authorization");
    return encoded;
  }

  std::variant<ReplySummary, Failure> read_reply(std::string_view body) const override {
    if (auto failure = check_reply_json(body)) return *failure;
    const JsonView reply(body);
    const ReplyParts parts = read_parts(reply);
    if (is_error(parts.error)) return classify_error(200, read_error_fields(reply));
    if (is_error(parts.first_choice["error"])) {
      return classify_error(200, read_error_fields(parts.first_choice));
    }
    if (parts.first_choice["message"].is_object()) {
      ReplySummary summary;
      summary.usage = read_openai_usage(parts.usage);
      summary.raw_finish_reason = parts.first_choice["finish_reason"].string();
      summary.finish_reason = openai_finish_reason(summary.raw_finish_reason);
      return summary;
    }
    const ErrorFields fields = read_error_fields(reply);
    if (fields.found) return classify_error(200, fields);
    return broken("the reply has no choice with a message");
  }

  Result<std::string> to_openai(std::string_view body, std::string_view) const override {
    return openai_to_openai(JsonView(body));
  }

  std::unique_ptr<StreamDecoder> stream_decoder(const Deployment& deployment) const override {
    return openai_stream(deployment.quirks.requires_terminator);
  }

  bool has_embeddings() const override { return true; }

  Result<Encoded> encode_embeddings(const ChatRequest& request, const Deployment& deployment,
                                    const Secret& key, WallTime) const override {
    Encoded encoded;
    auto body = encode_openai_embeddings(request, deployment, encoded.dropped_parameters);
    if (!body) return body.error();
    encoded.http.url = endpoint(deployment.base_url, "/embeddings");
    encoded.http.body = std::move(*body);
    add_common_headers(encoded, request, deployment);
    add_key(encoded.http.headers, deployment, key, "authorization");
    return encoded;
  }

  std::variant<ReplySummary, Failure> read_embeddings(std::string_view body) const override {
    return read_openai_embeddings(body);
  }

  Result<std::string> embeddings_to_openai(std::string_view body, std::string_view) const override {
    return std::string(body);
  }
};

}  // namespace

Usage read_openai_usage(JsonView usage) {
  Usage out;
  std::optional<Tokens> input, output, total;
  const auto at_least = [](Tokens& target, JsonView value) {
    target = std::max(target, count(value).value_or(Tokens{}));
  };
  each_member(usage, [&](const JsonView::Member& m) {
    const JsonView value = m.value();
    if (m.key_is("prompt_tokens")) input = count(value);
    if (m.key_is("completion_tokens")) output = count(value);
    if (m.key_is("total_tokens")) total = count(value);
    if (m.key_is("prompt_tokens_details")) {
      at_least(out.cached_input, value["cached_tokens"]);
      at_least(out.cache_write, value["cache_write_tokens"]);
      at_least(out.audio_input, value["audio_tokens"]);
      at_least(out.image_input, value["image_tokens"]);
    }
    if (m.key_is("prompt_cache_hit_tokens") || m.key_is("cached_tokens") ||
        m.key_is("num_cached_tokens")) {
      at_least(out.cached_input, value);
    }
    if (m.key_is("completion_tokens_details")) {
      at_least(out.reasoning, value["reasoning_tokens"]);
      at_least(out.audio_output, value["audio_tokens"]);
      at_least(out.image_output, value["image_tokens"]);
    }
  });
  if (!output && input && total && *total >= *input) output = *total - *input;
  if (!input || !output) return {};
  out.reported = true;
  out.input = *input;
  out.output = *output;
  settle_usage(out, total);
  return out;
}

std::string openai_finish_reason(std::string raw) {
  if (raw == "eos") return "stop";                              // Together
  if (raw == "model_length") return "length";                   // Mistral
  if (raw == "model_context_window_exceeded") return "length";  // Z.AI
  if (raw == "sensitive") return "content_filter";              // Z.AI
  return raw;
}

const Dialect& openai_dialect() {
  static const OpenAi dialect;
  return dialect;
}

}  // namespace llmroute::provider
