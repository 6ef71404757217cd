// Requests of the Responses and the Messages API on their way to a provider of chat completions: what
// only those APIs have came along under its own name or type, and ends here.
//
// Servers that take more than OpenAI does (Quirks::extras) get parameters that nobody here knows; but
// not those of the caller's API, which such a server would ignore, and the caller never hear of it.
#include <algorithm>
#include <array>
#include <utility>

#include "llmroute/provider/common.h"
#include "llmroute/provider/openai_parts.h"

namespace llmroute::provider {

namespace {

using wire::JsonView;
using wire::JsonWriter;

template <std::size_t N>
bool among(const std::array<std::string_view, N>& names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

// Beside Parameter, which has those that some dialect turns around.
constexpr std::array<std::string_view, 4> kChatToo = {"model", "moderation", "prompt_cache_options",
                                                      "prompt_cache_retention"};
// Of the other APIs alone: state, tools and machines on the provider's side.
constexpr std::array<std::string_view, 9> kForeign = {
    "background",  "container", "context_management",   "conversation",  "inference_geo",
    "mcp_servers", "prompt",    "previous_response_id", "max_tool_calls"};

bool known_to_chat(std::string_view key) {
  const auto parameter = from_slug<Parameter>(key);
  return (parameter && *parameter != Parameter::other) || among(kChatToo, key);
}

class ForeignFilter {
 public:
  ForeignFilter(const ChatRequest& request, const Quirks& quirks, Losses& losses)
      : request_(request), quirks_(quirks), losses_(losses), w_(out_) {}

  std::string run() {
    const Facts& facts = request_.facts;
    const std::string_view body = request_.body;
    const auto messages =
        body.substr(facts.messages_begin, facts.messages_end - facts.messages_begin);
    out_.reserve(body.size());
    w_.begin_object();
    for (auto m = JsonView(body).first_member(messages); m; m = m.next()) write_member(m);
    write_tools();
    w_.end_object();
    return std::move(out_);
  }

 private:
  void write_member(const JsonView::Member& m) {
    if (m.value().is_null()) return;
    const std::string key = m.key_view().string();
    if (key == "messages" && m.value().is_array()) {
      write_messages(m.value());
    } else if (key == "tools") {
      tools_ = m.value();
    } else if (key == "tool_choice") {
      choice_ = m.value();
    } else if (key == "parallel_tool_calls") {
      parallel_ = m.value();
    } else if (key == slug(MessageExtra::cache_control) && !kept(MessageExtra::cache_control)) {
      losses_.left_out(key);
    } else if (known_to_chat(key) || (quirks_.extras && !among(kForeign, key))) {
      w_.key(key).raw(m.value().raw());
    } else {
      losses_.cannot_carry(key, "the parameter \"" + key + "\"");
    }
  }

  bool kept(MessageExtra extra) const {
    return std::find(quirks_.keeps.begin(), quirks_.keeps.end(), slug(extra)) !=
           quirks_.keeps.end();
  }

  // --- tools ------------------------------------------------------------------------------------

  // Without a tool, the provider refuses what is said about tools.
  void write_tools() {
    std::string kept_tools;
    JsonWriter k(kept_tools);
    bool lost = false;
    each_element(tools_, [&](JsonView tool) {
      const JsonView type = tool["type"];
      if (type.equals("function") && tool["function"].is_object()) {
        k.raw(tool.raw());
      } else {
        lost = true;
        losses_.cannot_carry("tools", "a tool of type \"" + type.string() + "\"");
      }
    });
    if (!kept_tools.empty()) w_.key("tools").begin_array().raw(kept_tools).end_array();
    const bool none = lost && kept_tools.empty();
    if (!choice_.missing()) write_choice(lost, none);
    if (parallel_.missing()) return;
    if (none) {
      losses_.left_out("parallel_tool_calls");
    } else {
      w_.key("parallel_tool_calls").raw(parallel_.raw());
    }
  }

  void write_choice(bool lost, bool none) {
    if (none || (lost && names_a_lost_tool())) {
      losses_.left_out("tool_choice");
    } else if (choice_.is_string() || choosable(choice_) || allows_functions()) {
      w_.key("tool_choice").raw(choice_.raw());
    } else {
      losses_.cannot_carry("tool_choice",
                           "a tool_choice of type \"" + choice_["type"].string() + "\"");
    }
  }

  static bool choosable(JsonView tool) { return tool.at("function", "name").is_string(); }

  bool allows_functions() const {
    const JsonView allowed = choice_["allowed_tools"];
    bool all = allowed.is_object();
    each_element(allowed["tools"], [&all](JsonView tool) { all = all && choosable(tool); });
    return all;
  }

  bool names_a_lost_tool() const {
    if (!choosable(choice_)) return false;
    const std::string name = choice_.at("function", "name").string();
    bool there = false;
    each_element(tools_,
                 [&](JsonView tool) { there = there || tool.at("function", "name").equals(name); });
    return !there;
  }

  // --- the conversation -------------------------------------------------------------------------

  void write_messages(JsonView messages) {
    w_.key("messages").begin_array();
    std::size_t index = 0, written = 0;
    each_element(messages, [&](JsonView message) {
      path_ = "messages[" + std::to_string(index++) + "]";
      written += write_message(message) ? 1U : 0U;
    });
    w_.end_array();
    if (written == 0 && index != 0 && !losses_.error()) {
      losses_.malformed("no message says anything that the openai dialect can carry", "messages");
    }
  }

  // False for a message of which nothing is left.
  bool write_message(JsonView message) {
    const JsonView role = message["role"], content = message["content"];
    std::string parts;
    JsonWriter p(parts);
    each_element(content, [&](JsonView part) { write_part(p, role, ChatPart(part), part); });
    const bool silent = content.is_array() ? parts.empty() : !content.is_string();
    const bool answers = role.equals("tool");
    if (silent && !answers && !message["tool_calls"].first_element()) return spare(message);
    w_.begin_object();
    each_member(message, [&](const JsonView::Member& m) {
      w_.key(m.key_view().string());
      if (!m.key_is("content") || content.is_string()) {
        w_.raw(m.value().raw());
      } else if (!silent) {
        w_.begin_array().raw(parts).end_array();
      } else if (answers) {
        w_.string("");
      } else {
        w_.null();
      }
    });
    w_.end_object();
    return true;
  }

  // A turn that only thought stays where that is of use.
  bool spare(JsonView message) {
    if (!message["thinking_blocks"].first_element()) return false;
    if (!kept(MessageExtra::thinking_blocks)) {
      losses_.left_out(path_ + ".thinking_blocks");
      return false;
    }
    w_.raw(message.raw());
    return true;
  }

  void write_part(JsonWriter& w, JsonView role, const ChatPart& part, JsonView whole) {
    const bool text = part.type.equals("text") && part.text.is_string();
    if (text || has_place(role, part)) {
      w.raw(whole.raw());
    } else {
      const std::string where = role.equals("user") ? "" : " in a message of role " + role.string();
      losses_.cannot_carry(path_ + ".content",
                           "a content part of type \"" + part.type.string() + "\"" + where);
    }
  }

  // OpenAI takes texts alone as what a tool gave, and no address for a file.
  bool has_place(JsonView role, const ChatPart& part) const {
    const JsonView type = part.type;
    if (type.equals("refusal")) return role.equals("assistant");
    if (!role.equals("user") && !(role.equals("tool") && quirks_.extras)) return false;
    if (type.equals("image_url") || type.equals("input_audio")) return true;
    return type.equals("file") && (quirks_.extras || !is_web_address(part.file_data));
  }

  const ChatRequest& request_;
  const Quirks& quirks_;
  Losses& losses_;
  std::string out_, path_;
  JsonWriter w_;
  JsonView tools_, choice_, parallel_;
};

}  // namespace

std::string without_foreign(const ChatRequest& request, const Quirks& quirks, Losses& losses) {
  return ForeignFilter(request, quirks, losses).run();
}

}  // namespace llmroute::provider
