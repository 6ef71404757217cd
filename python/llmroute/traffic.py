"""Traffic for simulations: from a CSV file, a log of decisions, or a generator."""

from __future__ import annotations

import csv
import datetime
import json
import os
from array import array
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from llmroute.errors import ConfigError

__all__ = ["Traffic"]

_MOST_SKIPPED = 100  # bad rows that are named one by one; all are counted
_MOST_METADATA, _MOST_BYTES = 64, 512  # entries, and of one key or value
_METADATA = "metadata."
_PRIORITIES = {"interactive": 2, "standard": 5, "batch": 8, **{str(i): i for i in range(10)}}


@dataclass(slots=True)
class _Row:
    """One request of a log."""

    at_s: float
    prompt: int
    output: int
    model: str = ""
    metadata: dict[str, str] = field(default_factory=dict)
    priority: int = _PRIORITIES["standard"]
    conversation: str = ""
    max_output: int | None = None

    def check(self) -> None:
        """Raise ValueError for what no request has."""
        within = {
            "the time": 0 <= self.at_s < 1e12,
            "prompt_tokens": 0 < self.prompt < 2**31,
            "output_tokens": 0 <= self.output < 2**31,
            "max_output_tokens": self.max_output is None or 0 < self.max_output < 2**31,
        }
        for name, fine in within.items():
            if not fine:
                raise ValueError(f"{name} is out of range")
        if len(self.metadata) > _MOST_METADATA:
            raise ValueError(f"there are more than {_MOST_METADATA} entries of metadata")
        texts = (text for pair in self.metadata.items() for text in pair)
        if any(len(text.encode()) > _MOST_BYTES for text in texts):
            raise ValueError(f"metadata: a key or value is longer than {_MOST_BYTES} bytes")


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

    __slots__ = ("_rows", "bad_rows", "deadline_ms", "skipped", "start_at", "stream")

    def __init__(
        self,
        *,
        stream: bool = True,
        deadline_ms: float | None = None,
        start_at: datetime.datetime | str | None = None,
    ) -> None:
        self.stream = stream
        """Whether the answers are streamed."""
        self.deadline_ms = deadline_ms
        """Deadline of every request in milliseconds; None: the configuration's."""
        self.start_at = _moment(start_at)
        """What the clock on the wall shows at the first request, for budgets by day; None: the
        beginning of 2026."""
        self.bad_rows = 0
        """Rows that could not be used."""
        self.skipped: list[tuple[int, str]] = []
        """Number (from 1) and fault of the first hundred of them."""
        self._rows: list[_Row] = []

    @classmethod
    def from_csv(
        cls,
        path: str | os.PathLike[str],
        *,
        stream: bool = True,
        deadline_ms: float | None = None,
        start_at: datetime.datetime | str | None = None,
    ) -> Traffic:
        """Read a CSV file with a heading line.

        Parameters
        ----------
        path : path
            Columns: ``at_s`` (seconds from any start, in any order), ``prompt_tokens``,
            ``output_tokens``, and ``model`` where there are several groups. Where they are there
            and not empty, also ``tenant``, ``priority`` (``interactive``, ``standard``, ``batch``
            or a digit), ``conversation`` (any text), ``max_output_tokens`` and any
            ``metadata.KEY``; ``tenant`` is short for ``metadata.tenant``. Others are ignored.
        stream : bool
            Whether the answers are streamed.
        deadline_ms : float, optional
            Of every request, milliseconds.
        start_at : datetime or str, optional
            What the clock shows at the first request: an ISO date, UTC where it names no zone.

        Returns
        -------
        Traffic
            Bad rows are counted and named, the rest is used.

        Raises
        ------
        ConfigError
            If a column is missing or no row can be used.
        """
        traffic = cls(stream=stream, deadline_ms=deadline_ms, start_at=start_at)
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
            Decisions; what is read of them are ``submitted_at``, ``model``, ``metadata``,
            ``priority``, ``facts.prompt_tokens``, ``facts.max_output_tokens`` and
            ``usage.output_tokens``. The clock begins as it did then.
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
        name = "the log"
        if isinstance(log, (str, os.PathLike)):
            name = str(log)
            with open(log, encoding="utf-8") as file:
                traffic._read((line for line in file if line.strip()), _log_line)
        else:
            traffic._read(log, _log_row)
        traffic._done(name)
        traffic.start_at = datetime.datetime.fromtimestamp(
            traffic._rows[0].at_s, tz=datetime.timezone.utc
        )
        return traffic

    def __len__(self) -> int:
        return len(self._rows)

    def __repr__(self) -> str:
        return f"<Traffic of {len(self)} requests, {self.bad_rows} bad rows left out>"

    @property
    def models(self) -> list[str]:
        """Models asked for, each once."""
        return list(dict.fromkeys(row.model for row in self._rows))

    def _read(self, rows: Iterable[Any], parse: Callable[[Any], _Row]) -> None:
        for number, row in enumerate(rows, 1):
            try:
                parsed = parse(row)
                parsed.check()
            except (KeyError, TypeError, ValueError, AttributeError) as error:
                self.bad_rows += 1
                if len(self.skipped) < _MOST_SKIPPED:
                    self.skipped.append((number, f"{type(error).__name__}: {error}"))
                continue
            self._rows.append(parsed)

    def _done(self, name: str) -> Traffic:
        if not self._rows:
            first = f"; row {self.skipped[0][0]}: {self.skipped[0][1]}" if self.skipped else ""
            raise ConfigError(f"{name}: no row can be used{first}")
        self._rows.sort(key=lambda row: row.at_s)
        return self

    def _native(self) -> dict[str, Any]:
        rows = self._rows
        models: dict[str, int] = {}
        labels: dict[tuple[tuple[str, str], ...], int] = {}
        talks = _Talks()
        columns: dict[str, array[Any]] = {
            "at_ms": array("d", ((row.at_s - rows[0].at_s) * 1000.0 for row in rows)),
            "model": array("I", (models.setdefault(r.model, len(models)) for r in rows)),
            "prompt_tokens": array("i", (row.prompt for row in rows)),
            "output_tokens": array("i", (row.output for row in rows)),
            "max_output_tokens": array("i", (row.max_output or 0 for row in rows)),
            "labels": array(
                "I",
                (labels.setdefault(tuple(sorted(r.metadata.items())), len(labels)) for r in rows),
            ),
            "priority": array("B", (row.priority for row in rows)),
        }
        turns = [talks.next(row) for row in rows]
        columns["conversation"] = array("I", (turn[0] for turn in turns))
        columns["turn"] = array("I", (turn[1] for turn in turns))
        columns["known_tokens"] = array("i", (turn[2] for turn in turns))
        return {
            "models": list(models),
            "label_sets": list(labels),
            "stream": self.stream,
            "deadline_ms": self.deadline_ms,
            "start_s": None if self.start_at is None else self.start_at.timestamp(),
            **{name: column.tobytes() for name, column in columns.items()},
        }


