"""What is said of rules: who is to blame, what is to be done, and where the search gives up."""

from __future__ import annotations

from typing import Any

import pytest

from llmroute.lint import Finding, lint_document
from llmroute.lint.requests import Questions, vocabulary_of
from llmroute.lint.rules import check_rules
from llmroute.lint.solver import Effort
from llmroute.lint.world import World

GROUPS = {
    "fast": {"deployments": ["ollama/small"]},
    "best": {"deployments": ["ollama/large"]},
}


def rule(name: str, when: Any = None, **then: Any) -> dict[str, Any]:
    made = {"name": name, "then": then or {"group": "best"}}
    return made if when is None else {**made, "when": when}


def document(*rules: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"groups": GROUPS, "rules": list(rules), **more}


def said(*rules: dict[str, Any], **more: Any) -> list[Finding]:
    findings = lint_document(document(*rules, **more), environ={})
    return [f for f in findings if f.severity != "info"]


def only(*rules: dict[str, Any], **more: Any) -> Finding:
    (finding,) = said(*rules, **more)
    return finding


# --- never matches --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("when", "blamed"),
    [
        (
            {"all": [{"tags": "a"}, {"metadata": {"x": "1"}}, {"metadata": {"x": "2"}}]},
            "metadata.x",
        ),
        ({"header": {"A": "1", "a": "2"}, "tags": "b"}, "header.a"),
        ({"messages": {"below": 1}}, "messages"),
        ({"all": [{"sentiment": {"above": 1}}, {"sentiment": {"below": 0}}]}, "scores.sentiment"),
        ({"keywords": "x", "not": {"keywords": "x"}}, "keywords.x"),
        ({"tags": "x", "not": {"tags": "x"}}, "tags.x"),
        ({"all": [{"has": "json_object"}, {"has": "json_schema"}]}, "has.json_object"),
        ({"any": []}, "its condition"),
    ],
)
def test_what_contradicts_itself_is_named(when: dict[str, Any], blamed: str) -> None:
    finding = only(rule("r", when))
    assert (finding.slug, finding.path) == ("rule_never_matches", "rules[0].when")
    assert blamed in finding.message
    assert "tags.a" not in finding.message
    assert finding.example is None


def test_two_contradictions_at_once_are_both_named() -> None:
    when = {
        "all": [
            {"metadata": {"x": "1"}},
            {"metadata": {"x": "2"}},
            {"region": "eu-*"},
            {"region": "us-*"},
        ]
    }
    finding = only(rule("r", when))
    assert "metadata.x" in finding.message
    assert "region" in finding.message


def test_an_observed_rule_that_matches_nobody_shows_nothing_either() -> None:
    finding = only({**rule("r", {"messages": {"below": 1}}), "mode": "observe"})
    assert finding.slug == "rule_never_matches"


# --- shadowed -------------------------------------------------------------------------------------

GOLD = {"metadata": {"plan": "gold"}}
PAYING = {"metadata": {"plan": ["gold", "silver"]}}


def test_the_rule_to_blame_is_named_alone_where_it_is_enough() -> None:
    finding = only(rule("a", {"tags": "x"}), rule("b", PAYING), rule("c", GOLD, pin="ollama/small"))
    assert '"b" comes first' in finding.message
    assert '"a"' not in finding.message


def test_only_those_that_are_needed_are_named() -> None:
    finding = only(
        rule("long", {"prompt_tokens": {"above": 10}}),
        rule("tagged", {"tags": "x"}),
        rule("short", {"prompt_tokens": {"at_most": 10}}),
        rule("gold", GOLD, group="fast"),
    )
    assert '"long", "short" come first' in finding.message
    assert "tagged" not in finding.message


