// The parameters of a request as Ollama names them: most are `options` of the model.
//
// reasoning_effort: none and minimal turn thinking off; low, medium and high are levels, which
// models without levels take for yes; xhigh and max are high. Nobody can be made to call a tool; where
// none may be called, none is offered. A prompt that is too long is an error, which by default it is
// not: its first messages would be thrown away without a word.
#include <utility>

#include "llmroute/provider/common.h"
#include "llmroute/provider/ollama_parts.h"

namespace llmroute::provider {

namespace {

using wire::JsonView;
using wire::JsonWriter;

class OllamaEncoder {
 public:
  OllamaEncoder(const ChatRequest& request, const Deployment& deployment,
                const ParameterSet& unsupported, std::vector<std::string>& dropped)
      : request_(request),
        deployment_(deployment),
        losses_("ollama", request.options.drop_unsupported, dropped),
        body_(request, unsupported, losses_),
        w_(out_) {}

  Result<std::string> run() {
    constexpr std::size_t kRoomForChanges = 512;
    out_.reserve(request_.body.size() + kRoomForChanges);
    w_.begin_object().key("model").string(deployment_.model);
    if (!losses_.error()) write_ollama_messages(w_, body_.messages, losses_);
    write_tools();
    write_format();
    write_think();
    write_options();
    write_rest();
    // A stream is what it gives to those who say nothing.
    w_.key("stream").boolean(request_.options.stream);
    w_.key("truncate").boolean(false);
    w_.end_object();
    if (losses_.error()) return *losses_.error();
    return std::move(out_);
  }

 private:
  JsonView parameter(Parameter p) const { return body_[p]; }

  void write_tools() {
    const JsonView tools = parameter(Parameter::tools);
    const JsonView choice = parameter(Parameter::tool_choice);
    if (tools.first_element() && !choice.equals("none")) {
      w_.key("tools").begin_array();
      each_element(tools, [this](JsonView tool) { write_tool(tool); });
      w_.end_array();
    }
    if (!choice.missing() && !choice.equals("auto") && !choice.equals("none")) {
      losses_.cannot_carry("tool_choice", "a tool that must be called");
    }
    if (parameter(Parameter::parallel_tool_calls).boolean() == false) {
      losses_.cannot_carry("parallel_tool_calls", "parallel_tool_calls: false");
    }
  }

  void write_tool(JsonView tool) {
    if (!tool["function"].is_object()) {
      losses_.cannot_carry("tools", "a tool of type \"" + tool["type"].string() + "\"");
      return;
    }
    if (tool["function"]["strict"].boolean() == true) losses_.left_out("tools.strict");
    w_.raw(tool.raw());
  }

  void write_format() {
    const JsonView format = parameter(Parameter::response_format);
    if (format.missing() || format["type"].equals("text")) return;
    const JsonView schema = format.at("json_schema", "schema");
    if (format["type"].equals("json_schema") && schema.is_object()) {
      w_.key("format").raw(schema.raw());
    } else if (format["type"].equals("json_object")) {
      w_.key("format").string("json");
    } else {
      losses_.cannot_carry("response_format", "this form of response_format");
    }
  }

  void write_think() {
    const JsonView effort = parameter(Parameter::reasoning_effort);
    if (effort.missing()) return;
    const Effort* known = find_effort(effort);
    if (known == nullptr) {
      losses_.malformed("reasoning_effort must be none, minimal, low, medium, high, xhigh or max",
                        "reasoning_effort");
    } else if (known->budget == 0) {
      w_.key("think").boolean(false);
    } else {
      const bool has_level = known->name == "low" || known->name == "medium";
      w_.key("think").string(has_level ? known->name : "high");
    }
  }

  // Only the names that are given: the model's own file has its defaults.
  void write_options() {
    std::string options;
    JsonWriter w(options);
    w.begin_object();
    if (const auto most = body_.max_tokens()) w.key("num_predict").integer(*most);
    const auto number = [&](const std::string& key, Parameter which) {
      const JsonView value = parameter(which);
      if (value.missing()) return;
      if (!value.number()) losses_.malformed(key + " must be a number", key);
      w.key(key).raw(value.raw());
    };
    number("temperature", Parameter::temperature);
    number("top_p", Parameter::top_p);
    number("seed", Parameter::seed);
    number("frequency_penalty", Parameter::frequency_penalty);
    number("presence_penalty", Parameter::presence_penalty);
    const JsonView stop = parameter(Parameter::stop);
    if (stop.is_string()) w.key("stop").begin_array().raw(stop.raw()).end_array();
    if (stop.is_array()) w.key("stop").raw(stop.raw());
    w.end_object();
    if (options.size() > 2) w_.key("options").raw(options);
  }

  void write_rest() {
    const JsonView n = parameter(Parameter::n);
    if (!n.missing() && n.integer() != 1) losses_.cannot_carry("n", "n other than 1");
    // Who asks changes no answer.
    if (!parameter(Parameter::user).missing()) losses_.left_out("user");
    if (!parameter(Parameter::safety_identifier).missing()) losses_.left_out("safety_identifier");
    if (parameter(Parameter::logprobs).boolean() != true) return;
    if (request_.options.stream) {
      losses_.left_out("logprobs");  // the deltas of a stream have no place for them
      return;
    }
    w_.key("logprobs").boolean(true);
    const JsonView top = parameter(Parameter::top_logprobs);
    if (!top.missing()) w_.key("top_logprobs").raw(top.raw());
  }

  const ChatRequest& request_;
  const Deployment& deployment_;
  Losses losses_;
  ChatBody body_;
  std::string out_;
  JsonWriter w_;
};

}  // namespace

Result<std::string> encode_ollama(const ChatRequest& request, const Deployment& deployment,
                                  const ParameterSet& unsupported,
                                  std::vector<std::string>& dropped) {
  return OllamaEncoder(request, deployment, unsupported, dropped).run();
}

}  // namespace llmroute::provider
