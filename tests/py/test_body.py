"""Request bodies written from Python objects, against Python's own writer."""

from __future__ import annotations

import dataclasses
import enum
import json
import math
import types
from collections import OrderedDict, UserDict, UserList
from typing import Any

import pytest

from llmroute import InvalidRequestError, _core


class Role(str, enum.Enum):
    USER = "user"


class Level(enum.IntEnum):
    HIGH = 3


@dataclasses.dataclass
class Message:
    role: str
    content: str


class Model:
    """Looks like a pydantic model."""

    def model_dump(self, *, mode: str, exclude_none: bool) -> dict[str, Any]:
        assert (mode, exclude_none) == ("json", True)
        return {"role": "user", "content": "from a model"}


PLAIN = [
    None,
    True,
    False,
    0,
    -1,
    2**63 - 1,
    -(2**63),
    2**100,
    -(10**40),
    0.0,
    -0.0,
    1.0,
    0.1,
    1e300,
    5e-324,
    123456789.125,
    "",
    "plain",
    'quote " backslash \\ slash /',
    "".join(map(chr, range(32))) + "\x7f",
    "umlaut \u00e4, euro \u20ac, face \U0001f600, \u2028",
    "x" * 100_000 + '"' + "y" * 100,
    [],
    {},
    [1, [2, [3, []]]],
    {"a": {"b": [{"c": None}]}, "": 1, "\u00fc\n": 2},
    (1, "two", (3.5,)),
]


@pytest.mark.parametrize("value", PLAIN, ids=lambda v: repr(v)[:30])
def test_plain_values_come_back_the_same(value: Any) -> None:
    written = _core.dumps(value)
    assert json.loads(written) == json.loads(json.dumps(value))


@pytest.mark.parametrize(
    ("value", "meaning"),
    [
        (Role.USER, "user"),
        (Level.HIGH, 3),
        (Message("user", "hi"), {"role": "user", "content": "hi"}),
        (Model(), {"role": "user", "content": "from a model"}),
        (OrderedDict(a=1), {"a": 1}),
        (UserDict({"a": 1}), {"a": 1}),
        (UserList([1, 2]), [1, 2]),
        (types.MappingProxyType({"a": 1}), {"a": 1}),
        (range(3), [0, 1, 2]),
        ({"messages": [Message("user", "x")]}, {"messages": [{"role": "user", "content": "x"}]}),
    ],
    ids=lambda v: type(v).__name__,
)
def test_objects_that_stand_for_plain_values(value: Any, meaning: Any) -> None:
    assert json.loads(_core.dumps(value)) == meaning


def nested(depth: int) -> list[Any]:
    value: list[Any] = []
    for _ in range(depth - 1):
        value = [value]
    return value


def test_depth_is_bounded() -> None:
    assert json.loads(_core.dumps(nested(64))) == nested(64)
    with pytest.raises(InvalidRequestError, match="nested deeper than 64"):
        _core.dumps(nested(65))
    cycle: list[Any] = []
    cycle.append(cycle)
    with pytest.raises(InvalidRequestError, match="refers to itself"):
        _core.dumps(cycle)


@pytest.mark.parametrize(
    ("value", "message", "path"),
    [
        ([{"x": math.nan}], "finite", "[0].x"),
        ({"x": [1, math.inf]}, "finite", "x[1]"),
        ({"x": "\ud800"}, "surrogate", "x"),
        ({"\udfff": 1}, "surrogate", None),
        ({1: 2}, "key", None),
        ([object()], "cannot be written as JSON: object", "[0]"),
        ({"a": {"b": b"bytes"}}, "cannot be written as JSON: bytes", "a.b"),
        ([{1, 2}], "set", "[0]"),
        ([Message], "type", "[0]"),
    ],
    ids=lambda v: repr(v)[:30],
)
def test_what_json_cannot_carry_is_named(value: Any, message: str, path: str | None) -> None:
    with pytest.raises(InvalidRequestError, match=message) as caught:
        _core.dumps(value)
    assert caught.value.path == path


class Rude:
    def __init__(self) -> None:
        self.victims: list[Any] = []

    def model_dump(self, **_: Any) -> dict[str, Any]:
        self.victims.clear()
        raise RuntimeError("no")


def test_an_exception_of_the_objects_own_code_passes_through() -> None:
    rude = Rude()
    rude.victims = [rude, 1, 2]
    with pytest.raises(RuntimeError, match=r"^no$"):
        _core.dumps(rude.victims)


class Shrinking(Rude):
    def model_dump(self, **_: Any) -> dict[str, Any]:
        self.victims.clear()
        return {}


def test_a_list_that_changes_under_the_writer_is_survived() -> None:
    item = Shrinking()
    item.victims = [item, 1, 2]
    assert _core.dumps(item.victims) == b"[{}]"
