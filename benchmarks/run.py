"""Runs the cases: every client in turn, in a fresh process, again and again."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks import servers
from benchmarks.callers import MODEL, PARAMS, messages_of
from benchmarks.cases import CASES, Case

__all__ = ["Plan", "Runs", "expected_chunks", "run_cases"]

ROOT = Path(__file__).parent.parent
SLOW = {"litellm", "httpx", "openai"}
TIMEOUT_S = 120

Runs = dict[str, list[dict[str, Any]]]
"""By client, the figures of each repeat; a failed one is ``{"error": text}``."""


@dataclass(frozen=True)
class Plan:
    """Which clients take part (name -> interpreter, "libcurl" -> the floor) and how long."""

    clients: dict[str, str]
    repeats: int = 3
    quick: bool = False
    only: str = ""


def run_cases(plan: Plan, build: Path) -> list[tuple[Case, Runs]]:
    """Measure every case that is wanted with every client that can do it, interleaved."""
    cases = [case for case in CASES if plan.only in case.name]
    if not cases:
        return []
    measured = []
    with (
        tempfile.TemporaryDirectory() as folder,
        servers.nginx(Path(folder)) as fixed,
        servers.upstream(build) as origin,
    ):
        for case in cases:
            base = fixed if case.path == "nginx" else origin + case.path
            runs: Runs = {}
            for repeat in range(1 if plan.quick else plan.repeats):
                for name, program in plan.clients.items():
                    if not case.clients or name in case.clients:
                        _say(f"{case.name}: {name} ({repeat + 1})")
                        result = _run_one(case, name, program, base, plan.quick)
                        runs.setdefault(name, []).append(result)
            measured.append((case, runs))
    return measured


def expected_chunks(case: Case, name: str, requests: int) -> int:
    """How many chunks a client must have seen; the floor counts the finishing line too."""
    return (case.chunks + (name == "libcurl")) * requests if case.chunks else requests


def _run_one(case: Case, name: str, program: str, base: str, quick: bool) -> dict[str, Any]:
    share = (0.1 if quick else 1.0) * (case.slow_share if name in SLOW else 1.0)
    requests = max(int(case.requests * share), case.in_flight)
    warmup = max(int(case.warmup * share), case.in_flight)
    numbers = [str(case.in_flight), str(requests), str(warmup)]
    words, body = [program, "-m", "benchmarks.client", name, base, *numbers, case.kind], None
    if name == "libcurl":
        words = [program, base + "/chat/completions", *numbers]
        given = {"model": MODEL, "messages": messages_of(case.kind), **PARAMS}
        body = json.dumps({**given, "stream": True} if case.chunks else given)
    try:
        done = subprocess.run(
            words, input=body, capture_output=True, text=True, cwd=ROOT, timeout=TIMEOUT_S
        )
    except subprocess.TimeoutExpired:
        return _failed(name, f"not done after {TIMEOUT_S} s")
    if done.returncode != 0:
        return _failed(name, (done.stderr.strip().splitlines() or ["no output"])[-1][:200])
    result: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    expected = expected_chunks(case, name, requests)
    if result["chunks"] != expected:
        return _failed(name, f"saw {result['chunks']} chunks, not {expected}")
    result["us"] = result["cpu_s"] / (requests * max(case.chunks, 1)) * 1e6
    return result


def _failed(name: str, why: str) -> dict[str, Any]:
    _say(f"  {name} failed: {why}")
    return {"error": why}


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
