// One step of a streamed reply, in OpenAI's terms.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "llmroute/base/enum.h"
#include "llmroute/model/usage.h"

namespace llmroute {

LLMROUTE_ENUM(
    DeltaKind,
    text,            // `text` is a piece of the answer
    refusal,         // `text` is a piece of a refusal
    reasoning,       // `text` is a piece of the model's visible thinking
    thinking_block,  // `text` is JSON: one whole member of the message's `thinking_blocks`
    image,           // `text` is JSON: one whole member of the message's `images`
    annotation,      // `text` is JSON: one whole member of the message's `annotations`
    tool_call,       // a fragment: `tool_index` says of which call; id and name come once
    finish,          // `finish_reason` is set
    usage,           // `usage` is set
    restart);        // discard all that came: another attempt begins (on_interrupt="restart")

struct Delta {
  DeltaKind kind = DeltaKind::text;
  std::uint16_t choice = 0;  // index of the choice
  std::uint16_t tool_index = 0;
  std::string text;     // unescaped; for tool_call a fragment of the arguments
  std::string tool_id;  // set in the first fragment of a call
  std::string tool_name;
  std::string finish_reason;  // canonical: stop, length, tool_calls, content_filter; else raw
  // finish: the provider's own word for it. tool_call: a JSON object, once, that the provider wants
  // back with the call (its `extra_content`).
  std::string extra;
  Usage usage;

  // What it weighs where it is kept, in bytes: what it owns and itself.
  std::size_t weight() const {
    return sizeof(Delta) + text.size() + tool_id.size() + tool_name.size() + finish_reason.size() +
           extra.size();
  }
  // Content closes the door to a silent fallback.
  bool is_content() const {
    return kind == DeltaKind::text || kind == DeltaKind::refusal || kind == DeltaKind::reasoning ||
           kind == DeltaKind::image || kind == DeltaKind::tool_call;
  }
};

}  // namespace llmroute
