"""A person as the last resort: where ``on_exhausted`` or a rule hands a request over.

The application gives `Router` a handler. It is called on the thread (or event loop) of the caller,
with the request and the decision so far, and answers with text, or with None to decline. Without a
handler the request is parked in the state store (see `inbox`), and its caller waits a while for the
answer of whoever looks there.
"""

from __future__ import annotations

import inspect
import json
import time
from collections.abc import Awaitable, Callable, Iterator
from typing import TYPE_CHECKING, Any, Final, NoReturn

from llmroute._failure import error_of
from llmroute.errors import LlmrouteError
from llmroute.reply import Reply

if TYPE_CHECKING:
    import asyncio

    from llmroute._core import Request, Result
    from llmroute._submit import Shared
    from llmroute.explain import Decision
    from llmroute.inbox import Answer, ParkedRequest

    Handler = Callable[[Request, Decision], Any]

__all__ = ["PersonReply", "ask", "ask_async", "is_handed_over"]

_WAIT_MS: Final = 60_000.0
_KEEP_HOURS: Final = 72.0
_FIRST_POLL_S: Final = 0.02  # of the store; each next one half as long again
_LAST_POLL_S: Final = 0.5


class PersonReply(Reply):
    """What a person answered, in the shape of any other reply.

    Its decision is the one that was handed over: status ``failed``, ``handed_over`` true. It costs
    what attempts before it cost.
    """

    __slots__ = ("_text",)

    def __init__(self, result: Result, text: str) -> None:
        super().__init__(result)
        self._text = text
        self._body = {
            "id": result.request_id,
            "object": "chat.completion",
            "created": 0,
            "model": "human",
            "choices": [
                {
                    "index": 0,
                    "message": {"role": "assistant", "content": text},
                    "finish_reason": "stop",
                }
            ],
        }

    @property
    def text(self) -> str:
        """What the person wrote."""
        return self._text

    @property
    def raw(self) -> bytes:
        """The reply as JSON in OpenAI's shape."""
        return json.dumps(self._body).encode()

    @property
    def deployment(self) -> str:
        """``human``."""
        return "human"

    @property
    def finish_reason(self) -> str | None:
        """``stop``."""
        return "stop"


class _Patience:
    """How long a person may take, and how long what they may answer is kept."""

    def __init__(self, shared: Shared, result: Result, deadline_ms: float | None) -> None:
        document = json.loads(shared.loaded.json)
        options = document.get("human") or {}
        decision = json.loads(result.decision_json)
        wait_ms = options.get("wait_ms", _WAIT_MS)
        self.keep_s: float = 3_600 * options.get("keep_hours", _KEEP_HOURS)
        limits = (deadline_ms, (document.get("resilience") or {}).get("deadline_ms"))
        # The caller's own wins over the configuration's, as it does in the core.
        deadline = next((limit for limit in limits if limit is not None), None)
        left = None if deadline is None else max(0.0, deadline - (decision["total_ms"] or 0))
        self.began = time.monotonic()
        self.wait_s: float = (wait_ms if left is None else min(wait_ms, left)) / 1_000
        self.deadline_s = None if left is None else left / 1_000

    @property
    def left_s(self) -> float:
        return self.wait_s - (time.monotonic() - self.began)

    @property
    def too_late(self) -> bool:
        """Whether the caller's deadline has passed; only that ends what cannot be interrupted."""
        return self.deadline_s is not None and time.monotonic() - self.began > self.deadline_s

    def naps(self) -> Iterator[float]:
        """Yield the seconds to sleep before each look at the store."""
        nap = _FIRST_POLL_S
        while (left := self.left_s) > 0:
            yield min(nap, left)
            nap = min(nap * 1.5, _LAST_POLL_S)


def ask(
    shared: Shared, request: Request, result: Result, deadline_ms: float | None = None
) -> Reply:
    """Give a failed request to the person it was handed over to, or raise its error.

    Parameters
    ----------
    shared : Shared
        Its router: with a handler, or with a store to park the request in.
    request : Request
        What was asked.
    result : Result
        How it failed.
    deadline_ms : float, optional
        The caller's, from the beginning of the request.

    Returns
    -------
    Reply
        What the person answered.

    Raises
    ------
    LlmrouteError
        The request's own error: it was not handed over, the person declined or did not answer in
        time, or the handler raised (then from what it raised).
    """
    error = error_of(result)
    if not is_handed_over(result):
        raise error
    patience = _Patience(shared, result, deadline_ms)
    if shared.human is None:
        return _wait(shared, request, result, error, patience)
    try:
        answer = shared.human(request, error.decision)
    except Exception as problem:
        raise error from problem
    if inspect.isawaitable(answer):
        if inspect.iscoroutine(answer):
            answer.close()
        raise error from TypeError("the human handler is a coroutine; AsyncRouter awaits those")
    return _reply(result, answer, error, patience)


