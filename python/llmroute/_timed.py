"""Where a configuration names time zones: beside budgets, and in the times of conditions."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

__all__ = ["timed_tables"]

_CONDITIONS = ("when", "unless", "all", "any", "not")


def timed_tables(
    document: dict[str, Any],
) -> Iterator[tuple[dict[str, Any], tuple[str | int, ...]]]:
    """Yield every table that may hold a ``timezone``, and the steps that lead there.

    Parameters
    ----------
    document : dict
        A configuration that nobody has checked yet.

    Examples
    --------
    >>> rule = {"when": {"any": [{"time": {"from": "22:00", "timezone": "Asia/Tokyo"}}]}}
    >>> [steps for _, steps in timed_tables({"rules": [rule]})]
    [('rules', 0, 'when', 'any', 0, 'time')]
    """
    budgets = document.get("budgets")
    for name, budget in budgets.items() if isinstance(budgets, dict) else ():
        if isinstance(budget, dict):
            yield budget, ("budgets", name)
    for part in ("rules", "constraints"):
        yield from _times(document.get(part), (part,))


def _times(
    value: Any, steps: tuple[str | int, ...]
) -> Iterator[tuple[dict[str, Any], tuple[str | int, ...]]]:
    if isinstance(value, list):
        for index, item in enumerate(value):
            yield from _times(item, (*steps, index))
    if isinstance(value, dict):
        for key, item in value.items():
            if key == "time" and isinstance(item, dict):
                yield item, (*steps, key)
            elif key in _CONDITIONS:
                yield from _times(item, (*steps, key))
