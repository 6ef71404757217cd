"""``llmroute history`` and ``llmroute diff``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import llmroute
from llmroute.cli import main


def run(capsys: pytest.CaptureFixture[str], *words: str | Path) -> tuple[int, str, str]:
    code = main([str(word) for word in words])
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def config(policy: str, **more: Any) -> dict[str, Any]:
    group = {"deployments": ["ollama/a", "ollama/b"], "policy": policy}
    return {"groups": {"fast": group}, **more}


@pytest.fixture
def state(tmp_path: Path) -> Path:
    path = tmp_path / "state.db"
    more = {"state": {"path": str(path)}}
    with llmroute.Router(config("ordered", **more)) as router:
        router.reload(config("weighted", **more), "ada", "fairer")
    return path


def test_history_lists_versions(state: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(capsys, "history", state)
    assert code == 0
    first, second, change = out.splitlines()
    assert first.startswith("v1  20")
    assert second.startswith("v2  20")
    assert second.endswith("by ada  from a list or dictionary: fairer")
    assert change.strip() == 'groups.fast.policy: "ordered" -> "weighted"'


def test_history_as_json(state: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(capsys, "history", state, "--json")
    versions = json.loads(out)
    assert code == 0
    assert [v["version"] for v in versions] == [1, 2]
    assert versions[1]["why"] == "fairer"


def test_a_file_that_is_not_there_is_not_made(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, _, err = run(capsys, "history", tmp_path / "none.db")
    assert code == 2
    assert "there is no such state file" in err
    assert list(tmp_path.iterdir()) == []


def test_an_empty_history_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    llmroute._core.StateFile(str(tmp_path / "new.db")).close()
    assert run(capsys, "history", tmp_path / "new.db")[:2] == (
        0,
        "no configuration was served with this file yet\n",
    )


def test_diff_of_files(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "old.json").write_text(json.dumps(config("ordered")))
    (tmp_path / "new.toml").write_text(
        '[groups.fast]\npolicy = "weighted"\ndeployments = ["ollama/a", "ollama/b"]\n'
    )
    code, out, _ = run(capsys, "diff", tmp_path / "old.json", tmp_path / "new.toml")
    assert code == 0
    assert out.splitlines()[2:] == [
        "@@ -1,2 +1,2 @@",
        ' groups.fast.deployments = ["ollama/a", "ollama/b"]',
        '-groups.fast.policy = "ordered"',
        '+groups.fast.policy = "weighted"',
    ]
    (tmp_path / "same.json").write_text(json.dumps(config("weighted")))
    code, out, _ = run(capsys, "diff", tmp_path / "same.json", tmp_path / "new.toml")
    assert (code, out) == (0, "they say the same\n")


def test_diff_of_versions(state: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(capsys, "diff", "1", "2", "--state", state, "--json")
    document = json.loads(out)
    assert code == 0
    assert document["changes"] == ['groups.fast.policy: "ordered" -> "weighted"']
    assert document["diff"].startswith("--- 1\n+++ 2\n")
    file = tmp_path / "now.json"
    file.write_text(json.dumps(config("ordered")))
    code, out, _ = run(capsys, "diff", "1", file, "--state", state)
    assert code == 0
    assert "-state.path" in out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["1", "2"], "name it with --state"),
        (["1", "9", "--state", "STATE"], "there is no version 9; there is 1, 2"),
        (["none.toml", "none.toml"], "cannot be read"),
        (["1", "2", "--state", "none.db"], "there is no such state file"),
    ],
)
def test_what_cannot_be_compared_is_said(
    words: list[str], said: str, state: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, _, err = run(capsys, "diff", *(str(state) if w == "STATE" else w for w in words))
    assert code == 2
    assert said in err
    assert "Traceback" not in err
