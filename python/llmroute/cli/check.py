"""``llmroute check``: what is wrong with configuration files, and what cannot be meant."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any, Final

from llmroute import config
from llmroute.errors import ConfigError

__all__ = ["run"]

_STYLES: Final = {"error": "bold red", "warning": "yellow", "info": "dim"}
_NAMED_BY_FINDINGS: Final = ("environment variable", "key file")  # of the plain warnings


def run(options: argparse.Namespace) -> int:
    """Check every file; 2 where one cannot be used, 1 where there are errors."""
    if options.schema:
        print(config.json_schema())
        return 0
    files = options.file or [name for name in ("llmroute.toml",) if Path(name).exists()]
    if not files:
        print("llmroute check: name a file; there is no llmroute.toml here", file=sys.stderr)
        return 2
    reports = [_check(name, options.days) for name in files]
    if options.json:
        print(json.dumps(reports))
    else:
        for report in reports:
            _print(report)
    if not all(report["ok"] for report in reports):
        return 2
    failing = {"error", "warning"} if options.strict else {"error"}
    return 1 if any(failing & _severities(report) for report in reports) else 0


def _routing_tests(name: str) -> list[dict[str, Any]]:
    """Run the tests that stand in the file; nothing is started where it has none."""
    if not config.read_document(name).get("routing_tests"):
        return []
    from llmroute.testing import run_routing_tests

    return [result.to_dict() for result in run_routing_tests(name)]


def _severities(report: dict[str, Any]) -> set[str]:
    found = {finding["severity"] for finding in report["findings"]}
    if _other_warnings(report):
        found.add("warning")
    if not all(test["ok"] for test in report["routing_tests"]):
        found.add("error")
    return found


def _check(name: str, days: int) -> dict[str, Any]:
    try:
        meaning = config.check(name, days=days)
        return {"file": name, "ok": True, **meaning, "routing_tests": _routing_tests(name)}
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


def _other_warnings(report: dict[str, Any]) -> list[str]:
    """Those that no finding says more of."""
    return [w for w in report["warnings"] if not any(part in w for part in _NAMED_BY_FINDINGS)]


def _print(report: dict[str, Any]) -> None:
    if not report["ok"]:
        print(report["error"], file=sys.stderr)
        return
    from rich.console import Console

    console = Console(highlight=False, soft_wrap=True)
    console.print(f"{report['file']}: {_verdict(report)}", markup=False)
    for name, group in report["groups"].items():
        members = ", ".join(group["deployments"])
        fallbacks = f", then {', '.join(group['fallbacks'])}" if group["fallbacks"] else ""
        line = f"  group {name}   policy {group['policy']}   {members}{fallbacks}"
        console.print(line, markup=False)
    for finding in report["findings"]:
        _print_finding(console, finding)
    for warning in _other_warnings(report):
        console.print(f"  warning: {warning}", markup=False, style=_STYLES["warning"])
    for test in report["routing_tests"]:
        if not test["ok"]:
            console.print("  failed: ", style=_STYLES["error"], end="")
            console.print(f"routing test {test['name']}: {test['message']}", markup=False)


def _verdict(report: dict[str, Any]) -> str:
    found = [finding["severity"] for finding in report["findings"]]
    counts = {"error": found.count("error"), "warning": found.count("warning")}
    counts["warning"] += len(_other_warnings(report))
    said = [f"{count} {word}{'s' * (count > 1)}" for word, count in counts.items() if count]
    tests = report["routing_tests"]
    failed = sum(not test["ok"] for test in tests)
    if tests:
        said.append(f"{failed} of {len(tests)} routing tests failed" if failed else _passed(tests))
    return ", ".join(said) or "ok"


def _passed(tests: list[dict[str, Any]]) -> str:
    return f"{len(tests)} routing test{'s' * (len(tests) > 1)} passed"


def _print_finding(console: Any, finding: dict[str, Any]) -> None:
    line = f", line {finding['line']}" if finding["line"] else ""
    style = _STYLES[finding["severity"]]
    console.print(f"  {finding['severity']}: ", style=style, end="")
    console.print(
        f"{finding['path']}{line}: {finding['message']} [{finding['slug']}]", markup=False
    )
    if finding["severity"] == "info" or finding["example"] is None:
        return
    example = json.dumps(finding["example"], ensure_ascii=False)
    console.print(f"    for example {example}", markup=False, style="dim")
    if finding["assumes"]:
        taken = "; ".join(finding["assumes"])
        console.print(f"    taken as possible: {taken}", markup=False, style="dim")
