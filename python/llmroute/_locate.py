"""Finds the line of a path such as ``groups.fast.deployments[1].weight`` in a configuration's text.

The text has been parsed before, so it is known to be well-formed: these scanners only have to find
their way, not to judge. Private to `llmroute.config`.
"""

from __future__ import annotations

import bisect
import json
import re
from collections.abc import Iterator
from typing import Any, Final

__all__ = ["duplicate_key", "line_of", "split_path"]

Step = str | int
Steps = tuple[Step, ...]

_PATH_STEP: Final = re.compile(r'"(?:[^"\\]|\\.)*"|\[(\d+)\]|[^.\[\]"]+')


def split_path(path: str) -> Steps:
    """Split a path into keys and indices.

    Examples
    --------
    >>> split_path('deployments."gpt-4.1".api_keys[0]')
    ('deployments', 'gpt-4.1', 'api_keys', 0)
    """
    steps: list[Step] = []
    for match in _PATH_STEP.finditer(path):
        if match[1] is not None:
            steps.append(int(match[1]))
        else:
            text = match[0]
            steps.append(str(json.loads(text)) if text.startswith('"') else text)
    return tuple(steps)


def line_of(text: str, form: str, path: str) -> int | None:
    """Line of the deepest part of `path` that the text has, from 1; None where it has none."""
    steps = split_path(path)
    if not steps:
        return None
    lines = dict(_toml_lines(text) if form == "toml" else _yaml_lines(text, form))
    for length in range(len(steps), 0, -1):
        if steps[:length] in lines:
            return lines[steps[:length]]
    return None


def duplicate_key(text: str, form: str) -> tuple[str, int] | None:
    """First key that a mapping of a YAML or JSON text has twice, with its line."""
    seen: set[Steps] = set()
    for steps, line in _yaml_lines(text, form):
        if steps in seen:
            return str(steps[-1]), line
        seen.add(steps)
    return None


def _yaml_lines(text: str, form: str) -> Iterator[tuple[Steps, int]]:
    import yaml

    if form == "json":
        # Tabs may stand between the tokens of JSON but not of YAML; no JSON string holds one.
        text = text.replace("\t", " ")
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.YAMLError:
        return  # a JSON text that is no YAML: its lines stay unknown
    # Once per node: aliases may repeat a few lines a billion times, or hold themselves.
    visited: set[int] = set()
    pending: list[tuple[Steps, Any]] = [((), root)]
    while pending:
        steps, node = pending.pop()
        if id(node) in visited:
            continue
        visited.add(id(node))
        children: list[tuple[Steps, Any]] = []
        if isinstance(node, yaml.MappingNode):
            for key, value in node.value:
                below = (*steps, str(key.value))
                yield below, key.start_mark.line + 1
                children.append((below, value))
        elif isinstance(node, yaml.SequenceNode):
            for index, value in enumerate(node.value):
                below = (*steps, index)
                yield below, value.start_mark.line + 1
                children.append((below, value))
        pending.extend(reversed(children))


def _toml_lines(text: str) -> Iterator[tuple[Steps, int]]:
    return _TomlScanner(text).lines()


class _TomlScanner:
    """Walks a well-formed TOML text and yields every key and element with its line."""

    _BLANK: Final = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
    _KEY: Final = re.compile(r"""[ \t]*("(?:[^"\\\n]|\\.)*"|'[^'\n]*'|[A-Za-z0-9_-]+)[ \t]*""")
    _STRING: Final = re.compile(
        r"\"\"\"(?:[^\\]|\\.)*?\"{3,5}|'''.*?'{3,5}|\"(?:[^\"\\\n]|\\.)*\"|'[^'\n]*'", re.DOTALL
    )
    _SCALAR: Final = re.compile(r"[^,\]}\n#]*")

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.found: dict[Steps, int] = {}
        self.newlines = [match.start() for match in re.finditer("\n", text)]
        self.arrays: dict[Steps, int] = {}  # arrays of tables and their last index

    def lines(self) -> Iterator[tuple[Steps, int]]:
        table: Steps = ()
        self.skip_blank()
        while self.at < len(self.text):
            if self.text.startswith("[[", self.at):
                table = self.header(2)
            elif self.text.startswith("[", self.at):
                table = self.header(1)
            else:
                self.pair(table)
            self.skip_blank()
        return iter(self.found.items())

    def skip_blank(self) -> None:
        match = self._BLANK.match(self.text, self.at)
        self.at = match.end() if match else self.at

    def header(self, brackets: int) -> Steps:
        line = self.line()
        self.at += brackets
        keys = self.keys()
        self.at += brackets
        table: Steps = ()
        for key in keys[:-1]:
            table = self.into(table, key)
        if brackets == 2:
            array = (*table, keys[-1])
            self.arrays[array] = self.arrays.get(array, -1) + 1
            self.found.setdefault(array, line)
            table = (*array, self.arrays[array])
        else:
            table = self.into(table, keys[-1])
        for length in range(1, len(table) + 1):
            self.found.setdefault(table[:length], line)
        return table

    def into(self, table: Steps, key: str) -> Steps:
        below = (*table, key)
        return (*below, self.arrays[below]) if below in self.arrays else below

    def keys(self) -> list[str]:
        keys: list[str] = []
        while match := self._KEY.match(self.text, self.at):
            self.at = match.end()
            text = match[1]
            if text.startswith('"'):
                keys.append(_unescaped(text[1:-1]))
            else:
                keys.append(text.strip("'"))
            if not self.text.startswith(".", self.at):
                break
            self.at += 1
        if not keys:
            raise ValueError("no key here")
        return keys

    def pair(self, table: Steps) -> None:
        line = self.line()
        for key in self.keys():
            table = (*table, key)
            self.found.setdefault(table, line)
        self.at += 1  # the equals sign
        self.value(table)

    def value(self, steps: Steps) -> None:
        self.skip_blank()
        opening = self.text[self.at : self.at + 1]
        if opening == "[":
            self.sequence(steps)
        elif opening == "{":
            self.at += 1
            self.skip_blank()
            while not self.text.startswith("}", self.at):
                self.pair(steps)
                self.skip_separator()
            self.at += 1
        else:
            match = self._STRING.match(self.text, self.at) or self._SCALAR.match(self.text, self.at)
            self.at = match.end() if match else len(self.text)

    def sequence(self, steps: Steps) -> None:
        self.at += 1
        self.skip_blank()
        index = 0
        while not self.text.startswith("]", self.at):
            below = (*steps, index)
            self.found.setdefault(below, self.line())
            self.value(below)
            self.skip_separator()
            index += 1
        self.at += 1

    def skip_separator(self) -> None:
        self.skip_blank()
        if self.text.startswith(",", self.at):
            self.at += 1
        elif self.text[self.at : self.at + 1] not in ("]", "}"):
            raise ValueError("not the TOML this scanner knows")
        self.skip_blank()

    def line(self) -> int:
        return bisect.bisect_left(self.newlines, self.at) + 1


def _unescaped(text: str) -> str:
    try:
        return str(json.loads(f'"{text}"'))
    except json.JSONDecodeError:  # an escape that only TOML has
        return text
