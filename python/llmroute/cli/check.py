"""``llmroute check``: validate configuration files."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from llmroute import config
from llmroute.errors import ConfigError

__all__ = ["run"]


def run(options: argparse.Namespace) -> int:
    """Check every file; 2 where one cannot be used."""
    if options.schema:
        print(config.json_schema())
        return 0
    files = options.file or [name for name in ("llmroute.toml",) if Path(name).exists()]
    if not files:
        print("llmroute check: name a file; there is no llmroute.toml here", file=sys.stderr)
        return 2
    reports = [_check(name) for name in files]
    if options.json:
        print(json.dumps(reports))
    else:
        for report in reports:
            _print(report)
    return 0 if all(report["ok"] for report in reports) else 2


def _check(name: str) -> dict[str, Any]:
    try:
        return {"file": name, "ok": True, **config.check(name)}
    except ConfigError as error:
        return {
            "file": name,
            "ok": False,
            "error": str(error),
            "path": error.path,
            "line": error.line,
            "nearest": error.nearest,
        }
    except OSError as error:
        return {"file": name, "ok": False, "error": f"{name}: {error.strerror}", "path": None}


def _print(report: dict[str, Any]) -> None:
    if not report["ok"]:
        print(report["error"], file=sys.stderr)
        return
    print(f"{report['file']}: ok")
    for name, group in report["groups"].items():
        members = ", ".join(group["deployments"])
        fallbacks = f", then {', '.join(group['fallbacks'])}" if group["fallbacks"] else ""
        print(f"  group {name}   policy {group['policy']}   {members}{fallbacks}")
    for warning in report["warnings"]:
        print(f"  warning: {warning}")
