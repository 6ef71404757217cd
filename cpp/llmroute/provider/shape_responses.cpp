// A Responses request as a chat body.
//
// Items that follow each other and belong to one assistant turn (reasoning, a message, function
// calls) become one message. Reasoning items stay what they are (`thinking_blocks`). Items, parts and
// tools without a counterpart keep their own type; state on the provider's side
// (previous_response_id, conversation) goes along by name, so that only who has it takes it.
#include <algorithm>
#include <array>

#include "llmroute/provider/chat_parts.h"
#include "llmroute/provider/common.h"
#include "llmroute/provider/shape_parts.h"

namespace llmroute::provider {

namespace {

using wire::JsonView;
using wire::JsonWriter;

// Members that say how it is answered and kept, not what: they are for the same API alone.
constexpr std::array<std::string_view, 3> kOwn = {"include", "truncation", "stream_options"};

// Members of a request that its response repeats, and what stands there without them (JSON; empty:
// nothing).
struct Said {
  std::string_view name, otherwise;
};
constexpr std::array kSaid = {Said{"background", ""},
                              Said{"instructions", "null"},
                              Said{"max_output_tokens", ""},
                              Said{"max_tool_calls", ""},
                              Said{"metadata", "{}"},
                              Said{"parallel_tool_calls", "true"},
                              Said{"prompt_cache_key", ""},
                              Said{"reasoning", ""},
                              Said{"safety_identifier", ""},
                              Said{"temperature", "null"},
                              Said{"text", ""},
                              Said{"tool_choice", "\"auto\""},
                              Said{"tools", "[]"},
                              Said{"top_logprobs", ""},
                              Said{"top_p", "null"},
                              Said{"user", ""}};

class ResponsesReader {
 public:
  explicit ResponsesReader(JsonView body) : body_(body), w_(out_) {}

  Result<ChatForm> run() {
    const JsonView input = body_["input"];
    if (!input.is_string() && !input.is_array()) {
      return make_error(ErrorKind::invalid_argument, "input must be a text or an array of items",
                        "input");
    }
    w_.begin_object();
    each_member(body_,
                [this](const JsonView::Member& m) { member(m.key_view().string(), m.value()); });
    w_.key("messages").begin_array();
    write_instructions();
    if (input.is_string()) write_text_message("user", input);
    std::size_t index = 0;
    each_element(input, [&](JsonView item) {
      path_ = "input[" + std::to_string(index++) + "]";
      write_item(item);
    });
    end_turn();
    w_.end_array().end_object();
    return ChatForm{std::move(out_), left_out_.take()};
  }

 private:
  void member(const std::string& key, JsonView value) {
    if (value.is_null() || key == "input" || key == "instructions" || key == "stream") return;
    if (std::find(kOwn.begin(), kOwn.end(), key) != kOwn.end()) {
      if (!value.equals("disabled")) left_out_.note(key, value);  // no truncation is what all do
    } else if (key == "max_output_tokens") {
      w_.key("max_completion_tokens").raw(value.raw());
    } else if (key == "reasoning") {
      left_out_.carry(w_, value, {{"effort", "reasoning_effort"}}, key);
    } else if (key == "text") {
      write_text_options(value);
    } else if (key == "tools") {
      write_tools(value);
    } else if (key == "tool_choice") {
      write_tool_choice(value);
    } else if (key == "background" && value.boolean() == false) {
      return;
    } else {
      w_.key(key).raw(value.raw());
    }
  }

  void write_text_options(JsonView text) {
    left_out_.carry(w_, text, {{"verbosity", "verbosity"}, {"format", ""}}, "text");
    const JsonView format = text["format"];
    if (!format.is_object() || format["type"].equals("text")) return;
    w_.key("response_format").begin_object().key("type").string(format["type"].string());
    if (format["type"].equals("json_schema")) {
      w_.key("json_schema").begin_object();
      copy(w_, format,
           {{"name", "name"},
            {"description", "description"},
            {"schema", "schema"},
            {"strict", "strict"}});
      w_.end_object();
    }
    w_.end_object();
  }

  void write_tools(JsonView tools) {
    w_.key("tools").begin_array();
    each_element(tools, [this](JsonView tool) {
      if (!tool["type"].equals("function")) {
        w_.raw(tool.raw());
        return;
      }
      w_.begin_object().key("type").string("function").key("function").begin_object();
      left_out_.carry(w_, tool,
                      {{"type", ""},
                       {"name", "name"},
                       {"description", "description"},
                       {"parameters", "parameters"},
                       {"strict", "strict"}},
                      "tools");
      w_.end_object().end_object();
    });
    w_.end_array();
  }

  void write_tool_choice(JsonView choice) {
    w_.key("tool_choice");
    if (choice["type"].equals("function")) {
      write_tool_name(choice);
    } else if (choice["type"].equals("allowed_tools")) {
      write_allowed_tools(choice);
    } else {
      w_.raw(choice.raw());
    }
  }

  void write_tool_name(JsonView tool) {
    w_.begin_object().key("type").string("function").key("function").begin_object();
    copy(w_, tool, {{"name", "name"}});
    w_.end_object().end_object();
  }

  void write_allowed_tools(JsonView choice) {
    w_.begin_object().key("type").string("allowed_tools").key("allowed_tools").begin_object();
    copy(w_, choice, {{"mode", "mode"}});
    w_.key("tools").begin_array();
    each_element(choice["tools"], [this](JsonView tool) {
      if (tool["type"].equals("function")) {
        write_tool_name(tool);
      } else {
        w_.raw(tool.raw());
      }
    });
    w_.end_array().end_object().end_object();
  }

  // --- the conversation -------------------------------------------------------------------------

