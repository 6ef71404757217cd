"""Every flaw of the collected configurations is found, and of the sound ones nothing is said."""

from __future__ import annotations

import datetime
import json
from pathlib import Path
from typing import Any

import pytest

from llmroute import config
from llmroute.lint import SLUGS, Finding, lint_document

CASES = Path(__file__).parent / "lint_cases"
TODAY = "2026-11-26"


class Everything(dict[str, str]):
    """An environment in which every key is set."""

    def get(self, key: str, default: Any = None) -> Any:
        return f"value of {key}"


def read(kind: str) -> list[Any]:
    """Return the cases of some files, each with its name."""
    found = []
    for path in sorted(CASES.glob(f"{kind}_*.toml")):
        for case in config.read_document(path)["case"]:
            found.append(pytest.param(case, id=f"{path.stem}: {case['name']}"))
    return found


def document_of(case: dict[str, Any]) -> dict[str, Any]:
    made: dict[str, Any] = config._toml().loads(case["config"])
    return made


def findings_of(case: dict[str, Any]) -> list[Finding]:
    today = datetime.date.fromisoformat(case.get("today", TODAY))
    environ = case.get("environ", Everything())
    found = lint_document(document_of(case), today=today, environ=environ)
    return [finding for finding in found if finding.severity != "info"]


@pytest.mark.parametrize("case", read("broken"))
def test_the_flaw_is_found_and_nothing_else(case: dict[str, Any]) -> None:
    found = findings_of(case)
    expected = sorted((e["slug"], e["path"]) for e in case["expects"])
    assert sorted((f.slug, f.path) for f in found) == expected
    if "severity" in case:
        assert [f.severity for f in found] == [case["severity"]]


@pytest.mark.parametrize("case", read("sound"))
def test_nothing_is_said_of_what_is_sound(case: dict[str, Any]) -> None:
    assert [str(finding) for finding in findings_of(case)] == []


@pytest.mark.parametrize("case", read("broken"))
def test_findings_are_sentences_that_can_be_passed_on(case: dict[str, Any]) -> None:
    for finding in findings_of(case):
        assert finding.slug in SLUGS
        assert finding.message[0] != " "
        assert not finding.message.endswith((".", " "))
        assert "\n" not in finding.message
        assert json.loads(json.dumps(finding.to_dict()))["path"] == finding.path


def test_there_are_enough_of_both() -> None:
    assert len(read("broken")) >= 40
    assert len(read("sound")) >= 40


def test_every_slug_is_shown_by_a_case() -> None:
    shown = {e["slug"] for param in read("broken") for e in param.values[0]["expects"]}
    elsewhere = {"group_gone", "undecided"}  # of a reload, and of a search that is cut short
    assert set(SLUGS) - elsewhere == shown


def accepted(document: dict[str, Any]) -> bool:
    from llmroute.errors import ConfigError

    try:
        config.check(document)
    except ConfigError:
        return False
    return True


KNOWS_RULES = accepted(
    {
        "groups": {"a": {"deployments": ["ollama/llama3"]}},
        "rules": [{"name": "r", "then": {"group": "a"}}],
    }
)


@pytest.mark.skipif(not KNOWS_RULES, reason="the core of this build knows no rules")
@pytest.mark.parametrize("case", [*read("broken"), *read("sound")])
def test_the_core_takes_what_only_the_linter_blames(case: dict[str, Any]) -> None:
    assert accepted(document_of(case)) is not case.get("refused", False)
