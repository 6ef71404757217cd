"""The linter from outside: a function that is a module, files with lines, the command line."""

from __future__ import annotations

import dataclasses
import importlib
import json
from pathlib import Path
from typing import Any

import pytest

import llmroute
from llmroute import config
from llmroute.cli import main
from llmroute.errors import ConfigError
from llmroute.lint import SLUGS, Finding, lint, lint_document

LOCAL = '[deployments.{}]\nbase_url = "http://127.0.0.1:9/v1"\nmodel = "m"\n'
SOUND = '[groups.fast]\ndeployments = ["ollama/llama3"]\n'
WARNED = SOUND + LOCAL.format("spare")
WRONG = WARNED + '[budgets.b]\nlimit_usd = 1\ngroups = ["fast"]\n[state]\npath = "x.db"\n'
REFUSED = "[groups.fast]\ndeployment = []\n"


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.chdir(tmp_path)

    def write_file(text: str, name: str = "llmroute.toml") -> str:
        (tmp_path / name).write_text(text)
        return name

    return write_file


def slugs(findings: Any) -> list[str]:
    return [f.slug for f in findings if f.severity != "info"]


# --- as a function and as a module ----------------------------------------------------------------


def test_the_function_is_a_module(run_python: Any) -> None:
    code = (
        "import llmroute, sys; source = ['ollama/llama3']\n"
        "assert 'llmroute.lint' not in sys.modules\n"
        "assert [f.slug for f in llmroute.lint(source)] == ['worst_case']\n"
        "import llmroute.lint\n"
        "from llmroute.lint import refusals\n"
        "assert llmroute.lint.refusals is refusals\n"
        "assert llmroute.lint.lint(source) == llmroute.lint(source)\n"
        "assert llmroute.Finding is llmroute.lint.Finding\n"
    )
    done = run_python(code)
    assert done.returncode == 0, done.stderr


def test_whichever_way_it_is_imported_first(run_python: Any) -> None:
    done = run_python("import llmroute.lint\nllmroute.lint(['ollama/llama3'])")
    assert done.returncode == 0, done.stderr


def test_all_that_is_promised_is_there() -> None:
    module = importlib.import_module("llmroute.lint")
    for name in module.__all__:
        assert hasattr(module, name)
    assert "lint" in llmroute.__all__
    assert "Finding" in llmroute.__all__


# --- sources --------------------------------------------------------------------------------------


def test_findings_have_lines(write: Any) -> None:
    findings = lint(write(WARNED))
    (finding,) = [f for f in findings if f.severity != "info"]
    assert (finding.path, finding.line) == ("deployments.spare", 3)


def test_yaml_is_read_too(write: Any) -> None:
    text = "groups:\n  fast:\n    deployments: [ollama/llama3]\nbudgets:\n  b: {limit_tokens: 5}\n"
    findings = lint(write(text, "c.yaml"))
    assert [(f.slug, f.line) for f in findings if f.severity != "info"] == [
        ("limit_below_one_request", 5)
    ]


def test_what_cannot_be_used_is_refused(write: Any) -> None:
    with pytest.raises(ConfigError) as refused:
        lint(write(REFUSED))
    assert refused.value.line == 2


def test_callables_are_keys_and_policies() -> None:
    @llmroute.policy
    def mine(request: Any, candidates: Any, context: Any) -> Any:
        return candidates

    source = {
        "deployments": {"a": {"provider": "openai", "model": "m", "api_key": lambda: "sk"}},
        "groups": {"one": {"deployments": ["a"], "policy": mine}},
    }
    assert slugs(lint(source)) == []


@pytest.mark.parametrize("document", [{}, {"groups": {}}, {"version": 1}, {"deployments": {}}])
def test_next_to_nothing_is_fine(document: dict[str, Any]) -> None:
    assert lint_document(document) == []


def test_errors_come_first_and_information_last(write: Any) -> None:
    severities = [f.severity for f in lint(write(WRONG))]
    assert severities == sorted(severities, key=["error", "warning", "info"].index)
    assert set(severities) == {"error", "warning", "info"}


# --- findings -------------------------------------------------------------------------------------


def test_a_finding_is_a_value() -> None:
    finding = Finding("price_old", "warning", "a.b", "is old", {"model": "x"}, details={"days": 9})
    assert str(finding) == "warning: a.b: is old (price_old)"
    assert json.loads(json.dumps(finding.to_dict())) == {
        "slug": "price_old",
        "severity": "warning",
        "path": "a.b",
        "message": "is old",
        "example": {"model": "x"},
        "assumes": [],
        "details": {"days": 9},
        "line": None,
    }
    with pytest.raises(dataclasses.FrozenInstanceError):
        finding.slug = "other"  # type: ignore[misc]


def test_the_page_names_every_slug(source_root: Path) -> None:
    page = (source_root / "docs" / "lint.md").read_text()
    rows = [line.split("`")[1] for line in page.splitlines() if line.startswith("| `")]
    assert rows == list(SLUGS)


# --- check ----------------------------------------------------------------------------------------


