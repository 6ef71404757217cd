"""An LLM router inside your own process: it survives its providers and says why.

Examples
--------
>>> import llmroute
>>> with llmroute.Router(["ollama/llama3", "openai/gpt-4o-mini"]) as router:
...     router.models
['default', 'ollama/llama3', 'openai/gpt-4o-mini']
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from llmroute.embeddings import EmbeddingReply
from llmroute.errors import (
    AllAttemptsFailedError,
    AttemptError,
    AttemptTimeoutError,
    AuthenticationError,
    BadRequestError,
    BudgetExceededError,
    CapabilityMismatchError,
    CapacityError,
    ClosedError,
    ConfigError,
    ConnectError,
    ContentFilterError,
    ContextLengthError,
    DeadlineExceededError,
    InvalidRequestError,
    LlmrouteError,
    NoCandidateError,
    NotFoundError,
    OverloadedError,
    PermissionDeniedError,
    PolicyError,
    ProtocolError,
    QuotaExhaustedError,
    RateLimitError,
    RejectedError,
    RoutingError,
    ServerError,
    StreamInterruptedError,
)
from llmroute.reply import Reply, Usage
from llmroute.router import AsyncRouter, Router
from llmroute.stream import AsyncStream, Delta, Stream

if TYPE_CHECKING:
    from llmroute.explain import Decision
    from llmroute.lint import Finding, lint
    from llmroute.policies import Policy, policy
    from llmroute.simulation import compare, simulate
    from llmroute.traffic import Traffic
    from llmroute.world import World

__version__ = "0.1.0.dev0"

__all__ = [
    "AllAttemptsFailedError",
    "AsyncRouter",
    "AsyncStream",
    "AttemptError",
    "AttemptTimeoutError",
    "AuthenticationError",
    "BadRequestError",
    "BudgetExceededError",
    "CapabilityMismatchError",
    "CapacityError",
    "ClosedError",
    "ConfigError",
    "ConnectError",
    "ContentFilterError",
    "ContextLengthError",
    "DeadlineExceededError",
    "Decision",
    "Delta",
    "EmbeddingReply",
    "Finding",
    "InvalidRequestError",
    "LlmrouteError",
    "NoCandidateError",
    "NotFoundError",
    "OverloadedError",
    "PermissionDeniedError",
    "Policy",
    "PolicyError",
    "ProtocolError",
    "QuotaExhaustedError",
    "RateLimitError",
    "RejectedError",
    "Reply",
    "Router",
    "RoutingError",
    "ServerError",
    "Stream",
    "StreamInterruptedError",
    "Traffic",
    "Usage",
    "World",
    "compare",
    "lint",
    "policy",
    "simulate",
]

# Python policies bring asyncio with them, which takes longer to import than all the rest: they and
# decisions, and what simulates, come when they are asked for.
_LATER = {
    "Decision": "llmroute.explain",
    "Finding": "llmroute.lint",
    "Policy": "llmroute.policies",
    "Traffic": "llmroute.traffic",
    "World": "llmroute.world",
    "compare": "llmroute.simulation",
    "lint": "llmroute.lint",
    "policy": "llmroute.policies",
    "simulate": "llmroute.simulation",
}


def __getattr__(name: str) -> Any:
    if name not in _LATER:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    import importlib

    module = importlib.import_module(_LATER[name])
    # The linter is a module that can be called, so that what else it holds is found below its name.
    value = module if name == "lint" else getattr(module, name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
