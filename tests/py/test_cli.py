"""The command line, as a person uses it."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from llmroute.cli import main
from llmroute.testing import Fault, SimulatedProvider


def run(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    code = main(list(words))
    captured = capsys.readouterr()
    return code, captured.out, captured.err


@pytest.fixture
def provider():
    with SimulatedProvider("openai", ttft_ms=1) as running:
        yield running


@pytest.fixture
def config(provider: SimulatedProvider, tmp_path: Path) -> str:
    document = {
        "version": 1,
        "deployments": {"sim": provider.deployment(), "spare": provider.deployment()},
        "groups": {"fast": {"deployments": ["sim", "spare"], "policy": "ordered"}},
    }
    path = tmp_path / "llmroute.json"
    path.write_text(json.dumps(document))
    return str(path)


@pytest.mark.parametrize(
    "command", ["demo", "chat", "check", "doctor", "explain", "import", "sim", "catalogue"]
)
def test_every_command_explains_itself(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        main([command, "--help"])
    assert stop.value.code == 0
    assert "--json" in capsys.readouterr().out


def test_no_command_shows_the_help(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(capsys)
    assert code == 2
    assert "llmroute demo" in out


def test_chat_streams_the_answer(config: str, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = run(capsys, "chat", "hello there", "--config", config, "--why")
    assert code == 0
    assert "hello there" in out
    assert "ok via sim" in err


def test_chat_as_json(config: str, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(capsys, "chat", "hello", "--config", config, "--json", "--max-tokens", "9")
    document = json.loads(out)
    assert code == 0
    assert document["deployment"] == "sim"
    assert document["usage"]["completion_tokens"] <= 9
    assert document["decision"]["status"] == "ok"


def test_chat_that_fails_says_why_and_exits_with_1(
    provider: SimulatedProvider, config: str, capsys: pytest.CaptureFixture[str]
) -> None:
    provider.set_faults([Fault("auth")])
    code, _, err = run(capsys, "chat", "hello", "--config", config)
    assert code == 1
    assert "Error" in err
    assert "sim-key" not in err


def test_explain_calls_nobody(
    provider: SimulatedProvider, config: str, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ("explain", "hello", "--config", config, "--exclude", "sim")
    code, out, _ = run(capsys, *words)
    assert code == 0
    assert "would go to spare" in out
    assert "excluded" in out
    code, out, _ = run(capsys, *words, "--why-not", "sim")
    assert out.strip().endswith(".")
    code, out, _ = run(capsys, *words, "--json")
    assert json.loads(out)["status"] == "pending"
    code, _, _ = run(capsys, *words, "--exclude", "spare")
    assert code == 1
    assert provider.stats()["requests"] == 0


RULED = """
[[rules]]
name = "r"
then = { pin = "b" }
[rules.when]
metadata = { plan = "gold" }
header = { x-a = "b" }
tags = "beta"
region = "eu-*"
priority = 8
sentiment = { below = 0 }
intent = "billing"
[groups.fast]
deployments = ["a"]
[deployments.a]
provider = "ollama"
model = "a"
[deployments.b]
provider = "ollama"
model = "b"
"""


def test_explain_takes_what_rules_look_at(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "ruled.toml"
    file.write_text(RULED)
    call = ("explain", "hello", "--config", str(file), "--model", "fast")
    looked_at = (
        *("--metadata", "plan=gold", "--tag", "beta", "--region", "eu-west", "--priority", "8"),
        *("--score", "sentiment=-1", "--score", "intent=billing", "--header", "X-A=b"),
    )
    code, out, _ = run(capsys, *call, *looked_at)
    assert code == 0
    assert "would go to b" in out
    assert "rule        r: sets route" in out
    code, out, _ = run(capsys, *call)
    assert "would go to a" in out
    with pytest.raises(SystemExit):
        run(capsys, *call, "--metadata", "plan")
    assert "not of the form NAME=VALUE" in capsys.readouterr().err


def test_without_a_configuration_the_fix_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    code, _, err = run(capsys, "chat", "hello")
    assert code == 2
    assert "--config" in err
    assert "provider/model" in err
    code, _, err = run(capsys, "check")
    assert code == 2


def test_check_names_path_line_and_nearest(
    tmp_path: Path, config: str, capsys: pytest.CaptureFixture[str]
) -> None:
    bad = tmp_path / "bad.toml"
    bad.write_text('version = 1\n[groups.fast]\ndeployments = ["ollama/x"]\npolcy = "ordered"\n')
    code, out, err = run(capsys, "check", config, str(bad))
    assert code == 2
    assert "group fast" in out
    assert "policy" in err
    assert "4" in err
    code, out, _ = run(capsys, "check", "--json", config, str(bad), str(tmp_path / "none.toml"))
    reports = json.loads(out)
    assert [report["ok"] for report in reports] == [True, False, False]
    assert reports[1]["path"] == "groups.fast.polcy"
    assert reports[1]["nearest"] == "policy"
    assert reports[1]["line"] == 4


def test_check_prints_the_schema(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(capsys, "check", "--schema")
    assert code == 0
    assert "groups" in json.loads(out)["properties"]


def test_sim_prints_a_configuration_that_works(tmp_path: Path) -> None:
    simulation = tmp_path / "sim.toml"
    simulation.write_text('[providers.a]\ndialect = "anthropic"\nttft_ms = 1\n')
    words = [sys.executable, "-m", "llmroute", "sim", "--config", str(simulation), "--json"]
    process = subprocess.Popen(words, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        document = json.loads(process.stdout.readline())["config"]
        import llmroute

        with llmroute.Router(document) as router:
            assert "hi" in router.chat("hi", model="fast").text
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate(timeout=20)
    finally:
        process.kill()
        process.wait()
    assert process.returncode == 0, "Ctrl-C is how it ends"
    assert json.loads(out)["stats"]["a"]["requests"] == 1


def test_sim_refuses_what_it_does_not_know(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    simulation = tmp_path / "sim.toml"
    simulation.write_text('[providers.a]\ndialekt = "openai"\n')
    code, _, err = run(capsys, "sim", "--config", str(simulation))
    assert code == 2
    assert "dialect" in err
    simulation.write_text("[provider.a]\n")
    code, _, err = run(capsys, "sim", "--config", str(simulation))
    assert code == 2
    assert "providers" in err


def test_the_demo_survives_what_a_plain_client_does_not(
    capsys: pytest.CaptureFixture[str],
) -> None:
    code, out, _ = run(capsys, "demo", "--json", "--seed", "7", "--requests", "120")
    document = json.loads(out)
    assert code == 0
    assert document["requests"] == 120
    assert document["user_failures"] == 0
    assert document["attempts"] > 120
    assert document["without_routing"]["user_failures"] > 20
    assert len(document["decisions"]) == 120
    assert document["cost_usd"] > 0


def test_the_demo_tells_its_story(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(capsys, "demo", "--requests", "60")
    assert code == 0
    assert "is killed in mid-flight" in out
    assert "breaker_open" in out or "connect" in out
    assert "failures seen by the user" in out
    assert "\x1b[" not in out, "no colour where there is no terminal"
