"""Texts for examples: one that holds some words and fits some patterns."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterable, Sequence
from typing import Any, Final

__all__ = ["fits", "text_with"]

_PREFERRED: Final = "1aA -_"


def text_with(words: Iterable[str], patterns: Iterable[str]) -> str | None:
    """Return a text that holds some phrases and fits some patterns.

    Parameters
    ----------
    words, patterns : iterable of str
        All of them; a pattern in the syntax of RE2.

    Returns
    -------
    str or None
        None where no such text was found; that does not mean that there is none.

    Examples
    --------
    >>> text_with(["invoice"], ["ORD-[0-9]+"])
    'invoice ORD-1'
    """
    pieces = list(words)
    for pattern in patterns:
        piece = _fitting(pattern)
        if piece is None:
            return None
        pieces.append(piece)
    return " ".join(pieces)


def _fitting(pattern: str) -> str | None:
    """Return the shortest text that comes to mind; checked, for the walk below is a rough one."""
    try:
        with warnings.catch_warnings():  # of what this engine may read otherwise in years to come
            warnings.simplefilter("ignore")
            text = _walk(list(_parser().parse(pattern)))
        return text if fits(pattern, text) else None
    except (re.error, LookupError, StopIteration, TypeError, ValueError, OverflowError):
        return None


def fits(pattern: str, text: str) -> bool:
    """Say whether a pattern is found in a text; of one that only RE2 reads: yes, to be careful.

    Examples
    --------
    >>> fits("a+", "baa"), fits("a", "b")
    (True, False)
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return re.search(pattern, text) is not None
    except re.error:
        return True


def _parser() -> Any:
    import sys

    if sys.version_info >= (3, 11):
        import re._parser as parser  # type: ignore[import-not-found, unused-ignore]
    else:
        import sre_parse as parser
    return parser


def _walk(tree: Sequence[Any]) -> str:
    return "".join(_piece(str(kind), value) for kind, value in tree)


def _piece(kind: str, value: Any) -> str:
    if kind == "LITERAL":
        return chr(value)
    if kind in ("MAX_REPEAT", "MIN_REPEAT"):
        least, _, inner = value
        return _walk(list(inner)) * min(int(least), 100)
    if kind == "SUBPATTERN":
        return _walk(list(value[-1]))
    if kind == "BRANCH":
        return _walk(list(value[1][0]))
    if kind == "NOT_LITERAL":
        return next(c for c in _PREFERRED if ord(c) != value)
    if kind == "ANY":
        return "a"
    if kind == "IN":
        return _one_of(value)
    return ""  # ends and borders of words take no room


def _one_of(choices: Sequence[Any]) -> str:
    first_kind, first = choices[0]
    if str(first_kind) == "NEGATE":
        taken = {value for kind, value in choices[1:] if str(kind) == "LITERAL"}
        return next(c for c in _PREFERRED if ord(c) not in taken)
    if str(first_kind) == "LITERAL":
        return chr(first)
    if str(first_kind) == "RANGE":
        return next((c for c in _PREFERRED if first[0] <= ord(c) <= first[1]), chr(first[0]))
    category = str(first)
    if category.endswith(("NOT_SPACE", "_WORD")):
        return "a"
    return {"CATEGORY_DIGIT": "1", "CATEGORY_SPACE": " "}.get(category, "a")
