// Whole sentences that providers say where they give no code, each with the statuses it comes with.
// Sources: the providers' pages, their SDKs and servers. A sentence is listed as far as it is their
// own, so that a prompt that merely begins like it does not match.
#include <array>

#include "llmroute/provider/error_words.h"
#include "llmroute/provider/limits.h"
#include "llmroute/provider/sentence.h"

namespace llmroute::provider {

namespace {

using enum ErrorKind;

// Classes of statuses, as bits.
enum On : unsigned {
  kRequest = 1,    // 400, 413, 422
  kPayment = 2,    // 402
  kForbidden = 4,  // 403
  kMissing = 8,    // 404
  kState = 16,     // 412
  kLimit = 32,     // 429
  kBroken = 64,    // 500
};

unsigned class_of(int status) {
  switch (status) {
    case 400:
    case 413:
    case 422: return kRequest;
    case 402: return kPayment;
    case 403: return kForbidden;
    case 404: return kMissing;
    case 412: return kState;
    case 429: return kLimit;
    case 500: return kBroken;
    default: return 0;
  }
}

struct Sentence {
  unsigned on;
  std::string_view pattern;
  ErrorKind kind;
  Cause cause = Cause::plain;
  std::optional<Capability> lacks = {};
  bool names_parameter = false;           // the last name is the parameter that is refused
  std::optional<Parameter> refuses = {};  // else this one, where it is known
};

constexpr std::array kTooLong = {
    Sentence{kRequest, "prompt is too long: # tokens > # maximum", context_length},
    Sentence{kRequest, "input length and `max_tokens` exceed context limit: # + # > #",
             context_length},
    Sentence{kRequest, "This model's maximum context length is # tokens. However, ",
             context_length},
    Sentence{kRequest, "This model's maximum context length is # tokens, however you requested # ",
             context_length},
    Sentence{kRequest,
             "'max_tokens' or 'max_completion_tokens' is too large: #. This model's maximum "
             "context length is # tokens and your request has # input tokens",
             context_length},
    Sentence{kRequest, "The decoder prompt (length #) is longer than the maximum model length of #",
             context_length},
    Sentence{kRequest,
             "The prompt (total length #) is too long to fit into the model (context "
             "length #)",
             context_length},
    Sentence{kRequest, "This model's maximum prompt length is # but the request contains # tokens",
             context_length},
    Sentence{kRequest,
             "This endpoint's maximum context length is # tokens. However, you requested ",
             context_length},
    Sentence{kRequest, "The input token count (#) exceeds the maximum number of tokens allowed",
             context_length},
    Sentence{kRequest, "The input token count exceeds the maximum number of tokens allowed #",
             context_length},
    Sentence{kRequest,
             "Unable to submit request because the input token count is # but model only supports "
             "up to #",
             context_length},
    Sentence{kRequest, "Prompt contains # tokens, too large for model with # maximum context",
             context_length},
    Sentence{kRequest,
             "Prompt contains # tokens and # draft tokens, too large for model with # maximum",
             context_length},
    Sentence{kRequest,
             "Input validation error: `inputs` tokens + `max_new_tokens` must be <= #. Given: ",
             context_length},
    Sentence{kRequest, "`inputs` tokens + `max_new_tokens` must be <= #. Given: # `inputs` tokens",
             context_length},
    Sentence{kRequest, "Input validation error: `inputs` must have less than # tokens. Given: #",
             context_length},
    Sentence{kRequest, "too many tokens: size limit exceeded by # tokens", context_length},
    Sentence{kRequest,
             "too many tokens: total number of tokens in the prompt cannot exceed # - received #",
             context_length},
    Sentence{kRequest, "Input is too long for requested model.$", context_length},
    Sentence{kRequest,
             "The model returned the following errors: Input is too long for requested "
             "model.$",
             context_length},
    Sentence{kRequest, "The model returned the following errors: prompt is too long: # tokens > #",
             context_length},
    Sentence{kRequest, "The prompt is too long: #, model maximum context length: #",
             context_length},
    Sentence{kRequest,
             "Requested token count exceeds the model's maximum context length of # tokens. You "
             "requested ",
             context_length},
    Sentence{kRequest, "The input (# tokens) is longer than the model's context length (# tokens)",
             context_length},
    Sentence{kRequest, "request (# tokens) exceeds the available context size (# tokens)",
             context_length},
    Sentence{kRequest | kBroken,
             "the request exceeds the available context size. try increasing the context size",
             context_length},
    Sentence{kRequest,
             "Trying to keep the first # tokens when context the overflows. However, the model is "
             "loaded with context length of only # tokens",
             context_length},
    Sentence{kRequest, "the input length exceeds the context length$", context_length},
    Sentence{kRequest,
             "litellm.ContextWindowExceededError: litellm.BadRequestError: ", context_length},
};

constexpr std::array kMoneyAndKeys = {
    Sentence{kRequest, "Your credit balance is too low to access the Anthropic API.",
             quota_exhausted},
    Sentence{kRequest,
             "You have reached your specified API usage limits. You will regain access on ",
             quota_exhausted},
    Sentence{kPayment,
             "This request requires more credits, or fewer max_tokens. You requested up "
             "to # tokens, but can only afford #",
             quota_exhausted, Cause::beyond_credit},
    Sentence{kForbidden | kLimit,
             "Your team % has either used all available credits or reached its monthly spending "
             "limit.",
             quota_exhausted},
    Sentence{kForbidden, "Your newly created team doesn't have any credits", quota_exhausted},
    Sentence{kState, "Account % is suspended, possibly due to reaching the monthly spending limit",
             quota_exhausted},
    Sentence{kLimit, "You are using a Trial key, which is limited to # API calls / month.",
             quota_exhausted},
    Sentence{kRequest, "Budget has been exceeded! Current cost: #, Max budget: #", quota_exhausted},
    Sentence{kRequest,
             "Incorrect API key provided: %. You can obtain an API key from https://console.x.ai",
             authentication},
    Sentence{kForbidden, "Content violates usage guidelines. ", content_filter},
    Sentence{kRequest, "Output blocked by content filtering policy$", content_filter},
    Sentence{kRequest, "Content Exists Risk$", content_filter},  // DeepSeek
    Sentence{kRequest,
             "litellm.ContentPolicyViolationError: litellm.BadRequestError: ", content_filter},
};

constexpr std::array kModels = {
    Sentence{kRequest, "The provided model identifier is invalid.$", not_found},
    Sentence{kRequest,
             "Invocation of model ID % with on-demand throughput isn\xE2\x80\x99t "
             "supported.",
             not_found},
    Sentence{kRequest, "Invocation of model ID % with on-demand throughput isn't supported.",
             not_found},
    Sentence{kRequest, "% is not a valid model ID$", not_found},  // OpenRouter
    Sentence{kRequest, "Model Not Exist$", not_found},            // DeepSeek
    Sentence{kRequest, "Invalid model: %$", not_found},           // Mistral
    Sentence{kRequest, "The requested model '%' does not exist.$", not_found},
    Sentence{kRequest, "The requested model '%' is not supported by any provider you have enabled",
             not_found},
    Sentence{kRequest, "The model `%` does not exist or you do not have access to it.", not_found},
    Sentence{kRequest,
             "/chat/completions: Invalid model name passed in model=%. Call `/v1/models` to view ",
             not_found},
};

constexpr std::array kCapabilities = {
    // --- tools
    Sentence{kRequest, "% does not support tools$", capability_mismatch, {}, Capability::tools},
    Sentence{kRequest, "'%' does not support tools.$", capability_mismatch, {}, Capability::tools},
    Sentence{kRequest,
             "% does not support Function Calling$",
             capability_mismatch,
             {},
             Capability::tools},
    Sentence{kRequest,
             "`tool calling` is not supported with this model$",
             capability_mismatch,
             {},
             Capability::tools},
    Sentence{kRequest,
             "This model doesn't support tool use.$",
             capability_mismatch,
             {},
             Capability::tools},
    Sentence{kRequest,
             "Function calling is not enabled for this model$",
             capability_mismatch,
             {},
             Capability::tools},
    Sentence{kRequest,
             "Function calling is not enabled for models/%$",
             capability_mismatch,
             {},
             Capability::tools},
    Sentence{kRequest,
             "\"auto\" tool choice requires --enable-auto-tool-choice and --tool-call-parser to be "
             "set$",
             capability_mismatch,
             {},
             Capability::tools},
    Sentence{kMissing,
             "No endpoints found that support tool use. ",
             capability_mismatch,
             {},
             Capability::tools},
    Sentence{kRequest | kBroken,
             "tools param requires --jinja flag$",
             capability_mismatch,
             {},
             Capability::tools},
    // --- images
    Sentence{kMissing,
             "No endpoints found that support image input$",
             capability_mismatch,
             {},
             Capability::vision},
    Sentence{kRequest,
             "Invalid content type. image_url is only supported by certain models.$",
             capability_mismatch,
             {},
             Capability::vision},
    Sentence{kRequest,
             "Image inputs are not supported by this model.$",
             capability_mismatch,
             {},
             Capability::vision},
    Sentence{kRequest,
             "Image input modality is not enabled for models/%$",
             capability_mismatch,
             {},
             Capability::vision},
    Sentence{kRequest,
             "Image input is not enabled for this model$",
             capability_mismatch,
             {},
             Capability::vision},
    Sentence{kRequest, "% is not a multimodal model$", capability_mismatch, {}, Capability::vision},
    Sentence{kRequest,
             "At most 0 image(s) may be provided in one ",
             capability_mismatch,
             {},
             Capability::vision},
    Sentence{kRequest,
             "Failed to deserialize the JSON body into the target type: messages[#]: unknown "
             "variant `image_url`, expected `text`",
             capability_mismatch,
             {},
             Capability::vision},
    Sentence{kRequest | kBroken,
             "image input is not supported - hint: if this is unexpected, you may need to provide "
             "the mmproj$",
             capability_mismatch,
             {},
             Capability::vision},
    // --- structured output
    Sentence{kRequest,
             "Invalid parameter: 'response_format' of type 'json_schema' is not supported with "
             "this model.",
             capability_mismatch,
             {},
             Capability::json_schema},
    Sentence{kRequest,
             "This model does not support response format `json_schema`.",
             capability_mismatch,
             {},
             Capability::json_schema},
    Sentence{kRequest,
             "This response_format type is unavailable now$",
             capability_mismatch,
             {},
             Capability::json_schema},
    Sentence{kRequest,
             "JSON mode is not enabled for models/%$",
             capability_mismatch,
             {},
             Capability::json_schema},
    Sentence{kRequest,
             "'%' does not support output format.$",
             capability_mismatch,
             {},
             Capability::json_schema},
    // --- parameters
    Sentence{
        kRequest, "Argument not supported on this model: %$", capability_mismatch, {}, {}, true},
    Sentence{kRequest, "Model % does not support parameter %.$", capability_mismatch, {}, {}, true},
    Sentence{kRequest, "`%` is not supported with this model$", capability_mismatch, {}, {}, true},
    Sentence{kRequest,
             "This model doesn't support the % field. Remove % and try again.",
             capability_mismatch,
             {},
             {},
             true},
    Sentence{kRequest,
             "Web search options not supported with this model.$",
             capability_mismatch,
             {},
             {},
             false,
             Parameter::web_search_options},
    // --- what is learned from nothing: a value, or a shape of messages
    Sentence{kRequest, "max_tokens is too large: #. This model supports at most # completion ",
             capability_mismatch},
    Sentence{kRequest, "max_tokens: # > #, which is the maximum allowed number of output tokens ",
             capability_mismatch},
    Sentence{kRequest, "This model does not support effort level '%'. Supported levels: ",
             capability_mismatch},
    Sentence{kRequest, "This model does not support assistant message prefill. ",
             capability_mismatch},
    Sentence{kRequest, "Developer instruction is not enabled for models/%$", capability_mismatch},
    Sentence{kRequest, "This model doesn't support system messages. ", capability_mismatch},
    Sentence{kRequest, "litellm.UnsupportedParamsError: % does not support parameters: ",
             capability_mismatch},
};

// Only where the class is a limit already: how long, and whether it is the day's.
constexpr std::array kLimits = {
    Sentence{kLimit,
             "Rate limit reached for * per day (TPD): Limit #, Used #, Requested #. Please try "
             "again in ~.",
             rate_limit, Cause::daily_quota},
    Sentence{kLimit,
             "Rate limit reached for * per day (RPD): Limit #, Used #, Requested #. Please try "
             "again in ~.",
             rate_limit, Cause::daily_quota},
    Sentence{kLimit,
             "Rate limit reached for *: Limit #, Used #, Requested #. Please try again in ~.",
             rate_limit},
    Sentence{kLimit, "Rate limit reached for * on *. Limit: # / min. Please try again in ~.",
             rate_limit},
    Sentence{kLimit,
             "Requests to the * Operation under Azure OpenAI API version * have exceeded * rate "
             "limit of your current * pricing tier. Please retry after # seconds.",
             rate_limit},
    Sentence{kLimit,
             "You exceeded your current quota, please check your plan and billing details.*Please "
             "retry in ~.",
             rate_limit},
    Sentence{kLimit, "No deployments available for selected model, Try again in # seconds.",
             rate_limit},
    Sentence{kLimit, "Too many tokens per day, please wait before trying again.$", rate_limit,
             Cause::daily_quota},
    Sentence{kLimit, "Rate limit exceeded: free-models-per-day", rate_limit, Cause::daily_quota},
    Sentence{kLimit,
             "This request would exceed your organization's maximum usage increase rate for ",
             rate_limit, Cause::ramp},
    Sentence{kLimit,
             "This request would exceed your organization\xE2\x80\x99s maximum usage increase "
             "rate for ",
             rate_limit, Cause::ramp},
};

Meaning meaning(const Sentence& sentence, const Caught& caught) {
  Meaning out{sentence.kind, sentence.cause};
  out.lack.capability = sentence.lacks;
  if (sentence.refuses) out.lack = lack_of(sentence.refuses);
  if (sentence.names_parameter) out.lack = lack_of(parameter_named(caught.name));
  if (sentence.kind != rate_limit) return out;
  const WallTime none{};  // no date is read: there is no hole for one
  if (!caught.time.empty()) out.retry_after = read_reset(caught.time, none);
  if (sentence.pattern.find("# seconds") != std::string_view::npos) {
    out.retry_after = read_reset(caught.number, none);
  }
  return out;
}

template <std::size_t N>
std::optional<Meaning> look_up(const std::array<Sentence, N>& table, unsigned on,
                               std::string_view message) {
  for (const Sentence& sentence : table) {
    if ((sentence.on & on) == 0) continue;
    if (const auto caught = match_sentence(sentence.pattern, message)) {
      return meaning(sentence, *caught);
    }
  }
  return std::nullopt;
}

}  // namespace

std::optional<Meaning> meaning_of_sentence(int status, std::string_view message) {
  const unsigned on = class_of(status);
  if (on == 0 || message.empty()) return std::nullopt;
  if (const auto found = look_up(kTooLong, on, message)) return found;
  if (const auto found = look_up(kMoneyAndKeys, on, message)) return found;
  if (const auto found = look_up(kModels, on, message)) return found;
  if (const auto found = look_up(kCapabilities, on, message)) return found;
  return look_up(kLimits, on, message);
}

}  // namespace llmroute::provider
