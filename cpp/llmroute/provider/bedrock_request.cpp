// The parameters of a request as Converse names them.
//
// reasoning_effort is each model's own: Claude gets a thinking budget or, from 4.6 on, adaptive
// thinking and outputConfig.effort (the numbers of the Anthropic dialect), Nova 2 reasoningConfig,
// gpt-oss reasoning_effort and Qwen3 reasoning_config; others have nothing to carry it.
// response_format with a schema is outputConfig.textFormat. There is no word for "no tools": such a
// tool_choice leaves the tools out, unless the conversation holds calls, which must have them.
#include <algorithm>
#include <utility>

#include "llmroute/model/call_headers.h"
#include "llmroute/model/defaults.h"
#include "llmroute/provider/anthropic_parts.h"
#include "llmroute/provider/bedrock_parts.h"
#include "llmroute/provider/common.h"

namespace llmroute::provider {

namespace {

using wire::JsonView;
using wire::JsonWriter;
using Family = BedrockModel::Family;

constexpr std::int64_t kLeastThinking = 1024;  // the API's own minimum
constexpr ModelVersion kFirstThinking{3, 7};
constexpr ModelVersion kFirstAdaptive{4, 6};
constexpr ModelVersion kFirstXhigh{4, 7};

Family family_of(std::string_view id) {
  const auto has = [id](std::string_view name) { return id.find(name) != std::string_view::npos; };
  if (has("claude")) return Family::claude;
  if (has("nova-2-")) return Family::nova2;
  if (has("amazon.nova-")) return Family::nova;
  if (has("openai.gpt-oss")) return Family::gpt_oss;
  if (has("qwen.qwen3")) return Family::qwen;
  return id.starts_with("arn:") ? Family::opaque : Family::other;
}

// What invocation logs may hold as a label.
bool is_label(JsonView value, std::size_t least) {
  constexpr std::size_t kMax = 256;
  constexpr std::string_view kOthers = " \t\n\r:_@$#=/+,-.";
  const std::string text = value.string();
  return value.is_string() && text.size() >= least && text.size() <= kMax &&
         std::all_of(text.begin(), text.end(), [&](char c) {
           return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                  kOthers.find(c) != std::string_view::npos;
         });
}

class BedrockEncoder {
 public:
  BedrockEncoder(const ChatRequest& request, const Deployment& deployment,
                 const ParameterSet& unsupported, std::vector<std::string>& dropped)
      : request_(request),
        deployment_(deployment),
        losses_("bedrock", request.options.drop_unsupported, dropped),
        body_(request, unsupported, losses_),
        model_(deployment.model),
        w_(out_),
        fields_writer_(fields_) {}

  Result<std::string> run() {
    constexpr std::size_t kRoomForChanges = 512;
    out_.reserve(request_.body.size() + kRoomForChanges);
    w_.begin_object();
    read_effort();
    if (!losses_.error()) write_bedrock_messages(w_, body_.messages, model_, losses_);
    write_inference();
    write_tools();
    write_output();
    write_labels();
    write_betas();
    if (!fields_.empty()) w_.key("additionalModelRequestFields").raw("{" + fields_ + "}");
    w_.end_object();
    if (losses_.error()) return *losses_.error();
    return std::move(out_);
  }

 private:
  JsonView parameter(Parameter p) const { return body_[p]; }
  bool given(Parameter p) const { return !body_[p].missing(); }

  // --- thinking ---------------------------------------------------------------------------------

  void read_effort() {
    const JsonView word = parameter(Parameter::reasoning_effort);
    if (word.missing()) return;
    const Effort* effort = find_effort(word);
    if (effort == nullptr) {
      losses_.malformed("reasoning_effort must be none, minimal, low, medium, high, xhigh or max",
                        "reasoning_effort");
      return;
    }
    switch (model_.family) {
      case Family::claude: return claude_effort(*effort);
      case Family::nova2: return nova_effort(*effort);
      case Family::gpt_oss: return gpt_oss_effort(*effort);
      case Family::qwen: return qwen_effort(*effort);
      case Family::nova:
        if (effort->budget == 0) return;  // it never thinks
        break;
      case Family::other:
      case Family::opaque: break;
    }
    no_thinking("reasoning_effort for this model");
  }

  void no_thinking(const std::string& what) { losses_.cannot_carry("reasoning_effort", what); }

  bool forced_tool() const {
    const JsonView choice = parameter(Parameter::tool_choice);
    return choice.is_object() || choice.equals("required");
  }

  bool adaptive() const { return model_.version >= kFirstAdaptive; }

  void claude_effort(const Effort& effort) {
    if (effort.budget == 0) return;
    if (model_.version < kFirstThinking) {
      no_thinking("reasoning_effort for a model that does not think");
    } else if (forced_tool()) {
      no_thinking("reasoning_effort together with a tool that must be called");
    } else if (adaptive()) {
      fields_writer_.key("thinking").begin_object().key("type").string("adaptive");
      // Left to themselves these give no text of the thinking.
      if (model_.version >= kFirstXhigh) fields_writer_.key("display").string("summarized");
      fields_writer_.end_object();
      effort_ = &effort;
    } else if (lacks_thinking_blocks(body_.messages)) {
      no_thinking("reasoning_effort after a tool call without its thinking_blocks");
    } else {
      write_budget(effort);
    }
  }

