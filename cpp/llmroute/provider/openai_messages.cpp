// Messages on their way to a provider that speaks OpenAI's shape: as they came, but for a role that
// it does not know and for members that belong to other families, which strict ones refuse.
//
// Most conversations hold neither, and one pass that stops at colons alone finds that out; only a
// message with such a name in it is taken apart.
#include <algorithm>
#include <array>
#include <cstring>
#include <functional>

#include "llmroute/provider/common.h"
#include "llmroute/provider/openai_parts.h"

namespace llmroute::provider {

namespace {

using wire::JsonView;
using wire::JsonWriter;

// `text` ends in a key of that name and its closing quote; both quotes are looked at.
bool ends_in_key(std::string_view text, std::string_view name) {
  if (text.size() < name.size() + 2) return false;
  const std::string_view end = text.substr(text.size() - name.size() - 2);
  return end.front() == '"' && end.back() == '"' && end.substr(1, name.size()) == name;
}

bool is_space(char c) { return c == ' ' || c == '\n' || c == '\r' || c == '\t'; }

class MessageFilter {
 public:
  MessageFilter(JsonWriter& writer, const Quirks& quirks, Losses& losses)
      : w_(writer), quirks_(quirks), losses_(losses) {
    for (const std::string_view name : slugs<MessageExtra>()) {
      const bool kept =
          std::find(quirks.keeps.begin(), quirks.keeps.end(), name) != quirks.keeps.end();
      if (!kept) foreign_[foreign_count_++] = name;
    }
  }

  void write(JsonView messages) {
    const std::string_view text = messages.raw();
    const bool other_role = !quirks_.developer_role && mentions_developer(text);
    if (!other_role && !mentions_foreign(text)) {
      w_.raw(text);
      return;
    }
    w_.begin_array();
    std::size_t index = 0;
    each_element(messages, [&](JsonView message) {
      path_ = "messages[" + std::to_string(index++) + "]";
      write_message(message);
    });
    w_.end_array();
  }

  void write_tools(JsonView tools) {
    if (!mentions_foreign(tools.raw())) {
      w_.raw(tools.raw());
      return;
    }
    path_ = "tools";
    write_list(tools);
  }

 private:
  // A name inside a text costs nothing but the walk: what is left out is decided by the members.
  bool mentions_foreign(std::string_view text) const {
    const char* p = text.data();
    const char* end = p + text.size();
    while ((p = static_cast<const char*>(std::memchr(p, ':', static_cast<std::size_t>(end - p)))) !=
           nullptr) {
      const char* key_end = p++;
      while (key_end != text.data() && is_space(key_end[-1])) --key_end;
      if (key_end == text.data() || key_end[-1] != '"') continue;
      const std::string_view before(text.data(), static_cast<std::size_t>(key_end - text.data()));
      for (std::size_t i = 0; i < foreign_count_; ++i) {
        if (ends_in_key(before, foreign_[i])) return true;
      }
    }
    return false;
  }

  static bool mentions_developer(std::string_view text) {
    constexpr std::string_view kRole = "\"developer\"";
    const std::boyer_moore_horspool_searcher searcher(kRole.begin(), kRole.end());
    return std::search(text.begin(), text.end(), searcher) != text.end();
  }

  bool foreign(const JsonView::Member& m) const {
    for (std::size_t i = 0; i < foreign_count_; ++i) {
      if (m.key_is(foreign_[i])) return true;
    }
    return false;
  }

  void write_message(JsonView message) {
    const bool developer = !quirks_.developer_role && message["role"].equals("developer");
    if (!message.is_object() || (!developer && !mentions_foreign(message.raw()))) {
      w_.raw(message.raw());
      return;
    }
    w_.begin_object();
    each_member(message, [&](const JsonView::Member& m) {
      if (foreign(m)) {
        leave_out(path_, m);
        return;
      }
      w_.key(m.key_view().string());
      if (developer && m.key_is("role")) {
        w_.string("system");
      } else if (m.value().is_array() && (m.key_is("content") || m.key_is("tool_calls"))) {
        write_parts(m);
      } else {
        w_.raw(m.value().raw());
      }
    });
    w_.end_object();
  }

  void write_parts(const JsonView::Member& m) {
    const std::string outer = path_;
    path_ += "." + m.key_view().string();
    write_list(m.value());
    path_ = outer;
  }

  // Objects, each without its foreign members.
  void write_list(JsonView list) {
    w_.begin_array();
    each_element(list, [this](JsonView part) {
      if (!part.is_object()) {
        w_.raw(part.raw());
        return;
      }
      w_.begin_object();
      each_member(part, [this](const JsonView::Member& m) {
        if (foreign(m)) {
          leave_out(path_, m);
        } else {
          w_.key(m.key_view().string()).raw(m.value().raw());
        }
      });
      w_.end_object();
    });
    w_.end_array();
  }

  // What says nothing is not missed.
  void leave_out(const std::string& where, const JsonView::Member& m) {
    if (m.value().is_null() || m.value().boolean() == false) return;
    losses_.left_out(where + "." + m.key_view().string());
  }

  JsonWriter& w_;
  const Quirks& quirks_;
  Losses& losses_;
  std::string path_;
  std::array<std::string_view, slugs<MessageExtra>().size()> foreign_;
  std::size_t foreign_count_ = 0;
};

}  // namespace

void write_openai_messages(JsonWriter& writer, JsonView messages, const Quirks& quirks,
                           Losses& losses) {
  MessageFilter(writer, quirks, losses).write(messages);
}

void write_openai_tools(JsonWriter& writer, JsonView tools, const Quirks& quirks, Losses& losses) {
  MessageFilter(writer, quirks, losses).write_tools(tools);
}

}  // namespace llmroute::provider
