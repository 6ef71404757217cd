"""Moments that windows of time can tell apart."""

from __future__ import annotations

import bisect
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Any, Final

from llmroute import _zones

__all__ = ["Moment", "Window", "holds", "moments", "window_of"]

Moment = datetime
"""In UTC."""

_DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_DAY_S: Final = 86_400
# Clocks of the north in winter; only of America ahead; of the north in summer; only Europe back.
_WEEKS: Final = tuple(
    datetime(2026, month, day, tzinfo=timezone.utc)
    for month, day in ((1, 5), (3, 16), (7, 6), (10, 26))
)
_PLAIN: Final = _WEEKS[0] + timedelta(hours=9)


@dataclass(frozen=True)
class Window:
    """Part of the day, on some weekdays, in some zone; it may go past midnight."""

    begin_s: int
    end_s: int
    weekdays: frozenset[int]
    offsets: tuple[tuple[int, int], ...]

    def local(self, moment: Moment) -> tuple[int, int]:
        """Return weekday and second of the day in its zone."""
        second = int(moment.timestamp())
        at = bisect.bisect_right(self.offsets, (second, _DAY_S * 2)) - 1
        there = second + (self.offsets[max(at, 0)][1] if self.offsets else 0)
        return (there // _DAY_S + 3) % 7, there % _DAY_S  # 1970 began on a Thursday


def window_of(condition: Mapping[str, Any]) -> Window:
    """Read the ``time`` of a condition; what the core would refuse counts as left out."""
    days = condition.get("weekdays", _DAYS)
    return Window(
        _seconds(condition.get("from"), 0),
        _seconds(condition.get("to"), _DAY_S),
        frozenset(_DAYS.index(day) for day in days if day in _DAYS),
        _offsets(str(condition.get("timezone", "UTC"))),
    )


def holds(window: Window, moment: Moment) -> bool:
    """Say whether a moment is in a window; the weekday is that on which the window began."""
    day, second = window.local(moment)
    if window.begin_s < window.end_s:
        return day in window.weekdays and window.begin_s <= second < window.end_s
    if second >= window.begin_s:
        return day in window.weekdays
    return second < window.end_s and (day - 1) % 7 in window.weekdays


def moments(windows: list[Window]) -> Iterable[Moment]:
    """Return one moment for every set of windows that can hold at once, the plainest first."""
    found: dict[tuple[bool, ...], Moment] = {}
    for moment in [_PLAIN, *_edges(windows)]:
        found.setdefault(tuple(holds(window, moment) for window in windows), moment)
    return found.values()


def _edges(windows: list[Window]) -> Iterable[Moment]:
    """Every moment of the four weeks at which some window may begin or end."""
    edges = {
        (second, window.offsets)
        for window in windows
        for second in (0, window.begin_s, window.end_s)
    }
    for week in _WEEKS:
        for second, offsets in sorted(edges):
            zone = Window(0, _DAY_S, frozenset(), offsets)
            day, there = zone.local(week)
            midnight = week - timedelta(days=day, seconds=there)
            for days in range(-1, 9):
                yield midnight + timedelta(days=days, seconds=second)


def _seconds(text: Any, default: int) -> int:
    match = re.fullmatch(r"(\d\d?):(\d\d)", str(text))
    return int(match[1]) * 3600 + int(match[2]) * 60 if match else default


def _offsets(name: str) -> tuple[tuple[int, int], ...]:
    match = re.fullmatch(r"([+-])(\d\d):(\d\d)", name)
    if match:
        ahead = int(match[2]) * 3600 + int(match[3]) * 60
        return ((0, -ahead if match[1] == "-" else ahead),)
    if not _zones.is_name(name):
        return ()
    try:
        return tuple((pair[0], pair[1]) for pair in _zones.offsets(name))
    except _zones.UnknownZone:
        return ()
