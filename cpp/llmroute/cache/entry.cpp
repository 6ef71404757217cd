#include "llmroute/cache/entry.h"

#include <algorithm>
#include <array>
#include <utility>

#include "llmroute/model/defaults.h"
#include "llmroute/wire/json.h"

namespace llmroute::cache {

namespace {

using wire::JsonView;
using wire::JsonWriter;

constexpr std::size_t kPieces = 8;       // of a replayed text, at most
constexpr std::size_t kShortPiece = 64;  // bytes; not cut finer

// What the choices of a body say; false where one of them says too little.
bool choices_complete(JsonView body, std::string_view first_reason) {
  bool any = false;
  for (auto e = body["choices"].first_element(); e; e = e.next()) {
    const JsonView choice = e.value();
    if (!choice["message"].is_object()) return false;
    // The first one's reason is known in canonical words already.
    if (any && !complete(choice["finish_reason"].string())) return false;
    any = true;
  }
  return any && complete(first_reason);
}

// --- a stream put together ------------------------------------------------------------------------

struct Call {
  std::uint16_t index = 0;
  std::string id, name, arguments, extra;
};

struct Gathered {
  std::string text, refusal, reasoning, finish_reason;
  bool has_text = false;
  std::vector<std::string> thinking_blocks, images, annotations;
  std::vector<Call> calls;

  // False for what one message cannot hold.
  bool take(const Delta& delta) {
    if (delta.kind == DeltaKind::usage) return true;
    if (delta.choice != 0) return false;
    switch (delta.kind) {
      case DeltaKind::text:
        text += delta.text;
        has_text = true;
        break;
      case DeltaKind::refusal: refusal += delta.text; break;
      case DeltaKind::reasoning: reasoning += delta.text; break;
      case DeltaKind::thinking_block: thinking_blocks.push_back(delta.text); break;
      case DeltaKind::image: images.push_back(delta.text); break;
      case DeltaKind::annotation: annotations.push_back(delta.text); break;
      case DeltaKind::tool_call: add_fragment(delta); break;
      case DeltaKind::finish: finish_reason = delta.finish_reason; break;
      case DeltaKind::usage: break;
      case DeltaKind::restart: return false;
    }
    return true;
  }

