"""Prices, keys, limits, budgets and the worst case, at their borders."""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import Any

import pytest

from llmroute.lint import Finding, lint_document
from llmroute.lint.world import World

TODAY = datetime.date(2026, 11, 26)
PRICE = {"input_usd_per_million": 2.0, "output_usd_per_million": 8.0}
LOCAL = {"base_url": "http://127.0.0.1:9/v1", "model": "m"}


def document(*, a: Any = None, b: Any = None, **more: Any) -> dict[str, Any]:
    deployments = {"a": {**LOCAL, **(a or {})}, "b": {**LOCAL, **(b or {})}}
    groups = {"one": {"deployments": ["a", "b"]}}
    return {"deployments": deployments, "groups": groups, **more}


def said(doc: dict[str, Any], slug: str | None = None, **options: Any) -> list[Finding]:
    findings = lint_document(doc, **{"today": TODAY, "environ": {}, **options})
    return [f for f in findings if f.severity != "info" and slug in (None, f.slug)]


def worst(doc: dict[str, Any], group: str = "one") -> Finding:
    path = f"groups.{group}"
    (found,) = [f for f in lint_document(doc) if f.slug == "worst_case" and f.path == path]
    return found


def test_long_prompts_and_the_dearest_hour_count() -> None:
    price = {
        **PRICE,
        "tiers": [{"above_tokens": 1000, "factor": 2}],
        "windows": [{"from": "01:00", "to": "02:00", "output_usd_per_million": 9}],
    }
    world = World.of(document(a={"price": price}))
    assert world.deployments["a"].cost(1000, 10) == pytest.approx((1000 * 2 + 10 * 9) / 1e6)
    assert world.deployments["a"].cost(1001, 10) == pytest.approx((1001 * 4 + 10 * 16) / 1e6)


# --- prices ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("date", "days", "old"),
    [
        ("2026-11-26", 90, False),
        ("2026-08-28", 90, False),
        ("2026-08-27", 90, True),
        ("2026-11-01", 10, True),
        ("2027-01-01", 90, False),
        ("last summer", 90, True),
    ],
)
def test_prices_grow_old(date: str, days: int, old: bool) -> None:
    doc = document(a={"price": {**PRICE, "date": date}})
    found = said(doc, days=days)
    assert [(f.slug, f.path) for f in found] == [("price_old", "deployments.a.price.date")] * old


def test_the_age_is_said() -> None:
    doc = document(a={"price": {**PRICE, "date": "2026-01-26"}})
    (finding,) = said(doc)
    assert "304 days ago" in finding.message


@pytest.mark.parametrize(
    ("policy", "needed"),
    [
        ("least_cost", True),
        ({"name": "least_cost"}, True),
        ({"name": "score", "cost": 0.5}, True),
        ({"name": "score", "cost": 0, "latency": 1}, False),
        ({"name": "score", "latency": 1}, False),
        ("ordered", False),
        ({"name": "least_latency", "jitter": 0.2}, False),
    ],
)
def test_policies_that_need_a_price(policy: Any, needed: bool) -> None:
    doc = document(a={"price": PRICE})
    doc["groups"]["one"]["policy"] = policy
    found = said(doc)
    assert [(f.slug, f.path) for f in found] == [("price_unknown", "groups.one.policy")] * needed
    doc["deployments"]["b"]["price"] = {"input_usd_per_million": 0, "output_usd_per_million": 0}
    assert said(doc) == []


@pytest.mark.parametrize(
    ("then", "needed"),
    [
        ({"policy": "least_cost"}, True),
        ({"policy": {"name": "score", "cost": 1}, "group": "one"}, True),
        ({"policy": "least_cost", "group": "single"}, False),
        ({"policy": "ordered"}, False),
    ],
)
def test_policies_of_rules_need_prices_too(then: Any, needed: bool) -> None:
    rule = {"name": "r", "when": {"tags": "x"}, "then": then}
    doc = document(a={"price": PRICE}, rules=[rule])
    doc["groups"]["single"] = {"deployments": ["b"]}
    found = said(doc)
    assert [(f.slug, f.path) for f in found] == [("price_unknown", "rules[0].then.policy")] * needed


def test_a_price_by_the_hour_is_one() -> None:
    doc = document(a={"price": PRICE}, b={"price": {"usd_per_hour": 4.1}})
    doc["groups"]["one"]["policy"] = "least_cost"
    assert said(doc) == []


def test_one_place_is_not_compared_with_others() -> None:
    doc = document(a={"price": PRICE})
    doc["groups"]["one"] = {"deployments": ["b"], "policy": "least_cost"}
    assert said(doc, "price_unknown") == []


