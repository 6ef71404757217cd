"""``llmroute simulate``: traffic through a configuration, on modelled providers."""

from __future__ import annotations

import argparse
import json
import sys
from typing import Any

from llmroute import config
from llmroute.simulation import SHARE_HEAD, Comparison, Simulation, compare, share_row, simulate
from llmroute.traffic import Traffic

__all__ = ["run"]


def run(options: argparse.Namespace) -> int:
    """Simulate what the file describes; 1 where no request was answered."""
    document = config.read_document(options.file)
    world = document.pop("world", {})
    traffic = _traffic(options, document.pop("traffic", {}))
    if options.policies:
        names = [name for name in options.policies.split(",") if name]
        compared = compare(document, names, traffic=traffic, world=world, seed=options.seed)
        print(json.dumps(compared.to_dict())) if options.json else _print_comparison(compared)
        return 0
    result = simulate(document, traffic, world, seed=options.seed)
    print(json.dumps(result.to_dict())) if options.json else _print(result)
    return 0 if result.summary["failures"] < result.summary["requests"] else 1


def _traffic(options: argparse.Namespace, generator: dict[str, Any]) -> Traffic | dict[str, Any]:
    if not options.csv and not options.log:
        return generator
    traffic = Traffic.from_csv(options.csv) if options.csv else Traffic.from_log(options.log)
    if traffic.bad_rows:
        print(f"{traffic.bad_rows} bad rows left out, such as:", file=sys.stderr)
        for number, why in traffic.skipped[:5]:
            print(f"  row {number}: {why}", file=sys.stderr)
    return traffic


def _print(result: Simulation) -> None:
    from rich.console import Console
    from rich.table import Table

    console = Console(highlight=False, soft_wrap=True)
    s = result.summary
    console.print(
        f"{s['requests']:,} requests, {s['failures']:,} failed, {s['attempts']:,} attempts "
        f"({s['amplification']:.3f} a request), {s['hedges']:,} hedges, "
        f"{s['known_cost_usd']:.4g} USD{' and what is unknown' if s['unknown_costs'] else ''}"
    )
    if s["unknown_costs"]:
        console.print(f"the cost of {s['unknown_costs']:,} requests is unknown: no price")
    for kind, count in s["failures_by_kind"].items():
        console.print(f"  {count:,} {kind}")
    times = Table("milliseconds", "p50", "p95", "p99", "mean")
    for name, label in (("ttft_ms", "to the first token"), ("total_ms", "in all")):
        values = (s[name][key] for key in ("p50", "p95", "p99", "mean"))
        times.add_row(label, *("-" if v is None else f"{v:,.0f}" for v in values))
    console.print(times)
    places = Table("deployment", "answered", "share", "first attempts", "of them failed")
    for name, d in s["deployments"].items():
        numbers = (f"{d['first_attempts']:,}", f"{d['first_failures']:,}")
        places.add_row(name, f"{d['answered']:,}", f"{d['share']:.1%}", *numbers)
    console.print(places)
    for key, head in (("tenants", "tenant"), ("priorities", "priority")):
        if len(s[key]) > 1:
            shares = Table(head, *SHARE_HEAD)
            for name, share in s[key].items():
                shares.add_row(*share_row(name, share))
            console.print(shares)
    if s["more_tenants"]:
        console.print(f"and {s['more_tenants']:,} tenants with fewer tokens")
    if s["queued_ms"]["requests"]:
        queued = s["queued_ms"]
        console.print(f"{queued['requests']:,} stood in line, p95 {queued['p95']:,.0f} ms")
    if s["known_quality"]:
        console.print(f"quality {s['quality']:.3f} on average, of {s['known_quality']:,} answers")
    if s["known_carbon_g"]:
        unknown = f" and what {s['unknown_carbon']:,} emitted" if s["unknown_carbon"] else ""
        console.print(f"{s['known_carbon_g']:,.4g} g of carbon dioxide{unknown}")


def _print_comparison(compared: Comparison) -> None:
    print(repr(compared))
    for name in compared.results:
        if name == compared.baseline:
            continue
        for measure in ("failures", "total_ms_mean", "cost_usd", "quality_mean", "carbon_g"):
            d = compared.difference(name, measure)
            if d["difference"] != d["difference"]:  # unknown on either side
                continue
            word = "better" if d["better"] else "worse" if d["worse"] else "no clear difference"
            print(
                f"{name} against {compared.baseline}, {measure} per batch: {d['difference']:+.4g} "
                f"({d['low']:.4g} to {d['high']:.4g}): {word}"
            )
