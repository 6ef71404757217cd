// Embeddings by InvokeModel, in the form of the model's maker, known by the model's name:
//   titan-embed   Amazon Titan: one text, `dimensions` (v2)
//   cohere.embed  a list of texts, each with an input_type (here: search_document, if nobody says);
//                 `dimensions` from v4 on
//   nova ... embeddings   Amazon Nova: one text with a purpose, `dimensions`
// Replies are known by their own shape. Only Titan's says how many tokens it read.
#include <array>
#include <utility>

#include "llmroute/provider/bedrock_parts.h"
#include "llmroute/provider/common.h"

namespace llmroute::provider {

namespace {

using wire::JsonView;
using wire::JsonWriter;

// The words for what a text is embedded for: ours, Cohere's, and Nova's.
struct Purpose {
  std::string_view name, cohere, nova;
};
constexpr std::array kPurposes = {
    Purpose{"document", "search_document", "GENERIC_INDEX"},
    Purpose{"search_document", "search_document", "GENERIC_INDEX"},
    Purpose{"query", "search_query", "GENERIC_RETRIEVAL"},
    Purpose{"search_query", "search_query", "GENERIC_RETRIEVAL"},
    Purpose{"classification", "classification", "CLASSIFICATION"},
    Purpose{"clustering", "clustering", "CLUSTERING"},
};

struct EmbeddingBody {
  JsonView input, dimensions, encoding_format, input_type;

  EmbeddingBody(std::string_view body, Losses& losses) {
    each_member(JsonView(body), [&](const JsonView::Member& m) {
      const JsonView value = m.value();
      if (value.is_null() || m.key_is("model")) return;
      if (m.key_is("input")) {
        input = value;
      } else if (m.key_is("dimensions")) {
        dimensions = value;
      } else if (m.key_is("encoding_format")) {
        encoding_format = value;
      } else if (m.key_is("input_type")) {
        input_type = value;
      } else if (m.key_is("user")) {
        losses.left_out("user");
      } else {
        const std::string name = m.key_view().string();
        losses.cannot_carry(name, "the parameter \"" + name + "\"");
      }
    });
  }
};

class EmbeddingEncoder {
 public:
  EmbeddingEncoder(const ChatRequest& request, const Deployment& deployment,
                   std::vector<std::string>& dropped)
      : model_(deployment.model),
        losses_("bedrock", request.options.drop_unsupported, dropped),
        body_(request.body, losses_),
        w_(out_) {}

  Result<std::string> run() {
    check();
    w_.begin_object();
    if (model_has("cohere.embed")) {
      write_cohere();
    } else if (model_has("titan-embed")) {
      write_titan();
    } else if (model_has("nova") && model_has("embed")) {
      write_nova();
    } else {
      return make_error(ErrorKind::bad_request,
                        "the bedrock dialect knows the embeddings of Titan, Cohere and Nova, and "
                        "this model's name is of neither",
                        "model");
    }
    w_.end_object();
    if (losses_.error()) return *losses_.error();
    return std::move(out_);
  }

 private:
  bool model_has(std::string_view name) const { return model_.find(name) != std::string::npos; }

  void check() {
    const JsonView format = body_.encoding_format;
    if (!format.missing() && !format.equals("float")) {
      losses_.cannot_carry("encoding_format", "an encoding_format other than float");
    }
    if (!body_.dimensions.missing() && body_.dimensions.integer().value_or(0) <= 0) {
      losses_.malformed("dimensions must be a positive number", "dimensions");
    }
    std::size_t texts = body_.input.is_string() ? 1 : 0;
    each_element(body_.input, [&](JsonView text) {
      ++texts;
      if (!text.is_string()) losses_.cannot_carry("input", "an input that is not text");
    });
    if (texts == 0) losses_.malformed("input must be a text or a list of texts", "input");
    const JsonView type = body_.input_type;
    if (!type.missing() && purpose() == nullptr) {
      losses_.cannot_carry("input_type", "the input_type \"" + type.string() + "\"");
    }
  }

  const Purpose* purpose() const {
    for (const Purpose& known : kPurposes) {
      if (body_.input_type.equals(known.name)) return &known;
    }
    return nullptr;
  }

