// The parameters of a request as Gemini names them.
//
// reasoning_effort: models from version 3 on get a thinking level, others a budget; both as the
// provider's own OpenAI-compatible face maps the words (ai.google.dev/gemini-api/docs/openai:
// minimal and low 1,024, medium 8,192, high 24,576 tokens). "none" is a budget of 0, where the model
// can leave thinking out at all. The thinking's summary is asked for with every effort. JSON schemas
// go as they came: parametersJsonSchema, responseJsonSchema. There is no default for the length.
#include <algorithm>
#include <array>
#include <cstdint>
#include <limits>
#include <utility>

#include "llmroute/model/defaults.h"
#include "llmroute/provider/common.h"
#include "llmroute/provider/gemini_parts.h"

namespace llmroute::provider {

namespace {

using wire::JsonView;
using wire::JsonWriter;

constexpr ModelVersion kFirstThinking{2, 5};

struct Thinking {
  std::string_view effort;
  std::int64_t budget;                // tokens, before version 3
  std::string_view level, pro_level;  // from version 3 on
};
constexpr std::array kThinking = {Thinking{"none", 0, "", ""},
                                  Thinking{"minimal", 1024, "minimal", "low"},
                                  Thinking{"low", 1024, "low", "low"},
                                  Thinking{"medium", 8192, "medium", "medium"},
                                  Thinking{"high", 24'576, "high", "high"},
                                  Thinking{"xhigh", 24'576, "high", "high"},
                                  Thinking{"max", 24'576, "high", "high"}};

// Tools of the provider's own, which callers of its other faces name like this.
constexpr std::array<std::string_view, 8> kOwnTools = {
    "googleSearch", "googleSearchRetrieval", "codeExecution",      "urlContext", "fileSearch",
    "googleMaps",   "computerUse",           "enterpriseWebSearch"};

bool is_own_tool(JsonView tool) {
  return std::any_of(kOwnTools.begin(), kOwnTools.end(),
                     [&](std::string_view name) { return tool[name].is_object(); });
}

class GeminiEncoder {
 public:
  GeminiEncoder(const ChatRequest& request, const Deployment& deployment,
                const ParameterSet& unsupported, std::vector<std::string>& dropped)
      : request_(request),
        deployment_(deployment),
        losses_("gemini", request.options.drop_unsupported, dropped),
        body_(request, unsupported, losses_),
        version_(gemini_version(deployment.model)),
        w_(out_),
        config_writer_(config_) {}

  Result<std::string> run() {
    constexpr std::size_t kRoomForChanges = 512;
    out_.reserve(request_.body.size() + kRoomForChanges);
    w_.begin_object();
    if (!losses_.error()) write_gemini_contents(w_, body_.messages, version_, losses_);
    write_tools();
    config_writer_.begin_object();
    write_sampling();
    write_logprobs();
    write_output();
    write_thinking();
    config_writer_.end_object();
    if (config_.size() > 2) w_.key("generationConfig").raw(config_);
    w_.end_object();
    if (losses_.error()) return *losses_.error();
    return std::move(out_);
  }

 private:
  JsonView parameter(Parameter p) const { return body_[p]; }

  // --- tools ------------------------------------------------------------------------------------

  void write_tools() {
    const JsonView tools = parameter(Parameter::tools);
    if (parameter(Parameter::parallel_tool_calls).boolean() == false) {
      losses_.cannot_carry("parallel_tool_calls", "parallel_tool_calls that are forbidden");
    }
    if (tools.first_element()) {
      w_.key("tools").begin_array();
      write_functions(tools);
      each_element(tools, [this](JsonView tool) {
        if (is_own_tool(tool)) w_.raw(tool.raw());
      });
      w_.end_array();
      write_tool_choice();
      return;
    }
    const JsonView choice = parameter(Parameter::tool_choice);
    if (choice.is_object() || choice.equals("required")) {
      losses_.cannot_carry("tool_choice", "a tool_choice without tools");
    }
  }

  void write_functions(JsonView tools) {
    std::string functions;
    JsonWriter f(functions);
    each_element(tools, [&](JsonView tool) {
      const JsonView function = tool["function"];
      if (function.is_object()) {
        write_function(f, tool, function);
      } else if (!is_own_tool(tool)) {
        losses_.cannot_carry("tools", "a tool of type \"" + tool["type"].string() + "\"");
      }
    });
    if (functions.empty()) return;
    w_.begin_object().key("functionDeclarations").begin_array();
    w_.raw(functions).end_array().end_object();
  }

  void write_function(JsonWriter& f, JsonView tool, JsonView function) {
    f.begin_object().key("name").string(function["name"].string());
    const JsonView description = function["description"];
    if (description.is_string()) f.key("description").raw(description.raw());
    const JsonView schema = function["parameters"];
    if (schema.is_object()) f.key("parametersJsonSchema").raw(schema.raw());
    f.end_object();
    if (function["strict"].boolean() == true) losses_.left_out("tools.function.strict");
    if (tool["cache_control"].is_object()) losses_.left_out("tools.cache_control");
  }

  void write_tool_choice() {
    const JsonView choice = parameter(Parameter::tool_choice);
    if (choice.missing()) return;
    if (choice.equals("auto")) return write_mode("AUTO", {});
    if (choice.equals("none")) return write_mode("NONE", {});
    if (choice.equals("required")) return write_mode("ANY", {});
    const JsonView named = choice.at("function", "name");
    if (named.is_string()) return write_mode("ANY", std::string(named.raw()));
    const JsonView allowed = choice["allowed_tools"];
    std::string names;
    JsonWriter n(names);
    each_element(allowed["tools"], [&n](JsonView tool) {
      const JsonView name = tool.at("function", "name");
      if (name.is_string()) n.raw(name.raw());
    });
    if (names.empty()) return losses_.cannot_carry("tool_choice", "this form of tool_choice");
    // AUTO takes no names; VALIDATED is the mode that leaves the choice and does.
    write_mode(allowed["mode"].equals("required") ? "ANY" : "VALIDATED", names);
  }

  // `names`: JSON elements.
  void write_mode(std::string_view mode, const std::string& names) {
    w_.key("toolConfig").begin_object().key("functionCallingConfig").begin_object();
    w_.key("mode").string(mode);
    if (!names.empty()) w_.key("allowedFunctionNames").begin_array().raw(names).end_array();
    w_.end_object().end_object();
  }

  // --- generationConfig -------------------------------------------------------------------------

  void write_sampling() {
    JsonWriter& c = config_writer_;
    const auto max_tokens = body_.max_tokens();
    if (max_tokens) c.key("maxOutputTokens").integer(*max_tokens);
    const JsonView stop = parameter(Parameter::stop);
    if (stop.is_string()) c.key("stopSequences").begin_array().raw(stop.raw()).end_array();
    if (stop.is_array()) c.key("stopSequences").raw(stop.raw());
    write_number("temperature", Parameter::temperature, "temperature");
    write_number("top_p", Parameter::top_p, "topP");
    write_number("presence_penalty", Parameter::presence_penalty, "presencePenalty");
    write_number("frequency_penalty", Parameter::frequency_penalty, "frequencyPenalty");
    write_integer("n", Parameter::n, "candidateCount");
    write_integer("seed", Parameter::seed, "seed");
  }

  void write_number(const std::string& key, Parameter which, std::string_view theirs) {
    const JsonView value = parameter(which);
    if (value.missing()) return;
    if (!value.number()) return losses_.malformed(key + " must be a number", key);
    config_writer_.key(theirs).raw(value.raw());
  }

  // The provider's integers have 32 bits.
  void write_integer(const std::string& key, Parameter which, std::string_view theirs) {
    using Limits = std::numeric_limits<std::int32_t>;
    const JsonView value = parameter(which);
    if (value.missing()) return;
    const auto number = value.integer();
    if (!number) return losses_.malformed(key + " must be an integer", key);
    if (*number < Limits::min() || *number > Limits::max()) {
      return losses_.cannot_carry(key, "a " + key + " of more than 32 bits");
    }
    config_writer_.key(theirs).integer(*number);
  }

  void write_logprobs() {
    const JsonView most = parameter(Parameter::top_logprobs);
    const bool wanted = parameter(Parameter::logprobs).boolean() == true;
    if (!wanted) return;
    if (request_.options.stream) return losses_.cannot_carry("logprobs", "logprobs of a stream");
    config_writer_.key("responseLogprobs").boolean(true);
    if (most.integer().value_or(0) > 0) config_writer_.key("logprobs").raw(most.raw());
  }

  void write_output() {
    write_modalities();
    const JsonView format = parameter(Parameter::response_format);
    const JsonView type = format["type"];
    if (format.missing() || type.equals("text")) return;
    const JsonView schema = format.at("json_schema", "schema");
    const bool has_schema = type.equals("json_schema") && schema.is_object();
    if (!has_schema && !type.equals("json_object")) {
      return losses_.cannot_carry("response_format", "this form of response_format");
    }
    config_writer_.key("responseMimeType").string("application/json");
    if (has_schema) config_writer_.key("responseJsonSchema").raw(schema.raw());
  }

  void write_modalities() {
    bool text = false, image = false;
    each_element(parameter(Parameter::modalities), [&](JsonView word) {
      text = text || word.equals("text");
      image = image || word.equals("image");
      if (!word.equals("text") && !word.equals("image")) {
        losses_.cannot_carry("modalities", "the modality \"" + word.string() + "\"");
      }
    });
    if (!image) return;
    JsonWriter& c = config_writer_;
    c.key("responseModalities").begin_array();
    if (text) c.string("TEXT");
    c.string("IMAGE").end_array();
  }

  void write_thinking() {
    const JsonView effort = parameter(Parameter::reasoning_effort);
    if (effort.missing()) return;
    const auto* known = std::find_if(kThinking.begin(), kThinking.end(),
                                     [&](const Thinking& t) { return effort.equals(t.effort); });
    if (known == kThinking.end()) {
      return losses_.malformed(
          "reasoning_effort must be none, minimal, low, medium, high, xhigh or max",
          "reasoning_effort");
    }
    const bool pro = deployment_.model.find("pro") != std::string::npos;
    const bool named = version_ > ModelVersion{};
    const bool off = known->budget == 0;
    if (named && version_ < kFirstThinking) {
      if (!off) losses_.cannot_carry("reasoning_effort", "thinking of a model before 2.5");
      return;
    }
    if (off && (version_ >= kGemini3 || (named && pro))) {
      return losses_.cannot_carry("reasoning_effort", "\"none\" for a model that always thinks");
    }
    JsonWriter& c = config_writer_;
    c.key("thinkingConfig").begin_object();
    if (version_ >= kGemini3) {
      c.key("thinkingLevel").string(level(*known, pro));
    } else {
      c.key("thinkingBudget").integer(known->budget);
    }
    if (!off) c.key("includeThoughts").boolean(true);
    c.end_object();
  }

  std::string_view level(const Thinking& thinking, bool pro) const {
    if (!pro) return thinking.level;
    // The first of them knows two levels alone.
    const bool first = version_ == kGemini3 && thinking.pro_level == "medium";
    return first ? "high" : thinking.pro_level;
  }

  const ChatRequest& request_;
  const Deployment& deployment_;
  Losses losses_;
  ChatBody body_;
  ModelVersion version_;
  std::string out_, config_;
  JsonWriter w_, config_writer_;
};

}  // namespace

Result<std::string> encode_gemini(const ChatRequest& request, const Deployment& deployment,
                                  const ParameterSet& unsupported,
                                  std::vector<std::string>& dropped) {
  return GeminiEncoder(request, deployment, unsupported, dropped).run();
}

}  // namespace llmroute::provider
