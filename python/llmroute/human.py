"""A person as the last resort: where a group's ``on_exhausted`` says ``"human"``.

The application gives `Router` a handler. It is called on the thread (or event loop) of the caller
when no deployment could serve, with the request and the decision so far, and answers with text, or
with None to decline.
"""

from __future__ import annotations

import inspect
import json
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from llmroute._failure import error_of
from llmroute.reply import Reply

if TYPE_CHECKING:
    from llmroute._core import Request, Result
    from llmroute.explain import Decision

    Handler = Callable[[Request, Decision], Any]

__all__ = ["PersonReply", "ask", "ask_async"]


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


def ask(handler: Handler | None, request: Request, result: Result) -> Reply:
    """Give a failed request to the person it was handed over to, or raise its error.

    Parameters
    ----------
    handler : callable, optional
        ``handler(request, decision)`` -> text or None.
    request : Request
        What was asked.
    result : Result
        How it failed.

    Returns
    -------
    Reply
        What the person answered.

    Raises
    ------
    LlmrouteError
        The request's own error: it was not handed over, nobody handles it, the person declined, or
        the handler raised (then from what it raised).
    """
    error = error_of(result)
    if handler is None or not _handed_over(result):
        raise error
    try:
        answer = handler(request, error.decision)
    except Exception as problem:
        raise error from problem
    if inspect.isawaitable(answer):
        if inspect.iscoroutine(answer):
            answer.close()
        raise error from TypeError("the human handler is a coroutine; AsyncRouter awaits those")
    return _reply(result, answer, error)


async def ask_async(handler: Handler | None, request: Request, result: Result) -> Reply:
    """Do the same on an event loop; the handler may be a coroutine function."""
    error = error_of(result)
    if handler is None or not _handed_over(result):
        raise error
    try:
        answer = handler(request, error.decision)
        if isinstance(answer, Awaitable):
            answer = await answer
    except Exception as problem:
        raise error from problem
    return _reply(result, answer, error)


def _handed_over(result: Result) -> bool:
    return bool(json.loads(result.decision_json)["handed_over"])


def _reply(result: Result, answer: Any, error: Exception) -> Reply:
    if answer is None:
        raise error
    if not isinstance(answer, str):
        kind = type(answer).__name__
        raise error from TypeError(f"a human handler answers with text or None, not {kind}")
    return PersonReply(result, answer)
