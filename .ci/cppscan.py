"""What the checks need to know of C++: code without comments and literals, includes, functions.

No compiler is asked, so that the checks take a second. The scanner knows comments, strings, raw
strings, character literals, digit separators, preprocessor lines, lambdas, constructors with
initialiser lists and nested classes; `tests/py/test_repository_checks.py` holds the tricky ones.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass

_TOKEN = re.compile(
    r"""
      (?P<line>//(?:[^\n\\]|\\\n|\\.)*)
    | (?P<block>/\*.*?\*/)
    | (?P<raw>(?:u8|[uUL])?R"(?P<tag>[^()\\\s]{0,16})\(.*?\)(?P=tag)")
    | (?P<string>"(?:[^"\\\n]|\\.)*")
    | (?P<number>\b\d(?:'?[0-9A-Za-z_.])*)
    | (?P<char>'(?:[^'\\\n]|\\.)+')
    """,
    re.VERBOSE | re.DOTALL,
)
_INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*(<[^>\n]+>|"[^"\n]+")', re.MULTILINE)
_DIRECTIVE = re.compile(r"^[ \t]*#(?:[^\n\\]|\\\n|\\.)*", re.MULTILINE)


def _blank(text: str) -> str:
    return re.sub(r"[^\n]", " ", text)


def _without(text: str, *, literals: bool) -> str:
    def replace(match: re.Match[str]) -> str:
        kind = match.lastgroup
        if kind == "tag":
            kind = "raw"
        if kind == "number" or (not literals and kind in {"raw", "string", "char"}):
            return match.group()
        if kind in {"line", "block"}:
            return _blank(match.group())
        return '"' + _blank(match.group())[1:-1] + '"'

    return _TOKEN.sub(replace, text)


def code_of(text: str) -> str:
    """Return `text` with comments and the inside of literals blanked; lines stay where they are."""
    return _without(text, literals=True)


def includes_of(text: str) -> Iterator[tuple[int, str, bool]]:
    """Yield line, path and whether it is in angle brackets, for each include that is no comment."""
    for match in _INCLUDE.finditer(_without(text, literals=False)):
        name = match.group(1)
        yield text.count("\n", 0, match.start(1)) + 1, name[1:-1], name[0] == "<"


@dataclass(frozen=True)
class Function:
    """A function's definition: where its head begins and how many lines it takes."""

    name: str
    line: int
    lines: int


def functions_of(text: str) -> list[Function]:
    """Return the functions defined in `text`; a lambda counts as a part of what it stands in."""
    code = _DIRECTIVE.sub(lambda m: _blank(m.group()), code_of(text))
    return _Scan(code).run()


_TAIL = re.compile(
    r"(?:\b(?:const|noexcept|override|final|try|mutable|volatile)\b|&&?|\)"
    r"|\)\s*(?:const\s*|noexcept\s*)*->[^=;]*|\brequires\b[^=;]*)\s*$"
)
_SCOPE = re.compile(r"^(?:\s*(?:inline|export)\s+)*\s*(?:namespace\b|extern\s*\"\s*\")")
_TYPE = re.compile(r"\b(?:class|struct|union)\b")
_ENUM = re.compile(r"\benum\b")
_NAME = re.compile(r"((?:operator\s*(?:\(\s*\)|[^\s(]+|\s[\w:<>*& ]+))|~?\w+)\s*\($")


def _without_template(head: str) -> str:
    """Return `head` with its `template <...>` blanked."""
    found = re.match(r"\s*template\s*<", head)
    if not found:
        return head
    angles, round_ = 1, 0
    for i in range(found.end(), len(head)):
        round_ += {"(": 1, ")": -1}.get(head[i], 0)
        if round_ == 0:
            angles += {"<": 1, ">": -1}.get(head[i], 0)
        if angles == 0:
            return _without_template(_blank(head[: i + 1]) + head[i + 1 :])
    return head


def _flat(head: str) -> tuple[str, int]:
    """Return `head` with templates and the inside of brackets blanked, and the first '(' or -1."""
    head = _without_template(head).replace("operator()", "operator##")
    out: list[str] = []
    depth = 0
    first = -1
    for i, c in enumerate(head):
        if c in ")]}":
            depth -= 1
        out.append(c if depth <= 0 else (" " if c != "\n" else c))
        if c in "([{":
            if c == "(" and depth == 0 and first < 0:
                first = i
            depth += 1
    return "".join(out), first


class _Scan:
    """Walks the braces; a stack tells scopes that hold functions from braces that do not."""

    def __init__(self, code: str) -> None:
        self.code = code
        self.starts = [0, *(m.end() for m in re.finditer("\n", code))]
        self.found: list[Function] = []

    def run(self) -> list[Function]:
        self._scope(0)
        return self.found

    def _line(self, at: int) -> int:
        return bisect_right(self.starts, at)

    def _scope(self, at: int) -> int:
        """Read declarations from `at`; return the place after the brace that closes the scope."""
        code, begin = self.code, at
        while at < len(code):
            c = code[at]
            if c == ";":
                begin = at + 1
            elif c == "}":
                return at + 1
            elif c == "(":
                at = self._close(at)
                continue
            elif c == "{":
                kind = self._kind(code[begin:at])
                if kind == "scope":
                    at = begin = self._scope(at + 1)
                    continue
                end = self._close(at)
                if kind == "function":
                    self._add(begin, end)
                if kind in {"function", "enum"}:
                    begin = end
                at = end
                continue
            elif c == ":" and re.search(r"\b(?:public|private|protected)\s*$", code[begin:at]):
                begin = at + 1
            at += 1
        return at

    def _close(self, at: int) -> int:
        """Return the place after the bracket that closes the one at `at`."""
        depth = 0
        opening = self.code[at]
        closing = {"{": "}", "(": ")"}[opening]
        for i in range(at, len(self.code)):
            if self.code[i] == opening:
                depth += 1
            elif self.code[i] == closing:
                depth -= 1
                if depth == 0:
                    return i + 1
        return len(self.code)

    def _kind(self, head: str) -> str:
        flat, paren = _flat(head)
        if _SCOPE.search(flat):
            return "scope"
        if _ENUM.search(flat) and paren < 0:
            return "enum"
        assigned = re.search(r"(?<!operator)(?<![=!<>+\-*/|&^%])=(?!=)", flat)
        named = "operator" in flat
        if assigned and not named:
            is_lambda = re.search(r"\[\s*\]", flat[assigned.end() :])
            return "function" if is_lambda and _TAIL.search(flat) else "value"
        if _TYPE.match(re.sub(r"^\s*(?:alignas\s*\(\s*\)|\[\s*\]|\s)*", "", flat)):
            return "scope" if paren < 0 or not _TAIL.search(flat) else self._body(flat)
        return self._body(flat) if paren >= 0 else "value"

    @staticmethod
    def _body(flat: str) -> str:
        initialisers = re.search(r"\)\s*(?:noexcept\s*(?:\(\s*\))?\s*)?:(?!:)", flat)
        if initialisers:
            # In `: a_(x), b_{y} {` a brace after a name or a template is an initialiser.
            return "function" if flat.rstrip()[-1] in ")}" else "value"
        return "function" if _TAIL.search(flat) else "value"

    def _add(self, begin: int, end: int) -> None:
        while begin < end and self.code[begin].isspace():
            begin += 1
        head = self.code[begin:end].split("{", 1)[0]
        flat, paren = _flat(head)
        name = _NAME.search(flat[: paren + 1]) if paren >= 0 else None
        label = name.group(1).strip().replace("##", "()") if name else " ".join(head.split())[:40]
        first = self._line(begin)
        self.found.append(Function(label, first, self._line(end - 1) - first + 1))
