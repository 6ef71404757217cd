"""From a failed result to the exception that its kind stands for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from llmroute.errors import (
    AllAttemptsFailedError,
    AttemptError,
    BudgetExceededError,
    CapacityError,
    LlmrouteError,
    StreamInterruptedError,
    error_class,
)

if TYPE_CHECKING:
    from llmroute._core import Result
    from llmroute.explain import Decision

__all__ = ["error_of"]


def error_of(result: Result, *, partial: str = "") -> LlmrouteError:
    """Build the exception for a result that is not ok.

    Parameters
    ----------
    result : Result
        How the request ended.
    partial : str
        Text of a stream that had arrived before.

    Returns
    -------
    LlmrouteError
        With the decision, and with what it was raised from where attempts were made.
    """
    from llmroute.explain import Decision

    decision = Decision(result.decision_json, result.why_not)
    value = decision.to_dict()
    attempts = [_attempt_error(a, decision) for a in value["attempts"] if a["error"]]
    failure = value["failure"] or {"kind": "cancelled", "message": "the request was cancelled"}
    error = _build(failure, value, decision, attempts, partial)
    if isinstance(error, AllAttemptsFailedError) and attempts:
        error.__cause__ = attempts[-1]
    return error


def _build(
    failure: dict[str, Any],
    value: dict[str, Any],
    decision: Decision,
    attempts: list[AttemptError],
    partial: str,
) -> LlmrouteError:
    cls = error_class(failure["kind"])
    message = failure["message"] or failure["kind"].replace("_", " ")
    common: dict[str, Any] = {"request_id": value["request_id"], "decision": decision}
    if issubclass(cls, AllAttemptsFailedError):
        return cls(message, attempts=attempts, **common)
    if issubclass(cls, AttemptError):
        deployment = value["attempts"][-1]["deployment"] if value["attempts"] else None
        common |= _details(failure, deployment)
        if issubclass(cls, StreamInterruptedError):
            common["partial"] = partial
        return cls(message, **common)
    if issubclass(cls, (BudgetExceededError, CapacityError)):
        return cls(message, retry_after=_seconds(failure), **common)
    if cls is LlmrouteError:
        return cls(message, kind=failure["kind"], **common)
    return cls(message, **common)


def _attempt_error(attempt: dict[str, Any], decision: Decision) -> AttemptError:
    failure = attempt["error"]
    cls = error_class(failure["kind"])
    if not issubclass(cls, AttemptError):
        cls = AttemptError
    error = cls(
        failure["message"] or failure["kind"].replace("_", " "),
        request_id=decision.request_id,
        decision=decision,
        **_details(failure, attempt["deployment"]),
    )
    error.kind = failure["kind"]
    return error


def _details(failure: dict[str, Any], deployment: str | None) -> dict[str, Any]:
    return {
        "deployment": deployment,
        "status_code": failure.get("status_code") or None,
        "provider_code": failure.get("provider_code") or None,
        "retry_after": _seconds(failure),
    }


def _seconds(failure: dict[str, Any]) -> float | None:
    ms = failure.get("retry_after_ms")
    return None if ms is None else ms / 1000
