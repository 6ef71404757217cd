"""The error tree: its drawing, its classes, and what every instance carries."""

from __future__ import annotations

import inspect
import json
import pickle
import re
from typing import Any, cast

import pytest

from llmroute import errors
from llmroute._failure import error_of
from llmroute.errors import AttemptError, ConfigError, LlmrouteError, RoutingError

ABSTRACT = {LlmrouteError, RoutingError, AttemptError}
CLASSES = [
    value
    for value in vars(errors).values()
    if inspect.isclass(value) and issubclass(value, LlmrouteError)
]


def drawn_tree() -> dict[str, str]:
    """Class name to parent name, read from the drawing in the module's docstring."""
    assert errors.__doc__ is not None
    parents: dict[str, str] = {}
    above: list[tuple[int, str]] = []
    for line in errors.__doc__.splitlines():
        match = re.match(r"^( {4,})([A-Z]\w+Error)\b", line)
        if match is None:
            continue
        depth, name = len(match[1]), match[2]
        while above and above[-1][0] >= depth:
            above.pop()
        parents[name] = above[-1][1] if above else ""
        above.append((depth, name))
    return parents


def test_the_drawing_is_the_tree() -> None:
    built = {
        error.__name__: "" if error is LlmrouteError else error.__mro__[1].__name__
        for error in CLASSES
    }
    assert drawn_tree() == built


def test_all_names_are_exported() -> None:
    assert sorted(errors.__all__) == sorted([*(c.__name__ for c in CLASSES), "error_class"])


def test_kinds_are_distinct_and_lead_back() -> None:
    concrete = [c for c in CLASSES if c not in ABSTRACT]
    assert len({c.kind for c in concrete}) == len(concrete)
    for error in concrete:
        assert errors.error_class(error.kind) is error
    assert errors.error_class("cancelled") is LlmrouteError


@pytest.mark.parametrize(
    ("error", "builtin"),
    [
        (ConfigError, ValueError),
        (errors.InvalidRequestError, ValueError),
        (errors.AttemptTimeoutError, TimeoutError),
        (errors.DeadlineExceededError, TimeoutError),
    ],
)
def test_also_a_builtin(error: type[LlmrouteError], builtin: type[Exception]) -> None:
    assert issubclass(error, builtin)


@pytest.mark.parametrize("error", CLASSES, ids=lambda c: c.__name__)
def test_every_instance_carries_the_common_fields(error: type[LlmrouteError]) -> None:
    plain = error("what happened")
    assert (plain.kind, plain.request_id, plain.decision) == (error.kind, None, None)
    full = error("what happened", request_id="7f3a", decision={"status": "failed"})
    assert (full.request_id, full.decision) == ("7f3a", {"status": "failed"})
    assert full.message == "what happened"
    assert "what happened" in str(full)
    assert full.__doc__


EXTRA: dict[type[LlmrouteError], dict[str, Any]] = {
    ConfigError: {"path": "groups.fast", "nearest": "fast", "file": "a.toml", "line": 3},
    errors.CapacityError: {"retry_after": 1.5},
    errors.BudgetExceededError: {"retry_after": 5400.0},
    errors.AllAttemptsFailedError: {"attempts": (errors.ServerError("boom", status_code=500),)},
}
ATTEMPT = {
    "deployment": "openai/gpt-4o",
    "status_code": 429,
    "provider_code": "rate_limit_exceeded",
    "retry_after": 2.0,
}


@pytest.mark.parametrize("error", CLASSES, ids=lambda c: c.__name__)
def test_pickle_keeps_everything(error: type[LlmrouteError]) -> None:
    extra = EXTRA.get(error, dict(ATTEMPT) if issubclass(error, AttemptError) else {})
    if error is errors.StreamInterruptedError:
        extra["partial"] = "Once upon"
    original = error("what happened", request_id="7f3a", decision={"a": 1}, **extra)
    copy = pickle.loads(pickle.dumps(original))
    assert type(copy) is error
    assert str(copy) == str(original)
    for name in ("kind", "request_id", "decision", *(k for k in extra if k != "attempts")):
        assert getattr(copy, name) == getattr(original, name), name
    if error is errors.AllAttemptsFailedError:
        assert [a.status_code for a in copy.attempts] == [500]


def test_pickle_leaves_behind_a_decision_that_cannot_be_pickled() -> None:
    copy = pickle.loads(pickle.dumps(errors.ServerError("boom", decision=lambda: None)))
    assert copy.decision is None
    assert copy.message == "boom"


@pytest.mark.parametrize(
    ("extra", "text"),
    [
        ({}, "unknown key"),
        ({"path": "gruops"}, "gruops: unknown key"),
        ({"nearest": "groups"}, 'unknown key; did you mean "groups"?'),
        ({"file": "a.toml"}, "a.toml: unknown key"),
        ({"line": 4}, "line 4: unknown key"),
        (
            {"path": "gruops", "nearest": "groups", "file": "a.toml", "line": 4},
            'a.toml:4: gruops: unknown key; did you mean "groups"?',
        ),
        ({"path": "", "nearest": ""}, "unknown key"),
    ],
)
def test_config_error_says_where(extra: dict[str, Any], text: str) -> None:
    assert str(ConfigError("unknown key", **extra)) == text


def test_kind_can_be_given_for_kinds_without_a_class() -> None:
    assert LlmrouteError("gone", kind="cancelled").kind == "cancelled"


class FailedResult:
    """What the core gives for a request that found no way; only what is read of it."""

    ok = False

    def __init__(self, kind: str, retry_after_ms: float | None) -> None:
        failure = {"kind": kind, "message": "spent", "retry_after_ms": retry_after_ms}
        value = {"request_id": "7f3a", "attempts": [], "failure": failure}
        self.decision_json = json.dumps(value)

    def why_not(self, deployment: str) -> str:
        return deployment


@pytest.mark.parametrize("kind", ["capacity", "budget_exceeded"])
@pytest.mark.parametrize(("ms", "seconds"), [(90_000, 90.0), (None, None)])
def test_what_frees_again_says_when(kind: str, ms: float | None, seconds: float | None) -> None:
    error: Any = error_of(cast(Any, FailedResult(kind, ms)))
    assert type(error) is errors.error_class(kind)
    assert (error.retry_after, error.request_id, error.message) == (seconds, "7f3a", "spent")
