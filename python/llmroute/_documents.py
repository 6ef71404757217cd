"""Configurations as plain documents: without secrets, in one canonical form, compared.

Used for the history of a router and by ``llmroute diff``. Pure functions.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from llmroute.config import LoadedConfig

__all__ = ["changes", "digest", "document_of", "lines", "unified"]

SECRET: Final = "[secret]"
"""What stands for a key in a document that is kept or shown."""

_MOST_CHANGES: Final = 40
_MOST_WIDTH: Final = 88  # a list that is longer gets a line for each item
_MOST_SHOWN: Final = 60


def document_of(loaded: LoadedConfig) -> tuple[dict[str, Any], bool]:
    """Return what a configuration says without its secrets, and whether nothing was left out.

    Parameters
    ----------
    loaded : LoadedConfig
        As `config.load` made it.

    Returns
    -------
    tuple of dict and bool
        The document, in which literal keys, header values and proxies with a password are replaced;
        False where one was, or where functions stand in it: it cannot be loaded as it is.

    Examples
    --------
    >>> from llmroute import config
    >>> document_of(config.load({"deployments": {"a": {"api_key": "sk-1"}}}))
    ({'deployments': {'a': {'api_key': '[secret]'}}}, False)
    """
    document: dict[str, Any] = _without_offsets(json.loads(loaded.json))
    whole = not loaded.secrets and not loaded.policies
    for part in ("deployments", "providers"):
        tables = document.get(part)
        for table in tables.values() if isinstance(tables, dict) else ():
            if isinstance(table, dict) and _hide(table):
                whole = False
    return document, whole


def _without_offsets(value: Any) -> Any:
    """Leave out what the loader put beside names of time zones."""
    if isinstance(value, dict):
        made = {key: _without_offsets(item) for key, item in value.items()}
        if "timezone" in made:
            made.pop("timezone_offsets", None)
        return made
    return [_without_offsets(item) for item in value] if isinstance(value, list) else value


def _hide(table: dict[str, Any]) -> bool:
    hidden = False
    if _is_literal(table.get("api_key")):
        table["api_key"] = SECRET
        hidden = True
    keys = table.get("api_keys")
    if isinstance(keys, list) and any(map(_is_literal, keys)):
        table["api_keys"] = [SECRET if _is_literal(key) else key for key in keys]
        hidden = True
    if isinstance(table.get("headers"), dict) and table["headers"]:
        table["headers"] = dict.fromkeys(table["headers"], SECRET)  # they may carry a key
        hidden = True
    for name in ("proxy", "base_url"):
        if "@" in str(table.get(name, "")):
            table[name] = SECRET
            hidden = True
    return hidden


def _is_literal(key: Any) -> bool:
    return isinstance(key, str) and not key.startswith(("env:", "file:", "callable:"))


def digest(document: Mapping[str, Any]) -> str:
    """Return what two documents share that say the same, in whatever order."""
    import hashlib

    text = json.dumps(document, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


# --- lines ----------------------------------------------------------------------------------------


def lines(document: Mapping[str, Any]) -> list[str]:
    """Write a document with one value a line, each with its whole path.

    Parameters
    ----------
    document : mapping
        Tables in any order.

    Returns
    -------
    list of str
        Tables in alphabetical order, lists in their own; items of lists of tables by their name.

    Examples
    --------
    >>> lines({"version": 1, "rules": [{"name": "night", "then": {"group": "cheap"}}]})
    ['rules[night].name = "night"', 'rules[night].then.group = "cheap"', 'version = 1']
    """
    return list(_lines(document, "")) if document else []


def _lines(value: Any, path: str) -> Iterator[str]:
    if isinstance(value, Mapping) and value:
        for key in sorted(value):
            yield from _lines(value[key], _below(path, key))
    elif isinstance(value, list) and any(isinstance(item, (dict, list)) for item in value):
        for name, item in _named(value):
            yield from _lines(item, f"{path}[{name}]")
    elif isinstance(value, list) and len(text := _text(value)) > _MOST_WIDTH:
        del text
        for item in value:
            yield f"{path}[] = {_text(item)}"
    else:
        yield f"{path} = {_text(value)}"


def _below(path: str, key: str) -> str:
    plain = key.replace("-", "").replace("_", "").replace("/", "").isalnum()
    step = key if plain else json.dumps(key, ensure_ascii=False)
    return f"{path}.{step}" if path else step


def _named(items: Sequence[Any]) -> list[tuple[str, Any]]:
    """Pair items with what they are known by: a name where all have one, else their place."""
    for key in ("name", "use"):
        names = [item.get(key) for item in items if isinstance(item, dict)]
        if len(names) == len(items) == len(set(map(str, names))) and None not in names:
            return [(str(name), item) for name, item in zip(names, items, strict=True)]
    return [(str(place), item) for place, item in enumerate(items)]


def _text(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, sort_keys=True)


def unified(
    old: Mapping[str, Any], new: Mapping[str, Any], old_name: str = "old", new_name: str = "new"
) -> str:
    """Compare two documents line by line, as ``diff -u`` does.

    Parameters
    ----------
    old, new : mapping
        Documents.
    old_name, new_name : str
        What the heading calls them.

    Returns
    -------
    str
        Unified text; empty where they say the same.

    Examples
    --------
    >>> print(unified({"version": 1, "queue": {"max_waiting": 9}},
    ...               {"version": 1, "queue": {"max_waiting": 5}}, "1", "2"))
    --- 1
    +++ 2
    @@ -1,2 +1,2 @@
    -queue.max_waiting = 9
    +queue.max_waiting = 5
     version = 1
    """
    import difflib

    found = difflib.unified_diff(lines(old), lines(new), old_name, new_name, lineterm="")
    return "\n".join(found)


# --- changes --------------------------------------------------------------------------------------


def changes(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    """Say in short lines what changed from one document to another.

    Parameters
    ----------
    old, new : mapping
        Documents.

    Returns
    -------
    list of str
        At most 40 lines; a last one counts what is left out.

    Examples
    --------
    >>> changes({"groups": {"a": {"policy": "ordered"}}},
    ...         {"groups": {"a": {"policy": "weighted"}, "b": {"policy": "ordered"}}})
    ['groups.a.policy: "ordered" -> "weighted"', 'groups.b: added']
    """
    found = list(_changes(old, new, ""))
    if len(found) > _MOST_CHANGES:
        found[_MOST_CHANGES:] = [f"and {len(found) - _MOST_CHANGES} more"]
    return found


def _changes(old: Any, new: Any, path: str) -> Iterator[str]:
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        for key in sorted({*old, *new}):
            yield from _entry(old, new, key, _below(path, key))
        return
    if old == new:
        return
    if _are_tables(old) and _are_tables(new):
        before, after = dict(_named(old)), dict(_named(new))
        for name in (*before, *(name for name in after if name not in before)):
            yield from _entry(before, after, name, f"{path}[{name}]")
        common = [name for name in before if name in after]
        if common != [name for name in after if name in before]:
            yield f"{path}: another order"
        return
    yield f"{path}: {_short(old)} -> {_short(new)}"


def _entry(old: Mapping[str, Any], new: Mapping[str, Any], key: str, path: str) -> Iterator[str]:
    if key in old and key in new:
        yield from _changes(old[key], new[key], path)
        return
    value = old.get(key, new.get(key))
    shown = "" if isinstance(value, Mapping) else f" {_short(value)}"
    yield f"{path}: {'removed' if key in old else 'added'}{shown}"


def _are_tables(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(item, dict) for item in value)


def _short(value: Any) -> str:
    text = _text(value)
    return text if len(text) <= _MOST_SHOWN else text[: _MOST_SHOWN - 3] + "..."
