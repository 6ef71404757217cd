"""From runs to verdicts and a table."""

from __future__ import annotations

from statistics import median
from typing import Any

from benchmarks.cases import Case

__all__ = ["judge", "row", "table"]


def row(
    name: str, unit: str, figures: dict[str, float], bars: list[tuple[str, float]], mine: str
) -> dict[str, Any]:
    """One line of the table: figures by client, and (text, limit) bars on the figure of `mine`."""
    value = figures.get(mine)
    verdicts = [
        {"bar": text, "limit": limit, "ok": value is not None and value <= limit}
        for text, limit in bars
    ]
    ok = all(verdict["ok"] for verdict in verdicts)
    return {"case": name, "unit": unit, "figures": figures, "bars": verdicts, "ok": ok}


def judge(case: Case, runs: dict[str, list[dict[str, Any]]]) -> dict[str, Any]:
    """Compare medians of interleaved runs; a bar whose other side is absent is left out."""
    figures = {name: median(r["us"] for r in results) for name, results in runs.items()}
    bars = [
        (f"<= {bar.factor:g} x {bar.other}", bar.factor * figures[bar.other])
        for bar in case.bars
        if bar.other in figures
    ]
    judged = row(case.name, f"us CPU per {case.per}", figures, bars, "llmroute")
    judged["runs"] = runs
    stalls = sum(r["stalls"] for r in runs.get("llmroute", []))
    # Latencies of this size are only suspicious where the upstream answers at once.
    if case.path == "nginx":
        judged["bars"].append({"bar": "no stall of 35-50 ms", "limit": 0, "ok": stalls == 0})
        judged["ok"] = judged["ok"] and stalls == 0
    return judged


def table(rows: list[dict[str, Any]]) -> str:
    """Markdown: a line per case, the clients as columns, verdicts last."""
    clients = list(dict.fromkeys(name for r in rows for name in r["figures"]))
    clients.sort(key=lambda name: (name != "libcurl", name != "llmroute"))
    lines = ["| | unit | " + " | ".join(clients) + " | bars |"]
    lines.append("|---|---|" + "---|" * (len(clients) + 1))
    for r in rows:
        cells = [_figure(r["figures"].get(name)) for name in clients]
        bars = "; ".join(
            f"{'ok' if b['ok'] else 'MISSED'}: {b['bar']} ({_figure(b['limit'])})"
            for b in r["bars"]
        )
        lines.append(f"| {r['case']} | {r['unit']} | " + " | ".join(cells) + f" | {bars} |")
    return "\n".join(lines) + "\n"


def _verdict(bar: dict[str, Any]) -> str:
    return f"{'ok' if bar['ok'] else 'MISSED'}: {bar['bar']} ({_figure(bar['limit'])})"


def _figure(value: float | None) -> str:
    if value is None:
        return ""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"
