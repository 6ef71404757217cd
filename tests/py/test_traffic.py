"""Traffic from files and logs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from llmroute import ConfigError, Router, Traffic, World, simulate
from llmroute.testing import SimulatedProvider


def row(second: int, **more: Any) -> dict[str, Any]:
    return {
        "submitted_at": f"2026-11-21T06:00:{second:02}.000Z",
        "model": "fast",
        "facts": {"prompt_tokens": 100},
        "usage": {"output_tokens": 50},
        **more,
    }


def test_a_log_in_any_order_with_bad_rows() -> None:
    traffic = Traffic.from_log(
        [row(5), row(1, model="slow"), {"model": "x"}, row(2, facts={"prompt_tokens": -1}), 7]  # type: ignore[list-item]
    )
    assert (len(traffic), traffic.bad_rows) == (2, 3)
    assert [number for number, _ in traffic.skipped] == [3, 4, 5]
    assert "out of range" in traffic.skipped[1][1]
    assert sorted(traffic.models) == ["fast", "slow"]
    config = {
        "groups": {
            "fast": {"deployments": ["openai/a"]},
            "slow": {"deployments": ["openai/b"]},
        }
    }
    result = simulate(config, traffic)
    assert result.columns["at_ms"].tolist() == [0.0, 4000.0]
    assert [result.deployments[d] for d in result.columns["deployment"]] == ["openai/b", "openai/a"]


def test_a_csv(tmp_path: Path) -> None:
    file = tmp_path / "t.csv"
    file.write_text("at_s,prompt_tokens,output_tokens,more\n10,5,6,x\n9.5,1,1,y\n,,,\n")
    traffic = Traffic.from_csv(file, stream=False, deadline_ms=50)
    assert (len(traffic), traffic.bad_rows) == (2, 1)
    result = simulate(["openai/a"], traffic, {"default": {"ttft_ms": 100}})
    assert result.summary["failures_by_kind"] == {"deadline_exceeded": 2}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("at_s,prompt_tokens\n1,2\n", "output_tokens"),
        ("at_s,prompt_tokens,output_tokens\na,b,c\n", "no row can be used; row 1: ValueError"),
        ("", "missing"),
    ],
)
def test_a_useless_csv(tmp_path: Path, text: str, words: str) -> None:
    file = tmp_path / "t.csv"
    file.write_text(text)
    with pytest.raises(ConfigError, match=words):
        Traffic.from_csv(file)


def test_real_decisions_become_traffic_and_a_world(tmp_path: Path) -> None:
    provider = SimulatedProvider(ttft_ms=20, tokens_per_second=1000, output_tokens=20)
    log = tmp_path / "log.jsonl"
    decisions = []
    with provider, Router({"deployments": {"a": provider.deployment()}}) as router:
        for i in range(24):
            with router.stream(f"question {i}", model="a") as stream:
                list(stream)
            decisions.append(json.dumps(stream.decision.to_dict()))
    log.write_text("\n".join(decisions) + "\n")
    traffic = Traffic.from_log(log)
    assert len(traffic) == 24
    world = World.fit(log)
    fitted = world.spec["deployments"]["a"]
    assert 15 < fitted["ttft_ms"] < 60
    assert 300 < fitted["tokens_per_second"] < 2000
    assert fitted["error_rate"] == 0
    assert any("not estimated" in line for line in world.report)
    result = simulate({"deployments": {"a": provider.deployment()}}, traffic, world)
    assert result.summary["failures"] == 0
    assert "24 requests" in repr(traffic)
    assert "1 deployments" in repr(world)


def test_a_world_says_what_it_could_not_learn() -> None:
    attempt = {
        "deployment": "a",
        "status": "failed",
        "ttft_ms": None,
        "total_ms": 10.0,
        "error": {"kind": "overloaded"},
    }
    world = World.fit([{"attempts": [attempt, {**attempt, "error": {"kind": "bad_request"}}]}])
    assert world.spec["deployments"]["a"] == {"error_rate": 0.5}
    assert "too few for times" in world.report[0]
    with pytest.raises(ConfigError, match="no attempt"):
        World.fit([])
