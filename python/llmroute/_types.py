"""The words of the core's vocabulary as types; a test holds them equal to the core's own tables."""

from __future__ import annotations

from typing import Literal

__all__ = [
    "AffinityKind",
    "CacheStatus",
    "CacheUse",
    "Capability",
    "Cause",
    "CostKind",
    "DecisionStatus",
    "DeltaKind",
    "ErrorKind",
    "Fault",
    "OnInterrupt",
    "Parameter",
    "Reason",
    "RuleMode",
    "Term",
]

ErrorKind = Literal[
    "config",
    "invalid_argument",
    "no_candidate",
    "policy",
    "capacity",
    "budget_exceeded",
    "rejected",
    "connect",
    "protocol",
    "attempt_timeout",
    "bad_request",
    "context_length",
    "capability_mismatch",
    "content_filter",
    "authentication",
    "permission_denied",
    "not_found",
    "quota_exhausted",
    "rate_limit",
    "overloaded",
    "server_error",
    "stream_interrupted",
    "all_attempts_failed",
    "deadline_exceeded",
    "cancelled",
    "closed",
]
Cause = Literal[
    "plain",
    "ramp",
    "daily_quota",
    "beyond_credit",
    "key_refused",
    "before_provider",
    "tool_generation",
]
Reason = Literal[
    "kept",
    "excluded",
    "tools_not_supported",
    "vision_not_supported",
    "json_schema_not_supported",
    "audio_not_supported",
    "files_not_supported",
    "embeddings_not_supported",
    "embedding_model_differs",
    "parameter_not_supported",
    "context_too_short",
    "output_too_short",
    "breaker_open",
    "breaker_probing",
    "cooling_down",
    "rate_limit_exhausted",
    "limit_reached",
    "budget_exhausted",
    "price_unknown",
    "priority_not_served",
    "bound_elsewhere",
    "no_usable_key",
    "region_not_allowed",
    "retention_not_allowed",
    "training_not_allowed",
    "provider_not_allowed",
    "deployment_not_allowed",
    "tag_missing",
    "price_not_allowed",
    "context_not_allowed",
    "parameter_required",
    "throttled",
    "not_in_order",
]
DeltaKind = Literal[
    "text", "refusal", "reasoning", "thinking_block", "tool_call", "finish", "usage", "restart"
]
DecisionStatus = Literal["pending", "ok", "failed", "cancelled"]
CostKind = Literal["exact", "estimated", "unknown"]
OnInterrupt = Literal["raise", "restart"]
RuleMode = Literal["apply", "observe", "off"]
Term = Literal[
    "cost",
    "latency",
    "headroom",
    "carbon",
    "carbon_intensity",
    "quality",
    "load",
    "region_latency",
    "first_token",
]
CacheUse = Literal["use", "refresh", "off"]
CacheStatus = Literal["off", "miss", "hit", "joined"]
AffinityKind = Literal["none", "conversation", "prefix", "bound"]
Fault = Literal["nobody", "caller", "deployment", "key", "router"]
Capability = Literal["tools", "vision", "json_schema", "audio", "files", "embeddings"]
Parameter = Literal[
    "temperature",
    "top_p",
    "max_tokens",
    "max_completion_tokens",
    "stop",
    "n",
    "seed",
    "tools",
    "tool_choice",
    "parallel_tool_calls",
    "response_format",
    "logprobs",
    "top_logprobs",
    "logit_bias",
    "frequency_penalty",
    "presence_penalty",
    "reasoning_effort",
    "user",
    "metadata",
    "store",
    "service_tier",
    "stream_options",
    "modalities",
    "audio",
    "prediction",
    "web_search_options",
    "functions",
    "function_call",
    "verbosity",
    "prompt_cache_key",
    "safety_identifier",
    "other",
]
