"""``python -m benchmarks``: measure, judge, write a table and JSON."""

from __future__ import annotations

import argparse
import json
import os
import platform
import time
from pathlib import Path
from typing import Any

from benchmarks import extra, peers, report, servers
from benchmarks.run import Plan, run_cases

BUILD = Path(__file__).parent.parent / "build" / "bench"


def main() -> int:
    """Run what the command line asks for; 1 where a bar is missed."""
    options = _options()
    BUILD.mkdir(parents=True, exist_ok=True)
    if options.setup_peers:
        return peers.install(BUILD / "peers")
    clients = {"libcurl": str(servers.program("floor", BUILD)), **peers.available(BUILD / "peers")}
    if options.peers is not None:
        named = {"libcurl", "llmroute", *options.peers.split(",")}
        clients = {name: where for name, where in clients.items() if name in named}
    plan = Plan(clients, options.repeats, options.quick, options.only)
    machine = _machine()
    rows = []
    for case, runs in run_cases(plan, BUILD):
        rows.append(report.judge(case, runs))
        if case.in_flight >= 1_000:
            rows.append(report.memory(case, runs))
    rows += extra.run(plan, BUILD)
    text = _heading(machine) + report.table(rows)
    print(text)
    (BUILD / "RESULTS.md").write_text(text)
    for file in (BUILD / "results.json", options.json):
        if file:
            Path(file).write_text(json.dumps({"machine": machine, "rows": rows}, indent=1))
    return 0 if all(line["ok"] for line in rows) else 1


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=main.__doc__)
    parser.add_argument("--only", metavar="TEXT", default="", help="cases whose name holds this")
    parser.add_argument("--quick", action="store_true", help="a tenth of the work, one repeat")
    parser.add_argument("--repeats", type=int, default=3, help="interleaved repeats (3)")
    parser.add_argument("--peers", metavar="A,B", help="only these, e.g. aiohttp (default: all)")
    parser.add_argument("--setup-peers", action="store_true", help="install the peers and stop")
    parser.add_argument("--json", metavar="FILE", help="also write the figures here")
    return parser.parse_args()


def _machine() -> dict[str, Any]:
    return {
        "at": time.strftime("%Y-%m-%d %H:%M"),
        "system": platform.platform(),
        "python": platform.python_version(),
        "cores": len(os.sched_getaffinity(0)),
        "load_before": os.getloadavg()[0],
    }


def _heading(machine: dict[str, Any]) -> str:
    line = "{at}, {cores} cores, {system}, Python {python}, load {load_before:.1f} before"
    text = line.format(**machine)
    if machine["load_before"] > 0.5:
        text += "; other work ran beside it, so that even the ratios need care"
    return text + "\n\nMedians of interleaved runs (least to most).\n\n"


if __name__ == "__main__":
    raise SystemExit(main())
