// Google Gemini: generateContent, of the Gemini API and of Vertex AI. Source: the provider's API
// references (ai.google.dev/api/generate-content; Vertex AI, method projects.locations.publishers.
// models.generateContent), which differ in the base URL and the key's header alone.
//
// The request is written by gemini_request.cpp and gemini_contents.cpp, a reply turned around by
// gemini_reply.cpp, a stream read by gemini_stream.cpp, vectors by gemini_embeddings.cpp.
#include <array>
#include <charconv>
#include <utility>

#include "llmroute/base/text.h"
#include "llmroute/model/defaults.h"
#include "llmroute/provider/classify.h"
#include "llmroute/provider/common.h"
#include "llmroute/provider/gemini_parts.h"

namespace llmroute::provider {

const Dialect& gemini_dialect();

namespace {

using wire::JsonView;

bool starts_with(std::string_view text, std::string_view prefix) {
  return text.substr(0, prefix.size()) == prefix;
}

void append_encoded(std::string& out, std::string_view text) {
  constexpr std::string_view kHex = "0123456789ABCDEF";
  for (const char c : text) {
    const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    if (letter || (c >= '0' && c <= '9') || std::string_view("-._~").find(c) != std::string::npos) {
      out += c;
      continue;
    }
    const auto byte = static_cast<unsigned char>(c);
    out.append({'%', kHex[byte / 16U], kHex[byte % 16U]});
  }
}

class Gemini final : public Dialect {
 public:
  std::string_view name() const override { return "gemini"; }

  ParameterSet unsupported() const override {
    using enum Parameter;
    return parameter_set({logit_bias, store, audio, prediction, web_search_options, functions,
                          function_call, verbosity, prompt_cache_key, metadata, service_tier, user,
                          safety_identifier, other});
  }

  Result<Encoded> encode(const ChatRequest& request, const Deployment& deployment,
                         const Secret& key, WallTime) const override {
    Encoded encoded;
    auto body = encode_gemini(request, deployment, unsupported() | deployment.unsupported,
                              encoded.dropped_parameters);
    if (!body) return body.error();
    const bool stream = request.options.stream;
    address(encoded, request, deployment, key,
            stream ? ":streamGenerateContent" : ":generateContent");
    // Without it a stream is one JSON array, and its end looks like its middle.
    if (stream) {
      std::string& url = encoded.http.url;
      url += url.find('?') == std::string::npos ? "?alt=sse" : "&alt=sse";
    }
    encoded.http.body = std::move(*body);
    return encoded;
  }

  std::variant<ReplySummary, Failure> read_reply(std::string_view body) const override {
    if (auto failure = check_reply_json(body)) return *failure;
    const JsonView whole(body);
    const GeminiReply reply(whole);
    const JsonView first = reply.candidates.first_element().value();
    if (!first.is_object()) {
      if (auto failure = gemini_refusal(reply, whole)) return *failure;
      return broken("the reply has no candidates");
    }
    ReplySummary summary;
    summary.usage = read_gemini_usage(reply.usage);
    summary.raw_finish_reason = first["finishReason"].string();
    bool calls = false;
    each_element(first.at("content", "parts"),
                 [&calls](JsonView part) { calls = calls || GeminiPart(part).is_call; });
    summary.finish_reason = gemini_finish_reason(summary.raw_finish_reason, calls);
    return summary;
  }

  Result<std::string> to_openai(std::string_view body, std::string_view model) const override {
    const auto read = read_reply(body);
    if (const auto* failure = std::get_if<Failure>(&read)) {
      return make_error(failure->kind, failure->message);
    }
    return gemini_to_openai(JsonView(body), model, std::get<ReplySummary>(read).usage);
  }

  std::unique_ptr<StreamDecoder> stream_decoder(const Deployment&) const override {
    return gemini_stream();
  }

  bool has_embeddings() const override { return true; }

  Result<Encoded> encode_embeddings(const ChatRequest& request, const Deployment& deployment,
                                    const Secret& key, WallTime) const override {
    Encoded encoded;
    auto written = encode_gemini_embeddings(request, deployment, encoded.dropped_parameters);
    if (!written) return written.error();
    address(encoded, request, deployment, key, written->method);
    encoded.http.body = std::move(written->body);
    return encoded;
  }

  std::variant<ReplySummary, Failure> read_embeddings(std::string_view body) const override {
    return read_gemini_embeddings(body);
  }

  Result<std::string> embeddings_to_openai(std::string_view body,
                                           std::string_view model) const override {
    const auto read = read_gemini_embeddings(body);
    if (const auto* failure = std::get_if<Failure>(&read)) {
      return make_error(failure->kind, failure->message);
    }
    return gemini_embeddings_to_openai(JsonView(body), model, std::get<ReplySummary>(read).usage);
  }

 private:
  static void address(Encoded& encoded, const ChatRequest& request, const Deployment& deployment,
                      const Secret& key, std::string_view method) {
    encoded.http.url =
        endpoint(deployment.base_url, gemini_model_path(deployment.model).append(method));
    add_common_headers(encoded, request, deployment);
    add_key(encoded.http.headers, deployment, key, "x-goog-api-key");
  }
};

}  // namespace

std::string gemini_model_path(std::string_view model) {
  std::string path = "/models/";
  for (const std::string_view kind : {"models/", "tunedModels/"}) {
    if (!starts_with(model, kind)) continue;
    path = std::string("/").append(kind);
    model.remove_prefix(kind.size());
    break;
  }
  append_encoded(path, model);
  return path;
}

ModelVersion gemini_version(std::string_view model) {
  constexpr std::string_view kFamily = "gemini-";
  const std::size_t at = model.rfind(kFamily);
  if (at == std::string_view::npos) return {};
  const char* const end = model.data() + model.size();
  ModelVersion version;
  const auto major = std::from_chars(model.data() + at + kFamily.size(), end, version.major);
  if (major.ec != std::errc() || version.major < 0) return {};
  if (major.ptr == end || *major.ptr != '.') return version;
  if (std::from_chars(major.ptr + 1, end, version.minor).ec != std::errc()) version.minor = 0;
  return version;
}

const Dialect& gemini_dialect() {
  static const Gemini dialect;
  return dialect;
}

}  // namespace llmroute::provider
