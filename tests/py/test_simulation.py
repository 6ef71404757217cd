"""Simulations from Python and from the shell."""

from __future__ import annotations

import json
import math
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

import llmroute
from llmroute import compare, simulate
from llmroute.cli import main

CONFIG = {"groups": {"fast": {"deployments": ["openai/a", "groq/b"], "policy": "round_robin"}}}
CALM = {"default": {"ttft_ms": 100, "tokens_per_second": 200}}
SOME = {"requests": 400, "rate_per_second": 20}


def test_columns_and_summary_agree() -> None:
    world = {"default": {"ttft_ms": 100, "ttft_p95_ms": 300, "error_rate": 0.2}}
    result = simulate(CONFIG, SOME, world, seed=4)
    columns, summary = result.columns, result.summary
    assert {len(column) for column in columns.values()} == {400}
    assert result.deployments == ["openai/a", "groq/b"]
    assert summary["requests"] == 400
    assert summary["attempts"] == sum(columns["attempts"]) > 400
    assert summary["failures"] == columns["ok"].tolist().count(0)
    shares = [d["share"] for d in summary["deployments"].values()]
    assert sum(shares) == pytest.approx(1)
    assert sum(d["answered"] for d in summary["deployments"].values()) == sum(columns["ok"])
    totals = sorted(t for t, ok in zip(columns["total_ms"], columns["ok"], strict=True) if ok)
    assert summary["total_ms"]["p95"] == totals[math.ceil(0.95 * len(totals)) - 1]
    assert sum(batch["requests"] for batch in summary["batches"]) == 400
    assert summary["unknown_costs"] == 400  # nobody gave a price
    assert summary["cost_usd"] is None
    assert "unknown USD" in repr(result)
    assert "400 requests" in repr(result)
    assert "<table>" in result._repr_html_()


def test_a_seed_repeats_it_bit_by_bit() -> None:
    world = {"default": {"ttft_ms": 100, "ttft_p95_ms": 300, "error_rate": 0.1}}
    first, second = (simulate(CONFIG, SOME, world, seed=9) for _ in range(2))
    assert first.to_dict() == second.to_dict()
    assert first.columns["total_ms"].tobytes() == second.columns["total_ms"].tobytes()
    assert simulate(CONFIG, SOME, world, seed=10).to_dict() != first.to_dict()


def test_a_comparison_says_what_is_certain() -> None:
    world = {"default": {"ttft_ms": 300}, "deployments": {"groq/b": {"ttft_ms": 100}}}
    result = compare(
        CONFIG,
        ["round_robin", {"name": "least_latency", "jitter": 0.2}, "ordered"],
        traffic={"requests": 2000, "rate_per_second": 20},
        world=world,
    )
    assert result.baseline == "round_robin"
    quick = result.difference("least_latency (jitter 0.2)")
    assert quick["better"]
    assert quick["low"] <= quick["difference"] <= quick["high"] < 0
    assert result.difference("ordered")["worse"]
    same = result.difference("ordered", "failures")
    assert (same["difference"], same["better"], same["worse"]) == (0, False, False)
    assert set(result.to_dict()["differences"]) == {"least_latency (jitter 0.2)", "ordered"}
    assert len(repr(result).splitlines()) == 4
    assert "ordered" in result._repr_html_()
    with pytest.raises(KeyError, match="failures"):
        result.difference("ordered", "beauty")


