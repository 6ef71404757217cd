"""The linter against brute force: small random configurations, every request tried one by one.

What decides here is written anew, in the plainest way: a condition is asked of one request.
"""

from __future__ import annotations

import dataclasses
import itertools
import random
from collections.abc import Iterator
from typing import Any

import pytest

from llmroute.lint import Finding, lint_document, refusals

GROUPS = {"g0": ["d0", "d1"], "g1": ["d1", "d2"], "g2": ["d3"]}
DEPLOYMENTS: dict[str, dict[str, Any]] = {
    "d0": {"region": "eu-west", "tags": ["a"]},
    "d1": {"region": "us-east", "tags": ["a", "b"]},
    "d2": {"region": "eu-west", "tags": ["b"]},
    "d3": {"tags": []},
}
KEYWORDS = ("money", "money back")


@dataclasses.dataclass(frozen=True)
class Request:
    model: str
    plan: str | None
    priority: int
    tokens: int
    keywords: tuple[bool | None, bool | None]
    beta: bool


def requests() -> Iterator[Request]:
    keywords = [
        (first, second)
        for first, second in itertools.product((False, True, None), repeat=2)
        if second is not True or first is True  # "money back" holds "money"
    ]
    for values in itertools.product(
        [*GROUPS, "d1", ""],
        (None, "x", "y", "other", "3", "7"),
        (2, 5, 8),
        (1, 100, 101),
        keywords,
        (False, True),
    ):
        yield Request(*values)


ALL = list(requests())


# --- the plainest meaning -------------------------------------------------------------------------


def truth(condition: dict[str, Any], request: Request) -> bool | None:
    parts = [part(key, value, request) for key, value in condition.items()]
    return all_of(parts)


def all_of(parts: list[bool | None]) -> bool | None:
    if False in parts:
        return False
    return None if None in parts else True


def part(key: str, value: Any, request: Request) -> bool | None:
    if key == "all":
        return all_of([truth(inner, request) for inner in value])
    if key == "any":
        inner = [truth(inner, request) for inner in value]
        return True if True in inner else None if None in inner else False
    if key == "not":
        whole = truth(value, request)
        return None if whole is None else not whole
    return leaf(key, value, request)


def leaf(key: str, value: Any, request: Request) -> bool | None:
    if key == "model":
        return request.model == value
    if key == "metadata":
        return plan(value["plan"], request.plan)
    if key == "priority":
        return request.priority == {"interactive": 2, "batch": 8}[value]
    if key == "prompt_tokens":
        return (
            request.tokens > value["above"] if "above" in value else request.tokens < value["below"]
        )
    if key == "keywords":
        return request.keywords[KEYWORDS.index(value)]
    assert key == "tags"
    return request.beta


def plan(wanted: Any, given: str | None) -> bool | None:
    if isinstance(wanted, bool):
        return (given is not None) is wanted
    if given is None:
        return None
    if isinstance(wanted, dict):
        number = given.replace(".", "", 1).isdigit()
        return float(given) > wanted["above"] if number else None
    return given in wanted


def applies(constraint: dict[str, Any], request: Request) -> bool:
    if "when" in constraint and truth(constraint["when"], request) is False:
        return False
    return "unless" not in constraint or truth(constraint["unless"], request) is not True


def closed(constraint: dict[str, Any], name: str) -> bool:
    require, place = constraint["require"], DEPLOYMENTS[name]
    if "region" in require:
        return not place.get("region", "").startswith(require["region"][:-1])
    return not set(require["tags"]) <= set(place["tags"])


def group_of(document: dict[str, Any], request: Request) -> str:
    for rule in document["rules"]:
        if "group" in rule["then"] and truth(rule["when"], request) is True:
            return str(rule["then"]["group"])
    return request.model


# --- random configurations ------------------------------------------------------------------------


def condition(chance: random.Random, depth: int) -> dict[str, Any]:
    leaves: list[dict[str, Any]] = [
        {"model": chance.choice([*GROUPS, "d1"])},
        {"metadata": {"plan": chance.choice([["x"], ["x", "y"], True, False, {"above": 5}])}},
        {"priority": chance.choice(["interactive", "batch"])},
        {"prompt_tokens": chance.choice([{"above": 100}, {"below": 101}, {"below": 100}])},
        {"keywords": chance.choice(KEYWORDS)},
        {"tags": "beta"},
    ]
    kind = chance.randrange(9)
    if depth == 0 or kind < 5:
        return chance.choice(leaves)
    inner = [condition(chance, depth - 1) for _ in range(2)]
    if kind == 8:
        return {"not": inner[0]}
    return {"all" if kind < 7 else "any": inner}


