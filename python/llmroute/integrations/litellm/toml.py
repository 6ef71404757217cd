"""Writes plain values as TOML; nothing else of the package needs to."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

__all__ = ["dumps"]

_BARE: Final = re.compile(r"[A-Za-z0-9_-]+")


def dumps(document: Mapping[str, Any]) -> str:
    """Write a document: tables of tables get headings, everything else one line.

    Parameters
    ----------
    document : mapping
        Of texts, numbers, truth, lists and further mappings; None is left out.

    Examples
    --------
    >>> print(dumps({"version": 1, "groups": {"a b": {"deployments": ["x"]}}}))
    version = 1
    <BLANKLINE>
    [groups."a b"]
    deployments = ["x"]
    <BLANKLINE>
    """
    return "\n".join(_table(document, ())).lstrip("\n") + "\n"


def _table(table: Mapping[str, Any], path: tuple[str, ...]) -> Iterator[str]:
    inner = {k: v for k, v in table.items() if isinstance(v, Mapping) and _has_heading(path, v)}
    lines = [
        f"{_key(k)} = {_value(v)}" for k, v in table.items() if k not in inner and v is not None
    ]
    if path and (lines or not inner):
        yield ""
        yield f"[{'.'.join(map(_key, path))}]"
    yield from lines
    for key, value in inner.items():
        yield from _table(value, (*path, key))


def _has_heading(path: tuple[str, ...], value: Mapping[str, Any]) -> bool:
    """Decide by depth: ``[deployments.NAME]`` has one, its price stands on one line."""
    return len(path) < 2


def _key(text: str) -> str:
    return text if _BARE.fullmatch(text) else _text(text)


def _text(text: str) -> str:
    # JSON's escapes are TOML's; it has one more character that must not stand by itself.
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def _value(value: Any) -> str:
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    if isinstance(value, (int, float)):
        return repr(value)
    if isinstance(value, Mapping):
        inside = ", ".join(f"{_key(k)} = {_value(v)}" for k, v in value.items() if v is not None)
        return f"{{ {inside} }}" if inside else "{}"
    return f"[{', '.join(map(_value, value))}]"
