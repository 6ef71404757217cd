"""``llmroute chat`` and ``llmroute explain``: one request from the command line."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from llmroute.errors import ConfigError
from llmroute.router import Router

__all__ = ["chat", "explain"]

DEFAULT_FILE = Path("llmroute.toml")


def chat(options: argparse.Namespace) -> int:
    """Send the prompt and stream the answer to standard output."""
    with _router(options) as router, router.stream(_messages(options), **_call(options)) as stream:
        for delta in stream:
            if not options.json and delta.kind == "text":
                print(delta.text, end="", flush=True)
            elif not options.json and delta.kind == "restart":
                print("\n[the answer begins again]", flush=True)
    if options.json:
        print(json.dumps(_answer(stream), ensure_ascii=False))
        return 0
    print()
    if options.why:
        print(f"\n{stream.decision}", file=sys.stderr)
    return 0


def explain(options: argparse.Namespace) -> int:
    """Print where the prompt would go; 1 where no deployment could take it."""
    with _router(options) as router:
        decision = router.explain(_messages(options), **_call(options))
    if options.why_not:
        print(decision.why_not(options.why_not))
    elif options.json:
        print(decision.to_json())
    else:
        print(decision)
    return 0 if any(c["rank"] == 0 for c in decision.candidates) else 1


def _router(options: argparse.Namespace) -> Router:
    if options.config:
        return Router(options.config)
    if DEFAULT_FILE.exists():
        return Router(DEFAULT_FILE)
    if options.model and "/" in options.model:
        return Router([options.model])
    raise ConfigError(
        f"there is no {DEFAULT_FILE} here; name a file with --config, or a model with "
        "--model provider/model"
    )


def _messages(options: argparse.Namespace) -> list[dict[str, Any]]:
    prompt = sys.stdin.read() if options.prompt == "-" else options.prompt
    messages = [{"role": "user", "content": prompt}]
    if options.system:
        messages.insert(0, {"role": "system", "content": options.system})
    return messages


def _call(options: argparse.Namespace) -> dict[str, Any]:
    chosen = {
        "model": options.model,
        "policy": options.policy,
        "exclude": tuple(options.exclude),
        "deadline_ms": options.deadline_ms,
        "max_tokens": options.max_tokens,
        "temperature": options.temperature,
        "metadata": dict(options.metadata) or None,
        "headers": dict(options.header) or None,
        "scores": dict(options.score) or None,
        "tags": options.tag or None,
        "region": options.region,
        "priority": _priority(options.priority),
    }
    return {name: value for name, value in chosen.items() if value is not None}


def _priority(word: str | None) -> str | int | None:
    return int(word) if word is not None and word.isdecimal() else word


def _answer(stream: Any) -> dict[str, Any]:
    return {
        "text": stream.text,
        "deployment": stream.deployment,
        "usage": stream.usage.to_dict() if stream.usage else None,
        "cost_usd": stream.cost_usd,
        "decision": stream.decision.to_dict(),
    }
