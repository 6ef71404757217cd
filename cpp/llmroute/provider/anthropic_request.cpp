#include "llmroute/provider/anthropic_request.h"

#include <array>
#include <utility>

#include "llmroute/model/defaults.h"
#include "llmroute/provider/common.h"
#include "llmroute/wire/json.h"

namespace llmroute::provider {

namespace {

using wire::JsonView;
using wire::JsonWriter;

constexpr std::int64_t kDefaultMaxTokens = 4096;
constexpr std::int64_t kLeastThinking = 1024;  // the API's own minimum

std::int64_t thinking_budget(JsonView effort) {
  if (effort.equals("low")) return kLeastThinking;
  if (effort.equals("medium")) return 4096;
  if (effort.equals("high") || effort.equals("xhigh")) return 16384;
  return 0;  // none, minimal
}

class AnthropicEncoder {
 public:
  AnthropicEncoder(const ChatRequest& request, const Deployment& deployment,
                   const ParameterSet& unsupported, std::vector<std::string>& dropped)
      : request_(request),
        deployment_(deployment),
        unsupported_(unsupported),
        dropped_(dropped),
        w_(out_) {}

  Result<std::string> run() {
    constexpr std::size_t kRoomForChanges = 512;
    out_.reserve(request_.body.size() + kRoomForChanges);
    w_.begin_object().key("model").string(deployment_.model);
    collect();
    if (!failure_) write_limits();
    if (!failure_) write_messages();
    if (!failure_) write_tools();
    if (!failure_) write_rest();
    w_.end_object();
    if (failure_) return *failure_;
    return std::move(out_);
  }

 private:
  void fail(ErrorKind kind, std::string message, std::string path) {
    if (!failure_) failure_ = make_error(kind, std::move(message), std::move(path));
  }

  // A parameter, or a value of one, that has no place here.
  void cannot_carry(const std::string& key, const std::string& what) {
    if (request_.options.drop_unsupported) {
      dropped_.push_back(key);
    } else {
      fail(ErrorKind::bad_request,
           "the anthropic dialect cannot carry " + what +
               "; leave it out, or allow it to be dropped",
           key);
    }
  }

  void collect() {
    each_member(JsonView(request_.body), [this](const JsonView::Member& m) {
      const JsonView value = m.value();
      if (value.is_null() || m.key_is("model") || m.key_is("stream")) return;
      if (m.key_is("messages")) {
        messages_ = value;
        return;
      }
      const std::string key = m.key_view().string();
      const Parameter parameter = from_slug<Parameter>(key).value_or(Parameter::other);
      if (unsupported_.test(static_cast<std::size_t>(parameter))) {
        cannot_carry(key, "the parameter \"" + key + "\"");
      } else {
        parameters_[static_cast<std::size_t>(parameter)] = value;
      }
    });
  }

  JsonView parameter(Parameter p) const { return parameters_[static_cast<std::size_t>(p)]; }

  void write_limits() {
    auto max_tokens = parameter(Parameter::max_completion_tokens).integer();
    if (!max_tokens) max_tokens = parameter(Parameter::max_tokens).integer();
    const bool given = max_tokens.has_value();
    const Tokens most = deployment_.max_output_tokens.value_or(Tokens{kDefaultMaxTokens});
    std::int64_t limit = max_tokens.value_or(most.count);
    std::int64_t budget = thinking_budget(parameter(Parameter::reasoning_effort));
    if (budget > 0 && !given && !deployment_.max_output_tokens) limit += budget;
    if (budget >= limit) budget = limit / 2;
    if (budget > 0 && budget < kLeastThinking) {
      cannot_carry("reasoning_effort", "reasoning_effort with so small a max_tokens");
      budget = 0;
    }
    w_.key("max_tokens").integer(limit);
    thinking_ = budget > 0;
    if (!thinking_) return;
    w_.key("thinking").begin_object().key("type").string("enabled");
    w_.key("budget_tokens").integer(budget).end_object();
  }

  // --- messages ---------------------------------------------------------------------------------

