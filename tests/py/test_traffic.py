"""Traffic from files and logs."""

from __future__ import annotations

import json
from array import array
from pathlib import Path
from typing import Any

import pytest

from llmroute import ConfigError, Router, Traffic, World, simulate
from llmroute.testing import SimulatedProvider
from llmroute.traffic import _Row


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


def test_a_csv_says_who_asks(tmp_path: Path) -> None:
    file = tmp_path / "t.csv"
    file.write_text(
        "at_s,prompt_tokens,output_tokens,tenant,priority,conversation,max_output_tokens,metadata.plan\n"
        "0,10,50,acme,interactive,c,20,gold\n"
        "1,10,50,globex,urgent,,,\n"
        "2,10,50,globex,9,,,\n"
        "3,10,50,,,c,,gold\n"
        "4,10,50,,,,0,\n"
        "5,10,50,a,,,,x,y,z\n"
        f"6,10,50,{'long' * 200},,,,\n"
    )
    traffic = Traffic.from_csv(file, start_at="2026-03-29T01:30:00Z")
    assert [number for number, _ in traffic.skipped] == [2, 5, 7]
    assert "'urgent' is no priority" in traffic.skipped[0][1]
    assert "max_output_tokens" in traffic.skipped[1][1]
    assert "512 bytes" in traffic.skipped[2][1]
    native = traffic._native()
    assert native["label_sets"] == [
        (("plan", "gold"), ("tenant", "acme")),
        (("tenant", "globex"),),
        (("plan", "gold"),),
        (("plan", "x"), ("tenant", "a")),
    ]
    assert native["start_s"] == 1_774_747_800
    result = simulate(["openai/a"], traffic)
    assert result.tenants == ["acme", "globex", "a"]
    assert result.columns["tenant"].tolist() == [0, 1, -1, 2]
    assert result.columns["output_tokens"].tolist() == [20, 50, 50, 50]


def test_a_log_says_who_asked() -> None:
    traffic = Traffic.from_log(
        [
            row(2, metadata={"tenant": "acme"}, priority="batch"),
            row(1, facts={"prompt_tokens": 100, "max_output_tokens": 30}),
            row(3, priority="urgent"),
            row(4, metadata={"tenant": "acme"}),
        ]
    )
    assert traffic.skipped[0][0] == 3
    assert traffic.start_at is not None
    assert traffic.start_at.isoformat() == "2026-11-21T06:00:01+00:00"
    result = simulate({"groups": {"fast": {"deployments": ["openai/a"]}}}, traffic)
    assert result.tenants == ["acme"]
    assert result.columns["tenant"].tolist() == [-1, 0, 0]
    assert result.columns["output_tokens"].tolist() == [30, 50, 50]
    assert result.summary["tenants"]["acme"]["tokens"] == 300


def test_turns_are_numbered() -> None:
    traffic = Traffic()
    traffic._read([0, 1, 2, 3], lambda i: _turn(i, "xyxx"[i]))
    native = traffic._done("it")._native()
    numbers = {name: array(code) for name, code in (("conversation", "I"), ("known_tokens", "i"))}
    for name, column in numbers.items():
        column.frombytes(native[name])
    assert numbers["conversation"].tolist() == [1, 2, 1, 1]
    assert numbers["known_tokens"].tolist() == [0, 0, 100, 102]


def _turn(i: int, conversation: str) -> _Row:
    return _Row(at_s=float(i), prompt=100 + i, output=5, conversation=conversation)


@pytest.mark.parametrize("start_at", ["soon", "2026-13-01"])
def test_a_useless_start(start_at: str) -> None:
    with pytest.raises(ConfigError, match="start_at"):
        Traffic(start_at=start_at)


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
