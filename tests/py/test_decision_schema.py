"""Decisions against docs/decision.schema.json."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from llmroute.explain import Decision


@pytest.fixture(scope="module")
def validator(source_root: Path) -> jsonschema.Draft202012Validator:
    schema = json.loads((source_root / "docs/decision.schema.json").read_text())
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


@pytest.fixture
def whole(source_root: Path) -> dict[str, Any]:
    """What the core writes, byte for byte: its own tests compare it with the same file."""
    value: dict[str, Any] = json.loads(
        (source_root / "tests/golden/decision/whole.json").read_text()
    )
    return value


def test_what_the_core_writes_is_valid(
    validator: jsonschema.Draft202012Validator, whole: dict[str, Any]
) -> None:
    validator.validate(whole)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda d: d.pop("seed"),
        lambda d: d.update(extra=1),
        lambda d: d.update(status="fine"),
        lambda d: d.update(submitted_at="yesterday"),
        lambda d: d["cost"].update(usd="0.1"),
        lambda d: d["candidates"][0].update(reason="because"),
        lambda d: d["candidates"][0].pop("numbers"),
        lambda d: d["attempts"][0]["error"].update(kind="oops"),
        lambda d: d["attempts"][0].update(number=0),
        lambda d: d.pop("metadata"),
        lambda d: d["metadata"].update(tenant=3),
        lambda d: d.update(priority="urgent"),
        lambda d: d["budgets"][0].pop("share"),
        lambda d: d["budgets"][0].update(share=-1),
        lambda d: d["cache"].update(status="warm"),
        lambda d: d["affinity"].update(kind="habit"),
        lambda d: d.update(queued_ms=-1),
        lambda d: d.update(notes="one"),
    ],
)
def test_what_is_spoilt_is_not(
    validator: jsonschema.Draft202012Validator,
    whole: dict[str, Any],
    spoil: Callable[[dict[str, Any]], object],
) -> None:
    spoilt = copy.deepcopy(whole)
    spoil(spoilt)
    assert not validator.is_valid(spoilt)


def test_it_reads_as_text(whole: dict[str, Any]) -> None:
    text = str(Decision(json.dumps(whole)))
    assert text.startswith("ok via local-llama   2 attempts   3.6 s   0.00021 USD exact")
    assert "dropped  breaker_open: 6 failures, next probe in 4.1 s" in " ".join(text.split(" "))
    assert "budget batch (acme): 83 % spent, so group default" in text
    assert "priority    batch" in text