  void write_messages() {
    std::string system;
    w_.key("messages").begin_array();
    std::size_t index = 0;
    each_element(messages_, [&](JsonView message) {
      path_ = "messages[" + std::to_string(index++) + "]";
      const JsonView role = message["role"];
      if (role.equals("system") || role.equals("developer")) {
        add_system(message["content"], system);
      } else if (role.equals("assistant")) {
        turn("assistant");
        write_assistant(message);
      } else if (role.equals("tool") || role.equals("function")) {
        turn("user");
        write_tool_result(message);
      } else {
        turn("user");
        write_content(message["content"]);
      }
    });
    end_turn();
    w_.end_array();
    if (!system.empty()) w_.key("system").string(system);
  }

  void turn(std::string_view role) {
    if (role == open_role_) return;
    end_turn();
    open_role_ = role;
    w_.begin_object().key("role").string(role).key("content").begin_array();
  }

  void end_turn() {
    if (open_role_.empty()) return;
    w_.end_array().end_object();
    open_role_ = {};
  }

  static void add_system(JsonView content, std::string& system) {
    const auto add = [&system](JsonView text) {
      if (!text.is_string() || text.raw().size() <= 2) return;
      if (!system.empty()) system += "\n\n";
      text.append_string(system);
    };
    add(content);
    each_element(content, [&](JsonView part) { add(part["text"]); });
  }

  // Text blocks must not be empty here, so an empty one is left out.
  void write_text(JsonView text) {
    if (!text.is_string() || text.raw().size() <= 2) return;
    w_.begin_object().key("type").string("text").key("text").raw(text.raw()).end_object();
  }

  void write_content(JsonView content) {
    write_text(content);
    each_element(content, [this](JsonView part) { write_part(part); });
  }

  void write_part(JsonView part) {
    const JsonView type = part["type"];
    if (type.equals("text")) {
      write_text(part["text"]);
    } else if (type.equals("refusal")) {
      write_text(part["refusal"]);
    } else if (type.equals("image_url")) {
      write_source("image", part.at("image_url", "url"));
    } else if (type.equals("file") && part.at("file", "file_data").is_string()) {
      write_source("document", part.at("file", "file_data"));
    } else {
      cannot_carry(path_ + ".content", "a content part of type \"" + type.string() + "\"");
    }
  }

  // A data URL or an address. The base64 text goes through as it came: it holds nothing to escape.
  void write_source(std::string_view block, JsonView url) {
    const std::string_view raw = url.raw();
    constexpr std::string_view kData = "\"data:";
    constexpr std::string_view kBase64 = ";base64,";
    const std::size_t mark = raw.substr(0, 200).find(kBase64);
    const bool data = raw.substr(0, kData.size()) == kData;
    if (!url.is_string() || (data && mark == std::string_view::npos)) {
      fail(ErrorKind::invalid_argument, "an image or file must be an address or a base64 data URL",
           path_ + ".content");
      return;
    }
    w_.begin_object().key("type").string(block).key("source").begin_object();
    if (data) {
      w_.key("type").string("base64");
      w_.key("media_type").string(raw.substr(kData.size(), mark - kData.size()));
      std::string_view bytes = raw.substr(mark + kBase64.size());
      bytes.remove_suffix(1);
      w_.key("data").quoted(bytes);
    } else {
      w_.key("type").string("url").key("url").raw(raw);
    }
    w_.end_object().end_object();
  }

  void write_assistant(JsonView message) {
    write_content(message["content"]);
    write_text(message["refusal"]);
    each_element(message["tool_calls"], [this](JsonView call) {
      const JsonView function = call["function"];
      const std::string arguments = function["arguments"].string();
      const bool empty = arguments.find_first_not_of(" \t\r\n") == std::string::npos;
      if (!empty && (!wire::validate_json(arguments, defaults::kMaxJsonDepth - 8) ||
                     !JsonView(arguments).is_object())) {
        fail(ErrorKind::invalid_argument, "the arguments of a tool call are not a JSON object",
             path_ + ".tool_calls");
        return;
      }
      w_.begin_object().key("type").string("tool_use").key("id").string(call["id"].string());
      w_.key("name").string(function["name"].string());
      w_.key("input").raw(empty ? std::string_view("{}") : JsonView(arguments).raw());
      w_.end_object();
    });
  }

  void write_tool_result(JsonView message) {
    w_.begin_object().key("type").string("tool_result");
    w_.key("tool_use_id").string(message["tool_call_id"].string());
    w_.key("content").begin_array();
    write_content(message["content"]);
    w_.end_array().end_object();
  }

