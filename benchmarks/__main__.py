"""``python -m benchmarks``: measure, judge, write a table and JSON."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks import extra, peers, report, servers
from benchmarks.cases import CASES, Case
from benchmarks.client import MESSAGES as SMALL
from benchmarks.client import MODEL, PARAMS, big_messages

HERE = Path(__file__).parent
BUILD = HERE.parent / "build" / "bench"
SLOW = {"litellm", "httpx", "openai"}


def main() -> int:
    """Run what the command line asks for; 1 where a bar is missed."""
    parser = argparse.ArgumentParser(prog="benchmarks", description=__doc__)
    parser.add_argument("--only", metavar="TEXT", help="cases whose name holds this")
    parser.add_argument("--quick", action="store_true", help="a tenth of the work, one repeat")
    parser.add_argument("--repeats", type=int, default=3, help="interleaved repeats (3)")
    parser.add_argument("--clients", help="comma-separated; default: all that are installed")
    parser.add_argument("--setup-peers", action="store_true", help="install the peers and stop")
    parser.add_argument("--json", metavar="FILE", help="also write the figures here")
    options = parser.parse_args()
    BUILD.mkdir(parents=True, exist_ok=True)
    if options.setup_peers:
        return peers.install(BUILD / "peers")
    rows = run_cases(options)
    rows += extra.run(BUILD, quick=options.quick, only=options.only)
    text = report.table(rows)
    print(text)
    (BUILD / "RESULTS.md").write_text(text)
    (BUILD / "results.json").write_text(json.dumps(rows, indent=1))
    if options.json:
        Path(options.json).write_text(json.dumps(rows, indent=1))
    return 0 if all(row["ok"] for row in rows) else 1


def run_cases(options: argparse.Namespace) -> list[dict[str, Any]]:
    """Measure every case with every client, interleaved."""
    floor, upstream_program = servers.build(BUILD)
    known = peers.available(BUILD / "peers")
    wanted = options.clients.split(",") if options.clients else ["libcurl", *known]
    rows = []
    with (
        tempfile.TemporaryDirectory() as folder,
        servers.nginx(Path(folder)) as nginx_base,
        servers.upstream(upstream_program) as origin,
    ):
        for case in CASES:
            if options.only and options.only not in case.name:
                continue
            base = nginx_base if case.path == "nginx" else origin + case.path
            runs: dict[str, list[dict[str, Any]]] = {}
            for repeat in range(1 if options.quick else options.repeats):
                for name in wanted:
                    print(f"{case.name}: {name} ({repeat + 1})", file=sys.stderr, flush=True)
                    result = run_one(case, name, base, floor, known, options.quick)
                    if result is not None:
                        runs.setdefault(name, []).append(result)
            rows.append(report.judge(case, runs))
    return rows


def run_one(
    case: Case, name: str, base: str, floor: Path, known: dict[str, str], quick: bool
) -> dict[str, Any] | None:
    """One client, one case, one process; None where the client cannot do this work."""
    share = (0.1 if quick else 1.0) * (case.slow_peers_share if name in SLOW else 1.0)
    requests = max(int(case.requests * share), case.in_flight * 2)
    warmup = max(int(case.warmup * share), case.in_flight)
    if name == "libcurl":
        stream = {"stream": True} if case.kind == "stream" else {}
        messages = big_messages() if case.kind in ("big", "bytes") else SMALL
        body = json.dumps({"model": MODEL, "messages": messages, **PARAMS, **stream})
        words = [str(floor), base + "/chat/completions", str(case.in_flight), str(requests)]
        done = subprocess.run([*words, str(warmup)], input=body, capture_output=True, text=True)
    else:
        if case.kind == "bytes" and name != "llmroute":
            return None
        words = [known[name], str(HERE / "client.py"), name, base, str(case.in_flight)]
        words += [str(requests), str(warmup), case.kind]
        done = subprocess.run(words, capture_output=True, text=True)
    if done.returncode != 0:
        print(f"  {name} failed: {done.stderr.strip()[-300:]}", file=sys.stderr)
        return None
    result: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    # The floor counts every data line: the finish and usage chunks too.
    expected = (case.chunks + (2 if name == "libcurl" else 0)) * result["requests"]
    if case.chunks and result["chunks"] != expected:
        raise SystemExit(f"{name} saw {result['chunks']} chunks, not {expected}")
    per = result["requests"] * (case.chunks if case.per == "chunk" else 1)
    result["us"] = result["cpu_s"] / per * 1e6
    return result


if __name__ == "__main__":
    raise SystemExit(main())