def test_it_says_who_got_what(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    traffic = {**SOME, "tenants": {"small": 1, "big": 3}, "priorities": {"batch": 1, "0": 1}}
    world = {"default": {"quality": 0.75}, "deployments": {"groq/b": {"quality": 0.25}}}
    result = simulate(CONFIG, traffic, world)
    tenants = result.summary["tenants"]
    assert list(tenants) == result.tenants == ["small", "big"]
    assert tenants["big"]["requests"] == result.columns["tenant"].tolist().count(1)
    assert sum(share["share"] for share in tenants.values()) == pytest.approx(1)
    assert list(result.summary["priorities"]) == ["0", "batch"]
    assert result.summary["quality"] == pytest.approx(0.5, abs=0.01)
    assert result.summary["carbon_g"] is None
    assert result.summary["left_in_flight"] == result.summary["left_waiting"] == 0
    assert "<td>small</td>" in result._repr_html_()
    assert "<th>priority</th>" in result._repr_html_()
    file = tmp_path / "c.json"
    file.write_text(json.dumps({**CONFIG, "world": world, "traffic": traffic}))
    assert main(["simulate", str(file)]) == 0
    told = capsys.readouterr().out
    assert "small" in told
    assert "batch" in told
    assert "quality 0.5" in told


def test_quality_is_better_when_there_is_more_of_it() -> None:
    world = {"default": {"quality": 0.5}, "deployments": {"groq/b": {"quality": 0.9}}}
    result = compare(CONFIG, ["round_robin", "ordered"], traffic=SOME, world=world)
    quality = result.difference("ordered", "quality_mean")  # ordered stays with the worse one
    assert quality["worse"]
    assert quality["high"] < 0
    assert math.isnan(result.difference("ordered", "carbon_g")["difference"])
    told = json.loads(json.dumps(result.to_dict(), allow_nan=False))
    carbon = next(d for d in told["differences"]["ordered"] if d["measure"] == "carbon_g")
    assert carbon["difference"] is None


def test_nothing_is_stored(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    try:
        result = simulate({**CONFIG, "state": {"path": "state.db"}}, SOME, CALM)
    except llmroute.ConfigError as error:
        pytest.skip(f"not configurable yet: {error}")
    assert result.summary["failures"] == 0
    assert list(tmp_path.iterdir()) == []


def test_python_policies_are_tried() -> None:
    seen: list[int] = []

    @llmroute.policy
    def second_first(request: Any, candidates: Any, context: Any) -> Any:
        assert request.messages == []
        seen.append(context.seed)
        return sorted(candidates, key=lambda c: c.deployment)

    def broken(request: Any, candidates: Any, context: Any) -> Any:
        raise RuntimeError("no idea")

    result = compare(CONFIG, ["ordered", second_first, broken], traffic=SOME, world=CALM)
    shares = {
        name: r.summary["deployments"]["openai/a"]["share"] for name, r in result.results.items()
    }
    assert shares["ordered"] == 1
    assert shares["second_first"] == 0
    assert 0 < shares["broken"] < 1  # the built-in stands in
    assert len(set(seen)) == 400
    own = {"groups": {"fast": {"deployments": ["openai/a", "groq/b"], "policy": second_first}}}
    assert simulate(own, SOME, CALM).summary["deployments"]["groq/b"]["share"] == 1


def test_two_configurations_are_compared() -> None:
    other = {"groups": {"fast": {"deployments": ["openai/a"]}}}
    result = compare(CONFIG, traffic=SOME, world=CALM, others={"one alone": other})
    assert list(result.results) == ["configuration", "one alone"]
    assert result.results["one alone"].summary["deployments"]["openai/a"]["share"] == 1


@pytest.mark.parametrize(
    ("config", "traffic", "world", "words"),
    [
        (CONFIG, {"requests": 0}, {}, "traffic.requests"),
        (CONFIG, {"request": 5}, {}, "requests"),
        (CONFIG, {"priorities": {"urgent": 1}}, {}, "traffic.priorities.urgent"),
        (CONFIG, {"start_at": "soon"}, {}, "traffic.start_at"),
        (CONFIG, SOME, {"default": {"quality": 2}}, "world.default.quality"),
        (CONFIG, SOME, {"deployments": {"groq/c": {}}}, "groq/b"),
        (CONFIG, SOME, {"default": {"troubles": [{"kind": "fire"}]}}, r"troubles\[0\].kind"),
        ({"groups": {"g": {"deployments": []}}}, SOME, {}, "groups.g.deployments"),
    ],
)
def test_what_is_wrong_is_named(config: Any, traffic: Any, world: Any, words: str) -> None:
    with pytest.raises(llmroute.ConfigError, match=words):
        simulate(config, traffic, world)


def test_there_must_be_something_to_compare() -> None:
    with pytest.raises(llmroute.ConfigError, match="two policies"):
        compare(CONFIG, ["ordered"], traffic=SOME)


def test_ctrl_c_ends_it() -> None:
    code = (
        "import llmroute; print('begun', flush=True)\n"
        "llmroute.simulate(['openai/a'], {'requests': 19_000_000, 'rate_per_second': 1000})"
    )
    running = subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert running.stdout is not None
    assert running.stdout.readline() == "begun\n"
    started = time.monotonic()
    while running.poll() is None and time.monotonic() - started < 60:
        running.send_signal(signal.SIGINT)
        try:
            running.wait(0.2)
        except subprocess.TimeoutExpired:
            continue
    assert "KeyboardInterrupt" in running.communicate()[1]


def test_from_the_shell(source_root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = str(source_root / "examples/outage.toml")
    assert main(["simulate", file, "--json", "--seed", "3"]) == 0
    first = capsys.readouterr().out
    assert main(["simulate", file, "--json", "--seed", "3"]) == 0
    assert capsys.readouterr().out == first
    summary = json.loads(first)
    assert summary["requests"] == 72_000
    assert summary["failures"] == 0
    assert main(["simulate", file]) == 0
    assert "72,000 requests" in capsys.readouterr().out
    assert main(["simulate", file, "--policies", "ordered,least_latency"]) == 0
    assert "least_latency against ordered, total_ms_mean" in capsys.readouterr().out


def test_the_page_lists_every_key(source_root: Path) -> None:
    page = (source_root / "docs/simulation.md").read_text()
    for file in ("world", "traffic"):
        source = (source_root / f"cpp/llmroute/sim/{file}.cpp").read_text()
        keys = re.findall(r'Field\{"(\w+)"', source)
        assert len(keys) > 10
        for key in keys:
            assert f"`{key}`" in page, key


def test_a_csv_from_the_shell(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = tmp_path / "traffic.csv"
    rows.write_text(
        "at_s,model,prompt_tokens,output_tokens\n0,fast,10,20\nx,fast,1,1\n1,fast,5,6\n"
    )
    file = tmp_path / "c.json"
    file.write_text(json.dumps({**CONFIG, "world": CALM}))
    assert main(["simulate", str(file), "--csv", str(rows), "--json"]) == 0
    told = capsys.readouterr()
    assert json.loads(told.out)["requests"] == 2
    assert "1 bad rows left out" in told.err
