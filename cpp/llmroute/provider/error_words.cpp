// Codes and types. Sources: the providers' error pages and SDKs; a name beside a word says whose it
// is where others might wonder.
#include "llmroute/provider/error_words.h"

#include <array>
#include <string>

namespace llmroute::provider {

namespace {

using enum ErrorKind;

struct Word {
  std::string_view text;
  ErrorKind kind;
  Cause cause = Cause::plain;
};

constexpr std::array kWords = {
    // --- too long
    Word{"context_length_exceeded", context_length},
    Word{"context_window_exceeded", context_length},
    Word{"exceed_context_size_error", context_length},  // llama.cpp
    Word{"tokens_limit_reached", context_length},       // GitHub Models, with 413
    // --- filters
    Word{"content_filter", content_filter},
    Word{"content_policy_violation", content_filter},
    Word{"image_content_policy_violation", content_filter},
    Word{"ResponsibleAIPolicyViolation", content_filter},  // Azure, in innererror
    Word{"moderation_blocked", content_filter},
    Word{"invalid_prompt", content_filter},  // OpenAI: flagged
    Word{"data_inspection_failed", content_filter},
    Word{"DataInspectionFailed", content_filter},  // Alibaba
    // --- what a model cannot do
    Word{"unsupported_parameter", capability_mismatch},
    Word{"unsupported_value", capability_mismatch},
    Word{"unsupported_file", capability_mismatch},
    Word{"not_supported_error", capability_mismatch},    // llama.cpp
    Word{"OperationNotSupported", capability_mismatch},  // Azure: another model's operation
    // --- money and quotas
    Word{"insufficient_quota", quota_exhausted},
    Word{"quota_exceeded", quota_exhausted},
    Word{"billing_error", quota_exhausted},
    Word{"billing_hard_limit_reached", quota_exhausted},
    Word{"billing_not_active", quota_exhausted},
    Word{"insufficient_balance", quota_exhausted},
    Word{"insufficient_credits", quota_exhausted},
    Word{"exceeded_current_quota_error", quota_exhausted},  // Moonshot
    Word{"blocked_api_access", quota_exhausted},            // Groq: spend limit
    Word{"budget_exceeded", quota_exhausted},               // LiteLLM
    Word{"Arrearage", quota_exhausted},                     // Alibaba
    Word{"BILLING_DISABLED", quota_exhausted},              // google.rpc.ErrorInfo
    // --- limits
    Word{"rate_limit_exceeded", rate_limit},
    Word{"rate_limit_error", rate_limit},
    Word{"rate_limited", rate_limit},
    Word{"rate_limit_reached_error", rate_limit},
    Word{"RateLimitReached", rate_limit},
    Word{"too_many_requests", rate_limit},
    Word{"too_many_requests_error", rate_limit},
    Word{"too_many_tokens_error", rate_limit},   // Cerebras
    Word{"request_quota_exceeded", rate_limit},  // Cerebras
    Word{"token_quota_exceeded", rate_limit},    // Cerebras
    Word{"throttling_error", rate_limit},        // LiteLLM
    Word{"Throttling.RateQuota", rate_limit},    // Alibaba
    Word{"ThrottlingException", rate_limit},     // AWS
    Word{"RATE_LIMIT_EXCEEDED", rate_limit},     // google.rpc.ErrorInfo
    Word{"slow_down", rate_limit, Cause::ramp},  // OpenAI, also with 503
    Word{"RESOURCE_EXHAUSTED", rate_limit},
    // --- busy
    Word{"overloaded_error", overloaded},
    Word{"overloaded", overloaded},
    Word{"model_overloaded", overloaded},
    Word{"engine_overloaded", overloaded},
    Word{"engine_overloaded_error", overloaded},
    Word{"server_overloaded", overloaded},
    Word{"service_unavailable", overloaded},
    Word{"service_unavailable_error", overloaded},
    Word{"service_tier_capacity_exceeded", overloaded},  // Mistral, with 429
    Word{"queue_exceeded", overloaded},                  // Cerebras, with 429
    Word{"capacity_exceeded", overloaded},               // Groq's flex tier, with 498
    Word{"unavailable_error", overloaded},               // llama.cpp: still loading
    Word{"ServiceUnavailableException", overloaded},
    Word{"ModelNotReadyException", overloaded},
    Word{"UNAVAILABLE", overloaded},
    // --- keys
    Word{"invalid_api_key", authentication},
    Word{"incorrect_api_key", authentication},
    Word{"invalid_authentication_error", authentication},
    Word{"authentication_error", authentication},
    Word{"auth_error", authentication},             // LiteLLM
    Word{"token_not_found_in_db", authentication},  // LiteLLM
    Word{"expired_key", authentication},            // LiteLLM
    Word{"no_db_connection", authentication},  // LiteLLM without a database knows one key alone
    Word{"account_deactivated", authentication},
    Word{"access_terminated", authentication},
    Word{"UNAUTHENTICATED", authentication},
    Word{"API_KEY_INVALID", authentication},  // google.rpc.ErrorInfo, with 400
    Word{"ACCESS_TOKEN_EXPIRED", authentication},
    Word{"UnrecognizedClientException", authentication},
    Word{"InvalidSignatureException", authentication},
    Word{"ExpiredTokenException", authentication},
    Word{"IncompleteSignatureException", authentication},
    Word{"MissingAuthenticationTokenException", authentication},
    Word{"permission_error", permission_denied, Cause::key_refused},
    Word{"permission_denied", permission_denied, Cause::key_refused},
    Word{"insufficient_permissions", permission_denied, Cause::key_refused},
    Word{"ip_not_authorized", permission_denied, Cause::key_refused},
    Word{"key_model_access_denied", permission_denied, Cause::key_refused},   // LiteLLM
    Word{"team_model_access_denied", permission_denied, Cause::key_refused},  // LiteLLM
    Word{"unsupported_country_region_territory", permission_denied, Cause::key_refused},
    Word{"PERMISSION_DENIED", permission_denied, Cause::key_refused},
    Word{"SERVICE_DISABLED", permission_denied, Cause::key_refused},
    Word{"API_KEY_SERVICE_BLOCKED", permission_denied, Cause::key_refused},
    Word{"CONSUMER_SUSPENDED", permission_denied, Cause::key_refused},
    Word{"AccessDeniedException", permission_denied, Cause::key_refused},
    // --- models and paths
    Word{"model_not_found", not_found},
    Word{"model_not_supported", not_found},   // Hugging Face's router, with 400
    Word{"model_decommissioned", not_found},  // Groq, with 400
    Word{"invalid_model", not_found},         // Mistral, with 400
    Word{"unknown_model", not_found},
    Word{"unavailable_model", not_found},
    Word{"DeploymentNotFound", not_found},  // Azure
    Word{"not_found_error", not_found},
    Word{"NotFoundError", not_found},
    Word{"NOT_FOUND", not_found},
    Word{"ResourceNotFoundException", not_found},
    // --- the provider failed
    Word{"api_error", server_error},
    Word{"server_error", server_error},
    Word{"internal_error", server_error},
    Word{"internal_server_error", server_error},
    Word{"InternalServerError", server_error},
    Word{"timeout_error", server_error},
    Word{"unreachable_backend", server_error},  // Mistral
    Word{"INTERNAL", server_error},
    Word{"DEADLINE_EXCEEDED", server_error},
    Word{"InternalServerException", server_error},
    Word{"ModelErrorException", server_error},
    Word{"ModelTimeoutException", server_error},
    // The model wrote a call or JSON that its own provider refuses: the next draw may be better.
    Word{"tool_use_failed", server_error, Cause::tool_generation},
    Word{"json_validate_failed", server_error, Cause::tool_generation},
    Word{"output_parse_failed", server_error, Cause::tool_generation},
    // --- the request
    Word{"INVALID_ARGUMENT", bad_request},
    Word{"request_too_large", bad_request},
    Word{"invalid_request_error", bad_request},
    Word{"BadRequestError", bad_request},
    Word{"ValidationException", bad_request},
};

}  // namespace

std::optional<Meaning> meaning_of_word(std::string_view text) {
  for (const Word& word : kWords) {
    if (word.text == text) return Meaning{word.kind, word.cause};
  }
  return std::nullopt;
}

std::optional<Parameter> parameter_named(std::string_view name) {
  constexpr std::size_t kLongest = 40;
  if (name.empty() || name.size() > kLongest) return std::nullopt;
  std::string snake;
  for (const char c : name) {
    const bool upper = c >= 'A' && c <= 'Z';
    if (upper && !snake.empty()) snake += '_';
    snake += upper ? static_cast<char>(c - 'A' + 'a') : c;
  }
  if (snake == "stop_sequences") return Parameter::stop;
  const Parameter parameter = parameter_of(snake);
  return parameter == Parameter::other ? std::nullopt : std::optional(parameter);
}

Lack lack_of(std::optional<Parameter> parameter) {
  Lack lack;
  lack.parameter = parameter;
  if (parameter == Parameter::tools) lack.capability = Capability::tools;
  if (parameter == Parameter::audio) lack.capability = Capability::audio;
  return lack;
}

}  // namespace llmroute::provider
