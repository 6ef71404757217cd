"""Routing policies written in Python.

A policy is a plain function ``(request, candidates, context)`` that returns the candidates in the
order in which they should be tried, or ``(order, reasons)``. It runs on the caller's own thread,
before the request leaves it, so it may use anything the caller may use; its answer is a frozen
plan, so later fallbacks need no second trip to Python.

What can go wrong in a policy never fails a request: an exception, an answer that is no order, or a
missed time limit makes the declared built-in decide instead, and ``reply.decision`` says so.

Examples
--------
>>> import llmroute
>>> @llmroute.policy
... def cheapest_that_is_quick(request, candidates, context):
...     cost = {c.deployment: c.estimated_cost_usd(request) for c in candidates}
...     return sorted(candidates, key=lambda c: (c.ttft_p95_ms > 800, cost[c.deployment]))
>>> cheapest_that_is_quick.name
'cheapest_that_is_quick'
"""

from __future__ import annotations

import asyncio
import inspect
import threading
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, overload

__all__ = ["Candidate", "Policy", "PolicyContext", "PolicyRequest", "plan", "plan_async", "policy"]


class PolicyRequest(Protocol):
    """What a policy may read of the request.

    Attributes
    ----------
    model : str
        The group or deployment that was asked for.
    prompt_tokens : int
        Estimated tokens of the prompt.
    max_output_tokens : int or None
        The caller's own bound, where there is one.
    messages : list of dict
        The messages in OpenAI's shape; parsed when first read.
    metadata : dict of str to str
        The caller's labels, such as ``tenant``.
    priority : str
        ``interactive``, ``standard``, ``batch``, or a digit.
    """

    model: str
    prompt_tokens: int
    max_output_tokens: int | None
    messages: list[dict[str, Any]]
    metadata: dict[str, str]
    priority: str


class Candidate(Protocol):
    """One deployment that passed the filters. Every number is always a number.

    Attributes
    ----------
    deployment : str
        Name of the deployment.
    ttft_p50_ms, ttft_p95_ms : float
        Time to first token in milliseconds; a prior until ``measured``.
    in_flight : int
        Attempts running there now.
    error_rate : float
        Share of failures in the recent window, 0 to 1.
    weight : float
        Weight of the member in its group.
    measured : bool
        False while the latencies are priors.
    """

    deployment: str
    ttft_p50_ms: float
    ttft_p95_ms: float
    in_flight: int
    error_rate: float
    weight: float
    measured: bool

    def estimated_cost_usd(self, request: PolicyRequest, /) -> float:
        """US dollars for this request; ``inf`` where the price is unknown, so it sorts last."""
        ...


@dataclass(frozen=True)
class PolicyContext:
    """What surrounds one decision.

    Attributes
    ----------
    group : str
        The group whose members are ranked.
    seed : int
        Of this decision: use ``random.Random(context.seed)`` for chance that can be repeated.
    deadline_ms : float or None
        The caller's deadline over all attempts, milliseconds from now.
    """

    group: str
    seed: int
    deadline_ms: float | None = None


PolicyFunction = Callable[[Any, Sequence[Any], PolicyContext], Any]


class Policy:
    """A Python function that routes, with the built-in that stands in for it.

    Parameters
    ----------
    function : callable
        ``(request, candidates, context)`` returning an order, or ``(order, reasons)``; may be a
        coroutine function.
    name : str, optional
        Shown in decisions. Default: the function's name.
    stand_in : str
        Built-in policy that decides where the function fails.
    timeout_ms : float
        Most milliseconds the function may take. A coroutine is cancelled then; an ordinary function
        cannot be interrupted, so its late answer is thrown away.

    Examples
    --------
    >>> def first(request, candidates, context):
    ...     return list(candidates)
    >>> Policy(first, stand_in="least_cost").stand_in
    'least_cost'
    """

    def __init__(
        self,
        function: PolicyFunction,
        *,
        name: str | None = None,
        stand_in: str = "weighted",
        timeout_ms: float = 100.0,
    ) -> None:
        if not callable(function):
            raise TypeError(f"a policy must be callable, got {type(function).__name__}")
        if not timeout_ms > 0:
            raise ValueError(f"timeout_ms must be above 0, got {timeout_ms!r}")
        self.function = function
        self.name = name or str(getattr(function, "__name__", type(function).__name__))
        self.stand_in = stand_in
        self.timeout_ms = timeout_ms
        self.is_async = inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(
            getattr(function, "__call__", None)  # noqa: B004 - the method itself is looked at
        )
        self.__doc__ = getattr(function, "__doc__", None)

    def __call__(self, request: Any, candidates: Sequence[Any], context: PolicyContext) -> Any:
        """Call the function itself, unchecked."""
        return self.function(request, candidates, context)

    def __repr__(self) -> str:
        return f"<Policy {self.name} stand_in={self.stand_in}>"


