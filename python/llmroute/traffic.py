"""Traffic for simulations: from a CSV file, a log of decisions, or a generator."""

from __future__ import annotations

import csv
import datetime
import json
import os
from array import array
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeAlias

from llmroute.errors import ConfigError

__all__ = ["Traffic"]

_Row: TypeAlias = tuple[float, str, int, int]  # seconds, model, prompt tokens, output tokens
_MOST_SKIPPED = 100  # bad rows that are named one by one; all are counted


class Traffic:
    """Requests with their times, read from what was logged.

    Made by `from_csv` and `from_log`. A generator needs neither: its keys go to `simulate` as a
    dictionary.

    Examples
    --------
    >>> log = [{"submitted_at": "2026-11-21T06:00:00.000Z", "model": "fast",
    ...         "facts": {"prompt_tokens": 300}, "usage": {"output_tokens": 80}}, {"model": 3}]
    >>> traffic = Traffic.from_log(log)
    >>> len(traffic), traffic.bad_rows, traffic.skipped[0]
    (1, 1, (2, "KeyError: 'submitted_at'"))
    """

    __slots__ = ("_rows", "bad_rows", "deadline_ms", "models", "skipped", "stream")

    def __init__(self, *, stream: bool = True, deadline_ms: float | None = None) -> None:
        self.stream = stream
        """Whether the answers are streamed."""
        self.deadline_ms = deadline_ms
        """Deadline of every request in milliseconds; None: the configuration's."""
        self.models: list[str] = []
        """Models asked for, each once."""
        self.bad_rows = 0
        """Rows that could not be used."""
        self.skipped: list[tuple[int, str]] = []
        """Number (from 1) and fault of the first hundred of them."""
        self._rows: list[tuple[float, int, int, int]] = []

    @classmethod
    def from_csv(
        cls,
        path: str | os.PathLike[str],
        *,
        stream: bool = True,
        deadline_ms: float | None = None,
    ) -> Traffic:
        """Read a CSV file with a heading line.

        Parameters
        ----------
        path : path
            Columns: ``at_s`` (seconds from any start, in any order), ``prompt_tokens``,
            ``output_tokens``, and ``model`` where there are several groups. Others are ignored.
        stream : bool
            Whether the answers are streamed.
        deadline_ms : float, optional
            Of every request, milliseconds.

        Returns
        -------
        Traffic
            Bad rows are counted and named, the rest is used.

        Raises
        ------
        ConfigError
            If a column is missing or no row can be used.
        """
        traffic = cls(stream=stream, deadline_ms=deadline_ms)
        with open(path, newline="", encoding="utf-8") as file:
            reader = csv.DictReader(file)
            missing = {"at_s", "prompt_tokens", "output_tokens"} - set(reader.fieldnames or ())
            if missing:
                raise ConfigError(f"{path}: the column {min(missing)} is missing")
            traffic._read(reader, _csv_row)
        return traffic._done(str(path))

    @classmethod
    def from_log(
        cls,
        log: Iterable[Mapping[str, Any]] | str | os.PathLike[str],
        *,
        stream: bool = True,
        deadline_ms: float | None = None,
    ) -> Traffic:
        """Read logged decisions: ``reply.decision.to_dict()``, or a file of them, one a line.

        Parameters
        ----------
        log : iterable of dict, or path
            Decisions; what is read of them are ``submitted_at``, ``model``,
            ``facts.prompt_tokens`` and ``usage.output_tokens``.
        stream, deadline_ms
            As in `from_csv`.

        Returns
        -------
        Traffic
            Bad rows are counted and named, the rest is used.

        Raises
        ------
        ConfigError
            If no row can be used.
        """
        traffic = cls(stream=stream, deadline_ms=deadline_ms)
        if isinstance(log, (str, os.PathLike)):
            with open(log, encoding="utf-8") as file:
                traffic._read((line for line in file if line.strip()), _log_line)
            return traffic._done(str(log))
        traffic._read(log, _log_row)
        return traffic._done("the log")

    def __len__(self) -> int:
        return len(self._rows)

    def __repr__(self) -> str:
        return f"<Traffic of {len(self)} requests, {self.bad_rows} bad rows left out>"

    def _read(self, rows: Iterable[Any], parse: Callable[[Any], _Row]) -> None:
        known: dict[str, int] = {}
        for number, row in enumerate(rows, 1):
            try:
                at_s, model, prompt, output = parse(row)
                if not (0 <= at_s < 1e12 and 0 < prompt < 2**31 and 0 <= output < 2**31):
                    raise ValueError("a number is out of range")
            except (KeyError, TypeError, ValueError, AttributeError) as error:
                self.bad_rows += 1
                if len(self.skipped) < _MOST_SKIPPED:
                    self.skipped.append((number, f"{type(error).__name__}: {error}"))
                continue
            index = known.setdefault(model, len(known))
            self._rows.append((at_s, index, prompt, output))
        self.models = list(known)

    def _done(self, name: str) -> Traffic:
        if not self._rows:
            first = f"; row {self.skipped[0][0]}: {self.skipped[0][1]}" if self.skipped else ""
            raise ConfigError(f"{name}: no row can be used{first}")
        self._rows.sort(key=lambda row: row[0])
        return self

    def _native(self) -> tuple[Any, ...]:
        start = self._rows[0][0]
        columns = (
            array("d", ((row[0] - start) * 1000.0 for row in self._rows)),
            array("i", (row[1] for row in self._rows)),
            array("i", (row[2] for row in self._rows)),
            array("i", (row[3] for row in self._rows)),
        )
        numbers = (column.tobytes() for column in columns)
        return (self.models, *numbers, self.stream, self.deadline_ms)


def _csv_row(row: Mapping[str, str]) -> _Row:
    numbers = (int(row["prompt_tokens"]), int(row["output_tokens"]))
    return (float(row["at_s"]), row.get("model") or "", *numbers)


def _log_line(line: str) -> _Row:
    return _log_row(json.loads(line))


def _log_row(row: Mapping[str, Any]) -> _Row:
    at = datetime.datetime.fromisoformat(row["submitted_at"].replace("Z", "+00:00"))
    usage = row.get("usage") or {}
    numbers = (int(row["facts"]["prompt_tokens"]), int(usage.get("output_tokens") or 0))
    return (at.timestamp(), str(row.get("model") or ""), *numbers)
