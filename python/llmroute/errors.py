"""Everything llmroute raises.

::

    LlmrouteError
      ConfigError (also ValueError)           path in the file and the nearest valid name
      InvalidRequestError (also ValueError)   the caller's own arguments
      ClosedError                             the router was closed
      RoutingError                            nothing was sent
        NoCandidateError
        PolicyError
        CapacityError                         .retry_after
        BudgetExceededError                   .retry_after
        RejectedError                         by a rule of the configuration
      AttemptError                            .deployment .status_code .provider_code .retry_after
        ConnectError
        ProtocolError
        AttemptTimeoutError (also TimeoutError)
        BadRequestError
          ContextLengthError
          CapabilityMismatchError
          ContentFilterError
        AuthenticationError
        PermissionDeniedError
        NotFoundError
        QuotaExhaustedError
        RateLimitError
        OverloadedError
        ServerError
        StreamInterruptedError                .partial holds what arrived
      AllAttemptsFailedError                  .attempts in order, raised from the last
      DeadlineExceededError (also TimeoutError)

Every instance has ``kind`` (the slug that the core and the JSON of a decision use), ``request_id``
and ``decision``. ``kind`` alone chooses the class, through `error_class`. Every instance can be
pickled; a decision that cannot be is left behind.
"""

from __future__ import annotations

import os
import pickle
from collections.abc import Callable, Sequence
from typing import Any, Final

__all__ = [
    "AllAttemptsFailedError",
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
    "InvalidRequestError",
    "LlmrouteError",
    "NoCandidateError",
    "NotFoundError",
    "OverloadedError",
    "PermissionDeniedError",
    "PolicyError",
    "ProtocolError",
    "QuotaExhaustedError",
    "RateLimitError",
    "RejectedError",
    "RoutingError",
    "ServerError",
    "StreamInterruptedError",
    "error_class",
]


class LlmrouteError(Exception):
    """Base of everything llmroute raises.

    Parameters
    ----------
    message : str
        One sentence; names the fix where there is one. Never holds a secret.
    kind : str, optional
        Slug of the core's vocabulary; the class's own by default.
    request_id : str, optional
        The request it belongs to; None where there was none.
    decision : object, optional
        The whole explanation of the request, where one was made.

    Examples
    --------
    >>> from llmroute.errors import NoCandidateError
    >>> NoCandidateError("every deployment was dropped", request_id="7f3a").kind
    'no_candidate'
    """

    kind: str = "error"
    parked: str | None = None
    """Id under which the request waits for a person; see `Router.answer_to`."""

    def __init__(
        self,
        message: str,
        *,
        kind: str | None = None,
        request_id: str | None = None,
        decision: Any = None,
    ) -> None:
        super().__init__(message)
        if kind is not None:
            self.kind = kind
        self.request_id = request_id
        self.decision = decision

    @property
    def message(self) -> str:
        """The sentence without place or hint."""
        return str(self.args[0])

    def __reduce__(self) -> tuple[Callable[..., LlmrouteError], tuple[Any, ...]]:
        return _restore, (type(self), self.args, _picklable(self.__dict__))


class ConfigError(LlmrouteError, ValueError):
    """A configuration that cannot be used. Nothing was changed.

    Parameters
    ----------
    message : str
        What is wrong, in one sentence.
    path : str, optional
        Where in the configuration, such as ``groups.fast.policy``.
    nearest : str, optional
        The nearest valid name, for an unknown one.
    file : str or os.PathLike, optional
        The file it was read from.
    line : int, optional
        Line in that file, counted from 1.

    Examples
    --------
    >>> from llmroute.errors import ConfigError
    >>> print(ConfigError("unknown key", path="gruops", nearest="groups", file="a.toml", line=2))
    a.toml:2: gruops: unknown key; did you mean "groups"?
    """

    kind = "config"

    def __init__(
        self,
        message: str,
        *,
        path: str | None = None,
        nearest: str | None = None,
        file: str | os.PathLike[str] | None = None,
        line: int | None = None,
        request_id: str | None = None,
        decision: Any = None,
    ) -> None:
        super().__init__(message, request_id=request_id, decision=decision)
        self.path = path or None
        self.nearest = nearest or None
        self.file = os.fspath(file) if file is not None else None
        self.line = line

    def __str__(self) -> str:
        place = ""
        if self.file is not None:
            place = f"{self.file}:{self.line}: " if self.line is not None else f"{self.file}: "
        elif self.line is not None:
            place = f"line {self.line}: "
        if self.path is not None:
            place += f"{self.path}: "
        hint = f'; did you mean "{self.nearest}"?' if self.nearest is not None else ""
        return f"{place}{self.message}{hint}"


