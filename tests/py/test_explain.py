"""Decisions as people read them."""

from __future__ import annotations

import html
import json
import pickle
from typing import Any

import pytest

import llmroute
from llmroute.explain import Decision, format_ms, format_usd, render
from llmroute.testing import Fault, SimulatedProvider


@pytest.fixture(scope="module")
def decision():
    with (
        SimulatedProvider(ttft_ms=1, faults=[Fault("overloaded")]) as broken,
        SimulatedProvider("anthropic", ttft_ms=1) as good,
    ):
        price = {"input_usd_per_million": 1.0, "output_usd_per_million": 2.0}
        config = {
            "deployments": {
                "first": broken.deployment(price=price),
                "second": good.deployment(price=price),
                "third": good.deployment(context_tokens=10),
            },
            "groups": {"fast": {"deployments": ["first", "second", "third"], "policy": "ordered"}},
        }
        with llmroute.Router(config) as router:
            yield router.chat("hello " * 100, model="fast").decision


def test_the_answer_comes_first(decision: Decision) -> None:
    lines = str(decision).splitlines()
    assert lines[0].startswith("ok via second   2 attempts")
    assert "USD exact" in lines[0]
    assert 'model "fast"   policy ordered   configuration v1' in lines[1]


def test_every_candidate_and_attempt_is_there(decision: Decision) -> None:
    text = str(decision)
    assert "third   dropped  context_too_short" in text
    assert "attempt 1  first   overloaded (503)" in text
    assert "attempt 2  second  ok" in text


def test_plain_data_has_all(decision: Decision) -> None:
    value = decision.to_dict()
    assert value["chosen"] == "second"
    assert [c["deployment"] for c in value["candidates"]] == ["first", "second", "third"]
    assert value["candidates"][2]["reason"] == "context_too_short"
    assert decision.status == "ok"
    assert len(decision.attempts) == 2
    assert decision.dropped_parameters == []


@pytest.mark.parametrize("name", ["first", "second", "third", "secnd"])
def test_why_not_is_one_sentence(decision: Decision, name: str) -> None:
    sentence = decision.why_not(name)
    assert name in sentence
    assert sentence.endswith(".")
    assert "\n" not in sentence


def test_html_escapes_what_is_foreign(decision: Decision) -> None:
    document = decision.to_json().replace('"fast"', '"<script>alert(1)</script>"')
    page = Decision(document)._repr_html_()
    assert "<script>" not in page
    assert "<table>" in page


def test_survives_pickling(decision: Decision) -> None:
    again = pickle.loads(pickle.dumps(decision))
    assert str(again) == str(decision)
    with pytest.raises(ValueError, match="read back"):
        again.why_not("first")


# --- what limits, budgets, lines and caches made of it --------------------------------------------

QUIET: dict[str, Any] = {
    "metadata": {},
    "priority": "standard",
    "budgets": [],
    "cache": {"status": "off", "age_ms": None, "answered_by": None},
    "affinity": {"kind": "none", "deployment": None, "warm_tokens": 0},
    "queued_ms": 0.0,
    "handed_over": False,
    "notes": [],
}


def budget(**changes: Any) -> dict[str, Any]:
    plain = {"budget": "batch", "by": "acme", "share": 0.8399, "stepped_to": None, "passed": False}
    return {**plain, **changes}


def cache(status: str, **changes: Any) -> dict[str, Any]:
    return {"status": status, "age_ms": None, "answered_by": None, **changes}


def affinity(kind: str, tokens: int = 0) -> dict[str, Any]:
    return {"kind": kind, "deployment": "second", "warm_tokens": tokens}


