"""Who a request is for and what it counts against: metadata, priority and the like of a call."""

from __future__ import annotations

import inspect
import json
from collections.abc import Iterator
from typing import Any

import pytest

import llmroute
from llmroute import AsyncRouter, InvalidRequestError, Router
from llmroute._core import Request
from provider_probe import Listener

MESSAGES = [{"role": "user", "content": "hello"}]
ACCOUNT = ("metadata", "priority", "conversation", "budget", "cache")


@pytest.fixture
def listener() -> Iterator[Listener]:
    probe = Listener()
    yield probe
    probe.close()


@pytest.fixture
def heard(listener: Listener) -> Iterator[Router]:
    with Router.from_dict({"deployments": {"probe": listener.deployment()}}) as router:
        yield router


def prepared(router: Router, messages: Any = "hi", **options: Any) -> Request:
    params = options.pop("params", {})
    return router._shared.prepare(messages, None, False, params, options)


def sent(listener: Listener) -> dict[str, Any]:
    body: dict[str, Any] = listener.last_body()
    return body


@pytest.mark.parametrize("router", [Router, AsyncRouter])
@pytest.mark.parametrize("call", ["chat", "stream", "explain"])
def test_every_call_takes_them(router: Any, call: str) -> None:
    parameters = inspect.signature(getattr(router, call)).parameters
    for name in ACCOUNT:
        assert parameters[name].kind is inspect.Parameter.KEYWORD_ONLY
        assert parameters[name].default is None


# --- metadata -------------------------------------------------------------------------------------


def test_metadata_stays_with_the_router(heard: Router, listener: Listener) -> None:
    heard.chat(
        "hi", metadata={"tenant": "acme"}, priority="batch", conversation="c-17", cache="refresh"
    )
    assert sent(listener).keys() == {"model", "messages"}


@pytest.mark.parametrize("messages", ["hi", MESSAGES, json.dumps(MESSAGES).encode()], ids=str)
def test_metadata_goes_along_with_what_is_stored(
    heard: Router, listener: Listener, messages: Any
) -> None:
    heard.chat(messages, metadata={"tenant": "acme", "turn": 3, "left": None}, store=True)
    assert sent(listener)["metadata"] == {"tenant": "acme", "turn": "3"}
    assert sent(listener)["store"] is True


@pytest.mark.parametrize(
    ("metadata", "store"),
    [({"tenant": "acme"}, False), ({"tenant": "acme"}, None), ({}, True), (None, True)],
)
def test_metadata_that_is_not_stored_is_not_sent(
    heard: Router, listener: Listener, metadata: Any, store: Any
) -> None:
    heard.chat("hi", metadata=metadata, store=store)
    assert "metadata" not in sent(listener)


def test_metadata_of_a_whole_body_is_left_alone(heard: Router, listener: Listener) -> None:
    body = json.dumps({"messages": MESSAGES, "store": True, "metadata": {"theirs": "yes"}})
    heard.chat(body.encode(), metadata={"tenant": "acme"})
    assert sent(listener)["metadata"] == {"theirs": "yes"}
    heard.chat(json.dumps({"messages": MESSAGES, "store": True}).encode(), metadata={"a": "b"})
    assert "metadata" not in sent(listener)


class Table:
    """Nothing but what makes a table."""

    def keys(self) -> list[str]:
        return ["tenant"]

    def __getitem__(self, key: str) -> str:
        return f"of {key}"


class Loud(int):
    def __repr__(self) -> str:
        return "loud"


@pytest.mark.parametrize(
    ("given", "read"),
    [
        ({"b": "2", "a": "1"}, {"a": "1", "b": "2"}),
        ({"n": 7, "x": 0.5, "yes": True, "no": False}, None),
        ({"gone": None}, {}),
        ({"empty": ""}, {"empty": ""}),
        ({"tenant": "\u00e9\U0001f600"}, {"tenant": "\u00e9\U0001f600"}),
        ({"n": Loud(7)}, {"n": "7"}),
        (Table(), {"tenant": "of tenant"}),
        ({f"k{i}": "v" for i in range(64)}, {f"k{i}": "v" for i in range(64)}),
        ({f"k{i}": None for i in range(100)}, {}),
        ({"k" * 512: "v" * 512}, {"k" * 512: "v" * 512}),
    ],
    ids=lambda value: str(value)[:30],
)
def test_metadata_becomes_text(heard: Router, given: Any, read: dict[str, str] | None) -> None:
    expected = {"n": "7", "x": "0.5", "yes": "true", "no": "false"} if read is None else read
    metadata = prepared(heard, metadata=given).metadata
    assert metadata == expected
    assert list(metadata) == sorted(metadata)