@pytest.mark.parametrize(
    ("priced", "severity"), [(("a", "b"), None), (("a",), "warning"), ((), "error")]
)
@pytest.mark.parametrize("groups", [["one"], ["*"]])
def test_budgets_of_money(priced: Any, severity: str | None, groups: list[str]) -> None:
    doc = document(
        **{name: {"price": PRICE} for name in priced},
        budgets={"team": {"limit_usd": 10, "groups": groups}},
    )
    found = said(doc)
    assert [f.severity for f in found] == ([] if severity is None else [severity])
    assert {f.path for f in found} <= {"budgets.team.limit_usd"}


def test_fallbacks_are_paid_from_the_budget_too() -> None:
    doc = document(a={"price": PRICE}, budgets={"t": {"limit_usd": 10, "groups": ["one"]}})
    doc["groups"] = {
        "one": {"deployments": ["a"], "fallbacks": ["two"]},
        "two": {"deployments": ["b"]},
    }
    (finding,) = said(doc)
    assert '"b"' in finding.message


def test_budgets_of_tokens_need_no_price() -> None:
    doc = document(budgets={"team": {"limit_tokens": 10_000, "groups": ["*"]}})
    assert said(doc) == []


# --- keys -----------------------------------------------------------------------------------------


def test_each_key_is_named_once() -> None:
    doc = {"groups": {"one": {"deployments": ["openai/gpt-4o", "openai/gpt-4o-mini"]}}}
    (finding,) = said(doc)
    assert finding.path == "groups.one.deployments[0]"
    assert "OPENAI_API_KEY" in finding.message
    assert '"openai/gpt-4o", "openai/gpt-4o-mini"' in finding.message
    assert said(doc, environ={"OPENAI_API_KEY": "x"}) == []
    assert len(said(doc, environ={"OPENAI_API_KEY": ""})) == 1


@pytest.mark.parametrize(
    ("own", "path"),
    [
        ({"api_key": "env:MISSING"}, "deployments.a.api_key"),
        ({"api_keys": ["env:THERE", "env:MISSING"]}, "deployments.a.api_keys[1]"),
        ({"api_key": "env:THERE"}, None),
        ({"api_key": "sk-literal"}, None),
        ({"api_key": "callable:vault#0"}, None),
        ({}, None),
    ],
)
def test_where_a_key_is_missing(own: dict[str, Any], path: str | None) -> None:
    found = said(document(a=own), environ={"THERE": "x"})
    assert [f.path for f in found] == ([] if path is None else [path])
    assert "sk-literal" not in str(found)


def test_keys_of_providers_of_your_own() -> None:
    doc = {
        "providers": {"mine": {"base_url": "http://x/v1", "api_key": "env:MINE"}},
        "groups": {"one": {"deployments": ["mine/m"]}},
    }
    (finding,) = said(doc)
    assert finding.path == "providers.mine.api_key"


def test_key_files(tmp_path: Path) -> None:
    path = tmp_path / "key"
    doc = document(a={"api_key": f"file:{path}"})
    assert [f.slug for f in said(doc)] == ["key_missing"]
    path.write_text("sk-x")
    assert said(doc) == []


# --- limits ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("key", ["tokens_per_minute", "tokens_per_day"])
@pytest.mark.parametrize(("tokens", "small"), [(755, True), (756, False), (1_000_000, False)])
def test_limits_of_tokens(key: str, tokens: int, small: bool) -> None:
    own = said(document(a={"limits": {key: tokens}}))
    common = said(document(limits={"all": {key: tokens}}))
    assert [f.path for f in own] == [f"deployments.a.limits.{key}"] * small
    assert [f.path for f in common] == [f"limits.all.{key}"] * small


def test_limits_of_requests_hold_one() -> None:
    assert said(document(limits={"all": {"requests_per_minute": 1, "in_flight": 1}})) == []


@pytest.mark.parametrize(("usd", "small"), [(0.0032, True), (0.0034, False)])
def test_budgets_of_money_hold_one_request(usd: float, small: bool) -> None:
    budgets = {"t": {"limit_usd": usd, "groups": ["one"]}}
    doc = document(a={"price": PRICE}, b={"price": PRICE}, budgets=budgets)
    assert [f.slug for f in said(doc)] == ["limit_below_one_request"] * small


def test_the_cheapest_place_counts() -> None:
    cheap = {key: value / 100 for key, value in PRICE.items()}
    budgets = {"t": {"limit_usd": 0.001}}
    assert said(document(a={"price": PRICE}, b={"price": cheap}, budgets=budgets)) == []


