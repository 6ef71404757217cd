// The parameters of a request as Cohere names them.
//
// reasoning_effort: none and minimal turn thinking off, low, medium and high give it a budget
// (1,024, 4,096, 16,384 tokens, cut below max_tokens), xhigh and max leave it unbounded. A tool
// that must be called cannot be named, so a named one is carried only where it is the only one.
#include <algorithm>
#include <utility>

#include "llmroute/provider/cohere_parts.h"
#include "llmroute/provider/common.h"
#include "llmroute/provider/embedding_parts.h"

namespace llmroute::provider {

namespace {

using wire::JsonView;
using wire::JsonWriter;

class CohereEncoder {
 public:
  CohereEncoder(const ChatRequest& request, const Deployment& deployment,
                const ParameterSet& unsupported, std::vector<std::string>& dropped)
      : request_(request),
        deployment_(deployment),
        losses_("cohere", request.options.drop_unsupported, dropped),
        body_(request, unsupported, losses_),
        w_(out_) {}

  Result<std::string> run() {
    constexpr std::size_t kRoomForChanges = 512;
    out_.reserve(request_.body.size() + kRoomForChanges);
    w_.begin_object().key("model").string(deployment_.model);
    if (!losses_.error()) write_cohere_messages(w_, body_.messages, losses_);
    write_tools();
    write_limits();
    write_thinking();
    write_sampling();
    write_penalty("frequency_penalty", Parameter::frequency_penalty);
    write_penalty("presence_penalty", Parameter::presence_penalty);
    write_format();
    write_hints();
    if (request_.options.stream) w_.key("stream").boolean(true);
    w_.end_object();
    if (losses_.error()) return *losses_.error();
    return std::move(out_);
  }

 private:
  JsonView parameter(Parameter p) const { return body_[p]; }

  // --- tools ------------------------------------------------------------------------------------

  void write_tools() {
    const JsonView tools = parameter(Parameter::tools);
    if (tools.first_element()) {
      w_.key("tools").begin_array();
      each_element(tools, [this](JsonView tool) { write_tool(tool); });
      w_.end_array();
      write_strictness();
    }
    write_tool_choice();
    if (parameter(Parameter::parallel_tool_calls).boolean() == false) {
      losses_.cannot_carry("parallel_tool_calls", "parallel_tool_calls: false");
    }
  }

  void write_tool(JsonView tool) {
    const JsonView function = tool["function"];
    if (!function.is_object()) {
      losses_.cannot_carry("tools", "a tool of type \"" + tool["type"].string() + "\"");
      return;
    }
    ++tools_;
    only_tool_ = function["name"];
    if (function["strict"].boolean() == true) ++strict_tools_;
    w_.begin_object().key("type").string("function").key("function").begin_object();
    w_.key("name").string(only_tool_.string());
    const JsonView description = function["description"];
    if (description.is_string()) w_.key("description").raw(description.raw());
    const JsonView schema = function["parameters"];
    w_.key("parameters");
    w_.raw(schema.is_object() ? schema.raw() : R"({"type":"object","properties":{}})");
    w_.end_object().end_object();
  }

  // One switch for all tools: it binds where every tool asks for it.
  void write_strictness() {
    if (strict_tools_ == 0) return;
    if (strict_tools_ == tools_) {
      w_.key("strict_tools").boolean(true);
    } else {
      losses_.left_out("tools.strict");
    }
  }

  void write_tool_choice() {
    const JsonView choice = parameter(Parameter::tool_choice);
    if (choice.missing() || choice.equals("auto")) return;
    const JsonView named = choice.at("function", "name");
    const bool only = tools_ == 1 && named.is_string() && named.equals(only_tool_.string());
    if (choice.equals("none")) {
      w_.key("tool_choice").string("NONE");
    } else if ((choice.equals("required") && tools_ > 0) || only) {
      w_.key("tool_choice").string("REQUIRED");
    } else {
      losses_.cannot_carry("tool_choice", "this form of tool_choice with these tools");
    }
  }

  // --- limits and thinking ----------------------------------------------------------------------

  void write_limits() {
    max_tokens_ = body_.max_tokens();
    if (max_tokens_) w_.key("max_tokens").integer(*max_tokens_);
    const JsonView stop = parameter(Parameter::stop);
    if (stop.is_string()) w_.key("stop_sequences").begin_array().raw(stop.raw()).end_array();
    if (stop.is_array()) w_.key("stop_sequences").raw(stop.raw());
    const JsonView n = parameter(Parameter::n);
    if (!n.missing() && n.integer() != 1) losses_.cannot_carry("n", "n other than 1");
  }

  void write_thinking() {
    constexpr std::int64_t kLargestBudget = 16384;
    const JsonView effort = parameter(Parameter::reasoning_effort);
    if (effort.missing()) return;
    const Effort* known = find_effort(effort);
    if (known == nullptr) {
      losses_.malformed("reasoning_effort must be none, minimal, low, medium, high, xhigh or max",
                        "reasoning_effort");
      return;
    }
    w_.key("thinking").begin_object().key("type");
    w_.string(known->budget == 0 ? "disabled" : "enabled");
    if (known->budget > 0 && known->budget <= kLargestBudget) {
      std::int64_t budget = known->budget;
      if (max_tokens_ && budget >= *max_tokens_) {
        budget = std::max<std::int64_t>(*max_tokens_ / 2, 1);
      }
      w_.key("token_budget").integer(budget);
    }
    w_.end_object();
  }

