"""Scores that rules look at: numbers or words about a request, from the application's functions.

``Router(..., scores={"sentiment": function})`` names them, and a rule asks for one by
``when = { sentiment = { below = -0.5 } }``. A function runs only where the configuration asks for
its score and the call did not give it. What goes wrong with it is a note in the decision, and the
score is absent.
"""

from __future__ import annotations

import inspect
import math
import threading
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from llmroute._core import Request

    ScoreFunction = Callable[[Request], Any]

__all__ = ["TIMEOUT_S", "add", "add_async"]

TIMEOUT_S = 1.0
"""Longest wait for one score; a slower one is absent, and its thread ends when it does."""


def add(functions: Mapping[str, ScoreFunction], asked: list[str], request: Request) -> None:
    """Ask for the scores that are wanted and not given, and put them into the request.

    Parameters
    ----------
    functions : mapping of str to callable
        ``function(request)`` -> number, word or None, by the score's name.
    asked : list of str
        Names that rules and constraints look at.
    request : Request
        Not sent yet.

    Examples
    --------
    >>> import llmroute
    >>> rule = {"name": "upset", "when": {"sentiment": {"below": 0}}, "then": {"priority": 0}}
    >>> config = {"groups": {"fast": {"deployments": ["ollama/llama3"]}}, "rules": [rule]}
    >>> with llmroute.Router(config, scores={"sentiment": lambda request: -0.8}) as router:
    ...     [one["rule"] for one in router.explain("This is bad").to_dict()["rules"]]
    ['upset']
    """
    given = request.scores
    for name in asked:
        function = functions.get(name)
        if function is None or name in given:
            continue
        answer, fault = _in_time(function, request)
        _put(request, name, answer, fault)


async def add_async(
    functions: Mapping[str, ScoreFunction], asked: list[str], request: Request
) -> None:
    """Do the same on an event loop, which goes on meanwhile; functions may be coroutines."""
    import asyncio

    given = request.scores
    for name in asked:
        function = functions.get(name)
        if function is None or name in given:
            continue
        answer: Any = None
        fault = ""
        try:
            if inspect.iscoroutinefunction(function):
                answer = await asyncio.wait_for(function(request), TIMEOUT_S)
            else:
                thread = asyncio.to_thread(_in_time, function, request)
                answer, fault = await thread
        except (TimeoutError, asyncio.TimeoutError):
            fault = _late()
        except Exception as error:
            fault = f"raised {type(error).__name__}"
        _put(request, name, answer, fault)


def _late() -> str:
    return f"gave no answer within {TIMEOUT_S:g} s"


def _in_time(function: ScoreFunction, request: Request) -> tuple[Any, str]:
    """Run it on a thread of its own, which is left behind where it hangs."""
    result: list[Any] = []
    fault: list[str] = []

    def run() -> None:
        try:
            answer = function(request)
            if isinstance(answer, Awaitable):
                if inspect.iscoroutine(answer):
                    answer.close()
                fault.append("is a coroutine; AsyncRouter awaits those")
            else:
                result.append(answer)
        except Exception as error:
            fault.append(f"raised {type(error).__name__}")

    thread = threading.Thread(target=run, name="llmroute-score", daemon=True)
    thread.start()
    thread.join(TIMEOUT_S)
    if thread.is_alive():
        return None, _late()
    return (result[0], "") if result else (None, fault[0])


def _put(request: Request, name: str, answer: Any, fault: str) -> None:
    number = isinstance(answer, (int, float)) and not isinstance(answer, bool)
    if not fault and answer is not None and not isinstance(answer, str) and not number:
        fault = f"gave {type(answer).__name__}, not a number or a word"
    if not fault and isinstance(answer, str) and not answer:
        fault = "gave an empty word"
    if not fault and isinstance(answer, float) and not math.isfinite(answer):
        fault = f"gave {answer}"
    if fault:
        request.add_note(f"score {name}: {fault}; it is absent")
    elif answer is not None:
        request.add_score(name, answer)
