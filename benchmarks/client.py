"""One client, one case, one fresh process: prints one JSON line.

``python -m benchmarks.client NAME URL IN_FLIGHT REQUESTS WARMUP KIND``. Runs under the interpreter
of the peer's own environment, so it imports nothing of this package but ``callers``.
"""

from __future__ import annotations

import asyncio
import json
import os
import resource
import sys
import time
from importlib.metadata import version
from typing import Any

from benchmarks.callers import CALLERS, One, messages_of

STALL_S = (0.035, 0.050)  # where a delayed acknowledgement shows


def status_kb(key: str) -> int:
    """A line of this process's status, in KiB."""
    with open("/proc/self/status") as lines:
        return next(int(line.split()[1]) for line in lines if line.startswith(key))


def cpu_seconds() -> float:
    """User and system time of all threads so far."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


async def measure(one: One, in_flight: int, requests: int, warmup: int) -> dict[str, Any]:
    """Run the requests, `in_flight` at a time, after a single one and a warm-up."""
    latencies: list[float] = []

    async def worker(share: int) -> int:
        chunks = 0
        for _ in range(share):
            started = time.perf_counter()
            chunks += await one()
            latencies.append(time.perf_counter() - started)
        return chunks

    async def wave(total: int) -> int:
        shares = [total // in_flight + (i < total % in_flight) for i in range(in_flight)]
        return sum(await asyncio.gather(*(worker(share) for share in shares if share)))

    await one()
    base_kb = status_kb("VmRSS:")
    await wave(warmup)
    latencies.clear()
    wall, cpu = time.perf_counter(), cpu_seconds()
    chunks = await wave(requests)
    used, passed = cpu_seconds() - cpu, time.perf_counter() - wall
    latencies.sort()
    return {
        "requests": requests,
        "cpu_s": used,
        "wall_s": passed,
        "chunks": chunks,
        "p50_ms": latencies[len(latencies) // 2] * 1e3,
        "p99_ms": latencies[len(latencies) * 99 // 100] * 1e3,
        "stalls": sum(STALL_S[0] < s < STALL_S[1] for s in latencies),
        "kb_in_flight": (status_kb("VmHWM:") - base_kb) / in_flight,
    }


def main() -> None:
    """Measure one client as the command line says."""
    os.environ.update(LITELLM_LOCAL_MODEL_COST_MAP="True", LITELLM_LOG="ERROR")
    name, base, in_flight, requests, warmup, kind = sys.argv[1:]

    async def run() -> dict[str, Any]:
        one = CALLERS[name](base, kind, messages_of(kind))
        return await measure(one, int(in_flight), int(requests), int(warmup))

    result = asyncio.run(run())
    print(json.dumps({**result, "version": version(name)}), flush=True)
    os._exit(0)  # clients leave sessions open; what they do at exit is not measured


if __name__ == "__main__":
    main()
