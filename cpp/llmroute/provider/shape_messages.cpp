// A Messages request as a chat body.
//
// Tool results become tool messages before what else their turn says; thinking blocks stay blocks
// (`thinking_blocks`), which the Anthropic family takes back. A thinking budget becomes the effort
// whose budget is the nearest from below (chat_parts.h). Blocks and tools without a counterpart keep
// their own type.
#include "llmroute/provider/chat_parts.h"
#include "llmroute/provider/common.h"
#include "llmroute/provider/shape_parts.h"

namespace llmroute::provider {

namespace {

using wire::JsonView;
using wire::JsonWriter;

class MessagesReader {
 public:
  explicit MessagesReader(JsonView body) : body_(body), w_(out_) {}

  Result<ChatForm> run() {
    if (!body_["messages"].is_array()) {
      return make_error(ErrorKind::invalid_argument, "messages must be an array", "messages");
    }
    w_.begin_object();
    each_member(body_,
                [this](const JsonView::Member& m) { member(m.key_view().string(), m.value()); });
    write_messages();
    w_.end_object();
    if (error_) return *error_;
    return ChatForm{std::move(out_), left_out_.take()};
  }

 private:
  void member(const std::string& key, JsonView value) {
    if (value.is_null() || key == "messages" || key == "system" || key == "stream") return;
    if (key == "stop_sequences") {
      w_.key("stop").raw(value.raw());
    } else if (key == "tools") {
      write_tools(value);
    } else if (key == "tool_choice") {
      write_tool_choice(value);
    } else if (key == "thinking") {
      write_thinking(value);
    } else if (key == "output_config") {
      write_output(value);
    } else if (key == "metadata") {
      left_out_.carry(w_, value, {{"user_id", "user"}}, key);
    } else if (key == "service_tier") {
      w_.key(key).string(value.equals("standard_only") ? "default" : "auto");
    } else {
      w_.key(key).raw(value.raw());
    }
  }

  void write_tools(JsonView tools) {
    w_.key("tools").begin_array();
    each_element(tools, [this](JsonView tool) {
      const JsonView type = tool["type"];
      if (type.is_string() && !type.equals("custom")) {
        w_.raw(tool.raw());  // one of the provider's own
        return;
      }
      w_.begin_object().key("type").string("function").key("function").begin_object();
      left_out_.carry(w_, tool,
                      {{"type", ""},
                       {"name", "name"},
                       {"description", "description"},
                       {"strict", "strict"},
                       {"input_schema", "parameters"},
                       {"cache_control", ""}},
                      "tools");
      w_.end_object();
      copy(w_, tool, {{"cache_control", "cache_control"}});
      w_.end_object();
    });
    w_.end_array();
  }

  void write_tool_choice(JsonView choice) {
    const JsonView type = choice["type"];
    w_.key("tool_choice");
    if (type.equals("tool")) {
      w_.begin_object().key("type").string("function").key("function").begin_object();
      w_.key("name").string(choice["name"].string()).end_object().end_object();
    } else {
      w_.string(type.equals("any") ? "required" : type.equals("none") ? "none" : "auto");
    }
    if (choice["disable_parallel_tool_use"].boolean() == true) {
      w_.key("parallel_tool_calls").boolean(false);
    }
  }

  void write_thinking(JsonView thinking) {
    const bool worded = body_.at("output_config", "effort").is_string();
    left_out_.note("thinking.display", thinking["display"]);
    if (worded) left_out_.note("thinking.budget_tokens", thinking["budget_tokens"]);
    if (worded || thinking["type"].equals("disabled")) return;
    const std::int64_t budget = thinking["budget_tokens"].integer().value_or(4096);
    w_.key("reasoning_effort").string(budget >= 16384 ? "high" : budget >= 4096 ? "medium" : "low");
  }

  void write_output(JsonView config) {
    left_out_.carry(w_, config, {{"effort", "reasoning_effort"}, {"format", ""}}, "output_config");
    const JsonView format = config["format"];
    if (!format["schema"].is_object()) return;
    w_.key("response_format").begin_object().key("type").string("json_schema");
    w_.key("json_schema").begin_object().key("name").string("answer");
    w_.key("schema").raw(format["schema"].raw()).key("strict").boolean(true);
    w_.end_object().end_object();
  }

  // --- the conversation -------------------------------------------------------------------------

  void write_messages() {
    w_.key("messages").begin_array();
    const JsonView system = body_["system"];
    if (system.is_string() || system.first_element()) {
      w_.begin_object().key("role").string("system").key("content");
      w_.raw(system.raw()).end_object();
    }
    std::size_t index = 0;
    each_element(body_["messages"], [&](JsonView message) {
      path_ = "messages[" + std::to_string(index++) + "]";
      write_message(message["role"], message["content"]);
    });
    w_.end_array();
  }

  void write_message(JsonView role, JsonView content) {
    if (!content.is_string() && !content.is_array()) {
      fail("content must be a text or an array of blocks", ".content");
    } else if (role.equals("user")) {
      write_user(content);
    } else if (role.equals("assistant")) {
      write_assistant(content);
    } else if (role.equals("system")) {
      w_.begin_object().key("role").string("system").key("content");
      write_parts(content);
      w_.end_object();
    } else {
      fail("role must be user, assistant or system", ".role");
    }
  }

