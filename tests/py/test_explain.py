"""Decisions as people read them."""

from __future__ import annotations

import pickle

import pytest

import llmroute
from llmroute.explain import Decision, format_ms, format_usd
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
