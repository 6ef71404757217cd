"""From runs to verdicts and a table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import median
from typing import Any

from benchmarks.cases import Case
from benchmarks.run import Runs

__all__ = ["Limit", "Row", "close", "judge", "memory", "row", "table"]

MINE = "llmroute"
MEMORY_KB = 32.0

Row = dict[str, Any]
"""``case``, ``unit``, ``figures`` (by client: median, min, max), ``bars``, ``errors``, ``ok``."""

Limit = tuple[str, float | None]
"""A bar's text and what our figure may be at most; None: there is nothing to compare with."""

Samples = Mapping[str, Sequence[float]]


def _figure(samples: Sequence[float]) -> dict[str, float]:
    return {"median": median(samples), "min": min(samples), "max": max(samples)}


def _bar(text: str, limit: float | None, value: float | None) -> dict[str, Any]:
    judged = None if limit is None else value is not None and value <= limit
    return {"bar": text, "limit": limit, "ok": judged}


def row(name: str, unit: str, samples: Samples, limits: Sequence[Limit]) -> Row:
    """One line of the table; the limits hold for the median of our own samples."""
    figures = {client: _figure(values) for client, values in samples.items() if values}
    value = figures[MINE]["median"] if MINE in figures else None
    line = {"case": name, "unit": unit, "figures": figures, "bars": [], "errors": {}}
    return close(line, limits, value)


def close(line: Row, limits: Sequence[Limit], value: float | None) -> Row:
    """Add bars to a line and say whether all are met; without our own figure none is."""
    line["bars"] += [_bar(text, limit, value) for text, limit in limits]
    missed = [bar for bar in line["bars"] if bar["ok"] is False]
    line["ok"] = MINE in line["figures"] and MINE not in line["errors"] and not missed
    return line


def judge(case: Case, runs: Runs) -> Row:
    """Compare medians of interleaved runs."""
    good = {name: [r for r in results if "error" not in r] for name, results in runs.items()}
    samples = {name: [r["us"] for r in results] for name, results in good.items() if results}
    limits = [
        (
            f"<= {bar.factor:g} x {bar.other}",
            bar.factor * median(samples[bar.other]) if bar.other in samples else None,
        )
        for bar in case.bars
    ]
    line = row(case.name, f"us CPU per {case.per}", samples, limits)
    line["errors"] = {
        name: result["error"]
        for name, results in runs.items()
        for result in results
        if "error" in result
    }
    close(line, [], None)
    if case.prompt and MINE in line["figures"]:
        stalls = {name: sum(r["stalls"] for r in results) for name, results in good.items()}
        # A busy machine holds up the floor as well; a delayed acknowledgement holds up us alone.
        limit = float(stalls.get("libcurl", 0))
        close(line, [("stalls of 35-50 ms, no more than libcurl", limit)], stalls[MINE])
        line["stalls"] = stalls
    line["runs"] = runs
    return line


def memory(case: Case, runs: Runs) -> Row:
    """How far the peak grew over the idle client, per request in flight."""
    samples = {
        name: [r["kb_in_flight"] for r in results if "error" not in r]
        for name, results in runs.items()
    }
    title = f"memory per request in flight, {case.in_flight:,} at once"
    return row(title, "KB", samples, [(f"<= {MEMORY_KB:g} KB", MEMORY_KB)])


def table(rows: Sequence[Row]) -> str:
    """Markdown: a line per case, the clients as columns, verdicts last."""
    clients = list(dict.fromkeys(name for line in rows for name in line["figures"]))
    clients.sort(key=lambda name: (name != "libcurl", name != MINE))
    lines = ["| | unit | " + " | ".join(clients) + " | bars |"]
    lines.append("|---|---|" + "---|" * (len(clients) + 1))
    for line in rows:
        cells = [_cell(line["figures"].get(name)) for name in clients]
        bars = "; ".join(_verdict(bar) for bar in line["bars"])
        lines.append(f"| {line['case']} | {line['unit']} | " + " | ".join(cells) + f" | {bars} |")
    failed = [
        f"- {line['case']}: {name} failed: {why}"
        for line in rows
        for name, why in line["errors"].items()
    ]
    return "\n".join([*lines, *(["", *failed] if failed else [])]) + "\n"


def _verdict(bar: dict[str, Any]) -> str:
    if bar["ok"] is None:
        return f"not judged: {bar['bar']} (absent)"
    return f"{'ok' if bar['ok'] else 'MISSED'}: {bar['bar']} ({_number(bar['limit'])})"


def _cell(figure: dict[str, float] | None) -> str:
    if figure is None:
        return ""
    middle = _number(figure["median"])
    if figure["min"] == figure["max"]:
        return middle
    return f"{middle} ({_number(figure['min'])} to {_number(figure['max'])})"


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 or value == 0 else f"{value:.3g}"