def test_check_carries_findings(write: Any) -> None:
    meaning = config.check(write(WARNED))
    found = [f for f in meaning["findings"] if f["severity"] == "warning"]
    assert [(f["slug"], f["line"]) for f in found] == [("deployment_unreachable", 3)]
    assert list(meaning["groups"]) == ["fast"]


@pytest.mark.parametrize(
    ("text", "options", "code"),
    [
        (SOUND, [], 0),
        (SOUND, ["--strict"], 0),
        (WARNED, [], 0),
        (WARNED, ["--strict"], 1),
        (WRONG, [], 1),
        (WRONG, ["--strict", "--json"], 1),
        (REFUSED, [], 2),
        (REFUSED, ["--strict"], 2),
    ],
)
def test_exit_codes(
    write: Any, capsys: pytest.CaptureFixture[str], text: str, options: list[str], code: int
) -> None:
    assert main(["check", write(text), *options]) == code
    capsys.readouterr()


def test_the_worst_of_some_files_decides(write: Any, capsys: pytest.CaptureFixture[str]) -> None:
    files = [write(SOUND, "a.toml"), write(WRONG, "b.toml")]
    assert main(["check", *files]) == 1
    assert main(["check", *files, write(REFUSED, "c.toml")]) == 2
    capsys.readouterr()


def test_what_is_printed(write: Any, capsys: pytest.CaptureFixture[str]) -> None:
    main(["check", write(WRONG)])
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "llmroute.toml: 1 error, 1 warning"
    assert lines[1].startswith("  group fast ")
    assert lines[2].startswith("  error: budgets.b.limit_usd, line 7: no price is known of")
    assert lines[3].startswith("  warning: deployments.spare, line 3: ")
    assert lines[3].endswith("[deployment_unreachable]")
    assert lines[4].startswith("  info: groups.fast, line 1: one request of")
    assert "\x1b[" not in "".join(lines)


def test_examples_are_printed_as_they_can_be_tested(
    write: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    text = '[groups.fast]\ndeployments = [{ use = "ollama/llama3", priorities = ["batch"] }]\n'
    main(["check", write(text)])
    out = capsys.readouterr().out
    assert '    for example {"model": "fast", "messages": "hello"}' in out


def test_days_of_prices(write: Any, capsys: pytest.CaptureFixture[str]) -> None:
    price = "{ input_usd_per_million = 1, output_usd_per_million = 1, date = '2026-01-01' }"
    text = f'{SOUND}[deployments."ollama/llama3"]\nprice = {price}\n'
    assert main(["check", "--strict", "--days", "100000", write(text)]) == 0
    assert main(["check", "--strict", "--days", "1", write(text)]) == 1
    assert "price_old" in capsys.readouterr().out


def test_json_holds_everything(write: Any, capsys: pytest.CaptureFixture[str]) -> None:
    main(["check", "--json", write(WRONG)])
    (report,) = json.loads(capsys.readouterr().out)
    assert report["ok"]
    assert {f["slug"] for f in report["findings"]} == {
        "price_unknown",
        "deployment_unreachable",
        "worst_case",
    }


TESTED = (
    SOUND
    + """
[[rules]]
name = "beta goes elsewhere"
when = {{ tags = "beta" }}
then = {{ pin = "ollama/mistral" }}
[[routing_tests]]
name = "beta"
given = {{ tags = "beta", messages = "hi" }}
chooses = {{ deployment = "{chosen}" }}
[[routing_tests]]
given = {{ messages = "hi" }}
chooses = {{ group = "fast" }}
"""
)


@pytest.mark.parametrize(
    ("chosen", "code", "said"),
    [
        ("ollama/mistral", 0, "llmroute.toml: 2 routing tests passed"),
        ("ollama/llama3", 1, "llmroute.toml: 1 of 2 routing tests failed"),
    ],
)
def test_routing_tests_are_run(
    write: Any, capsys: pytest.CaptureFixture[str], chosen: str, code: int, said: str
) -> None:
    name = write(TESTED.format(chosen=chosen))
    assert main(["check", name]) == code
    out = capsys.readouterr().out
    assert out.splitlines()[0] == said
    assert ("  failed: routing test beta: " in out) is bool(code)
    main(["check", "--json", name])
    (report,) = json.loads(capsys.readouterr().out)
    assert [test["ok"] for test in report["routing_tests"]] == [not code, True]


def test_keys_that_are_missing_are_said_once(
    write: Any, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    main(["check", write('[groups.a]\ndeployments = ["openai/gpt-4o"]\n')])
    assert capsys.readouterr().out.count("OPENAI_API_KEY") == 1


def test_other_warnings_are_still_said(write: Any, capsys: pytest.CaptureFixture[str]) -> None:
    forgets = SOUND + "[budgets.b]\nlimit_requests = 5\n"
    assert main(["check", write(forgets)]) == 0
    assert "1 warning" in capsys.readouterr().out
    assert main(["check", "--strict", write(forgets)]) == 1
    assert "a restart forgets" in capsys.readouterr().out