class _Talks:
    """Numbers conversations and their turns."""

    def __init__(self) -> None:
        self.known: dict[str, tuple[int, int, int]] = {}

    def next(self, row: _Row) -> tuple[int, int, int]:
        """Return the number of the row's conversation (0: none), its turn, the prompt before."""
        if not row.conversation:
            return 0, 1, 0
        number, turn, tokens = self.known.get(row.conversation, (len(self.known) + 1, 0, 0))
        self.known[row.conversation] = (number, turn + 1, row.prompt)
        return number, turn + 1, min(tokens, row.prompt)


def _moment(at: datetime.datetime | str | None) -> datetime.datetime | None:
    if at is None:
        return None
    if isinstance(at, str):
        try:
            at = datetime.datetime.fromisoformat(at.replace("Z", "+00:00"))
        except ValueError as error:
            raise ConfigError(f"start_at: {error}; write 2026-03-29T01:30:00Z") from error
    return at if at.tzinfo else at.replace(tzinfo=datetime.timezone.utc)


def _priority(text: str) -> int:
    if text not in _PRIORITIES:
        raise ValueError(f"{text!r} is no priority: interactive, standard, batch or a digit")
    return _PRIORITIES[text]


def _csv_row(row: Mapping[str | None, Any]) -> _Row:
    # Under None stand the cells of a line that has too many.
    filled = {key: value for key, value in row.items() if key and value}
    metadata = {
        key.removeprefix(_METADATA): value
        for key, value in filled.items()
        if key.startswith(_METADATA) and key != _METADATA
    }
    if "tenant" in filled:
        metadata["tenant"] = filled["tenant"]
    most = filled.get("max_output_tokens")
    return _Row(
        at_s=float(row["at_s"]),
        prompt=int(row["prompt_tokens"]),
        output=int(row["output_tokens"]),
        model=filled.get("model", ""),
        metadata=metadata,
        priority=_priority(filled.get("priority", "standard")),
        conversation=filled.get("conversation", ""),
        max_output=None if most is None else int(most),
    )


def _log_line(line: str) -> _Row:
    return _log_row(json.loads(line))


def _log_row(row: Mapping[str, Any]) -> _Row:
    at = datetime.datetime.fromisoformat(row["submitted_at"].replace("Z", "+00:00"))
    facts, usage = row["facts"], row.get("usage") or {}
    most = facts.get("max_output_tokens")
    return _Row(
        at_s=at.timestamp(),
        prompt=int(facts["prompt_tokens"]),
        output=int(usage.get("output_tokens") or 0),
        model=str(row.get("model") or ""),
        metadata={str(k): str(v) for k, v in (row.get("metadata") or {}).items()},
        priority=_priority(str(row.get("priority", "standard"))),
        max_output=None if most is None else int(most),
    )