  // --- sampling ---------------------------------------------------------------------------------

  std::optional<double> number(const std::string& key, Parameter which) {
    const JsonView value = parameter(which);
    if (value.missing()) return std::nullopt;
    const auto number = value.number();
    if (!number) losses_.malformed(key + " must be a number", key);
    return number;
  }

  void write_sampling() {
    const auto temperature = number("temperature", Parameter::temperature);
    if (temperature && *temperature > 1.0) {
      losses_.cannot_carry("temperature", "a temperature above 1");
    } else if (temperature) {
      w_.key("temperature").raw(parameter(Parameter::temperature).raw());
    }
    if (const auto p = number("top_p", Parameter::top_p)) write_top_p(*p);
    const JsonView seed = parameter(Parameter::seed);
    if (seed.integer().value_or(0) < 0) {
      losses_.cannot_carry("seed", "a negative seed");
    } else if (!seed.missing()) {
      w_.key("seed").raw(seed.raw());
    }
    if (parameter(Parameter::logprobs).boolean() == true) {
      // The deltas of a stream have no place for them.
      if (request_.options.stream) losses_.left_out("logprobs");
      w_.key("logprobs").boolean(!request_.options.stream);
    }
  }

  // The API's own range; its nearest value stands for one outside, and is listed.
  void write_top_p(double p) {
    constexpr double kLeast = 0.01, kMost = 0.99;
    if (p >= kLeast && p <= kMost) {
      w_.key("p").raw(parameter(Parameter::top_p).raw());
    } else {
      losses_.left_out("top_p");
      w_.key("p").number(p < kLeast ? kLeast : kMost);
    }
  }

  void write_penalty(const std::string& key, Parameter which) {
    const auto value = number(key, which);
    if (!value) return;
    if (*value < 0.0 || *value > 1.0) {
      losses_.cannot_carry(key, "a " + key + " outside 0 to 1");
    } else {
      w_.key(key).raw(parameter(which).raw());
    }
  }

  // --- output and hints -------------------------------------------------------------------------

  void write_format() {
    const JsonView format = parameter(Parameter::response_format);
    if (format.missing() || format["type"].equals("text")) return;
    const JsonView schema = format.at("json_schema", "schema");
    const bool wants_schema = format["type"].equals("json_schema") && schema.is_object();
    if (!wants_schema && !format["type"].equals("json_object")) {
      losses_.cannot_carry("response_format", "this form of response_format");
      return;
    }
    w_.key("response_format").begin_object().key("type").string("json_object");
    if (wants_schema) w_.key("json_schema").raw(schema.raw());
    w_.end_object();
  }

  // Who asks changes no answer.
  void write_hints() {
    if (!parameter(Parameter::user).missing()) losses_.left_out("user");
    if (!parameter(Parameter::safety_identifier).missing()) losses_.left_out("safety_identifier");
  }

  const ChatRequest& request_;
  const Deployment& deployment_;
  Losses losses_;
  ChatBody body_;
  std::string out_;
  JsonWriter w_;
  std::optional<std::int64_t> max_tokens_;
  std::size_t tools_ = 0, strict_tools_ = 0;
  JsonView only_tool_;  // the name of the last one
};

// What tells queries from documents, in the words of others too; documents unless said otherwise.
std::string_view input_type(JsonView given) {
  if (given.equals("query") || given.equals("search_query")) return "search_query";
  if (given.equals("classification") || given.equals("clustering")) {
    return given.equals("clustering") ? "clustering" : "classification";
  }
  if (given.missing() || given.equals("document") || given.equals("search_document")) {
    return "search_document";
  }
  return {};
}

}  // namespace

Result<std::string> encode_cohere(const ChatRequest& request, const Deployment& deployment,
                                  const ParameterSet& unsupported,
                                  std::vector<std::string>& dropped) {
  return CohereEncoder(request, deployment, unsupported, dropped).run();
}

Result<std::string> encode_cohere_embeddings(const ChatRequest& request,
                                             const Deployment& deployment,
                                             std::vector<std::string>& dropped) {
  Losses losses("cohere", request.options.drop_unsupported, dropped);
  const EmbeddingBody body(request, losses);
  std::string out;
  JsonWriter w(out);
  w.begin_object().key("model").string(deployment.model);
  write_texts(w, "texts", body.input, losses);
  std::string_view type = input_type(body.input_type);
  if (type.empty()) {
    losses.cannot_carry("input_type", "this input_type");
    type = input_type(JsonView());
  }
  w.key("input_type").string(type);
  w.key("embedding_types").begin_array().string("float").end_array();
  // By default the end of a long text is thrown away without a word.
  w.key("truncate").string("NONE");
  if (!body.dimensions.missing()) w.key("output_dimension").raw(body.dimensions.raw());
  w.end_object();
  if (losses.error()) return *losses.error();
  return out;
}

}  // namespace llmroute::provider