  // --- tools ------------------------------------------------------------------------------------

  void write_tools() {
    const JsonView tools = parameter(Parameter::tools);
    if (!tools.first_element()) return;
    w_.key("tools").begin_array();
    each_element(tools, [this](JsonView tool) {
      const JsonView function = tool["function"];
      if (!function.is_object()) {
        cannot_carry("tools", "a tool of type \"" + tool["type"].string() + "\"");
        return;
      }
      w_.begin_object().key("name").string(function["name"].string());
      if (function["description"].is_string()) {
        w_.key("description").raw(function["description"].raw());
      }
      const JsonView schema = function["parameters"];
      w_.key("input_schema").raw(schema.is_object() ? schema.raw() : R"({"type":"object"})");
      w_.end_object();
    });
    w_.end_array();
    write_tool_choice();
  }

  void write_tool_choice() {
    const JsonView choice = parameter(Parameter::tool_choice);
    const JsonView parallel = parameter(Parameter::parallel_tool_calls);
    const bool one_at_a_time = parallel.boolean() == false;
    if (choice.missing() && !one_at_a_time) return;
    w_.key("tool_choice").begin_object().key("type");
    if (choice.equals("none")) {
      w_.string("none");
    } else if (choice.equals("required")) {
      w_.string("any");
    } else if (choice.is_object()) {
      w_.string("tool").key("name").string(choice.at("function", "name").string());
    } else {
      w_.string("auto");
    }
    if (one_at_a_time && !choice.equals("none")) w_.key("disable_parallel_tool_use").boolean(true);
    w_.end_object();
  }

  // --- the rest ---------------------------------------------------------------------------------

  void write_rest() {
    write_stop(parameter(Parameter::stop));
    write_temperature(parameter(Parameter::temperature));
    const JsonView top_p = parameter(Parameter::top_p);
    if (!top_p.missing()) w_.key("top_p").raw(top_p.raw());
    const JsonView user = parameter(Parameter::user);
    if (user.is_string()) {
      w_.key("metadata").begin_object().key("user_id").raw(user.raw()).end_object();
    }
    if (parameter(Parameter::n).integer().value_or(1) != 1) {
      cannot_carry("n", "n other than 1");
    }
    write_format(parameter(Parameter::response_format));
    if (request_.options.stream) w_.key("stream").boolean(true);
  }

  void write_stop(JsonView stop) {
    if (stop.is_string()) w_.key("stop_sequences").begin_array().raw(stop.raw()).end_array();
    if (stop.is_array()) w_.key("stop_sequences").raw(stop.raw());
  }

  void write_temperature(JsonView temperature) {
    const auto value = temperature.number();
    if (!value) return;
    if (*value > 1.0) {
      cannot_carry("temperature", "a temperature above 1");
    } else if (thinking_ && *value != 1.0) {
      cannot_carry("temperature", "a temperature together with reasoning_effort");
    } else {
      w_.key("temperature").raw(temperature.raw());
    }
  }

  void write_format(JsonView format) {
    if (format.missing() || format["type"].equals("text")) return;
    const JsonView schema = format.at("json_schema", "schema");
    if (!format["type"].equals("json_schema") || !schema.is_object()) {
      cannot_carry("response_format", "response_format without a schema");
      return;
    }
    w_.key("output_config").begin_object().key("format").begin_object();
    w_.key("type").string("json_schema").key("schema").raw(schema.raw());
    w_.end_object().end_object();
  }

  const ChatRequest& request_;
  const Deployment& deployment_;
  const ParameterSet& unsupported_;
  std::vector<std::string>& dropped_;
  std::string out_;
  JsonWriter w_;
  std::optional<Error> failure_;
  JsonView messages_;
  std::array<JsonView, ParameterSet().size()> parameters_;
  std::string path_;
  std::string_view open_role_;
  bool thinking_ = false;
};

}  // namespace

Result<std::string> encode_anthropic(const ChatRequest& request, const Deployment& deployment,
                                     const ParameterSet& unsupported,
                                     std::vector<std::string>& dropped) {
  return AnthropicEncoder(request, deployment, unsupported, dropped).run();
}

}  // namespace llmroute::provider
