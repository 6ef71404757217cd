// The parameters of a request as the Responses API names them.
//
// Nothing is kept at the provider unless the caller asks (`store`), so the model's reasoning has to
// come along with each reply and to go back with the next request: sealed, as
// reasoning.encrypted_content. Models that do not reason refuse that word with a 400, so it is asked
// for only where the request or the model's name says that it reasons. `strict` of a tool is written
// even where it is false, for here its absence means true. A readable summary of the reasoning is
// asked for where the quirk reasoning_summary says so: some accounts may not have it.
#include <algorithm>
#include <utility>

#include "llmroute/provider/common.h"
#include "llmroute/provider/responses_parts.h"

namespace llmroute::provider {

namespace {

using wire::JsonView;
using wire::JsonWriter;

bool is_digit(char c) { return c >= '0' && c <= '9'; }

bool starts_with(std::string_view text, std::string_view start) {
  return text.substr(0, start.size()) == start;
}

// "o3-mini", "gpt-5.6-luna", "openai/gpt-oss-20b", "openai.gpt-5"; not "gpt-4o", "gpt-5-chat-latest".
bool known_to_reason(std::string_view model) {
  for (const char mark : {'/', '.'}) {
    constexpr std::string_view kVendor = "openai";
    const std::size_t at = model.rfind(std::string(kVendor) + mark);
    if (at != std::string_view::npos) model.remove_prefix(at + kVendor.size() + 1);
  }
  if (model.size() >= 2 && model[0] == 'o' && is_digit(model[1])) return true;
  if (starts_with(model, "gpt-oss") || starts_with(model, "codex")) return true;
  constexpr std::string_view kGpt = "gpt-";
  if (!starts_with(model, kGpt) || model.find("-chat") != std::string_view::npos) return false;
  return model.size() > kGpt.size() && model[kGpt.size()] >= '5' && model[kGpt.size()] <= '9';
}

class ResponsesEncoder {
 public:
  ResponsesEncoder(const ChatRequest& request, const Deployment& deployment,
                   const ParameterSet& unsupported, std::vector<std::string>& dropped)
      : request_(request),
        deployment_(deployment),
        unsupported_(unsupported),
        losses_("responses", request.options.drop_unsupported, dropped),
        body_(request, unsupported, losses_),
        w_(out_) {}

  Result<std::string> run() {
    constexpr std::size_t kRoomForChanges = 1024;
    out_.reserve(request_.body.size() + kRoomForChanges);
    w_.begin_object().key("model").string(deployment_.model);
    InputOptions input;
    input.stored = parameter(Parameter::store).boolean() == true;
    input.developer_role = deployment_.quirks.developer_role;
    if (!losses_.error()) write_responses_input(w_, body_.messages, losses_, input);
    write_tools();
    write_limits();
    write_reasoning();
    write_text();
    write_kept(input);
    if (request_.options.stream) w_.key("stream").boolean(true);
    w_.end_object();
    if (losses_.error()) return *losses_.error();
    return std::move(out_);
  }

 private:
  JsonView parameter(Parameter p) const { return body_[p]; }

  void pass(Parameter p) {
    const JsonView value = parameter(p);
    if (!value.missing()) w_.key(slug(p)).raw(value.raw());
  }

  // --- tools ------------------------------------------------------------------------------------

  void write_tools() {
    const JsonView tools = parameter(Parameter::tools);
    if (tools.first_element()) {
      w_.key("tools").begin_array();
      each_element(tools, [this](JsonView tool) { write_tool(tool); });
      w_.end_array();
    }
    const JsonView choice = parameter(Parameter::tool_choice);
    if (!choice.missing()) write_choice(choice);
    pass(Parameter::parallel_tool_calls);
  }

  void write_tool(JsonView tool) {
    const JsonView function = tool["function"];
    if (!function["name"].is_string()) {
      losses_.cannot_carry("tools", "a tool of type \"" + tool["type"].string() + "\"");
      return;
    }
    if (tool["cache_control"].is_object()) losses_.left_out("tools.cache_control");
    w_.begin_object().key("type").string("function").key("name").raw(function["name"].raw());
    const JsonView description = function["description"], schema = function["parameters"];
    if (description.is_string()) w_.key("description").raw(description.raw());
    w_.key("parameters");
    w_.raw(schema.is_object() ? schema.raw() : R"({"type":"object","properties":{}})");
    w_.key("strict").boolean(function["strict"].boolean() == true).end_object();
  }