def configuration(seed: int) -> dict[str, Any]:
    chance = random.Random(seed)
    effects = [{"group": "g0"}, {"group": "g1"}, {"priority": "batch"}, {"deadline_ms": 9e5}]
    rules = [
        {"name": f"r{i}", "when": condition(chance, 2), "then": chance.choice(effects)}
        for i in range(5)
    ]
    constraints = []
    for i in range(2):
        made: dict[str, Any] = {"name": f"c{i}"}
        made["require"] = chance.choice(
            [{"region": "eu-*"}, {"region": "us-*"}, {"tags": ["a"]}, {"tags": ["b"]}]
        )
        if chance.random() < 0.8:
            made[chance.choice(["when", "unless"])] = condition(chance, 1)
        constraints.append(made)
    base = {"base_url": "http://127.0.0.1:9/v1", "model": "m"}
    return {
        "groups": {name: {"deployments": members} for name, members in GROUPS.items()},
        "deployments": {name: {**base, **table} for name, table in DEPLOYMENTS.items()},
        "rules": rules,
        "constraints": constraints,
    }


def found(document: dict[str, Any], slug: str) -> dict[str, Finding]:
    findings = lint_document(document, environ={})
    return {f.path: f for f in findings if f.slug == slug and f.severity != "info"}


# --- the comparison -------------------------------------------------------------------------------

SEEDS = range(30)


@pytest.mark.parametrize("seed", SEEDS)
def test_rules_are_dead_or_shadowed_exactly_where_every_request_says_so(seed: int) -> None:
    document = configuration(seed)
    rules = document["rules"]
    matched = [[r for r in ALL if truth(rule["when"], r) is True] for rule in rules]
    dead = {f"rules[{i}].when" for i, some in enumerate(matched) if not some}
    shadowed = set()
    for i, rule in enumerate(rules):
        (effect,) = rule["then"]
        before = [set(matched[j]) for j in range(i) if effect in rules[j]["then"]]
        if matched[i] and not set(matched[i]) - set().union(*before):
            shadowed.add(f"rules[{i}]")
    assert set(found(document, "rule_never_matches")) == dead
    assert set(found(document, "rule_shadowed")) == shadowed


@pytest.mark.parametrize("seed", SEEDS)
def test_groups_are_empty_exactly_where_some_request_finds_nobody(seed: int) -> None:
    document = configuration(seed)
    empty: dict[str, set[Request]] = {name: set() for name in GROUPS}
    served = dict.fromkeys(GROUPS, False)
    for request in ALL:
        group = group_of(document, request)
        if group not in GROUPS:
            continue
        against = [c for c in document["constraints"] if applies(c, request)]
        left = [d for d in DEPLOYMENTS if not any(closed(c, d) for c in against)]
        if left and not set(left) & set(GROUPS[group]):
            empty[group].add(request)
        elif left:
            served[group] = True
    findings = found(document, "group_can_be_emptied")
    assert set(findings) == {f"groups.{name}" for name, some in empty.items() if some}
    for name, some in empty.items():
        if some:
            finding = findings[f"groups.{name}"]
            assert finding.severity == ("warning" if served[name] else "error")
            assert finding.example is not None
            assert shows_it(document, finding, name), finding


def shows_it(document: dict[str, Any], finding: Finding, group: str) -> bool:
    """Say whether the example is a request of this group that finds nobody."""
    example = dict(finding.example or {})
    text = f" {example.get('messages', '')} "
    shown = Request(
        example.get("model", ""),
        example.get("metadata", {}).get("plan"),
        {"interactive": 2, "batch": 8}.get(example.get("priority", ""), 5),
        example.get("prompt_tokens", 1),
        (" money " in text, " money back " in text),
        "beta" in example.get("tags", ()),
    )
    if "messages" not in example:  # one whose text is too long to be read to its end
        shown = dataclasses.replace(shown, keywords=(None, None))
    against = [c for c in document["constraints"] if applies(c, shown)]
    left = {d for d in DEPLOYMENTS if not any(closed(c, d) for c in against)}
    return group_of(document, shown) == group and bool(left) and not left & set(GROUPS[group])


@pytest.mark.parametrize("seed", SEEDS)
def test_constraints_contradict_exactly_where_some_request_may_go_nowhere(seed: int) -> None:
    document = configuration(seed)
    nowhere = False
    for request in ALL:
        against = [c for c in document["constraints"] if applies(c, request)]
        nowhere = nowhere or all(any(closed(c, d) for c in against) for d in DEPLOYMENTS)
    assert bool(found(document, "constraint_contradiction")) is nowhere


def emptiness(document: dict[str, Any]) -> dict[str, tuple[bool, bool]]:
    """By group: whether some request, and whether every request of it finds nobody."""
    outcomes: dict[str, set[bool]] = {name: set() for name in GROUPS}
    for request in ALL:
        group = group_of(document, request)
        if group in GROUPS:
            against = [c for c in document["constraints"] if applies(c, request)]
            left = [d for d in GROUPS[group] if not any(closed(c, d) for c in against)]
            outcomes[group].add(not left)
    return {name: (True in some, some == {True}) for name, some in outcomes.items()}


@pytest.mark.parametrize("seed", SEEDS)
def test_a_reload_is_refused_exactly_where_it_takes_something_away(seed: int) -> None:
    old, new = configuration(seed), configuration(seed + 1000)
    before, after = emptiness(old), emptiness(new)
    taken = {
        f"groups.{name}"
        for name in GROUPS
        if (after[name][0] and not before[name][0]) or (after[name][1] and not before[name][1])
    }
    found = refusals(old, new, dict.fromkeys(GROUPS, 5))
    assert {finding.path for finding in found} == taken
