"""Requests that wait for a person: parked in the state store, listed, answered, learnt from.

A request is parked where a group or a rule hands it over to a person and the router has no handler.
Only such requests are written down with their messages. All functions take a `StateStore`: a
router's core, or a state file that was opened by itself.
"""

from __future__ import annotations

import datetime
import json
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Final

from llmroute.errors import InvalidRequestError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from llmroute._core import Request, Result
    from llmroute.lifecycle import StateStore

__all__ = [
    "Answer",
    "Correction",
    "ParkedRequest",
    "answer",
    "answer_to",
    "corrections",
    "find",
    "forget",
    "park",
    "text_of",
    "waiting",
]

_INBOX: Final = "inbox/"
_ANSWERS: Final = "answers/"
_CORRECTIONS: Final = "corrections/"
_MOST: Final = 10_000  # entries that are listed
_MOST_SAME: Final = 1_000  # requests of one id, from processes that number alike
_CORRECTIONS_KEPT_S: Final = 90 * 86_400.0


@dataclass(frozen=True, slots=True)
class ParkedRequest:
    """A request that waits for a person.

    Attributes
    ----------
    id : str
        The request's own; with ``~2`` and so on where another process used it too.
    asked_at, until : str
        When it was parked and when it is forgotten, UTC.
    model : str
        What the caller asked for.
    messages : list of dict
        The conversation, in OpenAI's shape.
    metadata : dict of str
        Labels of the request.
    priority : str
        Its priority.
    stream : bool
        Whether the caller reads a stream.
    decision : dict
        Why no deployment answers.
    keep_s : float
        Seconds for which it, and its answer, are kept.
    """

    id: str
    asked_at: str
    until: str
    model: str
    messages: list[dict[str, Any]] = field(repr=False)
    metadata: dict[str, str]
    priority: str
    stream: bool
    decision: dict[str, Any] = field(repr=False)
    keep_s: float = field(repr=False)

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain data."""
        return asdict(self)

    @property
    def last_message(self) -> str:
        """Text of the latest user message, or what stands for it."""
        for message in reversed(self.messages):
            if message.get("role") == "user":
                return text_of(message.get("content"))
        return ""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a person said to a parked request.

    Attributes
    ----------
    id : str
        Of the request.
    text : str or None
        None: the person declined.
    who : str or None
        Who it was.
    at : str
        When, UTC.
    correct_group : str or None
        Where the request should have gone.
    """

    id: str
    text: str | None
    who: str | None
    at: str
    correct_group: str | None

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain data."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Correction:
    """A request that a person answered, for refining rules.

    Attributes
    ----------
    id, at, who
        See `Answer`.
    model, group : str
        What was asked for, and what it came to.
    correct_group : str or None
        Where it should have gone, as the person said.
    messages, metadata
        See `ParkedRequest`.
    answer : str
        What the person answered.
    """

    id: str
    at: str
    who: str | None
    model: str
    group: str
    correct_group: str | None
    messages: list[dict[str, Any]] = field(repr=False)
    metadata: dict[str, str]
    answer: str

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain data."""
        return asdict(self)


def park(store: StateStore, request: Request, result: Result, keep_s: float) -> ParkedRequest:
    """Write a request down for a person.

    Parameters
    ----------
    store : StateStore
        Where.
    request, result
        What was asked, and how it ended.
    keep_s : float
        Seconds after which it is forgotten.

    Raises
    ------
    CapacityError
        The store does not answer, or is full.
    InvalidRequestError
        It is larger than a store takes.
    """
    now = datetime.datetime.now(datetime.timezone.utc)
    content = {
        "asked_at": _stamp(now),
        "until": _stamp(now + datetime.timedelta(seconds=keep_s)),
        "model": request.model,
        "messages": request.messages,
        "metadata": request.metadata,
        "priority": request.priority,
        "stream": request.stream,
        "decision": json.loads(result.decision_json),
        "keep_s": keep_s,
    }
    for count in range(1, _MOST_SAME):
        name = request.request_id + (f"~{count}" if count > 1 else "")
        parked = ParkedRequest(id=name, **content)
        free = store.store_get(_ANSWERS + name) is None
        if free and store.store_put_new(_INBOX + name, _bytes(parked), keep_s):
            return parked
    raise InvalidRequestError(f"{_MOST_SAME} requests named {request.request_id} are parked")


def forget(store: StateStore, name: str) -> None:
    """Take a request out of the inbox: nobody wants its answer any more."""
    store.store_erase(_INBOX + name)


def waiting(store: StateStore) -> list[ParkedRequest]:
    """Return the requests that nobody has answered, the oldest first."""
    answered = {key.removeprefix(_ANSWERS) for key, _ in store.store_scan(_ANSWERS, _MOST)}
    found = (_read(ParkedRequest, raw) for _, raw in store.store_scan(_INBOX, _MOST))
    parked = [one for one in found if one is not None and one.id not in answered]
    return sorted(parked, key=lambda one: (one.asked_at, one.id))


def find(store: StateStore, name: str) -> ParkedRequest:
    """Return one request that waits.

    Raises
    ------
    InvalidRequestError
        It does not wait: with what became of it, or the nearest id that does.
    """
    given = answer_of(store, name)
    if given is not None:
        what = "declined" if given.text is None else "answered"
        by = f" by {given.who}" if given.who else ""
        raise InvalidRequestError(f"request {name} was {what}{by} at {given.at}")
    raw = store.store_get(_INBOX + name) if name else None
    parked: ParkedRequest | None = None if raw is None else _read(ParkedRequest, raw)
    if parked is None:
        raise _unknown(name, (one.id for one in waiting(store)))
    return parked


def answer(
    store: StateStore,
    name: str,
    text: str | None,
    *,
    who: str | None = None,
    correct_group: str | None = None,
) -> Answer:
    """Answer a request that waits, or decline it.

    Parameters
    ----------
    store : StateStore
        Where it is parked.
    name : str
        Id of the request.
    text : str, optional
        None declines.
    who : str, optional
        Who answers.
    correct_group : str, optional
        Where the request should have gone.

    Returns
    -------
    Answer
        As the caller gets it. Of several answers the first counts.

    Raises
    ------
    InvalidRequestError
        It does not wait.
    """
    if text is not None and not isinstance(text, str):
        raise InvalidRequestError(f"an answer is text, or None to decline, not {_kind(text)}")
    parked = find(store, name)
    given = Answer(
        name, text, who, _stamp(datetime.datetime.now(datetime.timezone.utc)), correct_group
    )
    if not store.store_put_new(_ANSWERS + name, _bytes(given), parked.keep_s):
        find(store, name)  # says who was faster
    if text is not None or correct_group is not None:
        correction = Correction(
            id=name,
            at=given.at,
            who=who,
            model=parked.model,
            group=str(parked.decision.get("group", "")),
            correct_group=correct_group,
            messages=parked.messages,
            metadata=parked.metadata,
            answer=text or "",
        )
        store.store_put(_CORRECTIONS + name, _bytes(correction), _CORRECTIONS_KEPT_S)
    forget(store, name)
    return given


def answer_of(store: StateStore, name: str) -> Answer | None:
    """Return the answer to a request, where there is one."""
    raw = store.store_get(_ANSWERS + name) if name else None
    return None if raw is None else _read(Answer, raw)


def answer_to(store: StateStore, name: str) -> Answer | None:
    """Return the answer to a request, None while it waits for one.

    Raises
    ------
    InvalidRequestError
        It was never parked, or is forgotten by now.
    """
    given = answer_of(store, name)
    if given is None:
        find(store, name)
    return given


def corrections(store: StateStore) -> list[Correction]:
    """Return what persons answered, the oldest first."""
    found = (_read(Correction, raw) for _, raw in store.store_scan(_CORRECTIONS, _MOST))
    return sorted((one for one in found if one is not None), key=lambda one: (one.at, one.id))


def _read(cls: Any, raw: bytes) -> Any:
    """Read what a process wrote, maybe of another release; None where it cannot be understood."""
    try:
        return cls(**json.loads(raw))
    except (ValueError, TypeError):
        return None


def _bytes(value: ParkedRequest | Answer | Correction) -> bytes:
    return json.dumps(value.to_dict()).encode()


def _stamp(at: datetime.datetime) -> str:
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _kind(value: Any) -> str:
    return type(value).__name__


def _unknown(name: str, names: Iterable[str]) -> InvalidRequestError:
    import difflib

    nearest = difflib.get_close_matches(name, list(names), 1)
    return InvalidRequestError(
        f'no request "{name[:80]}" waits for a person', nearest=nearest[0] if nearest else None
    )


def text_of(content: Any) -> str:
    """Return the text of a message's content; parts of another type as ``[type]``."""
    if isinstance(content, str):
        return content
    parts = content if isinstance(content, list) else []
    texts = [
        part.get("text") or f"[{part.get('type')}]" for part in parts if isinstance(part, dict)
    ]
    return " ".join(map(str, texts))