  void write_instructions() {
    const JsonView instructions = body_["instructions"];
    if (instructions.is_string()) write_text_message("system", instructions);
  }

  void write_text_message(std::string_view role, JsonView text) {
    w_.begin_object().key("role").string(role).key("content").raw(text.raw()).end_object();
  }

  void write_item(JsonView item) {
    const JsonView type = item["type"];
    if (type.equals("function_call")) {
      write_call(item);
    } else if (type.equals("reasoning")) {
      if (!turn_.content.empty() || !turn_.calls.empty()) end_turn();
      add(turn_.thinking, item.raw());
    } else if (type.equals("function_call_output")) {
      end_turn();
      w_.begin_object().key("role").string("tool");
      w_.key("tool_call_id").string(item["call_id"].string()).key("content");
      write_content(item["output"]);
      w_.end_object();
    } else if (type.missing() || type.equals("message")) {
      write_message(item);
    } else {
      end_turn();
      w_.begin_object().key("role").string("user").key("content").begin_array();
      w_.raw(item.raw()).end_array().end_object();
    }
  }

  void write_message(JsonView item) {
    const JsonView content = item["content"];
    if (!item["role"].equals("assistant")) {
      end_turn();
      w_.begin_object();
      carry_role(item, "role");
      w_.key("content");
      write_content(content);
      w_.end_object();
      return;
    }
    if (!turn_.content.empty() || !turn_.calls.empty()) end_turn();
    turn_.open = true;
    carry_role(item, "");
    JsonWriter parts(turn_.content);
    if (content.is_string()) {
      parts.begin_object().key("type").string("text").key("text").raw(content.raw()).end_object();
    }
    each_element(content, [&](JsonView part) { write_part(parts, part); });
  }

  void carry_role(JsonView item, std::string_view name) {
    left_out_.carry(w_, item,
                    {{"role", name}, {"type", ""}, {"id", ""}, {"status", ""}, {"content", ""}},
                    path_);
  }

  void write_content(JsonView content) {
    if (!content.is_array()) {
      w_.raw(content.is_string() ? content.raw() : "\"\"");
      return;
    }
    w_.begin_array();
    each_element(content, [this](JsonView part) { write_part(w_, part); });
    w_.end_array();
  }

  void write_part(JsonWriter& w, JsonView part) {
    const JsonView type = part["type"];
    if (type.equals("input_text") || type.equals("output_text")) {
      w.begin_object().key("type").string("text");
      carry_part(w, part, {{"type", ""}, {"text", "text"}});
      w.end_object();
    } else if (type.equals("input_image") && part["image_url"].is_string()) {
      w.begin_object().key("type").string("image_url").key("image_url").begin_object();
      carry_part(w, part, {{"type", ""}, {"image_url", "url"}, {"detail", "detail"}});
      w.end_object().end_object();
    } else if (type.equals("input_file")) {
      const bool whole = part["file_data"].is_string();
      w.begin_object().key("type").string("file").key("file").begin_object();
      carry_part(w, part,
                 {{"type", ""},
                  {"file_data", "file_data"},
                  {"file_url", whole ? "" : "file_data"},
                  {"file_id", "file_id"},
                  {"filename", "filename"}});
      w.end_object().end_object();
    } else {
      w.raw(part.raw());  // refusal and input_audio have the same form
    }
  }

  void carry_part(JsonWriter& w, JsonView part, Names names) {
    left_out_.carry(w, part, names, path_, ".content");
  }

  void write_call(JsonView item) {
    turn_.open = true;
    if (!turn_.calls.empty()) turn_.calls += ',';
    JsonWriter w(turn_.calls);
    w.begin_object().key("id").string(item["call_id"].string()).key("type").string("function");
    w.key("function").begin_object();
    left_out_.carry(w, item,
                    {{"type", ""},
                     {"id", ""},
                     {"status", ""},
                     {"call_id", ""},
                     {"name", "name"},
                     {"arguments", "arguments"}},
                    path_);
    w.end_object().end_object();
  }

  static void add(std::string& elements, std::string_view json) {
    if (!elements.empty()) elements += ',';
    elements += json;
  }

  void end_turn() {
    if (turn_.open || !turn_.thinking.empty()) {
      w_.begin_object().key("role").string("assistant").key("content");
      if (turn_.content.empty()) {
        w_.null();
      } else {
        w_.begin_array().raw(turn_.content).end_array();
      }
      if (!turn_.thinking.empty()) {
        w_.key("thinking_blocks").begin_array().raw(turn_.thinking).end_array();
      }
      if (!turn_.calls.empty()) w_.key("tool_calls").begin_array().raw(turn_.calls).end_array();
      w_.end_object();
    }
    turn_ = {};
  }

  // An assistant's turn that is being gathered; JSON elements.
  struct Turn {
    bool open = false;
    std::string content, thinking, calls;
  };

  JsonView body_;
  std::string out_, path_;
  JsonWriter w_;
  LeftOut left_out_;
  Turn turn_;
};

}  // namespace

Result<ChatForm> responses_to_chat(JsonView body) { return ResponsesReader(body).run(); }

std::string echo_of(Shape shape, std::string_view body) {
  std::string out;
  JsonWriter w(out);
  w.begin_object();
  if (shape == Shape::responses) {
    const JsonView request(body);
    for (const Said& said : kSaid) {
      const JsonView value = request[said.name];
      const bool there = !value.missing() && !value.is_null();
      if (there || !said.otherwise.empty()) {
        w.key(said.name).raw(there ? value.raw() : said.otherwise);
      }
    }
  }
  w.end_object();
  return out;
}

}  // namespace llmroute::provider