class InvalidRequestError(LlmrouteError, ValueError):
    """The caller's own arguments are wrong; nothing was sent.

    Parameters
    ----------
    message : str
        What is wrong, in one sentence.
    path : str, optional
        Where in the request, such as ``messages[2].role``.
    nearest : str, optional
        The nearest valid name, for an unknown one.

    Examples
    --------
    >>> from llmroute.errors import InvalidRequestError
    >>> print(InvalidRequestError("unknown role", path="messages[0].role", nearest="user"))
    messages[0].role: unknown role; did you mean "user"?
    """

    kind = "invalid_argument"

    def __init__(
        self,
        message: str,
        *,
        path: str | None = None,
        nearest: str | None = None,
        request_id: str | None = None,
        decision: Any = None,
    ) -> None:
        super().__init__(message, request_id=request_id, decision=decision)
        self.path = path or None
        self.nearest = nearest or None

    def __str__(self) -> str:
        place = f"{self.path}: " if self.path is not None else ""
        hint = f'; did you mean "{self.nearest}"?' if self.nearest is not None else ""
        return f"{place}{self.message}{hint}"


class ClosedError(LlmrouteError):
    """The router was closed; make a new one."""

    kind = "closed"


class RoutingError(LlmrouteError):
    """Nothing was sent: the router found no way to."""

    kind = "routing"


class NoCandidateError(RoutingError):
    """Every deployment was dropped, each with its reason in ``decision``."""

    kind = "no_candidate"


class PolicyError(RoutingError):
    """A policy could not be built, or failed and has no stand-in."""

    kind = "policy"


class CapacityError(RoutingError):
    """A limit or bound of this router is reached.

    Parameters
    ----------
    message : str
        Which bound, and its size.
    retry_after : float, optional
        Seconds after which trying again may succeed.

    Examples
    --------
    >>> from llmroute.errors import CapacityError
    >>> CapacityError("20000 requests in flight", retry_after=0.5).retry_after
    0.5
    """

    kind = "capacity"

    def __init__(
        self,
        message: str,
        *,
        retry_after: float | None = None,
        request_id: str | None = None,
        decision: Any = None,
    ) -> None:
        super().__init__(message, request_id=request_id, decision=decision)
        self.retry_after = retry_after


class BudgetExceededError(RoutingError):
    """A budget is spent.

    Parameters
    ----------
    message : str
        Which budget, whose, and how much.
    retry_after : float, optional
        Seconds until its period ends.

    Examples
    --------
    >>> from llmroute.errors import BudgetExceededError
    >>> BudgetExceededError("budget batch of acme is spent", retry_after=5400.0).retry_after
    5400.0
    """

    kind = "budget_exceeded"

    def __init__(
        self,
        message: str,
        *,
        retry_after: float | None = None,
        request_id: str | None = None,
        decision: Any = None,
    ) -> None:
        super().__init__(message, request_id=request_id, decision=decision)
        self.retry_after = retry_after


class RejectedError(RoutingError):
    """A rule of the configuration refuses such requests, or hands them to a person.

    Parameters
    ----------
    message : str
        The rule, and its own words.

    Examples
    --------
    >>> from llmroute.errors import RejectedError
    >>> RejectedError('rule "no secrets": keep keys out of prompts').kind
    'rejected'
    """

    kind = "rejected"


class AttemptError(LlmrouteError):
    """An attempt reached for a provider and failed.

    Parameters
    ----------
    message : str
        The provider's words, shortened and without secrets, or the router's.
    deployment : str, optional
        Name of the deployment.
    status_code : int, optional
        HTTP status; None where no response came.
    provider_code : str, optional
        The provider's own error code, such as ``rate_limit_exceeded``.
    retry_after : float, optional
        Seconds the provider asks to wait; None where it said nothing believable.

    Examples
    --------
    >>> from llmroute.errors import RateLimitError
    >>> error = RateLimitError("slow down", deployment="openai/gpt-4o", status_code=429,
    ...                        retry_after=2.0)
    >>> error.kind, error.retry_after
    ('rate_limit', 2.0)
    """

    kind = "attempt"

    def __init__(
        self,
        message: str,
        *,
        deployment: str | None = None,
        status_code: int | None = None,
        provider_code: str | None = None,
        retry_after: float | None = None,
        request_id: str | None = None,
        decision: Any = None,
    ) -> None:
        super().__init__(message, request_id=request_id, decision=decision)
        self.deployment = deployment
        self.status_code = status_code
        self.provider_code = provider_code
        self.retry_after = retry_after


class ConnectError(AttemptError):
    """Name, TCP or TLS failed; the provider never saw the request."""

    kind = "connect"


class ProtocolError(AttemptError):
    """What came back is not what the provider's dialect promises."""

    kind = "protocol"


class AttemptTimeoutError(AttemptError, TimeoutError):
    """One of the four timeouts of an attempt passed."""

    kind = "attempt_timeout"


class BadRequestError(AttemptError):
    """The provider refused the request itself; it would fail everywhere."""

    kind = "bad_request"


