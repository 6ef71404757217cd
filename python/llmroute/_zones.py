"""Time zones by name, as the offsets from UTC that the core counts with."""

from __future__ import annotations

import difflib
import functools
import time
import zoneinfo
from datetime import datetime, timedelta, timezone
from typing import Final

__all__ = ["UnknownZone", "is_name", "offsets"]

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=timezone.utc)
_YEAR_S: Final = 365 * 86_400
_FIRST_S: Final = 1_577_836_800  # 2020: earlier than the clocks of tests and of replayed traffic
_YEARS_AHEAD: Final = 40
_STEP_S: Final = 7 * 86_400  # no zone changes its clocks back within less


class UnknownZone(LookupError):
    """No zone has this name, or this machine knows no zones."""

    def __init__(self, message: str, nearest: str | None) -> None:
        super().__init__(message)
        self.nearest = nearest


def is_name(text: str) -> bool:
    """Say whether the core would not understand `text` by itself.

    Examples
    --------
    >>> [is_name(text) for text in ("UTC", "+02:00", "Europe/Berlin", "")]
    [False, False, True, False]
    """
    return text != "UTC" and text[:1] not in ("", "+", "-")


def offsets(name: str) -> list[list[int]]:
    """Return when a zone changes its offset, and the offset, from 2020 to 40 years from now.

    Parameters
    ----------
    name : str
        Such as ``Europe/Berlin``.

    Returns
    -------
    list of [int, int]
        Seconds since 1970 in UTC, and the seconds that the zone is ahead of UTC from then on.

    Raises
    ------
    UnknownZone
        With the nearest name.

    Examples
    --------
    >>> offsets("Asia/Tokyo")
    [[1577836800, 32400]]
    """
    # A day's difference changes nothing that is cached for long.
    today = int(time.time()) // 86_400 * 86_400
    return [list(pair) for pair in _changes(name, today)]


@functools.lru_cache(maxsize=64)
def _changes(name: str, today: int) -> tuple[tuple[int, int], ...]:
    zone = _zone(name)

    def ahead(second: int) -> int:
        at = (_EPOCH + timedelta(seconds=second)).astimezone(zone)
        return round((at.utcoffset() or timedelta()).total_seconds())

    first = min(_FIRST_S, today - _YEAR_S)
    found = [(first, ahead(first))]
    for end in range(first + _STEP_S, today + _YEARS_AHEAD * _YEAR_S, _STEP_S):
        offset = ahead(end)
        if offset != found[-1][1]:
            low, high = end - _STEP_S, end  # the change is in (low, high]
            while high - low > 1:
                middle = (low + high) // 2
                low, high = (low, middle) if ahead(middle) == offset else (middle, high)
            found.append((high, offset))
    return tuple(found)


def _zone(name: str) -> zoneinfo.ZoneInfo:
    try:
        return zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        pass  # raised below, without a chain that shows paths of this machine
    known = zoneinfo.available_timezones()
    if not known:
        raise UnknownZone(
            "names a zone, but this machine has no time zone data; install the package tzdata, or "
            'give "UTC" or an offset, as in "+02:00"',
            None,
        )
    lower = {zone.lower(): zone for zone in sorted(known)}
    near = difflib.get_close_matches(name.lower(), lower, n=1)
    shown = name if len(name) <= 60 else name[:57] + "..."
    raise UnknownZone(f'unknown time zone "{shown}"', lower[near[0]] if near else None)