  void write_user(JsonView content) {
    bool anything_else = content.is_string();
    each_element(content, [&](JsonView block) {
      if (block["type"].equals("tool_result")) {
        write_tool_result(block);
      } else {
        anything_else = true;
      }
    });
    if (!anything_else) return;
    w_.begin_object().key("role").string("user").key("content");
    write_parts(content);
    w_.end_object();
  }

  void write_parts(JsonView content) {
    if (content.is_string()) {
      w_.raw(content.raw());
      return;
    }
    w_.begin_array();
    each_element(content, [this](JsonView block) { write_part(block); });
    w_.end_array();
  }

  void write_part(JsonView block) {
    const JsonView type = block["type"];
    const JsonView source = block["source"];
    if (type.equals("tool_result")) return;
    if (type.equals("image") && has_bytes(source)) {
      w_.begin_object().key("type").string("image_url").key("image_url").begin_object();
      w_.key("url");
      write_source(source);
      w_.end_object();
      carry_part(w_, block, {{"type", ""}, {"source", ""}, {"cache_control", "cache_control"}});
      w_.end_object();
    } else if (type.equals("document") && source["type"].equals("text") &&
               source["data"].is_string()) {
      w_.begin_object().key("type").string("text").key("text").raw(source["data"].raw());
      carry_part(w_, block, {{"type", ""}, {"source", ""}, {"cache_control", "cache_control"}});
      w_.end_object();
    } else if (type.equals("document") && has_bytes(source)) {
      w_.begin_object().key("type").string("file").key("file").begin_object();
      copy(w_, block, {{"title", "filename"}});
      w_.key("file_data");
      write_source(source);
      w_.end_object();
      carry_part(w_, block,
                 {{"type", ""}, {"source", ""}, {"title", ""}, {"cache_control", "cache_control"}});
      w_.end_object();
    } else {
      write_text(w_, block);
    }
  }

  // Or an address where they are.
  static bool has_bytes(JsonView source) {
    return source["type"].equals("base64") || source["url"].is_string();
  }

  // A text has the same form; others are refused by their type.
  void write_text(JsonWriter& w, JsonView block) {
    if (!block["type"].equals("text")) {
      w.raw(block.raw());
      return;
    }
    w.begin_object();
    carry_part(w, block, {{"type", "type"}, {"text", "text"}, {"cache_control", "cache_control"}});
    w.end_object();
  }

  void carry_part(JsonWriter& w, JsonView block, Names names) {
    left_out_.carry(w, block, names, path_, ".content");
  }

  // The base64 goes through as it came.
  void write_source(JsonView source) {
    if (!source["type"].equals("base64")) {
      w_.string(source["url"].string());
      return;
    }
    std::string url = "data:" + source["media_type"].string() + ";base64,";
    const std::string_view data = source["data"].raw();
    if (data.size() >= 2 && source["data"].is_string()) url += data.substr(1, data.size() - 2);
    w_.quoted(url);
  }

  void write_tool_result(JsonView block) {
    const JsonView content = block["content"];
    w_.begin_object().key("role").string("tool");
    w_.key("tool_call_id").string(block["tool_use_id"].string());
    carry_part(w_, block,
               {{"type", ""},
                {"tool_use_id", ""},
                {"content", ""},
                {"is_error", "is_error"},
                {"cache_control", "cache_control"}});
    w_.key("content");
    if (content.is_string() || content.is_array()) {
      write_parts(content);
    } else {
      w_.string("");
    }
    w_.end_object();
  }

  void write_assistant(JsonView content) {
    w_.begin_object().key("role").string("assistant");
    if (content.is_string()) {
      w_.key("content").raw(content.raw()).end_object();
      return;
    }
    std::string text, thinking, calls;
    JsonWriter t(text), b(thinking), c(calls);
    each_element(content, [&](JsonView block) {
      const JsonView type = block["type"];
      if (type.equals("tool_use")) {
        c.begin_object().key("id").string(block["id"].string()).key("type").string("function");
        c.key("function").begin_object().key("name").string(block["name"].string());
        const JsonView input = block["input"];
        c.key("arguments").string(input.is_object() ? input.raw() : "{}").end_object();
        carry_part(c, block,
                   {{"type", ""},
                    {"id", ""},
                    {"name", ""},
                    {"input", ""},
                    {"cache_control", "cache_control"}});
        c.end_object();
      } else if (type.equals("thinking") || type.equals("redacted_thinking")) {
        b.raw(block.raw());
      } else {
        write_text(t, block);
      }
    });
    if (!text.empty()) w_.key("content").begin_array().raw(text).end_array();
    if (text.empty()) w_.key("content").null();
    if (!thinking.empty()) w_.key("thinking_blocks").begin_array().raw(thinking).end_array();
    if (!calls.empty()) w_.key("tool_calls").begin_array().raw(calls).end_array();
    w_.end_object();
  }

  void fail(std::string message, const std::string& where) {
    if (error_) return;
    error_ = make_error(ErrorKind::invalid_argument, std::move(message), path_ + where);
  }

  JsonView body_;
  std::string out_, path_;
  JsonWriter w_;
  LeftOut left_out_;
  std::optional<Error> error_;
};

}  // namespace

Result<ChatForm> messages_to_chat(JsonView body) { return MessagesReader(body).run(); }

}  // namespace llmroute::provider
