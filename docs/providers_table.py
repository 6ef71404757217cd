"""Writes the tables of docs/providers.md: the registry, the catalogue, and the recorded exchanges.

Run ``python docs/providers_table.py`` after a change of dialects or providers; a test fails until
then. The recorded exchanges are sent through the router again (tests/py/replay.py), so the counts
are of what was read just now; where they are absent, the counts of the page stay.
"""

from __future__ import annotations

import collections
import json
import re
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "providers.md"
BEGIN = "<!-- generated: begin -->"
END = "<!-- generated: end -->"
SHAPES = {"openai": "chat", "responses": "Responses", "anthropic": "Messages"}
# Some parameters are one thing to a reader.
FEATURES = {
    "tools": "tools",
    "response_format": "structured output",
    "reasoning_effort": "reasoning",
    "stop": "stop",
    "seed": "seed",
    "logprobs": "log probabilities",
    "n": "several answers",
}


def counted() -> dict[str, str] | None:
    """Return by dialect how many recorded exchanges were read of how many; None without them."""
    sys.path.insert(0, str(ROOT / "tests" / "py"))
    import replay
    import test_recorded as recorded

    if not replay.RECORDED.exists():
        return None
    read: collections.Counter[str] = collections.Counter()
    there: collections.Counter[str] = collections.Counter()
    asked = replay.exchanges()
    with replay.Replay(asked) as server, replay.router_for(server, asked) as router:
        for exchange in asked:
            if recorded.INVENTED in exchange.id:
                continue
            there[exchange.dialect] += 1
            read[exchange.dialect] += recorded.passes(router, exchange)
    return {name: f"{read[name]} of {there[name]}" for name in there}


def table(counts: dict[str, str]) -> str:
    """Return the table of dialects, as Markdown."""
    from llmroute import _core, config

    providers = json.loads(config.catalogue_json())["providers"]
    speakers: dict[str, list[str]] = {}
    for name, entry in providers.items():
        speakers.setdefault(entry["dialect"], []).append(name)
    head = ["dialect", "callers may speak it", *FEATURES.values(), "embeddings", "recorded, read"]
    rows = [head, ["---"] * len(head)]
    for name, entry in _core.dialects().items():
        marks = ["-" if key in entry["unsupported"] else "yes" for key in FEATURES]
        embeds = "yes" if entry["embeddings"] else "-"
        rows.append(
            [name, SHAPES.get(name, "-"), *marks, embeds, counts.get(name, "none recorded")]
        )
    lines = ["| " + " | ".join(row) + " |" for row in rows]
    lines += ["", "| dialect | providers of the catalogue |", "|---|---|"]
    lines += [f"| {d} | {', '.join(sorted(names))} |" for d, names in sorted(speakers.items())]
    lines += ["", "| provider | headers of a call that it is sent |", "|---|---|"]
    lines += [
        f"| {name} | {', '.join(f'`{header}`' for header in entry['forward_headers'])} |"
        for name, entry in sorted(providers.items())
        if entry.get("forward_headers")
    ]
    return "\n".join(lines)


def counts_of(page: str) -> dict[str, str]:
    """Return the counts that a page holds already."""
    return dict(re.findall(r"^\| (\w+) \|.*\| (\d+ of \d+|none recorded) \|$", page, re.MULTILINE))


def write_into(page: str, generated: str) -> str:
    """Return the page with the part between its two marks replaced."""
    head, rest = page.split(BEGIN)
    _, tail = rest.split(END)
    return f"{head}{BEGIN}\n\n{generated}\n\n{END}{tail}"


def main() -> Any:
    """Write the page."""
    page = PAGE.read_text()
    PAGE.write_text(write_into(page, table(counted() or counts_of(page))))


if __name__ == "__main__":
    main()
