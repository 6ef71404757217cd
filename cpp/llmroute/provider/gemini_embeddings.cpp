// Vectors for texts. The Gemini API has batchEmbedContents; Vertex AI has predict, and embedContent
// for one text and the models from gemini-embedding-2 on, which take no other method. Of the latter
// models the prompt itself says what a vector is for, so that input_type has no place with them.
#include <array>
#include <utility>

#include "llmroute/provider/classify.h"
#include "llmroute/provider/common.h"
#include "llmroute/provider/gemini_parts.h"

namespace llmroute::provider {

namespace {

using wire::JsonView;
using wire::JsonWriter;

struct TaskType {
  std::string_view word, type;
};
// input_type as other providers have it; the provider's own words stand for themselves.
constexpr std::array kTaskTypes = {TaskType{"query", "RETRIEVAL_QUERY"},
                                   TaskType{"search_query", "RETRIEVAL_QUERY"},
                                   TaskType{"document", "RETRIEVAL_DOCUMENT"},
                                   TaskType{"passage", "RETRIEVAL_DOCUMENT"},
                                   TaskType{"search_document", "RETRIEVAL_DOCUMENT"},
                                   TaskType{"classification", "CLASSIFICATION"},
                                   TaskType{"clustering", "CLUSTERING"},
                                   TaskType{"", "SEMANTIC_SIMILARITY"},
                                   TaskType{"", "QUESTION_ANSWERING"},
                                   TaskType{"", "FACT_VERIFICATION"},
                                   TaskType{"", "CODE_RETRIEVAL_QUERY"}};

std::string_view task_type(JsonView input_type) {
  for (const TaskType& known : kTaskTypes) {
    if (input_type.equals(known.type)) return known.type;
    if (!known.word.empty() && input_type.equals(known.word)) return known.type;
  }
  return {};
}

class EmbeddingsEncoder {
 public:
  EmbeddingsEncoder(const ChatRequest& request, const Deployment& deployment,
                    std::vector<std::string>& dropped)
      : deployment_(deployment),
        losses_("gemini", request.options.drop_unsupported, dropped),
        w_(out_.body),
        // The publisher of a model is in the addresses of Vertex AI alone.
        vertex_(deployment.base_url.find("/publishers/") != std::string::npos),
        second_(deployment.model.find("gemini-embedding-2") != std::string::npos) {
    each_member(JsonView(request.body), [this](const JsonView::Member& m) { read(m); });
    if (!input_type_.missing() && second_) {
      losses_.cannot_carry("input_type", "input_type with this model");
    } else if (!input_type_.missing()) {
      task_ = task_type(input_type_);
      if (task_.empty()) losses_.cannot_carry("input_type", "this input_type");
    }
  }

  Result<GeminiEmbeddings> run() {
    check_input();
    if (losses_.error()) return *losses_.error();
    if (!vertex_) {
      write_batch();
    } else if (!second_) {
      write_predict();
    } else if (texts_ == 1) {
      write_single();
    } else {
      return make_error(ErrorKind::bad_request,
                        "this model takes one text at a time on Vertex AI; ask for each by itself",
                        "input");
    }
    if (losses_.error()) return *losses_.error();
    return std::move(out_);
  }

 private:
  void read(const JsonView::Member& m) {
    const JsonView value = m.value();
    if (value.is_null() || m.key_is("model")) return;
    if (m.key_is("input")) {
      input_ = value;
    } else if (m.key_is("dimensions")) {
      dimensions_ = value;
    } else if (m.key_is("input_type")) {
      input_type_ = value;
    } else if (!m.key_is("encoding_format")) {
      const std::string key = m.key_view().string();
      losses_.cannot_carry(key, "the parameter \"" + key + "\"");
    } else if (!value.equals("float")) {
      losses_.cannot_carry("encoding_format", "vectors in another form than numbers");
    }
  }

  template <class F>
  void each_text(F&& f) {
    if (input_.is_string()) f(input_);
    each_element(input_, f);
  }

  void check_input() {
    each_text([this](JsonView text) {
      ++texts_;
      if (text.is_string()) return;
      losses_.malformed("this dialect embeds texts, no tokens", "input");
    });
    if (texts_ == 0) losses_.malformed("input must be a text or a list of texts", "input");
    if (!dimensions_.missing() && !dimensions_.integer()) {
      losses_.malformed("dimensions must be an integer", "dimensions");
    }
  }

