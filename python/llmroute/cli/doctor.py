"""``llmroute doctor``: what of a configuration works from here, and what to do where not."""

from __future__ import annotations

import argparse
import json
from itertools import groupby
from pathlib import Path
from typing import Any, Final

from llmroute.doctor import Check, examine
from llmroute.errors import ConfigError

__all__ = ["run"]

_DEFAULT_FILE: Final = Path("llmroute.toml")
_STYLES: Final = {"ok": "green", "warning": "yellow", "broken": "bold red", "skipped": "dim"}
_WORDS: Final = {"key_valid": "key valid"}


def run(options: argparse.Namespace) -> int:
    """Examine the deployments; 1 where something is broken."""
    source = options.config or (str(_DEFAULT_FILE) if _DEFAULT_FILE.exists() else None)
    if source is None:
        raise ConfigError(f"there is no {_DEFAULT_FILE} here; name a configuration")
    checks = examine(
        source,
        online=options.online,
        deployments=options.deployment,
        timeout_s=options.timeout,
    )
    counts = {status: sum(check.status == status for check in checks) for status in _STYLES}
    if options.json:
        print(json.dumps(_document(source, options.online, counts, checks)))
    else:
        _print(checks, counts, options.online)
    return 1 if counts["broken"] else 0


def _document(
    source: str, online: bool, counts: dict[str, int], checks: list[Check]
) -> dict[str, Any]:
    return {
        "config": source,
        "online": online,
        "healthy": not counts["broken"],
        **counts,
        "checks": [check.to_dict() for check in checks],
    }


def _print(checks: list[Check], counts: dict[str, int], online: bool) -> None:
    from rich.console import Console

    console = Console(highlight=False, soft_wrap=True)
    number = 0
    for name, group in groupby(checks, key=lambda check: check.deployment):
        number += 1
        console.print(name, style="bold", markup=False)
        for check in group:
            console.print(f"  {check.status:<8}", style=_STYLES[check.status], end="")
            word = _WORDS.get(check.what, check.what)
            console.print(f"{word:<11} {check.message}", markup=False)
            if check.advice:
                console.print(f"{'':<22}-> {check.advice}", markup=False)
    plural = "s" * (number != 1)
    found = ", ".join(f"{counts[s]} {s}" for s in ("broken", "warning") if counts[s]) or "all ok"
    console.print(f"{number} deployment{plural}: {found}", markup=False)
    if not online:
        console.print(
            "contacted by DNS, TCP and TLS only; --online asks whether keys are valid, models "
            "known and clocks right",
            style="dim",
            markup=False,
        )