async def ask_async(
    shared: Shared, request: Request, result: Result, deadline_ms: float | None = None
) -> Reply:
    """Do the same on an event loop; the handler may be a coroutine function."""
    error = error_of(result)
    if not is_handed_over(result):
        raise error
    patience = _Patience(shared, result, deadline_ms)
    if shared.human is None:
        return await _wait_async(shared, request, result, error, patience)
    try:
        answer = shared.human(request, error.decision)
        if isinstance(answer, Awaitable):
            answer = await _within(answer, patience)
    except Exception as problem:
        raise error from problem
    return _reply(result, answer, error, patience)


async def _within(answer: Awaitable[Any], patience: _Patience) -> Any:
    import asyncio

    try:
        return await asyncio.wait_for(answer, max(0.0, patience.left_s))
    except asyncio.TimeoutError:
        took = f"{1_000 * patience.wait_s:.0f} ms"
        raise TimeoutError(f"the human handler did not answer within {took}") from None


def is_handed_over(result: Result) -> bool:
    """Say whether a failed request is one for a person."""
    return bool(json.loads(result.decision_json)["handed_over"])


def _reply(result: Result, answer: Any, error: LlmrouteError, patience: _Patience) -> Reply:
    if answer is None:
        raise error
    if not isinstance(answer, str):
        kind = type(answer).__name__
        raise error from TypeError(f"a human handler answers with text or None, not {kind}")
    if patience.too_late:
        raise error from TimeoutError("the human handler answered after the request's deadline")
    return PersonReply(result, answer)


# --- parked requests ------------------------------------------------------------------------------


def _wait(
    shared: Shared, request: Request, result: Result, error: LlmrouteError, patience: _Patience
) -> Reply:
    from llmroute import inbox

    store = shared.core
    try:
        parked = inbox.park(store, request, result, patience.keep_s)
    except LlmrouteError as problem:
        raise error from problem
    try:
        for nap in patience.naps():
            given = _look(shared, parked)
            if given is not None:
                return _given(result, given, error)
            time.sleep(nap)
        given = _look(shared, parked)
    except BaseException as problem:
        if problem is not error:
            _abandon(shared, parked)
        raise
    return _given(result, given, error) if given else _give_up(parked, error)


async def _wait_async(
    shared: Shared, request: Request, result: Result, error: LlmrouteError, patience: _Patience
) -> Reply:
    import asyncio

    from llmroute import inbox

    # A store may wait for a disk or another process, which a loop must not.
    parking = asyncio.ensure_future(
        asyncio.to_thread(inbox.park, shared.core, request, result, patience.keep_s)
    )
    try:
        parked = await asyncio.shield(parking)
    except LlmrouteError as problem:
        raise error from problem
    except asyncio.CancelledError:
        parking.add_done_callback(lambda done: _abandon_late(shared, done))
        raise
    try:
        for nap in patience.naps():
            given = await asyncio.to_thread(_look, shared, parked)
            if given is not None:
                return _given(result, given, error)
            await asyncio.sleep(nap)
        given = await asyncio.to_thread(_look, shared, parked)
    except BaseException as problem:
        if problem is not error:
            _abandon(shared, parked)
        raise
    return _given(result, given, error) if given else _give_up(parked, error)


def _look(shared: Shared, parked: ParkedRequest) -> Answer | None:
    from llmroute import inbox
    from llmroute.errors import CapacityError

    try:
        return inbox.answer_of(shared.core, parked.id)
    except CapacityError:
        return None  # it may answer the next time


def _given(result: Result, given: Answer, error: LlmrouteError) -> Reply:
    if given.text is None:
        raise error
    return PersonReply(result, given.text)


def _give_up(parked: ParkedRequest, error: LlmrouteError) -> NoReturn:
    error.parked = parked.id
    error.args = (
        f"{error.message}; parked for a person as {parked.id} until {parked.until}",
        *error.args[1:],
    )
    raise error


def _abandon_late(shared: Shared, parking: asyncio.Future[ParkedRequest]) -> None:
    """Do so with one that was being parked when its caller went away."""
    if not parking.cancelled() and parking.exception() is None:
        _abandon(shared, parking.result())


def _abandon(shared: Shared, parked: ParkedRequest) -> None:
    """Forget a request whose caller went away: nobody would read its answer."""
    from llmroute import inbox

    try:
        inbox.forget(shared.core, parked.id)
    except LlmrouteError:
        return  # the router was closed, or its store does not answer: time will do it