  void write_batch() {
    out_.method = ":batchEmbedContents";
    const std::string name = gemini_model_path(deployment_.model).substr(1);
    w_.begin_object().key("requests").begin_array();
    each_text([&](JsonView text) {
      w_.begin_object().key("model").string(name);
      write_content(text);
      w_.end_object();
    });
    w_.end_array().end_object();
  }

  void write_single() {
    out_.method = ":embedContent";
    w_.begin_object();
    each_text([this](JsonView text) { write_content(text); });
    w_.end_object();
  }

  void write_content(JsonView text) {
    w_.key("content").begin_object().key("parts").begin_array();
    w_.begin_object().key("text").raw(text.raw()).end_object().end_array().end_object();
    if (!task_.empty()) w_.key("taskType").string(task_);
    write_dimensions();
  }

  void write_dimensions() {
    if (!dimensions_.missing()) w_.key("outputDimensionality").raw(dimensions_.raw());
  }

  void write_predict() {
    out_.method = ":predict";
    w_.begin_object().key("instances").begin_array();
    each_text([this](JsonView text) {
      w_.begin_object().key("content").raw(text.raw());
      if (!task_.empty()) w_.key("task_type").string(task_);
      w_.end_object();
    });
    w_.end_array();
    if (!dimensions_.missing()) {
      w_.key("parameters").begin_object();
      write_dimensions();
      w_.end_object();
    }
    w_.end_object();
  }

  const Deployment& deployment_;
  Losses losses_;
  GeminiEmbeddings out_;
  JsonWriter w_;
  bool vertex_, second_;
  std::string_view task_;
  JsonView input_, dimensions_, input_type_;
  std::size_t texts_ = 0;
};

// The vectors, whichever method gave them; f(values) for each. False where there are none.
template <class F>
bool each_vector(JsonView reply, F&& f) {
  bool any = false;
  const auto take = [&](JsonView values) {
    any = true;
    f(values);
  };
  if (reply["embedding"].is_object()) take(reply.at("embedding", "values"));
  each_element(reply["embeddings"], [&](JsonView e) { take(e["values"]); });
  each_element(reply["predictions"], [&](JsonView e) { take(e.at("embeddings", "values")); });
  return any;
}

Usage read_usage(JsonView reply) {
  const JsonView whole = reply["usageMetadata"];
  if (whole.is_object()) return read_gemini_usage(whole);
  Usage usage;
  bool all = true;
  each_element(reply["predictions"], [&](JsonView e) {
    const auto tokens = count(e.at("embeddings", "statistics", "token_count"));
    usage.reported = true;
    all = all && tokens;
    usage.input = usage.input + tokens.value_or(Tokens{});
  });
  return all ? usage : Usage{};
}

}  // namespace

Result<GeminiEmbeddings> encode_gemini_embeddings(const ChatRequest& request,
                                                  const Deployment& deployment,
                                                  std::vector<std::string>& dropped) {
  return EmbeddingsEncoder(request, deployment, dropped).run();
}

std::variant<ReplySummary, Failure> read_gemini_embeddings(std::string_view body) {
  if (auto failure = check_reply_json(body)) return *failure;
  const JsonView reply(body);
  bool good = true;
  const bool any =
      each_vector(reply, [&good](JsonView values) { good = good && values.is_array(); });
  if (any && good) {
    ReplySummary summary;
    summary.usage = read_usage(reply);
    return summary;
  }
  const ErrorFields fields = read_error_fields(reply);
  if (fields.found) return classify_error(200, fields);
  return broken("the reply has no embeddings");
}

std::string gemini_embeddings_to_openai(JsonView reply, std::string_view model,
                                        const Usage& usage) {
  std::string out;
  out.reserve(reply.raw().size());
  JsonWriter w(out);
  w.begin_object().key("object").string("list").key("data").begin_array();
  std::int64_t index = 0;
  each_vector(reply, [&](JsonView values) {
    w.begin_object().key("object").string("embedding").key("index").integer(index++);
    w.key("embedding").raw(values.raw()).end_object();
  });
  w.end_array().key("model").string(model);
  if (usage.reported) {
    w.key("usage").begin_object().key("prompt_tokens").integer(usage.input.count);
    w.key("total_tokens").integer(usage.input.count + usage.output.count).end_object();
  }
  w.end_object();
  return out;
}

}  // namespace llmroute::provider
