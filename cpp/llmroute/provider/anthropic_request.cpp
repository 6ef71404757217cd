// The parameters of a request as Anthropic names them.
//
// reasoning_effort: models before 4.6 get a thinking budget (low 1,024, medium 4,096, high 16,384,
// xhigh and max 32,768 tokens, cut below max_tokens), later ones adaptive thinking and
// output_config.effort; none and minimal ask for no thinking. Thinking and a forced tool exclude
// each other, as do thinking and most sampling parameters. response_format with a schema is
// output_config.format; without one it has no counterpart.
#include <algorithm>
#include <utility>

#include "llmroute/model/defaults.h"
#include "llmroute/provider/anthropic_parts.h"
#include "llmroute/provider/common.h"

namespace llmroute::provider {

namespace {

using wire::JsonView;
using wire::JsonWriter;

constexpr std::int64_t kDefaultMaxTokens = 4096;
constexpr std::int64_t kLeastThinking = 1024;  // the API's own minimum
constexpr ModelVersion kFirstAdaptive{4, 6};
constexpr ModelVersion kFirstXhigh{4, 7};

class AnthropicEncoder {
 public:
  AnthropicEncoder(const ChatRequest& request, const Deployment& deployment,
                   const ParameterSet& unsupported, std::vector<std::string>& dropped)
      : request_(request),
        deployment_(deployment),
        losses_("anthropic", request.options.drop_unsupported, dropped),
        body_(request, unsupported, losses_),
        version_(claude_version(deployment.model)),
        w_(out_) {}

  Result<std::string> run() {
    constexpr std::size_t kRoomForChanges = 512;
    out_.reserve(request_.body.size() + kRoomForChanges);
    w_.begin_object().key("model").string(deployment_.model);
    read_effort();
    write_limits();
    if (!losses_.error()) write_anthropic_messages(w_, body_.messages, losses_);
    write_tools();
    write_sampling();
    write_user();
    write_output();
    if (request_.options.stream) w_.key("stream").boolean(true);
    w_.end_object();
    if (losses_.error()) return *losses_.error();
    return std::move(out_);
  }

 private:
  JsonView parameter(Parameter p) const { return body_[p]; }

  // --- thinking and limits ----------------------------------------------------------------------

  void read_effort() {
    const JsonView effort = parameter(Parameter::reasoning_effort);
    if (effort.missing()) return;
    const Effort* known = find_effort(effort);
    if (known == nullptr) {
      losses_.malformed("reasoning_effort must be none, minimal, low, medium, high, xhigh or max",
                        "reasoning_effort");
      return;
    }
    if (known->budget == 0) return;
    const JsonView choice = parameter(Parameter::tool_choice);
    if (choice.is_object() || choice.equals("required")) {
      no_thinking("reasoning_effort together with a tool that must be called");
    } else if (!adaptive() && lacks_thinking_blocks(body_.messages)) {
      no_thinking("reasoning_effort after a tool call without its thinking_blocks");
    } else {
      effort_ = known;
    }
  }

  void no_thinking(const std::string& what) {
    losses_.cannot_carry("reasoning_effort", what);
    effort_ = nullptr;
  }

  bool adaptive() const { return version_ >= kFirstAdaptive; }

  void write_limits() {
    const auto max_tokens = body_.max_tokens();
    const bool given = max_tokens.has_value();
    const Tokens most = default_max_tokens(deployment_);
    std::int64_t limit = max_tokens.value_or(most.count);
    if (effort_ != nullptr && !given && !deployment_.max_output_tokens) limit += effort_->budget;
    if (effort_ != nullptr && !adaptive()) write_budget(limit);
    if (effort_ != nullptr && adaptive()) {
      w_.key("thinking").begin_object().key("type").string("adaptive");
      // Left to themselves these give no text of the thinking.
      if (version_ >= kFirstXhigh) w_.key("display").string("summarized");
      w_.end_object();
    }
    w_.key("max_tokens").integer(limit);
  }

  void write_budget(std::int64_t limit) {
    const std::int64_t budget =
        effort_->budget < limit ? effort_->budget : std::max(limit / 2, kLeastThinking);
    if (budget >= limit) {
      no_thinking("reasoning_effort with so small a max_tokens");
      return;
    }
    w_.key("thinking").begin_object().key("type").string("enabled");
    w_.key("budget_tokens").integer(budget).end_object();
  }

  // --- tools ------------------------------------------------------------------------------------

  void write_tools() {
    const JsonView tools = parameter(Parameter::tools);
    if (tools.first_element()) {
      w_.key("tools").begin_array();
      each_element(tools, [this](JsonView tool) { write_tool(tool); });
      w_.end_array();
      write_tool_choice();
      return;
    }
    const JsonView choice = parameter(Parameter::tool_choice);
    if (choice.is_object() || choice.equals("required")) {
      losses_.cannot_carry("tool_choice", "a tool_choice without tools");
    }
  }