  void write_budget(const Effort& effort) {
    std::int64_t limit = effort.budget + 1;  // nobody's: the model's own maximum
    if (deployment_.max_output_tokens) limit = deployment_.max_output_tokens->count;
    limit = body_.max_tokens().value_or(limit);
    const std::int64_t budget =
        effort.budget < limit ? effort.budget : std::max(limit / 2, kLeastThinking);
    if (budget >= limit) {
      no_thinking("reasoning_effort with so small a max_tokens");
      return;
    }
    fields_writer_.key("thinking").begin_object().key("type").string("enabled");
    fields_writer_.key("budget_tokens").integer(budget).end_object();
    effort_ = &effort;
  }

  static std::string_view low_medium_high(const Effort& effort) {
    if (effort.name == "low" || effort.name == "medium") return effort.name;
    return effort.budget == 0 ? "low" : "high";
  }

  void nova_effort(const Effort& effort) {
    if (effort.budget == 0) return;
    const std::string_view name = low_medium_high(effort);
    const bool bounded =
        body_.max_tokens().has_value() || given(Parameter::temperature) || given(Parameter::top_p);
    if (name == "high" && bounded) {
      no_thinking("a high reasoning_effort together with max_tokens, temperature or top_p");
      return;
    }
    fields_writer_.key("reasoningConfig").begin_object().key("type").string("enabled");
    fields_writer_.key("maxReasoningEffort").string(name).end_object();
  }

  void gpt_oss_effort(const Effort& effort) {
    if (effort.name == "none") {
      no_thinking("reasoning_effort none for a model that always thinks");
    } else {
      fields_writer_.key("reasoning_effort").string(low_medium_high(effort));
    }
  }

  void qwen_effort(const Effort& effort) {
    if (effort.budget == 0) return;
    fields_writer_.key("reasoning_config").string(effort.name == "low" ? "low" : "high");
  }

  // --- limits and sampling ----------------------------------------------------------------------

  void write_inference() {
    std::string config;
    JsonWriter w(config);
    if (const auto limit = body_.max_tokens()) w.key("maxTokens").integer(*limit);
    write_share(w, "temperature", "temperature", Parameter::temperature, 1.0);
    write_share(w, "topP", "top_p", Parameter::top_p, 0.95);
    const JsonView stop = parameter(Parameter::stop);
    if (stop.is_string()) w.key("stopSequences").begin_array().raw(stop.raw()).end_array();
    if (stop.is_array()) w.key("stopSequences").raw(stop.raw());
    if (!config.empty()) w_.key("inferenceConfig").raw("{" + config + "}");
    const JsonView n = parameter(Parameter::n);
    if (!n.missing() && n.integer() != 1) losses_.cannot_carry("n", "n other than 1");
  }

  // At most 1; where Claude thinks, no less than `least`.
  void write_share(JsonWriter& w, std::string_view key, const std::string& name, Parameter which,
                   double least) {
    const JsonView value = parameter(which);
    if (value.missing()) return;
    const auto number = value.number();
    if (!number) {
      losses_.malformed(name + " must be a number", name);
    } else if (*number > 1.0) {
      losses_.cannot_carry(name, "a " + name + " above 1");
    } else if (effort_ != nullptr && *number < least) {
      losses_.cannot_carry(name, "so small a " + name + " together with reasoning_effort");
    } else {
      w.key(key).raw(value.raw());
    }
  }

  // --- tools ------------------------------------------------------------------------------------

  void write_tools() {
    const JsonView tools = parameter(Parameter::tools);
    const JsonView choice = parameter(Parameter::tool_choice);
    if (parameter(Parameter::parallel_tool_calls).boolean() == false) {
      losses_.cannot_carry("parallel_tool_calls", "one tool call at a time");
    }
    if (!tools.first_element()) {
      if (forced_tool()) losses_.cannot_carry("tool_choice", "a tool_choice without tools");
      return;
    }
    if (choice.equals("none")) {
      if (!holds_calls()) return;
      losses_.cannot_carry("tool_choice", "tool_choice none in a conversation with tool calls");
    }
    w_.key("toolConfig").begin_object().key("tools").begin_array();
    each_element(tools, [this](JsonView tool) { write_tool(tool); });
    w_.end_array();
    write_tool_choice(choice);
    w_.end_object();
  }

  bool holds_calls() const {
    bool found = false;
    each_element(body_.messages, [&found](JsonView message) {
      found = found || message["role"].equals("tool") || message["tool_calls"].first_element();
    });
    return found;
  }