@overload
def policy(function: PolicyFunction, /) -> Policy: ...
@overload
def policy(
    *, name: str | None = None, stand_in: str = "weighted", timeout_ms: float = 100.0
) -> Callable[[PolicyFunction], Policy]: ...
def policy(
    function: PolicyFunction | None = None,
    /,
    *,
    name: str | None = None,
    stand_in: str = "weighted",
    timeout_ms: float = 100.0,
) -> Policy | Callable[[PolicyFunction], Policy]:
    """Mark a function as a routing policy, with or without arguments.

    Parameters
    ----------
    function : callable
        See `Policy`.
    name, stand_in, timeout_ms
        See `Policy`.

    Returns
    -------
    Policy
        Usable as ``policy=`` of any call and in a configuration given as a dictionary.

    Examples
    --------
    >>> @policy(stand_in="least_latency", timeout_ms=20)
    ... def measured_first(request, candidates, context):
    ...     return sorted(candidates, key=lambda c: not c.measured)
    >>> measured_first
    <Policy measured_first stand_in=least_latency>
    """

    def wrap(inner: PolicyFunction) -> Policy:
        return Policy(inner, name=name, stand_in=stand_in, timeout_ms=timeout_ms)

    return wrap if function is None else wrap(function)


@dataclass(frozen=True)
class Plan:
    """The outcome of a Python policy: an order, or why there is none.

    Attributes
    ----------
    order : list of str
        Deployment names, best first; empty where the policy failed.
    reasons : list of str
        A word on each, parallel to `order`, or empty.
    failure : str
        Empty on success; else one sentence for the decision.
    """

    order: list[str]
    reasons: list[str]
    failure: str = ""


def plan(chosen: Policy, request: Any, candidates: Sequence[Any], context: PolicyContext) -> Plan:
    """Run a policy on this thread and check its answer; never raises for the policy's faults.

    A coroutine policy runs on an event loop of its own: on this thread where none is running here,
    else on a helper thread.
    """
    started = time.perf_counter()
    try:
        if chosen.is_async:
            answer = _run_apart(chosen, request, candidates, context)
        else:
            answer = chosen.function(request, candidates, context)
    except Exception as error:
        return _failed(chosen, error)
    return _judge(chosen, answer, candidates, started)


async def plan_async(
    chosen: Policy, request: Any, candidates: Sequence[Any], context: PolicyContext
) -> Plan:
    """Like `plan`, for callers on an event loop; a coroutine policy runs on that loop."""
    if not chosen.is_async:
        return plan(chosen, request, candidates, context)
    started = time.perf_counter()
    try:
        answer = await _bounded(chosen, chosen.function(request, candidates, context))
    except Exception as error:
        return _failed(chosen, error)
    return _judge(chosen, answer, candidates, started)


async def _bounded(chosen: Policy, running: Awaitable[Any]) -> Any:
    return await asyncio.wait_for(running, chosen.timeout_ms / 1000)


def _run_apart(chosen: Policy, *arguments: Any) -> Any:
    def run() -> Any:
        return asyncio.run(_bounded(chosen, chosen.function(*arguments)))

    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return run()
    outcome: list[Any] = []

    def guarded() -> None:
        try:
            outcome.append((run(), None))
        except Exception as error:
            outcome.append((None, error))

    thread = threading.Thread(target=guarded, name="llmroute-policy")
    thread.start()
    thread.join()
    answer, error = outcome[0]
    if error is not None:
        raise error
    return answer


def _failed(chosen: Policy, error: Exception) -> Plan:
    if isinstance(error, (asyncio.TimeoutError, TimeoutError)):
        return Plan([], [], f"{chosen.name} took longer than {chosen.timeout_ms:g} ms")
    # The text of a foreign exception may hold anything, a key included: its type is enough.
    return Plan([], [], f"{chosen.name} raised {type(error).__name__}")


def _judge(chosen: Policy, answer: Any, candidates: Sequence[Any], started: float) -> Plan:
    if (time.perf_counter() - started) * 1000 > chosen.timeout_ms:
        return Plan([], [], f"{chosen.name} took longer than {chosen.timeout_ms:g} ms")
    reasons: Any = ()
    if isinstance(answer, tuple) and len(answer) == 2 and not _is_name(answer[0]):
        answer, reasons = answer
    problem, order = _read_order(answer, {c.deployment for c in candidates})
    if problem:
        return Plan([], [], f"{chosen.name} returned {problem}")
    return Plan(order, _read_reasons(reasons, order))


def _is_name(item: Any) -> bool:
    return isinstance(item, str) or hasattr(item, "deployment")


def _read_order(answer: Any, known: set[str]) -> tuple[str, list[str]]:
    if isinstance(answer, (str, bytes, Mapping)) or not hasattr(answer, "__iter__"):
        return f"{type(answer).__name__}, not an order of candidates", []
    order: list[str] = []
    for item in answer:
        name = item if isinstance(item, str) else getattr(item, "deployment", None)
        if not isinstance(name, str) or name not in known:
            return "something that is not one of the candidates", []
        if name in order:
            return f"{name} twice", []
        order.append(name)
    return ("an empty order", []) if not order else ("", order)


def _read_reasons(reasons: Any, order: list[str]) -> list[str]:
    if isinstance(reasons, Mapping):
        return [str(reasons.get(name, "")) for name in order]
    words = [str(word) for word in reasons or ()][: len(order)]
    return words + [""] * (len(order) - len(words)) if words else []
