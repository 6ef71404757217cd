"""What is not one request after another: decisions, import, cache hits, a busy Python thread."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks import report, servers
from benchmarks.peers import PEERS
from benchmarks.report import Row
from benchmarks.run import Plan

__all__ = ["run"]

ROOT = Path(__file__).parent.parent
# Several numbers of each candidate, or an integral over what was learnt, take their time.
WEIGHING = frozenset(("score", "headroom", "carbon", "quality", "region_latency"))
LEARNING = frozenset(("thompson",))

# What is measured.
LAYERS = "base;model;wire;health;analysis;provider;store;limits;cache;policy;engine"

# Most CPU time of reading a chunk, by dialect.
CHUNK_US = {"openai": 1.0, "anthropic": 1.5, "gemini": 2.0}
IMPORT = "import time; t = time.perf_counter(); import {}; print(time.perf_counter() - t)"

BUSY = """
import asyncio, json, os, subprocess, sys, threading
import llmroute

os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})  # away from the server's core

SPIN = "while True: pass"

async def main():
    router = llmroute.AsyncRouter({"version": 1, "deployments": {"a": {
        "provider": "openai", "base_url": sys.argv[1], "model": "m", "api_key": "x"}}})

    async def attempts():
        seen = []
        for _ in range(300):
            reply = await router.chat("hi", model="a")
            seen.append(reply.decision.attempts[0]["total_ms"])
        seen.sort()
        return seen[len(seen) * 95 // 100]

    await attempts()
    process = subprocess.Popen([sys.executable, "-c", SPIN])
    beside_a_process = await attempts()
    process.kill()
    process.wait()
    stop = threading.Event()

    def spin():
        while not stop.is_set():
            for _ in range(1000):
                pass

    thread = threading.Thread(target=spin)
    thread.start()
    beside_a_thread = await attempts()
    stop.set()
    thread.join()
    print(json.dumps([beside_a_process, beside_a_thread]))

asyncio.run(main())
"""

SIMULATION = """
import time
import llmroute

config = ["openai/a", "groq/b", "xai/c"]
world = {
    "default": {"ttft_ms": 300, "ttft_p95_ms": 900, "tokens_per_second": 80, "error_rate": 0.01},
    "deployments": {"openai/a": {"troubles": [
        {"kind": "overloaded", "from_s": 600, "to_s": 1200},
        {"kind": "slow", "from_s": 3000, "to_s": 3600}]}},
}
started = time.perf_counter()
result = llmroute.simulate(config, {"requests": 1_000_000}, world, seed=1)
took = time.perf_counter() - started
assert result.summary["requests"] == 1_000_000 and result.summary["failures"] < 1_000
print(took)
"""

CACHE_HIT = """
import time
import llmroute
from llmroute.testing import SimulatedProvider

prompt = "word " * 200  # a body of 1 KB
messages = [{"role": "user", "content": prompt}]
with SimulatedProvider(ttft_ms=1) as provider:
    config = {"deployments": {"a": provider.deployment()}, "cache": {"exact": {}}}
    with llmroute.Router(config) as router:
        text = router.chat(messages, model="a", temperature=0.5).text
        again = router.chat(messages, model="a", temperature=0.5)
        assert text and again.text == text and again.cost_usd == 0.0
        assert again.decision.to_dict()["cache"]["status"] == "hit"

        def ask(times):
            for _ in range(times):
                router.chat(messages, model="a", temperature=0.5)

        ask(2_000)
        took = []
        for _ in range(20):
            started = time.perf_counter()
            ask(1_000)
            took.append((time.perf_counter() - started) * 1e3)  # us per call
        assert provider.stats()["requests"] == 1
        assert router.cache_stats()["hits"] == 22_001
print(sorted(took)[len(took) // 2])
"""


def run(plan: Plan, build: Path) -> list[Row]:
    """Measure each part whose name holds the plan's word."""
    parts: dict[str, Callable[[], list[Row]]] = {
        "decision": lambda: _decisions(build),
        "dialects": lambda: _dialects(build),
        "ledger": lambda: _ledger(build),
        "keywords": lambda: _keywords(build),
        "ruled": lambda: _ruled(build),
        "import": lambda: [_imports(plan)],
        "simulation": lambda: [_simulation(1 if plan.quick else plan.repeats)],
        "cache": lambda: [_cache_hit(1 if plan.quick else plan.repeats)],
        "busy": lambda: [_busy(1 if plan.quick else plan.repeats)],
    }
    rows = []
    for name, part in parts.items():
        if plan.only in name:
            print(name, file=sys.stderr, flush=True)
            rows += part()
    return rows


def _python(python: str, code: str, *words: str) -> str:
    done = subprocess.run([python, "-c", code, *words], capture_output=True, text=True)
    if done.returncode != 0:
        raise SystemExit(done.stderr)
    return done.stdout


def _core(build: Path, part: str) -> list[dict[str, Any]]:
    folder = build / "cpp"
    generator = ["-G", "Ninja"] if shutil.which("ninja") else []
    options = ["-DCMAKE_BUILD_TYPE=Release", f"-DLLMROUTE_LAYERS={LAYERS}"]
    configure = ["cmake", "-S", str(ROOT), "-B", str(folder), *generator, *options]
    make = ["cmake", "--build", str(folder), "--target", "llmroute_cpp_bench", "-j2"]
    for command in (configure, make):
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode != 0:
            raise SystemExit(done.stdout + done.stderr)
    measured = subprocess.run(
        [folder / "llmroute_cpp_bench", part], capture_output=True, check=True
    )
    results: list[dict[str, Any]] = json.loads(measured.stdout)
    return results


def _dialects(build: Path) -> list[Row]:
    rows = []
    for result in _core(build, "dialects"):
        dialect = result["dialect"]
        if result["what"] == "chunk":
            name, limit = f"one streamed chunk, {dialect}", CHUNK_US[dialect]
        else:
            name, limit = f"200 messages, 220 KB, to {dialect}", 400.0
        bars = [(f"<= {limit:g} us", limit)]
        rows.append(report.row(name, "us", {"llmroute": [result["us"]]}, bars))
    return rows


def _ledger(build: Path) -> list[Row]:
    return [
        report.row(
            f"look, reserve and settle in the ledger, {result['threads']} threads",
            "us",
            {"llmroute": [result["us"]]},
            [("<= 1 us", 1.0)],
        )
        for result in _core(build, "ledger")
    ]


def _keywords(build: Path) -> list[Row]:
    rows = []
    for result in _core(build, "keywords"):
        name = f"{result['phrases']:,} phrases in a prompt of {result['text_bytes']:,} bytes"
        line = report.row(name, "us", {"llmroute": [result["us"]]}, [("<= 60 us", 60.0)])
        rows.append(report.close(line, [("allocations", 0.0)], float(result["allocations"])))
    return rows


def _decisions(build: Path) -> list[Row]:
    rows = []
    for result in _core(build, "decisions"):
        size, allocations = result["deployments"], float(result["allocations"])
        limits = {100: 2.0, 1000: 20.0}
        if result["policy"] in WEIGHING:
            limits = {100: 10.0, 1000: 60.0}
        bars = [(f"<= {limits[size]:g} us", limits[size])]
        name = f"decision among {size:,} deployments, {result['policy']}"
        line = report.row(
            name,
            "us",
            {"llmroute": [result["us"]]},
            bars if result["policy"] not in LEARNING else [],
        )
        rows.append(report.close(line, [("allocations", 0.0)], allocations))
    return rows


def _ruled(build: Path) -> list[Row]:
    rows = []
    for result in _core(build, "ruled"):
        size = result["deployments"]
        limit = {100: 10.0, 1000: 60.0}[size]
        name = f"decision among {size:,} with 50 rules, 20 constraints and its explanation"
        rows.append(
            report.row(name, "us", {"llmroute": [result["us"]]}, [(f"<= {limit:g} us", limit)])
        )
    return rows


def _imports(plan: Plan) -> Row:
    samples: dict[str, list[float]] = {}
    for repeat in range(4 if plan.quick else 16):
        for name, python in plan.clients.items():
            if name == "libcurl" or (name == "litellm" and repeat > 4):
                continue
            seconds = float(_python(python, IMPORT.format(PEERS.get(name, name))))
            if repeat:  # the first reads the files
                samples.setdefault(name, []).append(seconds * 1e3)
    return report.row("import", "ms", samples, [("<= 45 ms", 45.0)])


def _simulation(repeats: int) -> Row:
    samples = {"llmroute": [float(_python(sys.executable, SIMULATION)) for _ in range(repeats)]}
    name = "a million simulated requests, three deployments with faults"
    return report.row(name, "s", samples, [("<= 5 s", 5.0)])


def _cache_hit(repeats: int) -> Row:
    samples = {"llmroute": [float(_python(sys.executable, CACHE_HIT)) for _ in range(repeats)]}
    name = "exact-cache hit from Python, wall time per call"
    return report.row(name, "us", samples, [("<= 25 us", 25.0)])


def _busy(repeats: int) -> Row:
    with tempfile.TemporaryDirectory() as folder, servers.nginx(Path(folder)) as base:
        pairs = [json.loads(_python(sys.executable, BUSY, base)) for _ in range(repeats)]
    apart = sorted(pair[0] for pair in pairs)[len(pairs) // 2]
    # Both take a core; only the thread can hold the GIL, and waiting for that costs 5 ms.
    samples = {"llmroute": [pair[1] for pair in pairs]}
    name = f"attempt beside a busy Python thread, p95 (beside a process: {apart:.2g})"
    return report.row(name, "ms", samples, [("<= 1 ms above", apart + 1.0)])