@pytest.mark.parametrize(
    ("metadata", "path", "words"),
    [
        ("tenant=acme", "metadata", "must be a table"),
        (["tenant"], "metadata", "must be a table"),
        (3, "metadata", "must be a table"),
        ({3: "x"}, "metadata", "a key that is not text"),
        ({"": "x"}, "metadata", "empty key"),
        ({"tenant": ["acme"]}, "metadata.tenant", "not list"),
        ({"tenant": {"a": 1}}, "metadata.tenant", "not dict"),
        ({"tenant": b"acme"}, "metadata.tenant", "not bytes"),
        ({"x": float("nan")}, "metadata.x", "finite number"),
        ({"x": 10**5000}, "metadata.x", "too large a number|longer than"),
        ({"x": 10**600}, "metadata.x", "longer than 512 bytes"),
        ({"x": "v" * 513}, "metadata.x", "longer than 512 bytes"),
        ({"k" * 513: "v"}, None, "longer than 512 bytes"),
        ({"x": "\ud800"}, "metadata.x", "surrogate"),
        ({"\ud800": "x"}, "metadata", "surrogate"),
        ({f"k{i}": "v" for i in range(65)}, "metadata", "65 entries; at most 64"),
    ],
)
def test_metadata_that_cannot_be_used(
    heard: Router, listener: Listener, metadata: Any, path: str | None, words: str
) -> None:
    with pytest.raises(InvalidRequestError, match=words) as caught:
        heard.chat("hi", metadata=metadata)
    if path is not None:
        assert caught.value.path == path
    assert listener.heard == []


# --- the others -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "word"),
    [
        ("interactive", "interactive"),
        ("standard", "standard"),
        ("batch", "batch"),
        (2, "interactive"),
        ("8", "batch"),
        (0, "0"),
        ("9", "9"),
        (None, "standard"),
    ],
)
def test_priorities_are_words_or_numbers(heard: Router, given: Any, word: str) -> None:
    assert prepared(heard, priority=given).priority == word


@pytest.mark.parametrize(
    ("option", "value", "nearest", "words"),
    [
        ("priority", "btach", "batch", "known: interactive, standard, batch, or 0"),
        ("priority", "10", None, "unknown priority"),
        ("priority", 10, None, "9 .last."),
        ("priority", -1, None, "must be interactive"),
        ("priority", 10**30, None, "must be interactive"),
        ("priority", 1.5, None, "must be interactive"),
        ("priority", True, None, "must be interactive"),
        ("priority", "\ud800", None, "surrogate"),
        ("conversation", "", None, "is empty"),
        ("conversation", 17, None, "must be a string"),
        ("conversation", "c" * 513, None, "longer than 512 bytes"),
        ("budget", "", None, "is empty"),
        ("budget", ["batch"], None, "must be a string"),
        ("cache", "refesh", "refresh", "unknown value"),
        ("cache", True, None, "must be a string"),
    ],
    ids=lambda value: str(value)[:30].encode("ascii", "replace").decode(),
)
def test_values_that_cannot_be_used(
    heard: Router, listener: Listener, option: str, value: Any, nearest: str | None, words: str
) -> None:
    with pytest.raises(InvalidRequestError, match=words) as caught:
        heard.chat("hi", **{option: value})
    assert (caught.value.path, caught.value.nearest) == (option, nearest)
    assert listener.heard == []


def test_a_policy_sees_metadata_and_priority(heard: Router) -> None:
    seen: list[tuple[dict[str, str], str]] = []

    @llmroute.policy
    def nosy(request: Any, candidates: Any, context: Any) -> Any:
        seen.append((request.metadata, request.priority))
        return candidates

    heard.chat("hi", policy=nosy, metadata={"tenant": "acme"}, priority=0)
    heard.explain("hi", policy=nosy)
    assert seen == [({"tenant": "acme"}, "0"), ({}, "standard")]


async def test_the_async_face_takes_the_same(heard: Router, listener: Listener) -> None:
    router = AsyncRouter(heard)
    await router.chat("hi", metadata={"tenant": "acme"}, store=True, priority=3)
    assert sent(listener)["metadata"] == {"tenant": "acme"}
    with pytest.raises(InvalidRequestError, match="priority"):
        router.stream("hi", priority="urgent")
    with pytest.raises(InvalidRequestError, match="cache"):
        await router.explain("hi", cache="never")
