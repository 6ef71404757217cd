"""``llmroute inbox``: requests that wait for a person."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable
from typing import Any

from llmroute import _core, explain, inbox
from llmroute.cli.history import open_state

__all__ = ["run"]

_MOST_SHOWN = 72


def run(options: argparse.Namespace) -> int:
    """Do one thing with the inbox of a state file; 2 where the words do not fit together."""
    needed = {"show": 1, "answer": 2, "decline": 1}.get(options.action, 0)
    given = (options.id is not None) + (options.text is not None)
    if given != needed:
        wanted = ("no further words", "ID", 'ID and "TEXT"')[needed]
        print(f"llmroute inbox: {options.action} takes {wanted}", file=sys.stderr)
        return 2
    actions: dict[str, Callable[[_core.StateFile, argparse.Namespace], None]] = {
        "list": _list,
        "show": _show,
        "answer": _answer,
        "decline": _decline,
        "corrections": _corrections,
    }
    with open_state(options.state) as store:
        actions[options.action](store, options)
    return 0


def _list(store: _core.StateFile, options: argparse.Namespace) -> None:
    parked = inbox.waiting(store)
    if options.json:
        print(json.dumps([one.to_dict() for one in parked], ensure_ascii=False))
        return
    for one in parked:
        print(f"{one.id}  {one.asked_at}  model {one.model or '-'}  {_short(one.last_message)}")
    if not parked:
        print("nobody waits")


def _show(store: _core.StateFile, options: argparse.Namespace) -> None:
    parked = inbox.find(store, options.id)
    if options.json:
        print(json.dumps(parked.to_dict(), ensure_ascii=False))
        return
    print(f"request {parked.id}, asked {parked.asked_at}, kept until {parked.until}")
    labels = ", ".join(f"{key}={value}" for key, value in sorted(parked.metadata.items()))
    print(f'model "{parked.model}", priority {parked.priority}' + (f", {labels}" if labels else ""))
    for message in parked.messages:
        print(f"\n{message.get('role', '?')}: {inbox.text_of(message.get('content'))}")
    print(f"\n{explain.render(parked.decision)}")


def _answer(store: _core.StateFile, options: argparse.Namespace) -> None:
    text = sys.stdin.read() if options.text == "-" else options.text
    _say(store, options, text)


def _decline(store: _core.StateFile, options: argparse.Namespace) -> None:
    _say(store, options, None)


def _say(store: _core.StateFile, options: argparse.Namespace, text: str | None) -> None:
    who = options.who or os.environ.get("USER")
    group = options.correct_group
    given = inbox.answer(store, options.id, text, who=who, correct_group=group)
    if options.json:
        print(json.dumps(given.to_dict(), ensure_ascii=False))
    else:
        print(f"{'answered' if text is not None else 'declined'} {given.id}")


def _corrections(store: _core.StateFile, options: argparse.Namespace) -> None:
    found = inbox.corrections(store)
    if options.json:
        print(json.dumps([one.to_dict() for one in found], ensure_ascii=False))
        return
    for one in found:
        should = f"should have gone to {one.correct_group}" if one.correct_group else "answered"
        print(f"{one.id}  {one.at}  group {one.group or '-'}  {should}  {_short(_asked(one))}")
    if not found:
        print("nothing was answered")


def _asked(one: Any) -> str:
    users = [m for m in one.messages if m.get("role") == "user"]
    return inbox.text_of(users[-1].get("content")) if users else ""


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _MOST_SHOWN else line[: _MOST_SHOWN - 3] + "..."