 private:
  void add_fragment(const Delta& delta) {
    const auto found = std::find_if(calls.begin(), calls.end(), [&](const Call& call) {
      return call.index == delta.tool_index;
    });
    Call& call = found == calls.end() ? calls.emplace_back() : *found;
    call.index = delta.tool_index;
    call.id += delta.tool_id;
    call.name += delta.tool_name;
    call.arguments += delta.text;
    call.extra += delta.extra;
  }
};

void write_list(JsonWriter& w, std::string_view key, const std::vector<std::string>& elements) {
  if (elements.empty()) return;
  w.key(key).begin_array();
  for (const std::string& element : elements) w.raw(element);
  w.end_array();
}

void write_message(JsonWriter& w, const Gathered& got) {
  w.key("message").begin_object().key("role").string("assistant").key("content");
  if (got.has_text) {
    w.string(got.text);
  } else {
    w.null();
  }
  if (!got.refusal.empty()) w.key("refusal").string(got.refusal);
  if (!got.reasoning.empty()) w.key("reasoning_content").string(got.reasoning);
  write_list(w, "thinking_blocks", got.thinking_blocks);
  write_list(w, "images", got.images);
  write_list(w, "annotations", got.annotations);
  if (!got.calls.empty()) {
    w.key("tool_calls").begin_array();
    for (const Call& call : got.calls) {
      w.begin_object().key("id").string(call.id).key("type").string("function");
      w.key("function").begin_object().key("name").string(call.name);
      w.key("arguments").string(call.arguments).end_object();
      if (!call.extra.empty()) w.key("extra_content").raw(call.extra);
      w.end_object();
    }
    w.end_array();
  }
  w.end_object();
}

void write_usage(JsonWriter& w, const Usage& usage) {
  w.key("usage").begin_object();
  w.key("prompt_tokens").integer(usage.input.count);
  w.key("completion_tokens").integer(usage.output.count);
  w.key("total_tokens").integer(usage.input.count + usage.output.count);
  w.key("prompt_tokens_details").begin_object();
  w.key("cached_tokens").integer(usage.cached_input.count);
  w.key("cache_write_tokens").integer(usage.cache_write.count).end_object();
  w.key("completion_tokens_details").begin_object();
  w.key("reasoning_tokens").integer(usage.reasoning.count).end_object();
  w.end_object();
}

// --- a body taken apart ---------------------------------------------------------------------------

Delta& add(std::vector<Delta>& out, DeltaKind kind, std::uint16_t choice) {
  Delta& delta = out.emplace_back();
  delta.kind = kind;
  delta.choice = choice;
  return delta;
}

// Cut between characters, in at most kPieces of about equal length.
void add_text(std::vector<Delta>& out, DeltaKind kind, std::uint16_t choice,
              std::string_view text) {
  const std::size_t step = std::max(kShortPiece, text.size() / kPieces + 1);
  while (!text.empty()) {
    std::size_t end = std::min(step, text.size());
    while (end < text.size() && (static_cast<unsigned char>(text[end]) & 0xC0U) == 0x80U) ++end;
    add(out, kind, choice).text = text.substr(0, end);
    text.remove_prefix(end);
  }
}

void add_call(std::vector<Delta>& out, std::uint16_t choice, std::uint16_t index, JsonView call,
              JsonView function) {
  Delta& delta = add(out, DeltaKind::tool_call, choice);
  delta.tool_index = index;
  delta.tool_id = call["id"].string();
  delta.extra = call["extra_content"].raw();
  delta.tool_name = function["name"].string();
  delta.text = function["arguments"].string();
}

// Content is a text, or a list of parts with one each.
void add_content(std::vector<Delta>& out, std::uint16_t choice, JsonView content) {
  add_text(out, DeltaKind::text, choice, content.string());
  for (auto e = content.first_element(); e; e = e.next()) {
    add_text(out, DeltaKind::text, choice, e.value()["text"].string());
  }
}

void add_message(std::vector<Delta>& out, std::uint16_t choice, JsonView message) {
  const JsonView reasoning = message["reasoning_content"];
  add_text(out, DeltaKind::reasoning, choice,
           (reasoning.is_string() ? reasoning : message["reasoning"]).string());
  for (auto e = message["thinking_blocks"].first_element(); e; e = e.next()) {
    add(out, DeltaKind::thinking_block, choice).text = e.value().raw();
  }
  add_content(out, choice, message["content"]);
  add_text(out, DeltaKind::refusal, choice, message["refusal"].string());
  for (auto e = message["images"].first_element(); e; e = e.next()) {
    add(out, DeltaKind::image, choice).text = e.value().raw();
  }
  for (auto e = message["annotations"].first_element(); e; e = e.next()) {
    add(out, DeltaKind::annotation, choice).text = e.value().raw();
  }
  std::uint16_t index = 0;
  for (auto e = message["tool_calls"].first_element(); e; e = e.next(), ++index) {
    add_call(out, choice, index, e.value(), e.value()["function"]);
  }
  const JsonView legacy = message["function_call"];
  if (index == 0 && legacy.is_object()) add_call(out, choice, 0, JsonView(), legacy);
}

// --- bytes ------------------------------------------------------------------------------------------

constexpr std::int64_t kVersion = 2;
constexpr std::size_t kHexDigest = 64;

// Bound to the key, so that a value that strayed to another one is not believed there.
std::string checksum(const Key& key, std::string_view rest) {
  Sha256 hash;
  hash.update({reinterpret_cast<const char*>(key.data()), key.size()}).update(rest);
  return to_hex(hash.finish());
}

void write_counts(JsonWriter& w, const Usage& usage) {
  w.key("usage").begin_array();
  for (const Tokens count : {usage.input, usage.output, usage.cached_input, usage.cache_write,
                             usage.reasoning, usage.cache_write_hour, usage.audio_input,
                             usage.audio_output, usage.image_input, usage.image_output}) {
    w.integer(count.count);
  }
  w.integer(usage.reported ? 1 : 0).end_array();
}

bool read_counts(JsonView list, Usage& usage) {
  std::array<std::int64_t, 11> counts{};
  std::size_t found = 0;
  for (auto e = list.first_element(); e; e = e.next()) {
    const auto count = e.value().integer();
    if (!count || *count < 0 || found == counts.size()) return false;
    counts[found++] = *count;
  }
  usage = {{counts[0]}, {counts[1]}, {counts[2]}, {counts[3]}, {counts[4]},    {counts[5]},
           {counts[6]}, {counts[7]}, {counts[8]}, {counts[9]}, counts[10] != 0};
  return found == counts.size();
}

}  // namespace

bool complete(std::string_view finish_reason) {
  return finish_reason == "stop" || finish_reason == "length" || finish_reason == "tool_calls" ||
         finish_reason == "function_call";
}

EntryPtr entry_from_body(std::string body, Entry like) {
  if (!choices_complete(JsonView(body), like.finish_reason)) return nullptr;
  like.body = std::move(body);
  return std::make_shared<const Entry>(std::move(like));
}

// --- Recorder ---------------------------------------------------------------------------------------

bool Recorder::continues(const Delta& last, const Delta& next) {
  if (last.kind != next.kind || last.choice != next.choice || !next.is_content()) return false;
  return next.kind != DeltaKind::tool_call ||
         (last.tool_index == next.tool_index && next.tool_id.empty() && next.tool_name.empty());
}

void Recorder::take(const std::vector<Delta>& deltas) {
  for (const Delta& delta : deltas) {
    if (stopped_) return;
    const bool joined = !deltas_.empty() && continues(deltas_.back(), delta);
    bytes_ += joined ? delta.text.size() : delta.weight();
    if (bytes_ > max_bytes_) {
      stopped_ = true;
      deltas_ = {};
    } else if (joined) {
      deltas_.back().text += delta.text;
    } else {
      deltas_.push_back(delta);
    }
  }
}

void Recorder::restart() {
  deltas_.clear();
  bytes_ = 0;
  stopped_ = false;
}

EntryPtr entry_from_deltas(const std::vector<Delta>& deltas, Entry like, std::string_view model,
                           WallTime created) {
  Gathered got;
  for (const Delta& delta : deltas) {
    if (!got.take(delta)) return nullptr;
  }
  if (!complete(got.finish_reason)) return nullptr;
  JsonWriter w(like.body);
  w.begin_object().key("id").string("chatcmpl-" + like.request_id);
  w.key("object").string("chat.completion").key("created");
  w.integer(std::chrono::duration_cast<seconds>(created.time_since_epoch()).count());
  w.key("model").string(model);
  w.key("choices").begin_array().begin_object().key("index").integer(0);
  write_message(w, got);
  w.key("finish_reason").string(got.finish_reason).key("logprobs").null();
  w.end_object().end_array();
  if (like.usage.reported) write_usage(w, like.usage);
  w.end_object();
  like.finish_reason = std::move(got.finish_reason);
  like.streams_only = !got.reasoning.empty();
  return std::make_shared<const Entry>(std::move(like));
}

std::vector<Delta> deltas_of(const Entry& entry) {
  std::vector<Delta> out;
  std::uint16_t choice = 0;
  for (auto e = JsonView(entry.body)["choices"].first_element(); e; e = e.next(), ++choice) {
    add_message(out, choice, e.value()["message"]);
    add(out, DeltaKind::finish, choice).finish_reason =
        choice == 0 ? entry.finish_reason : e.value()["finish_reason"].string();
  }
  if (entry.usage.reported) add(out, DeltaKind::usage, 0).usage = entry.usage;
  return out;
}

// --- bytes ------------------------------------------------------------------------------------------

std::string to_bytes(const Key& key, const Entry& entry, WallTime kept) {
  std::string rest;
  rest.reserve(entry.weight() + 256);
  JsonWriter w(rest);
  w.begin_object().key("version").integer(kVersion);
  w.key("kept_ns").integer(kept.time_since_epoch().count());
  w.key("request_id").string(entry.request_id).key("deployment").string(entry.deployment);
  w.key("finish_reason").string(entry.finish_reason);
  w.key("streams_only").boolean(entry.streams_only);
  write_counts(w, entry.usage);
  w.key("body").raw(entry.body).end_object();
  return checksum(key, rest) + rest;
}

std::optional<Stored> from_bytes(const Key& key, std::string_view bytes) {
  if (bytes.size() <= kHexDigest) return std::nullopt;
  const std::string_view rest = bytes.substr(kHexDigest);
  if (checksum(key, rest) != bytes.substr(0, kHexDigest)) return std::nullopt;
  if (!wire::validate_json(rest, defaults::kMaxJsonDepth + 1)) return std::nullopt;
  const JsonView view(rest);
  const auto kept = view["kept_ns"].integer();
  if (view["version"].integer() != kVersion || !kept) return std::nullopt;
  Entry entry;
  entry.request_id = view["request_id"].string();
  entry.deployment = view["deployment"].string();
  entry.finish_reason = view["finish_reason"].string();
  entry.streams_only = view["streams_only"].boolean().value_or(true);
  if (!read_counts(view["usage"], entry.usage)) return std::nullopt;
  EntryPtr made = entry_from_body(std::string(view["body"].raw()), std::move(entry));
  if (!made) return std::nullopt;
  return Stored{std::move(made), WallTime(Duration(*kept))};
}

}  // namespace llmroute::cache