  void write_tool(JsonView tool) {
    const JsonView function = tool["function"];
    if (!function.is_object()) {
      losses_.cannot_carry("tools", "a tool of type \"" + tool["type"].string() + "\"");
      return;
    }
    w_.begin_object().key("name").string(function["name"].string());
    const JsonView description = function["description"];
    if (description.is_string()) w_.key("description").raw(description.raw());
    const JsonView schema = function["parameters"];
    w_.key("input_schema").raw(schema.is_object() ? schema.raw() : R"({"type":"object"})");
    if (function["strict"].boolean() == true) w_.key("strict").boolean(true);
    const JsonView cache = tool["cache_control"];
    if (cache.is_object()) w_.key("cache_control").raw(cache.raw());
    w_.end_object();
  }

  void write_tool_choice() {
    const JsonView choice = parameter(Parameter::tool_choice);
    const JsonView named = choice.at("function", "name");
    const bool one_at_a_time = parameter(Parameter::parallel_tool_calls).boolean() == false;
    if (choice.is_object() ? !named.is_string() : !known_choice(choice)) {
      losses_.cannot_carry("tool_choice", "this form of tool_choice");
      return;
    }
    if (choice.missing() && !one_at_a_time) return;
    w_.key("tool_choice").begin_object().key("type");
    if (choice.is_object()) {
      w_.string("tool").key("name").raw(named.raw());
    } else {
      w_.string(choice.equals("none") ? "none" : choice.equals("required") ? "any" : "auto");
    }
    if (one_at_a_time && !choice.equals("none")) w_.key("disable_parallel_tool_use").boolean(true);
    w_.end_object();
  }

  static bool known_choice(JsonView choice) {
    return choice.missing() || choice.equals("auto") || choice.equals("none") ||
           choice.equals("required");
  }

  // --- sampling ---------------------------------------------------------------------------------

  void write_sampling() {
    const JsonView stop = parameter(Parameter::stop);
    if (stop.is_string()) w_.key("stop_sequences").begin_array().raw(stop.raw()).end_array();
    if (stop.is_array()) w_.key("stop_sequences").raw(stop.raw());
    write_between("temperature", Parameter::temperature, 1.0);
    write_between("top_p", Parameter::top_p, 0.95);
    const JsonView n = parameter(Parameter::n);
    if (!n.missing() && n.integer() != 1) losses_.cannot_carry("n", "n other than 1");
  }

  // At most 1; with thinking, no less than `least`.
  void write_between(const std::string& key, Parameter which, double least) {
    const JsonView value = parameter(which);
    if (value.missing()) return;
    const auto number = value.number();
    if (!number) {
      losses_.malformed(key + " must be a number", key);
    } else if (*number > 1.0) {
      losses_.cannot_carry(key, "a " + key + " above 1");
    } else if (effort_ != nullptr && *number < least) {
      losses_.cannot_carry(key, "so small a " + key + " together with reasoning_effort");
    } else {
      w_.key(key).raw(value.raw());
    }
  }

  void write_user() {
    JsonView user = parameter(Parameter::user);
    const JsonView identifier = parameter(Parameter::safety_identifier);
    if (!identifier.missing()) {
      if (!user.missing()) losses_.left_out("user");
      user = identifier;
    }
    if (user.missing()) return;
    w_.key("metadata").begin_object().key("user_id").raw(user.raw()).end_object();
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
    w_.key("output_config").begin_object();
    if (wants_effort) w_.key("effort").string(effort_name());
    if (wants_schema) {
      w_.key("format").begin_object().key("type").string("json_schema");
      w_.key("schema").raw(schema.raw()).end_object();
    }
    w_.end_object();
  }

  std::string_view effort_name() const {
    return effort_->name == "xhigh" && version_ < kFirstXhigh ? "max" : effort_->name;
  }

  const ChatRequest& request_;
  const Deployment& deployment_;
  Losses losses_;
  ChatBody body_;
  ModelVersion version_;
  std::string out_;
  JsonWriter w_;
  const Effort* effort_ = nullptr;  // set: the model is asked to think
};

}  // namespace

Tokens default_max_tokens(const Deployment& deployment) {
  return deployment.max_output_tokens.value_or(Tokens{kDefaultMaxTokens});
}

Result<std::string> encode_anthropic(const ChatRequest& request, const Deployment& deployment,
                                     const ParameterSet& unsupported,
                                     std::vector<std::string>& dropped) {
  return AnthropicEncoder(request, deployment, unsupported, dropped).run();
}

}  // namespace llmroute::provider
