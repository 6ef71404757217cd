"""Configurations as plain documents: what is hidden, how they are written and compared."""

from __future__ import annotations

import json
from typing import Any

import pytest

import llmroute
from llmroute import _documents, config


def document_of(source: Any) -> tuple[dict[str, Any], bool]:
    return _documents.document_of(config.load(source))


@pytest.mark.parametrize(
    ("table", "shown", "whole"),
    [
        ({"api_key": "env:KEY"}, {"api_key": "env:KEY"}, True),
        ({"api_key": "file:key"}, {"api_key": "file:key"}, True),
        ({"api_key": "sk-live"}, {"api_key": "[secret]"}, False),
        (
            {"api_keys": ["env:A", "sk-live", "file:b"]},
            {"api_keys": ["env:A", "[secret]", "file:b"]},
            False,
        ),
        ({"headers": {"x-key": "sk-live"}}, {"headers": {"x-key": "[secret]"}}, False),
        ({"headers": {}}, {"headers": {}}, True),
        ({"proxy": "http://me:sk-live@127.0.0.1:1"}, {"proxy": "[secret]"}, False),
        ({"proxy": "http://127.0.0.1:1"}, {"proxy": "http://127.0.0.1:1"}, True),
        ({"api_key": 17, "headers": 3}, {"api_key": 17, "headers": 3}, True),
    ],
)
@pytest.mark.parametrize("part", ["deployments", "providers"])
def test_secrets_are_left_out(
    part: str, table: dict[str, Any], shown: dict[str, Any], whole: bool
) -> None:
    assert document_of({part: {"a": table}}) == ({part: {"a": shown}}, whole)


def test_functions_make_a_document_less_than_whole() -> None:
    assert not document_of({"deployments": {"a": {"api_key": lambda: "sk"}}})[1]

    @llmroute.policy
    def first(request: Any, candidates: Any, context: Any) -> Any:
        return candidates

    document, whole = document_of({"groups": {"g": {"deployments": ["a/b"], "policy": first}}})
    assert not whole
    assert document["groups"]["g"]["policy"]["name"] == "first"


def test_what_the_loader_adds_is_left_out() -> None:
    budget = {"limit_usd": 1, "per": "day", "timezone": "Europe/Berlin"}
    loaded = config.load({"budgets": {"b": budget}})
    assert "timezone_offsets" in json.loads(loaded.json)["budgets"]["b"]
    document, whole = _documents.document_of(loaded)
    assert (document, whole) == ({"budgets": {"b": budget}}, True)
    assert config.load(document).json == loaded.json


def test_what_it_adds_to_conditions_is_left_out_too() -> None:
    night = {"from": "22:00", "to": "06:00", "timezone": "Europe/Berlin"}
    rule = {
        "name": "night",
        "when": {"any": [{"time": night}, {"metadata": {"timezone_offsets": "x"}}]},
        "then": {"priority": "batch"},
    }
    loaded = config.load({"rules": [rule]})
    assert loaded.json.count("timezone_offsets") == 2
    assert _documents.document_of(loaded) == ({"rules": [rule]}, True)


def test_two_that_say_the_same_have_one_digest() -> None:
    one = {"a": 1, "b": {"c": [1, 2], "d": "x"}}
    assert _documents.digest(one) == _documents.digest({"b": {"d": "x", "c": [1, 2]}, "a": 1})
    assert _documents.digest(one) != _documents.digest({"a": 1, "b": {"c": [2, 1], "d": "x"}})


@pytest.mark.parametrize(
    ("document", "lines"),
    [
        ({}, []),
        ({"b": 1, "a": {"c": True, "b": None}}, ["a.b = null", "a.c = true", "b = 1"]),
        ({"a": {}}, ["a = {}"]),
        ({"a": ["x", 2]}, ['a = ["x", 2]']),
        ({"a": []}, ["a = []"]),
        ({"a": ["é"]}, ['a = ["é"]']),
        ({"g": {"gpt-4.1": 1, "a/b": 2}}, ["g.a/b = 2", 'g."gpt-4.1" = 1']),
        ({"s": [{"queue_ms": 5}, "human"]}, ["s[0].queue_ms = 5", 's[1] = "human"']),
        ({"m": [{"use": "x", "weight": 2}]}, ['m[x].use = "x"', "m[x].weight = 2"]),
        ({"r": [{"name": "n"}, {"name": "n"}]}, ['r[0].name = "n"', 'r[1].name = "n"']),
        ({"u": ["w" * 50, "v" * 50]}, [f'u[] = "{"w" * 50}"', f'u[] = "{"v" * 50}"']),
        ({"n": [[1], [2]]}, ["n[0] = [1]", "n[1] = [2]"]),
    ],
)
def test_lines_are_values_with_their_paths(document: Any, lines: list[str]) -> None:
    assert _documents.lines(document) == lines


RULES = [{"name": "a", "then": {"group": "x"}}, {"name": "b", "then": {"group": "y"}}]


@pytest.mark.parametrize(
    ("old", "new", "changes"),
    [
        ({"a": 1}, {"a": 1}, []),
        ({"a": 1}, {"a": 2}, ["a: 1 -> 2"]),
        ({}, {"a": 1}, ["a: added 1"]),
        ({"a": [1]}, {}, ["a: removed [1]"]),
        ({"g": {"x": {"p": 1}}}, {"g": {"y": {"p": 1}}}, ["g.x: removed", "g.y: added"]),
        ({"a": {"b": 1}}, {"a": 5}, ['a: {"b": 1} -> 5']),
        ({"r": RULES}, {"r": RULES[:1]}, ["r[b]: removed"]),
        ({"r": RULES}, {"r": RULES[::-1]}, ["r: another order"]),
        (
            {"r": RULES},
            {"r": [{"name": "new"}, RULES[0], {**RULES[1], "then": {"group": "z"}}]},
            ['r[b].then.group: "y" -> "z"', "r[new]: added"],
        ),
        ({"a": "x" * 99}, {"a": 1}, [f'a: "{"x" * 56}... -> 1']),
    ],
)
def test_changes_are_short_lines(old: Any, new: Any, changes: list[str]) -> None:
    assert _documents.changes(old, new) == changes


def test_many_changes_are_counted() -> None:
    new = {f"k{i:03}": i for i in range(100)}
    found = _documents.changes({}, new)
    assert len(found) == 41
    assert found[-1] == "and 60 more"


def test_a_unified_text_names_its_sides() -> None:
    text = _documents.unified({"a": 1, "b": 2}, {"a": 1, "b": 3}, "before", "after")
    assert text.splitlines() == [
        "--- before",
        "+++ after",
        "@@ -1,2 +1,2 @@",
        " a = 1",
        "-b = 2",
        "+b = 3",
    ]
    assert _documents.unified({"a": 1}, {"a": 1}) == ""
