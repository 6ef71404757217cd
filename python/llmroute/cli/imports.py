"""``llmroute import``: another router's configuration as llmroute's own."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from llmroute import config
from llmroute.integrations import litellm

__all__ = ["run"]


def run(options: argparse.Namespace) -> int:
    """Translate a file; the notes go to standard error, so that the output can be a file."""
    done = litellm.translate(options.file, keep_keys=False)
    config.check(done.config)  # what is written can be loaded
    text = done.to_toml()
    if options.output:
        Path(options.output).write_text(text, encoding="utf-8")
    if options.json:
        notes = [note.to_dict() for note in done.notes]
        print(json.dumps({"config": done.config, "notes": notes, "file": options.output}))
        return 0
    if not options.output:
        print(text, end="")
    for note in done.notes:
        print(note, file=sys.stderr)
    groups, deployments = len(done.config["groups"]), len(done.config["deployments"])
    counts = {kind: sum(n.kind == kind for n in done.notes) for kind in ("left_out", "changed")}
    print(
        f"{groups} groups, {deployments} deployments; fields left out: {counts['left_out']}, "
        f"changed: {counts['changed']}",
        file=sys.stderr,
    )
    return 0
