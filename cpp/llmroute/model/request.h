// One chat request as the core sees it: the caller's OpenAI-shaped body and what was read from it.
//
// Owned by the runtime for the life of the request; immutable after submission.
#pragma once

#include <bitset>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "llmroute/base/enum.h"
#include "llmroute/base/time.h"
#include "llmroute/base/units.h"
#include "llmroute/model/limits.h"
#include "llmroute/model/price.h"

namespace llmroute {

// Parameters of the chat completions API that a dialect may be unable to carry. `model`, `messages`
// and `stream` are not here: they are always carried. `beta_headers` are no member of the body but
// headers of the call (call_headers.h), which a provider may be unable to take just as well.
LLMROUTE_ENUM(Parameter, temperature, top_p, max_tokens, max_completion_tokens, stop, n, seed,
              tools, tool_choice, parallel_tool_calls, response_format, logprobs, top_logprobs,
              logit_bias, frequency_penalty, presence_penalty, reasoning_effort, user, metadata,
              store, service_tier, stream_options, modalities, audio, prediction,
              web_search_options, functions, function_call, verbosity, prompt_cache_key,
              safety_identifier, beta_headers, other);
using ParameterSet = std::bitset<slugs<Parameter>().size()>;
// What a member of the body is; `other` for those that have no name here.
inline Parameter parameter_of(std::string_view key) {
  const Parameter found = from_slug<Parameter>(key).value_or(Parameter::other);
  return found == Parameter::beta_headers ? Parameter::other : found;
}

// What a request needs of a model.
LLMROUTE_ENUM(Capability, tools, vision, json_schema, audio, files, embeddings);
using CapabilitySet = std::bitset<slugs<Capability>().size()>;

// Whose wire format the caller speaks: chat completions, Responses, Anthropic messages.
LLMROUTE_ENUM(Shape, chat, responses, messages);

// Read once from the body by analysis::read_facts; filters and policies look only here.
struct Facts {
  ParameterSet parameters;  // present in the body with a value other than null; and beta_headers
  CapabilitySet needs;
  // Other than chat: a deployment of this shape gets the body as it came, so it carries all of it.
  Shape shape = Shape::chat;
  Tokens prompt_tokens;  // estimated
  std::optional<Tokens> max_output_tokens;
  // Where the value of `messages` lies in the body, so that nobody has to read megabytes of images
  // again to find its end; 0, 0: unknown.
  std::uint32_t messages_begin = 0, messages_end = 0;
  std::uint32_t messages = 0;
  std::uint32_t images = 0;
  bool json_object = false;  // asks for any JSON object as the answer
  // Whose vectors are asked for (see embedding_id): others are of another space. 0: not embeddings.
  std::uint64_t embedding_model = 0;
  ServiceTier service_tier = ServiceTier::standard;
  Tokens expected_output() const;  // max_output_tokens or the guess, whichever is smaller
};

LLMROUTE_ENUM(OnInterrupt, raise, restart);

// What is asked for: an answer to a conversation, or vectors for texts.
LLMROUTE_ENUM(Operation, chat, embeddings);

// use: answer from the cache, and keep the answer; refresh: ask, and keep it; off: neither.
LLMROUTE_ENUM(CacheUse, use, refresh, off);

// The caller's labels of a request, by key; never sent to a provider.
using Metadata = std::vector<std::pair<std::string, std::string>>;
// Empty where there is no such key.
std::string_view find_metadata(const Metadata& metadata, std::string_view key);

// What somebody found out about a request: a number, or a word.
struct Score {
  std::string name;
  double number = 0;
  std::string word;  // empty: the number counts
  friend bool operator==(const Score&, const Score&) = default;
};

struct RequestOptions {
  std::string model;  // group or deployment name; empty: the only group
  bool stream = false;
  std::optional<Duration> deadline;  // over all attempts, from submission
  std::optional<int> attempts;       // overrides resilience.attempts, 1..
  OnInterrupt on_interrupt = OnInterrupt::raise;
  bool drop_unsupported = false;     // list what a dialect cannot carry instead of dropping it
  std::vector<std::string> exclude;  // deployment names
  // Groups and deployments to try behind `model`, in order, instead of its group's own fallbacks; each
  // by its own members alone. Empty: none. Absent: as the group has them.
  std::optional<std::vector<std::string>> fallbacks;
  std::optional<std::string> policy;  // built-in name for this call, with default options
  // Order chosen by a Python policy on the caller's thread: deployment names, best first.
  std::optional<std::vector<std::string>> order;
  std::vector<std::string> order_reasons;  // parallel to `order` where given
  std::string policy_label;                // what the decision calls the policy that gave `order`
  std::string policy_failure;              // why a Python policy was replaced; goes to the decision
  Metadata metadata;                       // sorted by key, each once
  Priority priority = kStandard;
  std::string conversation;  // id of the caller's; empty: known by its messages
  std::string budget;        // a budget it also counts against; empty: none
  std::string rule_budget;   // another one, by a rule
  CacheUse cache = CacheUse::use;
  // What rules may look at, beside the body; not sent to a provider, but for headers on its list.
  std::vector<std::string> tags;      // sorted, each once
  Metadata headers;                   // of the call it came with, names in lower case, sorted
  std::string region;                 // the caller's; empty: unknown
  std::vector<Score> scores;          // sorted by name, each once
  std::vector<std::string> notes;     // for the decision, from before it came here
  std::string shadow_by;              // the experiment that mirrors it; empty: it is nobody's copy
  std::string shadow_of;              // id of the request that it mirrors; empty: none
  std::optional<std::uint64_t> seed;  // of this decision; default: drawn from the router's
};

// Text with whoever keeps it alive, so that a caller's megabytes need not be copied.
class Body {
 public:
  Body() = default;
  Body(std::string text)
      : owner_(std::make_shared<const std::string>(std::move(text))),
        text_(*static_cast<const std::string*>(owner_.get())) {}
  Body(const char* text) : Body(std::string(text)) {}
  // `owner` keeps `text` alive and unchanged; it may be released on any thread.
  Body(std::string_view text, std::shared_ptr<const void> owner)
      : owner_(std::move(owner)), text_(text) {}

  operator std::string_view() const { return text_; }
  std::size_t size() const { return text_.size(); }

 private:
  std::shared_ptr<const void> owner_;
  std::string_view text_;
};

// The messages up to the end of one of them: what a provider's prompt cache could know.
struct PrefixMark {
  std::uint64_t hash = 0;
  Tokens tokens;  // estimated
};

struct Ruling;

struct ChatRequest {
  std::string id;  // shown to people; unique within the router
  Operation operation = Operation::chat;
  // A JSON object with `messages`, or for embeddings with `input`; UTF-8; depth checked.
  Body body;
  // The same request as the caller wrote it, where that is not the chat shape (facts.shape): a dialect
  // of this shape sends it as it came but for what must change.
  Body native;
  // Hints of `native` that have no place in `body`: paths, listed with what a dialect of another shape
  // leaves out.
  std::vector<std::string> left_out;
  RequestOptions options;
  Facts facts;
  // What follows is filled where the inventory asks for affinity.
  std::vector<PrefixMark> prefixes;  // shortest first
  std::string previous_reply;        // id of the reply that it continues; empty: none
  bool sealed_reasoning = false;     // holds reasoning that only the account it came from can read
  std::shared_ptr<const Ruling>
      ruling;  // none: no rule book has seen it, or there is nothing in it
};

}  // namespace llmroute
