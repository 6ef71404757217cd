"""What a reload would take away, for the traffic there is."""

from __future__ import annotations

import copy
from typing import Any

import pytest

import llmroute
from llmroute.lint import compare, refusals

EU = {"base_url": "http://127.0.0.1:9/v1", "model": "m", "region": "eu-west"}
US = {"base_url": "http://127.0.0.1:9/v1", "model": "m", "region": "us-east"}
OLD: dict[str, Any] = {
    "deployments": {"eu": EU, "us": US},
    "groups": {"fast": {"deployments": ["us"]}, "safe": {"deployments": ["eu"]}},
}
EUROPE = {"name": "Europe", "require": {"region": "eu-*"}}


def changed(**tables: Any) -> dict[str, Any]:
    return {**copy.deepcopy(OLD), **tables}


def constrained(**bounds: Any) -> dict[str, Any]:
    return changed(constraints=[{**EUROPE, **bounds}])


TAGGED = constrained(when={"tags": "x"})
WIDER = constrained(when={"tags": ["x", "y"]})
RENAMED = changed(groups={"faster": {"deployments": ["us"]}, "safe": {"deployments": ["eu"]}})


@pytest.mark.parametrize(
    ("old", "new", "traffic", "expected"),
    [
        (OLD, OLD, {"fast": 9}, []),
        (OLD, RENAMED, {"fast": 9}, [("error", "group_gone", "groups.fast")]),
        (OLD, RENAMED, {"fast": 0}, []),
        (OLD, RENAMED, {"safe": 9}, []),
        (OLD, RENAMED, {"never known": 9}, []),
        (OLD, constrained(), {"fast": 9}, [("error", "group_can_be_emptied", "groups.fast")]),
        (OLD, constrained(), {"safe": 9}, []),
        (OLD, TAGGED, {"fast": 9}, [("error", "group_can_be_emptied", "groups.fast")]),
        (OLD, TAGGED, {"us": 9}, [("error", "group_can_be_emptied", "deployments.us")]),
        (OLD, TAGGED, {}, []),
        (TAGGED, TAGGED, {"fast": 9}, []),
        (TAGGED, WIDER, {"fast": 9}, [("warning", "group_can_be_emptied", "groups.fast")]),
        (TAGGED, constrained(), {"fast": 9}, [("error", "group_can_be_emptied", "groups.fast")]),
        (WIDER, TAGGED, {"fast": 9}, []),
        (constrained(), OLD, {"fast": 9}, []),
    ],
)
def test_what_becomes_worse(old: Any, new: Any, traffic: dict[str, int], expected: Any) -> None:
    found = compare(old, new, traffic)
    assert [(f.severity, f.slug, f.path) for f in found] == expected
    errors = [f for f in found if f.severity == "error"]
    assert refusals(old, new, traffic) == errors
    assert llmroute.lint.refusals(old, new, traffic) == errors


def test_the_message_says_how_much_is_at_stake() -> None:
    (gone,) = compare(OLD, RENAMED, {"fast": 1234})
    said = '"fast" was asked for 1,234 times and would be gone (renamed to "faster"?); keep it'
    assert gone.message.startswith(said)
    (emptied,) = compare(OLD, TAGGED, {"fast": 1234})
    assert "1,234 times" in emptied.message
    assert emptied.example == {"model": "fast", "tags": ["x"], "messages": "hello"}


def test_more_requests_than_before_are_shown_by_one_of_them() -> None:
    (finding,) = compare(TAGGED, WIDER, {"fast": 9})
    assert finding.example is not None
    assert finding.example["tags"] == ["y"]


@pytest.mark.parametrize(
    "group",
    [
        {"deployments": ["us"], "fallbacks": ["safe"]},
        {"deployments": ["us", "eu"]},
        {"deployments": ["us"], "on_exhausted": ["human"]},
        {"deployments": ["us"], "on_exhausted": [{"group": "safe"}]},
    ],
)
def test_a_group_that_is_helped_stays(group: Any) -> None:
    new = constrained()
    new["groups"]["fast"] = group
    assert compare(OLD, new, {"fast": 9}) == []


@pytest.mark.parametrize(
    ("rule", "refused"),
    [
        ({"name": "old", "when": {"model": "fast"}, "then": {"group": "safe"}}, False),
        ({"name": "old", "when": {"model": ["slow", "fast"]}, "then": {"group": "safe"}}, False),
        ({"name": "all", "then": {"group": "safe"}}, False),
        ({"name": "some", "when": {"model": "fast", "tags": "x"}, "then": {"group": "safe"}}, True),
        (
            {"name": "off", "mode": "off", "when": {"model": "fast"}, "then": {"group": "safe"}},
            True,
        ),
        ({"name": "other", "when": {"model": "fast"}, "then": {"priority": 1}}, True),
    ],
)
def test_a_name_that_a_rule_takes_up_is_not_gone(rule: Any, refused: bool) -> None:
    new = changed(groups={"safe": {"deployments": ["eu"]}}, rules=[rule])
    assert bool(refusals(OLD, new, {"fast": 9})) is refused


def test_a_rule_that_sends_the_endangered_elsewhere_is_enough() -> None:
    rule = {"name": "r", "when": {"tags": "x"}, "then": {"group": "safe"}}
    new = {**TAGGED, "rules": [rule]}
    assert compare(OLD, new, {"fast": 9}) == []


def test_a_member_that_leaves_takes_the_group_with_it() -> None:
    """The constraint was there before; the member that it left open goes."""
    old = {**constrained(), "groups": {"fast": {"deployments": ["us", "eu"]}}}
    new = {**constrained(), "groups": {"fast": {"deployments": ["us"]}}}
    (finding,) = refusals(old, new, {"fast": 9})
    assert finding.slug == "group_can_be_emptied"
