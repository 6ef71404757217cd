"""``llmroute history`` and ``llmroute diff``: what was served when, and what changed."""

from __future__ import annotations

import argparse
import contextlib
import json
import os
from collections.abc import Iterator
from typing import Any

from llmroute import _core, _documents, config, lifecycle
from llmroute.errors import ConfigError

__all__ = ["diff", "history", "open_state"]


@contextlib.contextmanager
def open_state(path: str) -> Iterator[_core.StateFile]:
    """Open a state file that is there.

    Raises
    ------
    ConfigError
        There is none, or it cannot be read.
    """
    if not os.path.exists(path):
        raise ConfigError("there is no such state file; see [state] path", file=path)
    opened = _core.StateFile(path)
    try:
        yield opened
    finally:
        opened.close()


def history(options: argparse.Namespace) -> int:
    """Print the versions that a state file holds, the latest last."""
    with open_state(options.state) as store:
        versions = lifecycle.read_history(store)
    if options.json:
        print(json.dumps([version.to_dict() for version in versions]))
        return 0
    for version in versions:
        print(version)
    if not versions:
        print("no configuration was served with this file yet")
    return 0


def diff(options: argparse.Namespace) -> int:
    """Print what changed from one configuration to another."""
    old, new = _documents_of(options)
    changes = _documents.changes(old, new)
    text = _documents.unified(old, new, options.old, options.new)
    if options.json:
        print(
            json.dumps({"old": options.old, "new": options.new, "changes": changes, "diff": text})
        )
    else:
        print(text or "they say the same")
    return 0


def _documents_of(options: argparse.Namespace) -> tuple[dict[str, Any], dict[str, Any]]:
    names = (options.old, options.new)
    if options.state is None:
        for name in names:
            if name.isdigit() and not os.path.exists(name):
                raise ConfigError(f"{name} is a version of which file? name it with --state")
        old, new = (_documents.document_of(config.load(name))[0] for name in names)
        return old, new
    with open_state(options.state) as store:
        versions = {version.number: version for version in lifecycle.read_history(store)}
    old, new = (
        lifecycle.document_of_version(versions, int(name))
        if name.isdigit()
        else _documents.document_of(config.load(name))[0]
        for name in names
    )
    return old, new