class ContextLengthError(BadRequestError):
    """The prompt is too long for this model."""

    kind = "context_length"


class CapabilityMismatchError(BadRequestError):
    """The model lacks what the request needs, such as tools; another one may have it.

    Examples
    --------
    >>> from llmroute.errors import BadRequestError, CapabilityMismatchError
    >>> error = CapabilityMismatchError("this model does not support tools", status_code=400)
    >>> isinstance(error, BadRequestError), error.kind
    (True, 'capability_mismatch')
    """

    kind = "capability_mismatch"


class ContentFilterError(BadRequestError):
    """The provider's content filter refused."""

    kind = "content_filter"


class AuthenticationError(AttemptError):
    """The key is missing or not accepted."""

    kind = "authentication"


class PermissionDeniedError(AttemptError):
    """The key is known but not allowed to do this."""

    kind = "permission_denied"


class NotFoundError(AttemptError):
    """The provider does not know the model or the path."""

    kind = "not_found"


class QuotaExhaustedError(AttemptError):
    """Credit or a hard quota is gone; waiting does not help."""

    kind = "quota_exhausted"


class RateLimitError(AttemptError):
    """Too many requests or tokens in a time; waiting helps."""

    kind = "rate_limit"


class OverloadedError(AttemptError):
    """The provider says that it is too busy."""

    kind = "overloaded"


class ServerError(AttemptError):
    """The provider failed (other 5xx)."""

    kind = "server_error"


class StreamInterruptedError(AttemptError):
    """A stream was cut before its end.

    Parameters
    ----------
    message : str
        How it was cut.
    partial : str
        The text that arrived before.

    Examples
    --------
    >>> from llmroute.errors import StreamInterruptedError
    >>> StreamInterruptedError("closed without [DONE]", partial="Once upon").partial
    'Once upon'
    """

    kind = "stream_interrupted"

    def __init__(
        self,
        message: str,
        *,
        partial: str = "",
        deployment: str | None = None,
        status_code: int | None = None,
        provider_code: str | None = None,
        retry_after: float | None = None,
        request_id: str | None = None,
        decision: Any = None,
    ) -> None:
        super().__init__(
            message,
            deployment=deployment,
            status_code=status_code,
            provider_code=provider_code,
            retry_after=retry_after,
            request_id=request_id,
            decision=decision,
        )
        self.partial = partial


class AllAttemptsFailedError(LlmrouteError):
    """The plan or its attempt budget ended; raised from the last attempt's error.

    Parameters
    ----------
    message : str
        How many attempts, and how the last one ended.
    attempts : sequence of AttemptError
        Every attempt that counted, in order.

    Examples
    --------
    >>> from llmroute.errors import AllAttemptsFailedError, ServerError
    >>> AllAttemptsFailedError("1 attempt failed", attempts=[ServerError("boom")]).attempts[0].kind
    'server_error'
    """

    kind = "all_attempts_failed"

    def __init__(
        self,
        message: str,
        *,
        attempts: Sequence[AttemptError] = (),
        request_id: str | None = None,
        decision: Any = None,
    ) -> None:
        super().__init__(message, request_id=request_id, decision=decision)
        self.attempts: tuple[AttemptError, ...] = tuple(attempts)


class DeadlineExceededError(LlmrouteError, TimeoutError):
    """The caller's own deadline over all attempts passed."""

    kind = "deadline_exceeded"


def _by_kind() -> dict[str, type[LlmrouteError]]:
    """Read kinds off the tree itself, so that no second list can drift from it."""
    found: dict[str, type[LlmrouteError]] = {}
    pending: list[type[LlmrouteError]] = [LlmrouteError]
    while pending:
        error = pending.pop()
        pending.extend(error.__subclasses__())
        if error not in (LlmrouteError, RoutingError, AttemptError):
            found[error.kind] = error
    return found


_CLASSES: Final = _by_kind()


def error_class(kind: str) -> type[LlmrouteError]:
    """Class of an error kind.

    Parameters
    ----------
    kind : str
        Slug of the core's vocabulary.

    Returns
    -------
    type
        The class; `LlmrouteError` itself for a kind without one, such as ``cancelled``.

    Examples
    --------
    >>> from llmroute.errors import error_class
    >>> error_class("rate_limit").__name__
    'RateLimitError'
    """
    return _CLASSES.get(kind, LlmrouteError)


def _restore(
    cls: type[LlmrouteError], args: tuple[Any, ...], state: dict[str, Any]
) -> LlmrouteError:
    error = cls.__new__(cls, *args)
    error.args = args
    error.__dict__.update(state)
    return error


def _picklable(state: dict[str, Any]) -> dict[str, Any]:
    decision = state.get("decision")
    if decision is None:
        return dict(state)
    try:
        pickle.dumps(decision)
    except Exception:  # whatever a foreign object's pickling may raise
        return {**state, "decision": None}
    return dict(state)