@pytest.mark.parametrize(
    ("first", "second", "shadowed"),
    [
        ({"group": "fast"}, {"group": "best"}, True),
        ({"group": "fast"}, {"chain": ["ollama/small"]}, True),
        ({"group": "fast"}, {"pin": "ollama/small"}, True),
        ({"reject": "no"}, {"human": True}, True),
        ({"group": "fast"}, {"policy": "ordered"}, False),
        ({"group": "fast"}, {"group": "best", "policy": "ordered"}, False),
        ({"group": "fast", "policy": "ordered"}, {"policy": "weighted"}, True),
        ({"defaults": {"seed": 1}}, {"defaults": {"top_p": 1}}, True),
        ({"deadline_ms": 900_000}, {"deadline_ms": 800_000}, True),
        ({"budget": "a"}, {"budget": "b"}, True),
        ({"priority": 3}, {"budget": "b"}, False),
    ],
)
def test_effects_are_set_once(first: Any, second: Any, shadowed: bool) -> None:
    found = said(rule("first", None, **first), rule("second", GOLD, **second))
    assert [f.slug for f in found] == ["rule_shadowed"] * shadowed


@pytest.mark.parametrize("mode", ["observe", "off"])
def test_a_rule_that_does_not_apply_shadows_nobody(mode: str) -> None:
    assert said({**rule("all"), "mode": mode}, rule("gold", GOLD)) == []


def test_rules_that_are_all_observed_are_judged_as_if_they_applied() -> None:
    finding = only(rule("all"), rule("gold", GOLD), rules_mode="observe")
    assert finding.slug == "rule_shadowed"


def test_a_dead_rule_is_not_called_shadowed_too() -> None:
    found = said(rule("all"), rule("dead", {"messages": {"below": 1}}))
    assert [f.slug for f in found] == ["rule_never_matches"]


def test_names_of_many_are_cut() -> None:
    steps = [
        rule(f"r{i}", {"prompt_tokens": {"at_least": 10 * i, "below": 10 * i + 10}})
        for i in range(9)
    ]
    finding = only(*steps, rule("last", {"prompt_tokens": {"below": 90}}, group="fast"))
    assert "and 5 more come first" in finding.message


# --- models ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("when", "then", "path"),
    [
        ({"model": "smart"}, {"priority": 3}, "rules[0].when.model"),
        ({"model": ["fast", "smart"]}, {"priority": 3}, "rules[0].when.model[1]"),
        ({"not": {"model": "smart"}}, {"priority": 3}, "rules[0].when.not.model"),
        ({"any": [{}, {"model": "smart"}]}, {"priority": 3}, "rules[0].when.any[1].model"),
        ({"model": "fsat"}, {"group": "best"}, "rules[0].when.model"),
        ({"model": "smart"}, {"group": "best"}, None),
        ({"model": "ollama/large"}, {"group": "fast"}, None),
        ({"model": ["fast", "best"]}, {"group": "best"}, None),
    ],
)
def test_models_that_nobody_has(when: Any, then: Any, path: str | None) -> None:
    found = said(rule("r", when, **then))
    assert [(f.slug, f.path) for f in found] == (
        [] if path is None else [("rule_names_model_nobody_has", path)]
    )


def test_the_nearest_name_is_offered() -> None:
    assert 'did you mean "fast"?' in only(rule("r", {"model": "fats"}, priority=1)).message


def test_constraints_are_looked_at_too() -> None:
    constraint = {
        "name": "c",
        "unless": {"model": "smart"},
        "require": {"provider_allow": ["ollama"]},
    }
    finding = only(constraints=[constraint])
    assert finding.path == "constraints[0].unless.model"


# --- bounds ---------------------------------------------------------------------------------------


def test_a_search_that_is_cut_short_says_so() -> None:
    parts = [{"any": [{"tags": f"a{i}"}, {"tags": f"b{i}"}]} for i in range(8)]
    twisted = {"all": [{"any": [{"not": p}, q]} for p in parts for q in parts]}
    world = World.of(document(rule("all", {"all": parts}), rule("twisted", twisted)))
    ask = Questions(world, vocabulary_of([world]), Effort(one=3))
    slugs = {finding.slug for finding in check_rules(ask)}
    assert "undecided" in slugs
    assert slugs <= {"undecided", "rule_shadowed"}


@pytest.mark.parametrize("count", [100])
def test_many_rules_are_checked_at_once(count: int) -> None:
    rules = [rule(f"r{i}", {"keywords": [f"word{i}", f"other{i}"]}) for i in range(count)]
    assert said(*rules) == []