  // The only text; more are refused, for each would be a call of its own.
  std::string_view one_text() {
    if (body_.input.is_string()) return body_.input.raw();
    const auto first = body_.input.first_element();
    if (first && first.next()) {
      losses_.malformed("this model embeds one text per call; send them one by one", "input");
    }
    return first && first.value().is_string() ? first.value().raw() : R"("")";
  }

  void write_dimensions(std::string_view key, bool known) {
    if (body_.dimensions.missing()) return;
    if (known) {
      w_.key(key).raw(body_.dimensions.raw());
    } else {
      losses_.cannot_carry("dimensions", "dimensions for this model");
    }
  }

  void write_titan() {
    w_.key("inputText").raw(one_text());
    write_dimensions("dimensions", model_has("text-v2"));
    if (!body_.input_type.missing()) losses_.left_out("input_type");
  }

  void write_cohere() {
    w_.key("texts");
    if (body_.input.is_array()) {
      w_.raw(body_.input.raw());
    } else {
      w_.begin_array().raw(one_text()).end_array();
    }
    w_.key("input_type").string(purpose() ? purpose()->cohere : kPurposes[0].cohere);
    write_dimensions("output_dimension", !model_has("-v3"));
  }

  void write_nova() {
    w_.key("taskType").string("SINGLE_EMBEDDING").key("singleEmbeddingParams").begin_object();
    w_.key("embeddingPurpose").string(purpose() ? purpose()->nova : kPurposes[0].nova);
    write_dimensions("embeddingDimension", true);
    w_.key("text").begin_object().key("truncationMode").string("NONE");
    w_.key("value").raw(one_text()).end_object().end_object();
  }

  const std::string& model_;
  Losses losses_;
  EmbeddingBody body_;
  std::string out_;
  JsonWriter w_;
};

// f(vector) for each; vectors in whichever of the shapes.
template <class F>
void each_vector(JsonView reply, F&& f) {
  const auto take = [&f](JsonView vector) {
    if (vector.is_array()) f(vector);
  };
  take(reply["embedding"]);
  JsonView list = reply["embeddings"];
  if (list.is_object()) list = list["float"];
  each_element(list, [&take](JsonView item) { take(item.is_object() ? item["embedding"] : item); });
}

}  // namespace

Result<std::string> encode_bedrock_embeddings(const ChatRequest& request,
                                              const Deployment& deployment,
                                              std::vector<std::string>& dropped) {
  return EmbeddingEncoder(request, deployment, dropped).run();
}

std::variant<ReplySummary, Failure> read_bedrock_embeddings(std::string_view body) {
  if (auto failure = check_reply_json(body)) return *failure;
  const JsonView reply(body);
  bool some = false;
  each_vector(reply, [&some](JsonView) { some = true; });
  if (!some) {
    const ErrorFields fields = read_bedrock_fields(reply);
    if (fields.found) return bedrock_failure(200, fields);
    return broken("the reply has no embeddings");
  }
  ReplySummary summary;
  if (const auto tokens = count(reply["inputTextTokenCount"])) {
    summary.usage.input = *tokens;
    summary.usage.reported = true;
  }
  return summary;
}

Result<std::string> bedrock_embeddings_to_openai(std::string_view body, std::string_view model) {
  const auto read = read_bedrock_embeddings(body);
  if (const auto* failure = std::get_if<Failure>(&read)) {
    return make_error(failure->kind, failure->message);
  }
  std::string out;
  out.reserve(body.size());
  JsonWriter w(out);
  w.begin_object().key("object").string("list").key("data").begin_array();
  std::int64_t index = 0;
  each_vector(JsonView(body), [&](JsonView vector) {
    w.begin_object().key("object").string("embedding").key("index").integer(index++);
    w.key("embedding").raw(vector.raw()).end_object();
  });
  w.end_array().key("model").string(model);
  const Usage& usage = std::get<ReplySummary>(read).usage;
  if (usage.reported) {
    w.key("usage").begin_object().key("prompt_tokens").integer(usage.input.count);
    w.key("total_tokens").integer(usage.input.count).end_object();
  }
  w.end_object();
  return out;
}

}  // namespace llmroute::provider
