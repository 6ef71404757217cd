#include "llmroute/cache/prefix.h"

#include <array>
#include <string>
#include <utility>

#include "llmroute/analysis/tokens.h"
#include "llmroute/base/random.h"
#include "llmroute/cache/quick_hash.h"
#include "llmroute/model/defaults.h"
#include "llmroute/wire/json_scan.h"

namespace llmroute::cache {

namespace {

constexpr std::size_t kLongestId = 512;  // of a reply; nobody's is longer

// What a token of the text is, so that a key is never taken for a string.
enum class Kind : std::uint8_t { key, string, literal, begin_object, begin_array, end };

// What comes before the messages in a provider's prompt, wherever it stands in the body.
bool leads_the_prompt(std::string_view key) {
  return key == "tools" || key == "functions" || key == "response_format";
}

// What an image or a file weighs is not its bytes (as in analysis::read_facts).
bool weighs_nothing(std::string_view key) {
  return key == "url" || key == "data" || key == "file_data";
}

// Follows one pass over the body. `depth_` counts open containers: 1 is the body, 2 `messages`,
// 3 one message, 5 one part of its content.
class MarkReader : public wire::JsonEvents {
 public:
  MarkReader(std::size_t messages, std::uint64_t seed) : messages_(messages), text_state_(seed) {}

  bool on_key(std::string_view key) {
    key_ = key;
    if (depth_ == 1) {
      in_messages_ = key == "messages";
      state_ = in_messages_ ? &text_state_ : leads_the_prompt(key) ? &lead_state_ : nullptr;
    } else if (key == "cache_control" && skipped_ == 0) {
      skipped_ = depth_;
    }
    add(Kind::key, key);
    return true;
  }

  bool on_string(std::string_view text) {
    if (depth_ == 1 && key_ == "previous_response_id" && text.size() <= kLongestId) {
      previous_reply = text;
    }
    const bool role = in_messages_ && depth_ == 3 && key_ == "role";
    if (depth_ > 1 && !role && !(in_messages_ && weighs_nothing(key_))) {
      (in_messages_ ? weight_ : other_weight_) += analysis::text_weight(text);
    }
    if (in_messages_) look_for_seals(text);
    add(Kind::string, text);
    value_ended();
    return true;
  }

  bool on_literal(std::string_view text) {
    add(Kind::literal, text);
    value_ended();
    return true;
  }

  bool on_begin(bool object, const char*) {
    add(object ? Kind::begin_object : Kind::begin_array, {});
    ++depth_;
    key_ = {};
    if (depth_ == 5) thinking_ = signed_ = false;
    return true;
  }

  bool on_end(bool, const char*) {
    if (depth_ == 5 && thinking_ && signed_) sealed_reasoning = true;
    --depth_;
    key_ = {};
    add(Kind::end, {});
    value_ended();
    if (in_messages_ && depth_ == 2) end_message();
    return true;
  }

  std::vector<PrefixMark> marks() const {
    std::vector<PrefixMark> out;
    out.reserve(found_);
    for (std::size_t i = 0; i < found_; ++i) {
      const Mark& mark = marks_[i];
      const std::uint64_t weight = mark.weight + other_weight_;
      out.push_back({mix64(mark.state ^ lead_state_),
                     analysis::estimate_prompt(weight, mark.messages, mark.images)});
    }
    return out;
  }

  std::string_view previous_reply;
  bool sealed_reasoning = false;

 private:
  struct Mark {
    std::uint64_t state;
    std::uint64_t weight;
    std::uint32_t messages, images;
  };

  void add(Kind kind, std::string_view text) {
    if (state_ == nullptr || skipped_ != 0) return;
    *state_ = quick_hash(text, *state_ + static_cast<std::uint64_t>(kind));
  }

  void value_ended() {
    if (skipped_ == depth_) skipped_ = 0;
    if (depth_ == 1) state_ = nullptr;  // until the next member of the body
  }

  // Reasoning that a provider encrypted or signed: nobody but that account can go on from it.
  void look_for_seals(std::string_view text) {
    if (text.empty()) return;
    if (key_ == "encrypted_content") sealed_reasoning = true;
    if (depth_ != 5) return;
    if (key_ == "signature") signed_ = true;
    if (key_ != "type") return;
    if (text == "thinking") thinking_ = true;
    if (text == "redacted_thinking") sealed_reasoning = true;
    if (text == "image_url") ++images_;
  }

  void end_message() {
    const std::size_t number = ended_++;
    if (found_ == marks_.size()) return;
    if (number >= kFirstMarks && number + kLastMarks < messages_) return;
    marks_[found_++] = {text_state_, weight_, static_cast<std::uint32_t>(ended_), images_};
  }

  const std::size_t messages_;
  int depth_ = 0;
  int skipped_ = 0;       // depth of the member that is left out; 0: none
  std::string_view key_;  // of the member being read; empty in arrays
  bool in_messages_ = false, thinking_ = false, signed_ = false;
  std::uint64_t text_state_, lead_state_ = 0;
  std::uint64_t* state_ = nullptr;  // where what is read goes; null: nowhere
  std::uint64_t weight_ = 0, other_weight_ = 0;
  std::size_t ended_ = 0, found_ = 0;
  std::uint32_t images_ = 0;
  std::array<Mark, kFirstMarks + kLastMarks> marks_;
};

}  // namespace

void mark_prefixes(ChatRequest& request, const Inventory& inventory, std::uint64_t seed) {
  if (!inventory.cache.affinity) return;
  MarkReader reader(request.facts.messages, seed);
  const wire::ScanStatus status = wire::scan_json(request.body, defaults::kMaxJsonDepth, reader);
  if (!status.ok) return;  // not a body that was accepted: nothing is known of it
  request.prefixes = reader.marks();
  request.previous_reply = reader.previous_reply;
  request.sealed_reasoning = reader.sealed_reasoning;
}

}  // namespace llmroute::cache
