"""What is not one request after another: decisions, import, memory, a busy Python thread."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks import report, servers

__all__ = ["run"]

ROOT = Path(__file__).parent.parent

IMPORT = "import time; t = time.perf_counter(); import llmroute; print(time.perf_counter() - t)"

BUSY = """
import asyncio, json, statistics, sys, threading
import llmroute

async def main():
    router = llmroute.AsyncRouter({"version": 1, "deployments": {"a": {
        "provider": "openai", "base_url": sys.argv[1], "model": "m", "api_key": "x"}}})
    async def attempts():
        seen = []
        for _ in range(200):
            reply = await router.chat("hi", model="a")
            seen.append(reply.decision.attempts[0]["total_ms"])
        return statistics.median(seen)
    await attempts()
    calm = await attempts()
    stop = threading.Event()
    def spin():
        while not stop.is_set():
            sum(range(1000))
    thread = threading.Thread(target=spin)
    thread.start()
    busy = await attempts()
    stop.set()
    thread.join()
    print(json.dumps([calm, busy]))
asyncio.run(main())
"""


def run(build: Path, *, quick: bool, only: str | None) -> list[dict[str, Any]]:
    """Measure each; `only` filters by name as for the cases."""
    parts = {
        "decision": lambda: _decisions(build),
        "import": lambda: [_import(3 if quick else 15)],
        "memory": lambda: [_memory(build)],
        "busy": lambda: [_busy(build)],
    }
    rows = []
    for name, part in parts.items():
        if only is None or only in name:
            print(name, file=sys.stderr, flush=True)
            rows += part()
    return rows


def _python(code: str, *words: str) -> str:
    done = subprocess.run([sys.executable, "-c", code, *words], capture_output=True, text=True)
    if done.returncode != 0:
        raise SystemExit(done.stderr)
    return done.stdout


def _decisions(build: Path) -> list[dict[str, Any]]:
    folder = build / "cpp"
    compiler = ["-G", "Ninja"] if shutil.which("ninja") else []
    options = ["-DCMAKE_BUILD_TYPE=Release", "-DLLMROUTE_BUILD_BENCH=ON"]
    configure = ["cmake", "-S", str(ROOT), "-B", str(folder), *compiler, *options]
    subprocess.run(configure, check=True, capture_output=True)
    make = ["cmake", "--build", str(folder), "--target", "llmroute_cpp_bench", "-j2"]
    subprocess.run(make, check=True, capture_output=True)
    program = next(folder.rglob("llmroute_cpp_bench"))
    rows = []
    for result in json.loads(subprocess.run([program], capture_output=True, check=True).stdout):
        bars = {100: [("<= 2 us", 2.0)], 1000: [("<= 20 us", 20.0)]}[result["deployments"]]
        name = f"decision among {result['deployments']:,} deployments, {result['policy']}"
        judged = report.row(name, "us", {"llmroute": result["us"]}, bars, "llmroute")
        none = result["allocations"] == 0
        judged["bars"].append({"bar": "no allocation", "limit": 0, "ok": none})
        judged["ok"] = judged["ok"] and none
        rows.append(judged)
    return rows


def _import(repeats: int) -> dict[str, Any]:
    ms = median(float(_python(IMPORT)) * 1e3 for _ in range(repeats))
    return report.row("import", "ms", {"llmroute": ms}, [("<= 45 ms", 45.0)], "llmroute")


def _memory(build: Path) -> dict[str, Any]:
    client = str(Path(__file__).parent / "client.py")
    _, program = servers.build(build)
    with servers.upstream(program) as origin:
        words = ["llmroute", origin + "/m/delay-500/v1", "1000", "2000", "1000", "plain"]
        done = subprocess.run([sys.executable, client, *words], capture_output=True, text=True)
    kb = json.loads(done.stdout)["kb_in_flight"]
    bars = [("<= 32 KB", 32.0)]
    return report.row("memory per request in flight", "KB", {"llmroute": kb}, bars, "llmroute")


def _busy(build: Path) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder, servers.nginx(Path(folder)) as base:
        calm, busy = json.loads(_python(BUSY, base))
    # Another thread takes a core, so a little slower is fair; waiting for the GIL costs 5 ms.
    bars = [("<= 1 ms above calm", calm + 1.0)]
    figures = {"llmroute": busy, "llmroute, calm": calm}
    return report.row("attempt beside a busy Python thread", "ms", figures, bars, "llmroute")
