#include "llmroute/analysis/texts.h"

#include <utility>

#include "llmroute/wire/json.h"

namespace llmroute::analysis {

namespace {

using wire::JsonView;

// The lines gathered so far, within the bound.
class Lines {
 public:
  void add(JsonView text) {
    if (!text.is_string() || full()) return;
    if (!first_) out_.push_back('\n');
    first_ = false;
    text.append_string(out_, kMaxUserText - out_.size());
  }
  bool full() const { return out_.size() >= kMaxUserText; }
  std::string take() { return std::move(out_); }

 private:
  std::string out_;
  bool first_ = true;
};

void add_part(JsonView part, Lines& lines) {
  JsonView type, text;
  for (auto member = part.first_member(); member; member = member.next()) {
    if (member.key_is("type")) {
      type = member.value();
    } else if (member.key_is("text")) {
      text = member.value();
    }
  }
  if (type.equals("text")) lines.add(text);
}

void add_message(JsonView message, Lines& lines) {
  JsonView role, content;
  for (auto member = message.first_member(); member; member = member.next()) {
    if (member.key_is("role")) {
      role = member.value();
    } else if (member.key_is("content")) {
      content = member.value();
    }
  }
  if (!role.equals("user")) return;
  lines.add(content);
  for (auto part = content.first_element(); part && !lines.full(); part = part.next()) {
    add_part(part.value(), lines);
  }
}

}  // namespace

std::string user_text(std::string_view body, std::uint32_t messages_begin,
                      std::uint32_t messages_end) {
  const JsonView messages(body.substr(messages_begin, messages_end - messages_begin));
  Lines lines;
  for (auto message = messages.first_element(); message && !lines.full();
       message = message.next()) {
    add_message(message.value(), lines);
  }
  return lines.take();
}

}  // namespace llmroute::analysis
