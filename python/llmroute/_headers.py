"""Headers of a call, from wherever a caller gives them: `headers`, `extra_headers`, `betas`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from llmroute.errors import InvalidRequestError

__all__ = ["merged", "put"]


def put(options: dict[str, Any] | None, *given: tuple[str, Any]) -> dict[str, Any]:
    """Return the options of a call with all its headers in one place.

    Parameters
    ----------
    options : dict or None
        Of the call; not changed.
    *given : tuple of str and Any
        Keyword and value: ``"headers"`` or ``"extra_headers"`` with a table, ``"betas"`` with one
        name or several; None is not given.

    Returns
    -------
    dict
        The options with ``headers``, names in lower case.

    Raises
    ------
    InvalidRequestError
        It is no table, or no list of texts.

    Examples
    --------
    >>> put({"attempts": 1}, ("extra_headers", {"X-A": "1"}), ("betas", ["b", "c"]))
    {'attempts': 1, 'headers': {'x-a': '1', 'anthropic-beta': 'b,c'}}
    """
    out = dict(options or {})
    tables = [_betas(value) if name == "betas" else _table(value, name) for name, value in given]
    headers = merged(_table(out.get("headers"), "headers"), *tables)
    if headers:
        out["headers"] = headers
    return out


def merged(*tables: Mapping[Any, Any]) -> dict[str, Any]:
    """Return one table, names in lower case; a later one wins, but lists of betas are joined.

    Examples
    --------
    >>> merged({"X-A": "1", "Anthropic-Beta": "a,b"}, {"x-a": "2", "anthropic-beta": "b, c"})
    {'x-a': '2', 'anthropic-beta': 'a,b,c'}
    """
    out: dict[Any, Any] = {}
    for table in tables:
        for given, value in table.items():
            if value is None:
                continue
            name = given.lower() if isinstance(given, str) else given  # the core refuses that
            before = out.get(name)
            if isinstance(before, str) and isinstance(value, str) and str(name).endswith("-beta"):
                value = _joined([*before.split(","), *value.split(",")])
            out[name] = value
    return out


def _joined(entries: Iterable[str]) -> str:
    return ",".join(dict.fromkeys(entry.strip() for entry in entries if entry.strip()))


def _table(value: Any, path: str) -> Mapping[Any, Any]:
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise InvalidRequestError('must be a table of texts, as in {"x-title": "acme"}', path=path)
    return value


def _betas(value: Any) -> Mapping[Any, Any]:
    if value is None:
        return {}
    entries = [value] if isinstance(value, str) else value
    if not isinstance(entries, Iterable) or isinstance(entries, (bytes, Mapping)):
        raise InvalidRequestError(
            'must be a list of names, as in ["files-api-2025-04-14"]', path="betas"
        )
    entries = list(entries)
    for i, entry in enumerate(entries):
        if not isinstance(entry, str):
            raise InvalidRequestError("must be text", path=f"betas[{i}]")
    return {"anthropic-beta": _joined(part for entry in entries for part in entry.split(","))}
