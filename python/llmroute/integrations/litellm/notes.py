"""What a translation could not carry: one note a field, so that nothing is lost without a word."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterator, Mapping
from typing import Any, Final, Literal

__all__ = ["Note", "Notes", "Table"]

_ENVIRON: Final = "os.environ/"


@dataclasses.dataclass(frozen=True)
class Note:
    """A field that is not honoured, or not exactly.

    Parameters
    ----------
    path : str
        Where in the LiteLLM configuration, as ``model_list[0].litellm_params.max_retries``.
    kind : {"left_out", "changed"}
        Whether it has no effect here, or another one than there.
    why : str
        One sentence, with what to do instead where there is something. Holds no value of the
        field: it may be a secret.

    Examples
    --------
    >>> print(Note("router_settings.redis_host", "left_out", "state is a file here: [state]"))
    left out: router_settings.redis_host: state is a file here: [state]
    """

    path: str
    kind: Literal["left_out", "changed"]
    why: str

    def __str__(self) -> str:
        return f"{self.kind.replace('_', ' ')}: {self.path}: {self.why}"

    def to_dict(self) -> dict[str, str]:
        """Return it as plain values, for JSON.

        Returns
        -------
        dict
            All attributes.
        """
        return dataclasses.asdict(self)


class Notes:
    """Gathers notes in the order in which they are made."""

    def __init__(self) -> None:
        self.all: list[Note] = []

    def left_out(self, path: str, why: str) -> None:
        """Say that a field has no effect."""
        self.all.append(Note(path, "left_out", why))

    def changed(self, path: str, why: str) -> None:
        """Say that a field has another effect than it had."""
        self.all.append(Note(path, "changed", why))


class Table:
    """A mapping of the LiteLLM configuration that knows which of its fields were read.

    What nobody has read in the end is noted, so a field that this translation has never heard of
    cannot be passed over.
    """

    def __init__(self, values: Any, path: str, notes: Notes) -> None:
        self.path = path
        self.notes = notes
        self._left: dict[str, Any] = {}
        if isinstance(values, Mapping):
            self._left = {str(key): value for key, value in values.items()}
        elif values is not None:
            notes.left_out(path, "is no table")

    def at(self, key: str) -> str:
        """Return the path of one of its fields."""
        return f"{self.path}.{key}" if self.path else key

    def take(self, key: str) -> Any:
        """Return a field, which counts as read from now on; None where it is not there.

        ``os.environ/NAME`` becomes the value of the variable.
        """
        value = self._left.pop(key, None)
        if not isinstance(value, str) or not value.startswith(_ENVIRON):
            return value
        name = value.removeprefix(_ENVIRON)
        found = os.environ.get(name)
        if found is None:
            self.notes.left_out(self.at(key), f"the environment variable {name} is not set")
        else:
            self.notes.changed(self.at(key), f"taken from {name} now, not when it runs")
        return found

    def take_raw(self, key: str) -> Any:
        """Return a field as it is written."""
        return self._left.pop(key, None)

    def number(self, key: str, *, above: float = 0.0) -> float | None:
        """Return a field that is a number, or text of one; noted where it is something else."""
        value = self.take(key)
        if value is None:
            return None
        try:
            number = float("nan") if isinstance(value, bool) else float(value)
        except (TypeError, ValueError):
            number = float("nan")
        if above <= number < float("inf"):
            return number
        self.notes.left_out(self.at(key), f"is no number of at least {above:g}")
        return None

    def text(self, key: str) -> str | None:
        """Return a field that is text; noted where it is something else."""
        value = self.take(key)
        if value is None or isinstance(value, str):
            return value or None
        self.notes.left_out(self.at(key), "is no text")
        return None

    def flag(self, key: str) -> bool | None:
        """Return a field that is true or false; noted where it is something else."""
        value = self.take(key)
        if value is None or isinstance(value, bool):
            return value
        self.notes.left_out(self.at(key), "is neither true nor false")
        return None

    def remaining(self) -> Iterator[tuple[str, Any]]:
        """Take and yield what nobody has read, apart from what is null."""
        left, self._left = self._left, {}
        for key, value in left.items():
            if value is not None:
                yield key, value

    def __contains__(self, key: str) -> bool:
        return self._left.get(key) is not None