  void write_tool(JsonView tool) {
    const JsonView function = tool["function"];
    if (!function.is_object()) {
      losses_.cannot_carry("tools", "a tool of type \"" + tool["type"].string() + "\"");
      return;
    }
    w_.begin_object().key("toolSpec").begin_object();
    w_.key("name").string(function["name"].string());
    const JsonView description = function["description"];
    if (!blank(description)) w_.key("description").raw(description.raw());
    const JsonView schema = function["parameters"];
    w_.key("inputSchema").begin_object().key("json");
    w_.raw(schema.is_object() ? schema.raw() : R"({"type":"object"})").end_object();
    if (function["strict"].boolean() == true) w_.key("strict").boolean(true);
    w_.end_object().end_object();
    const JsonView cache = tool["cache_control"];
    if (!cache.is_object()) return;
    if (model_.caches_tools()) {
      write_cache_point(w_, cache, model_);
    } else {
      losses_.left_out("tools.cache_control");
    }
  }

  void write_tool_choice(JsonView choice) {
    const JsonView named = choice.at("function", "name");
    if (choice.missing() || choice.equals("none")) return;
    if (choice.is_object() && named.is_string()) {
      w_.key("toolChoice").begin_object().key("tool").begin_object();
      w_.key("name").raw(named.raw()).end_object().end_object();
    } else if (choice.equals("auto") || choice.equals("required")) {
      w_.key("toolChoice").begin_object().key(choice.equals("auto") ? "auto" : "any");
      w_.begin_object().end_object().end_object();
    } else {
      losses_.cannot_carry("tool_choice", "this form of tool_choice");
    }
  }

  // --- output -----------------------------------------------------------------------------------

  void write_output() {
    const JsonView format = parameter(Parameter::response_format);
    const JsonView schema = format.at("json_schema", "schema");
    const bool wants_schema = format["type"].equals("json_schema") && schema.is_object();
    if (!format.missing() && !wants_schema && !format["type"].equals("text")) {
      losses_.cannot_carry("response_format", "response_format without a schema");
    }
    const bool wants_effort = effort_ != nullptr && adaptive();
    if (!wants_schema && !wants_effort) return;
    w_.key("outputConfig").begin_object();
    if (wants_effort) w_.key("effort").string(effort_name());
    if (wants_schema) write_schema(format["json_schema"], schema);
    w_.end_object();
  }

  std::string_view effort_name() const {
    return effort_->name == "xhigh" && model_.version < kFirstXhigh ? "max" : effort_->name;
  }

  // The schema travels as a text.
  void write_schema(JsonView format, JsonView schema) {
    w_.key("textFormat").begin_object().key("type").string("json_schema");
    w_.key("structure").begin_object().key("jsonSchema").begin_object();
    w_.key("schema").string(schema.raw());
    for (const std::string_view key : {"name", "description"}) {
      if (format[key].is_string()) w_.key(key).raw(format[key].raw());
    }
    w_.end_object().end_object().end_object();
  }

  // --- labels -----------------------------------------------------------------------------------

  // None of these changes an answer, so what does not fit is left out and listed.
  void write_labels() {
    for (const auto& [which, name] :
         {std::pair(Parameter::user, "user"),
          std::pair(Parameter::safety_identifier, "safety_identifier")}) {
      if (given(which)) losses_.left_out(name);
    }
    write_metadata();
    const JsonView tier = parameter(Parameter::service_tier);
    if (tier.missing() || tier.equals("auto")) return;
    if (tier.equals("default") || tier.equals("flex") || tier.equals("priority")) {
      w_.key("serviceTier").begin_object().key("type").raw(tier.raw()).end_object();
    } else {
      losses_.cannot_carry("service_tier", "this service_tier");
    }
  }

  void write_metadata() {
    constexpr int kMost = 16;
    std::string labels;
    JsonWriter w(labels);
    int written = 0;
    each_member(parameter(Parameter::metadata), [&](const JsonView::Member& m) {
      if (written == kMost || !is_label(m.key_view(), 1) || !is_label(m.value(), 0)) {
        losses_.left_out("metadata");
        return;
      }
      ++written;
      w.key(m.key_view().string()).raw(m.value().raw());
    });
    if (!labels.empty()) w_.key("requestMetadata").raw("{" + labels + "}");
  }

  // --- betas ------------------------------------------------------------------------------------

  void write_betas() {
    if (!lets_pass(deployment_.forward_headers, kBedrockBetaHeader)) return;
    const auto betas = entries_of(find_metadata(request_.options.headers, kBedrockBetaHeader));
    if (betas.empty()) return;
    fields_writer_.key("anthropic_beta").begin_array();
    for (const std::string_view beta : betas) fields_writer_.string(beta);
    fields_writer_.end_array();
  }

  const ChatRequest& request_;
  const Deployment& deployment_;
  Losses losses_;
  ChatBody body_;
  BedrockModel model_;
  std::string out_;
  JsonWriter w_;
  std::string fields_;  // members of additionalModelRequestFields
  JsonWriter fields_writer_;
  const Effort* effort_ = nullptr;  // set: Claude is asked to think
};

}  // namespace

BedrockModel::BedrockModel(std::string_view id)
    : family(family_of(id)), version(claude_version(id)) {}

Result<std::string> encode_bedrock(const ChatRequest& request, const Deployment& deployment,
                                   const ParameterSet& unsupported,
                                   std::vector<std::string>& dropped) {
  return BedrockEncoder(request, deployment, unsupported, dropped).run();
}

}  // namespace llmroute::provider