@pytest.mark.parametrize(
    ("changes", "lines"),
    [
        ({}, []),
        ({"priority": "batch"}, ["priority    batch"]),
        (
            {"budgets": [budget(stepped_to="default"), budget(by=None, share=None)]},
            [
                "budget batch (acme): 83 % spent, so group default",
                "budget batch: spending unknown yet",
            ],
        ),
        ({"budgets": [budget(share=0.9999)]}, ["budget batch (acme): 99 % spent"]),
        (
            {"budgets": [budget(share=1.02, passed=True)]},
            ["budget batch (acme): 102 % spent, yet allowed"],
        ),
        ({"cache": cache("miss")}, []),
        ({"cache": cache("hit", age_ms=12_000.0)}, ["from the cache, 12.0 s old"]),
        (
            {"cache": cache("hit", age_ms=5.0, answered_by="7f39")},
            ["from the cache, 5 ms old, answered for request 7f39"],
        ),
        (
            {"cache": cache("joined", answered_by="7f39")},
            ["shared with an identical request under way, answered for request 7f39"],
        ),
        (
            {"affinity": affinity("prefix", 12_000)},
            ["affinity    prefix at second, 12,000 tokens warm"],
        ),
        ({"affinity": affinity("conversation")}, ["affinity    conversation at second"]),
        ({"affinity": affinity("bound")}, ["affinity    continues what second holds"]),
        ({"queued_ms": 1_250.0}, ["in line     1.2 s"]),
        ({"notes": ["a", "b"]}, ["note        a", "note        b"]),
    ],
)
def test_circumstances_have_a_line_where_there_are_any(
    decision: Decision, changes: dict[str, Any], lines: list[str]
) -> None:
    plain = {**decision.to_dict(), **QUIET}
    usual = set(render(plain).splitlines()[1:])
    said = render({**plain, **changes}).splitlines()[1:]
    assert [line for line in said if line not in usual] == lines
    page = Decision(json.dumps({**plain, **changes}))._repr_html_()
    assert all(html.escape(line) in page for line in lines)


def test_an_answer_from_the_cache_says_so_first(decision: Decision) -> None:
    value = {**decision.to_dict(), **QUIET, "cache": cache("hit", age_ms=12_000.0)}
    assert render({**value, "attempts": []}).startswith("ok from cache   ")


def test_a_decision_of_before_there_were_circumstances_is_readable(decision: Decision) -> None:
    old = {k: v for k, v in decision.to_dict().items() if k not in QUIET}
    assert render(old).splitlines()[0] == str(decision).splitlines()[0]


@pytest.mark.parametrize(
    ("ms", "text"), [(None, "?"), (0.25, "250 us"), (12.4, "12 ms"), (3612, "3.6 s")]
)
def test_times(ms: float | None, text: str) -> None:
    assert format_ms(ms) == text


@pytest.mark.parametrize(
    ("usd", "kind", "text"),
    [
        (None, "unknown", "cost unknown"),
        (0.0, "exact", "0.00 USD exact"),
        (0.00021, "estimated", "0.00021 USD estimated"),
        (0.0000021, "exact", "2.1e-06 USD exact"),
        (12.345, "exact", "12.35 USD exact"),
    ],
)
def test_costs(usd: float | None, kind: str, text: str) -> None:
    assert format_usd({"usd": usd, "kind": kind}) == text


def test_a_score_says_what_it_is_made_of() -> None:
    cheap = {"input_usd_per_million": 1.0, "output_usd_per_million": 1.0}
    dear = {"input_usd_per_million": 5.0, "output_usd_per_million": 5.0}
    policy = {"name": "score", "cost": 0.5, "region_latency": 0.25}
    config = {
        "deployments": {
            "cheap": {"base_url": "http://127.0.0.1:1/v1", "model": "m", "price": cheap},
            "dear": {"base_url": "http://127.0.0.1:1/v1", "model": "m", "price": dear},
        },
        "groups": {"fast": {"deployments": ["cheap", "dear"], "policy": policy}},
    }
    with llmroute.Router(config) as router:
        decision = router.explain("hi", model="fast")
    assert "score 0.25 = cost 0.00 x 0.5, first token 1.00 x 0.25" in str(decision)
    assert "score 0.75 = cost 1.00 x 0.5, first token 1.00 x 0.25" in str(decision)
    assert "cost 1.00 x 0.5" in decision._repr_html_()
    terms = {t["term"]: t for t in decision.candidates[0]["terms"]}
    assert terms["first_token"]["raw"] is None
