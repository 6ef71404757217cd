"""``llmroute catalogue``: what is known of models, and how to renew it."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

from llmroute import catalogue

__all__ = ["run"]

_MOST_LINES: Final = 60
_KEYS: Final = ("price", "context_tokens", "max_output_tokens")  # what a change of is shown


def run(options: argparse.Namespace) -> int:
    """Show entries, or put a newer catalogue in the place of the one that counts."""
    if options.action == "update":
        return _update(options)
    return _show(options)


def _show(options: argparse.Namespace) -> int:
    known = catalogue.active()
    if known is None:
        print(
            json.dumps(None) if options.json else "the model catalogue is off (LLMROUTE_CATALOGUE)"
        )
        return 0
    if options.what is None:
        about = {**known.about, "models": len(known), "file": known.origin}
        lines = [f"{key}: {value}" for key, value in about.items()]
        print(json.dumps(about) if options.json else "\n".join(lines))
        return 0
    entry = known.find(options.what)
    if entry is None:
        nearest = _nearest(options.what, known)
        print(json.dumps(None) if options.json else f"nothing is known of {options.what}{nearest}")
        return 1
    if options.json:
        print(json.dumps(entry, ensure_ascii=False))
        return 0
    print(f"{options.what}, as of {known.date}")
    for key, value in sorted(entry.items()):
        for path, item in _leaves(value, key):
            print(f"  {path}: {item}")
    return 0


def _nearest(name: str, known: catalogue.Catalogue) -> str:
    import difflib

    close = difflib.get_close_matches(name, known, n=3, cutoff=0.6)
    return f"; did you mean {' or '.join(close)}?" if close else ""


def _update(options: argparse.Namespace) -> int:
    made = catalogue.read(options.what, date=options.date)
    before = catalogue.active() or catalogue.Catalogue.shipped()
    changes = list(_changes(before.entries(), made.entries()))
    path = catalogue.user_path()
    older = made.date < before.date
    if not options.dry_run and not older:
        catalogue.store(made, path)
    stored = None if options.dry_run or older else str(path)
    if options.json:
        report = {
            "from": before.date,
            "to": made.date,
            "models": len(made),
            "changes": [
                dict(zip(("model", "what", "old", "new"), c, strict=True)) for c in changes
            ],
            "stored": stored,
        }
        print(json.dumps(report, ensure_ascii=False))
    else:
        _print_changes(changes)
        print(f"{before.date} -> {made.date}: {len(made):,} models, {len(changes):,} changes")
        if older:
            print(f"nothing was stored: the one in use is newer, of {before.date}")
        else:
            print(f"stored in {stored}" if stored else "nothing was stored")
    return 1 if older else 0


def _print_changes(changes: list[tuple[str, str, Any, Any]]) -> None:
    for model, what, old, new in changes[:_MOST_LINES]:
        if not what:
            print(f"{'+' if old is None else '-'} {model}")
        else:
            print(f"  {model}  {what}: {_word(old)} -> {_word(new)}")
    if len(changes) > _MOST_LINES:
        print(f"  ... and {len(changes) - _MOST_LINES:,} more; --json has all of them")


def _word(value: Any) -> str:
    return "unknown" if value is None else str(value)


def _changes(
    old: Mapping[str, Mapping[str, Any]], new: Mapping[str, Mapping[str, Any]]
) -> Iterator[tuple[str, str, Any, Any]]:
    """Model, path of the value, old and new; an empty path: the whole model came or went."""
    for model in sorted(old.keys() | new.keys()):
        if model not in new:
            yield model, "", "there", None
        elif model not in old:
            yield model, "", None, "there"
        else:
            before, after = _stated(old[model]), _stated(new[model])
            for path in sorted(before.keys() | after.keys()):
                if before.get(path) != after.get(path):
                    yield model, path, before.get(path), after.get(path)


def _stated(entry: Mapping[str, Any]) -> dict[str, Any]:
    leaves = (_leaves(entry[key], key) for key in _KEYS if key in entry)
    return {path: value for some in leaves for path, value in some if path != "price.date"}


def _leaves(value: Any, path: str) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        for key, item in value.items():
            yield from _leaves(item, f"{path}.{key}")
    elif isinstance(value, list) and any(isinstance(item, dict) for item in value):
        for index, item in enumerate(value):
            yield from _leaves(item, f"{path}[{index}]")
    else:
        yield path, ", ".join(map(str, value)) if isinstance(value, list) else value