@pytest.mark.parametrize(("tokens", "small"), [(755, True), (756, False)])
def test_budgets_of_tokens_hold_one_request(tokens: int, small: bool) -> None:
    doc = document(budgets={"t": {"limit_tokens": tokens}})
    assert [f.path for f in said(doc)] == ["budgets.t.limit_tokens"] * small


# --- the worst case -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("resilience", "time_ms"),
    [
        ({}, 4 * 600_000 + 250 + 500 + 1000),
        ({"attempts": 1}, 600_000),
        ({"attempts": 2, "timeouts": {"attempt_ms": 1000}}, 2 * 1000 + 250),
        ({"attempts": 3, "timeouts": {"attempt_ms": 1000},
          "backoff": {"base_ms": 100, "max_ms": 150}}, 3 * 1000 + 100 + 150),
        ({"deadline_ms": 5000, "attempts": 1}, 5000),
        ({"timeouts": {"attempt_ms": 0}}, None),
    ],
)  # fmt: skip
def test_the_longest_time(resilience: dict[str, Any], time_ms: float | None) -> None:
    found = worst(document(resilience=resilience))
    assert found.severity == "info"
    assert found.details["time_ms"] == time_ms
    assert found.details["attempts"] == resilience.get("attempts", 4)


def test_the_slowest_place_and_the_line_count() -> None:
    doc = document(a={"timeouts": {"attempt_ms": 2000}}, resilience={"attempts": 1})
    doc["groups"] = {"one": {"deployments": ["a"], "on_exhausted": [{"queue_ms": 500}, "reject"]}}
    assert worst(doc).details["time_ms"] == 2500


@pytest.mark.parametrize(
    ("a", "b", "cost"),
    [
        ({}, {}, None),
        ({"price": PRICE}, {"price": PRICE}, None),
        (
            {"price": PRICE, "context_tokens": 128_000, "max_output_tokens": 16_000},
            {"price": PRICE, "context_tokens": 1_000, "max_output_tokens": 1_000},
            (112_000 * 2 + 16_000 * 8) / 1e6,
        ),
        ({"price": PRICE, "context_tokens": 9, "max_output_tokens": 9}, {}, None),
    ],
)
def test_the_dearest_answer(a: Any, b: Any, cost: float | None) -> None:
    found = worst(document(a=a, b=b)).details["cost_usd"]
    assert found == (None if cost is None else pytest.approx(cost))


@pytest.mark.parametrize(
    ("attempt_ms", "deadline_ms", "attempts", "warned"),
    [
        (1000, 1000, 2, True),
        (999, 1000, 2, False),
        (2000, 1000, 1, False),
        (0, 1000, 2, False),
        (None, 1000, 2, False),
    ],
)
@pytest.mark.parametrize("by_rule", [False, True])
def test_a_deadline_that_one_attempt_uses_up(
    attempt_ms: int | None, deadline_ms: int, attempts: int, warned: bool, by_rule: bool
) -> None:
    resilience: dict[str, Any] = {"attempts": attempts}
    if attempt_ms is not None:
        resilience["timeouts"] = {"attempt_ms": attempt_ms}
    rules = []
    if by_rule:
        rules = [{"name": "r", "when": {"tags": "x"}, "then": {"deadline_ms": deadline_ms}}]
    else:
        resilience["deadline_ms"] = deadline_ms
    found = said(document(resilience=resilience, rules=rules))
    path = "rules[0].then.deadline_ms" if by_rule else "resilience.deadline_ms"
    assert [(f.slug, f.path) for f in found] == [("worst_case", path)] * warned


def test_who_waits_little_for_the_first_content_does_not_hang() -> None:
    timeouts = {"attempt_ms": 9000, "ttft_ms": 1000}
    resilience = {"deadline_ms": 5000, "timeouts": timeouts}
    assert said(document(resilience=resilience)) == []
    timeouts["ttft_ms"] = 6000
    assert len(said(document(resilience=resilience))) == 1


def test_a_place_of_its_own_timeouts_counts_too() -> None:
    doc = document(a={"timeouts": {"attempt_ms": 9000}}, resilience={"deadline_ms": 5000})
    assert [f.path for f in said(doc)] == ["resilience.deadline_ms"]


@pytest.mark.parametrize(
    ("outputs", "warned"),
    [((16_000, 16_000), True), ((16_000, 1_000), False), ((16_000, None), False)],
)
def test_a_limit_per_request_that_the_longest_answer_passes(outputs: Any, warned: bool) -> None:
    places = [
        {"price": PRICE, **({} if most is None else {"max_output_tokens": most})}
        for most in outputs
    ]
    constraint = {"name": "cheap", "require": {"max_usd_per_request": 0.05}}
    found = said(document(a=places[0], b=places[1], constraints=[constraint]))
    assert [f.slug for f in found] == ["worst_case"] * warned
