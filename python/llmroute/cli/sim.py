"""``llmroute sim``: simulated providers from the shell."""

from __future__ import annotations

import argparse
import json
import threading
from typing import Any

from llmroute.errors import ConfigError
from llmroute.testing import SimulatedProvider, read_simulation

__all__ = ["run"]

# What runs without a file: one provider of each dialect.
DEFAULT: dict[str, Any] = {
    "providers": {"alpha": {"dialect": "openai"}, "beta": {"dialect": "anthropic"}}
}


def run(options: argparse.Namespace) -> int:
    """Start the providers, print how to reach them, wait until interrupted."""
    tables = read_simulation(options.config if options.config else DEFAULT)
    if not tables:
        raise ConfigError("the file describes no provider; add a [providers.NAME] table")
    running: dict[str, SimulatedProvider] = {}
    try:
        for name, table in tables.items():
            running[name] = SimulatedProvider(**table)
        _announce(running, options.json)
        _wait(options.seconds)
        if options.json:
            stats = {name: provider.stats() for name, provider in running.items()}
            print(json.dumps({"stats": stats}), flush=True)
    finally:
        for provider in running.values():
            provider.close()
    return 0


def _wait(seconds: float | None) -> None:
    stopped = threading.Event()
    try:
        stopped.wait(seconds)
    except KeyboardInterrupt:
        # The usual way to end this command, so it is no failure.
        return


def _announce(running: dict[str, SimulatedProvider], as_json: bool) -> None:
    deployments = {name: provider.deployment() for name, provider in running.items()}
    config = {
        "version": 1,
        "deployments": deployments,
        "groups": {"fast": {"deployments": list(deployments)}},
    }
    if as_json:
        print(json.dumps({"config": config}), flush=True)
        return
    print("# A configuration that uses these providers; stop them with Ctrl-C.")
    print('version = 1\n\n[groups.fast]\ndeployments = ["' + '", "'.join(deployments) + '"]')
    for name, table in deployments.items():
        print(f"\n[deployments.{name}]")
        for key, value in table.items():
            print(f"{key} = {json.dumps(value)}")
    print(flush=True)