  void write_choice(JsonView choice) {
    const JsonView allowed = choice["allowed_tools"];
    if (choice.is_string()) {
      w_.key("tool_choice").raw(choice.raw());
    } else if (choice.at("function", "name").is_string()) {
      w_.key("tool_choice");
      write_named(choice);
    } else if (allowed.is_object() && allowed["mode"].is_string()) {
      w_.key("tool_choice").begin_object().key("type").string("allowed_tools");
      w_.key("mode").raw(allowed["mode"].raw()).key("tools").begin_array();
      each_element(allowed["tools"], [this](JsonView tool) {
        if (tool.at("function", "name").is_string()) write_named(tool);
      });
      w_.end_array().end_object();
    } else {
      losses_.cannot_carry("tool_choice", "this form of tool_choice");
    }
  }

  void write_named(JsonView tool) {
    w_.begin_object().key("type").string("function");
    w_.key("name").raw(tool.at("function", "name").raw()).end_object();
  }

  // --- bounds and sampling ----------------------------------------------------------------------

  void write_limits() {
    if (const auto most = body_.max_tokens()) w_.key("max_output_tokens").integer(*most);
    pass(Parameter::temperature);
    pass(Parameter::top_p);
    pass(Parameter::top_logprobs);
    const JsonView n = parameter(Parameter::n);
    if (!n.missing() && n.integer() != 1) losses_.cannot_carry("n", "n other than 1");
  }

  void write_reasoning() {
    const JsonView effort = parameter(Parameter::reasoning_effort);
    if (!effort.missing() && find_effort(effort) == nullptr) {
      losses_.malformed("reasoning_effort must be none, minimal, low, medium, high, xhigh or max",
                        "reasoning_effort");
      return;
    }
    const bool silent = effort.equals("none");
    reasons_ = !silent && (!effort.missing() || known_to_reason(deployment_.model));
    const std::string& summary = deployment_.quirks.reasoning_summary;
    const bool wants_summary = reasons_ && !summary.empty();
    if (effort.missing() && !wants_summary) return;
    w_.key("reasoning").begin_object();
    if (!effort.missing()) w_.key("effort").raw(effort.raw());
    if (wants_summary) w_.key("summary").string(summary);
    w_.end_object();
  }

  // --- output -----------------------------------------------------------------------------------

  void write_text() {
    const JsonView format = parameter(Parameter::response_format);
    const JsonView verbosity = parameter(Parameter::verbosity);
    if (format.missing() && verbosity.missing()) return;
    w_.key("text").begin_object();
    if (!format.missing()) write_format(format);
    if (!verbosity.missing()) w_.key("verbosity").raw(verbosity.raw());
    w_.end_object();
  }

  void write_format(JsonView format) {
    const JsonView type = format["type"], schema = format["json_schema"];
    if (type.equals("text") || type.equals("json_object")) {
      w_.key("format").begin_object().key("type").raw(type.raw()).end_object();
    } else if (type.equals("json_schema") && schema["schema"].is_object()) {
      w_.key("format").begin_object().key("type").raw(type.raw());
      for (const std::string_view key : {"name", "description", "schema", "strict"}) {
        const JsonView value = schema[key];
        if (!value.missing() && !value.is_null()) w_.key(key).raw(value.raw());
      }
      w_.end_object();
    } else {
      losses_.cannot_carry("response_format", "this form of response_format");
    }
  }

  // --- what the provider keeps, and what it gives -----------------------------------------------

  void write_kept(const InputOptions& input) {
    const JsonView store = parameter(Parameter::store);
    if (!store.missing()) {
      pass(Parameter::store);
    } else if (!unsupported_.test(static_cast<std::size_t>(Parameter::store))) {
      w_.key("store").boolean(false);
    }
    const bool sealed = !input.stored && (reasons_ || input.sealed);
    const bool logprobs = parameter(Parameter::logprobs).boolean() == true;
    if (sealed || logprobs) {
      w_.key("include").begin_array();
      if (sealed) w_.string("reasoning.encrypted_content");
      if (logprobs) w_.string("message.output_text.logprobs");
      w_.end_array();
    }
    for (const Parameter p : {Parameter::metadata, Parameter::user, Parameter::service_tier,
                              Parameter::prompt_cache_key, Parameter::safety_identifier}) {
      pass(p);
    }
    const JsonView obfuscation = parameter(Parameter::stream_options)["include_obfuscation"];
    if (request_.options.stream && obfuscation.boolean()) {
      w_.key("stream_options").begin_object();
      w_.key("include_obfuscation").raw(obfuscation.raw()).end_object();
    }
  }

  const ChatRequest& request_;
  const Deployment& deployment_;
  const ParameterSet& unsupported_;
  Losses losses_;
  ChatBody body_;
  std::string out_;
  JsonWriter w_;
  bool reasons_ = false;  // the model is expected to think
};

}  // namespace

Result<std::string> encode_responses(const ChatRequest& request, const Deployment& deployment,
                                     const ParameterSet& unsupported,
                                     std::vector<std::string>& dropped) {
  return ResponsesEncoder(request, deployment, unsupported, dropped).run();
}

}  // namespace llmroute::provider
