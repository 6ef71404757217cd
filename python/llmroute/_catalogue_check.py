"""Checks every value of a model catalogue before anybody is billed by it."""

from __future__ import annotations

import datetime
import math
from collections.abc import Mapping
from typing import Any, Final

from llmroute.errors import ConfigError

__all__ = ["check_entries"]

_MAX_MODELS: Final = 10_000
_MAX_NAME: Final = 200
_MAX_RATE: Final = 1e6  # USD per million tokens: a dollar a token
_MAX_TOKENS: Final = 10**9
_RATES: Final = frozenset(
    f"{kind}_usd_per_million"
    for kind in (
        "input",
        "output",
        "cached_input",
        "cache_write",
        "cache_write_hour",
        "reasoning",
        "audio_input",
        "audio_output",
        "image_input",
        "image_output",
    )
)
_SERVICES: Final = frozenset({"flex", "priority", "batch", "scale", "performance", "reserved"})
_FLAGS: Final = frozenset({"tools", "structured_output", "reasoning"})
_TEXTS: Final = frozenset({"status", "release_date"})


def check_entries(document: Mapping[str, Any], date: str, file: str) -> dict[str, dict[str, Any]]:
    """Return the entries of a catalogue, all of them good.

    Parameters
    ----------
    document : mapping
        With a table ``models``.
    date : str
        When it was looked up.
    file : str
        For errors.

    Raises
    ------
    ConfigError
        With the path of the first fault.

    Examples
    --------
    >>> check_entries({"models": {"a/b": {"tools": True}}}, "2026-07-02", "f")
    {'a/b': {'tools': True}}
    """
    check = _Check(file)
    check.date(date, "about.date")
    extra = set(document) - {"models"}
    if extra:
        raise check.fault(sorted(extra)[0], "is an unknown key")
    models = check.table(document.get("models"), "models")
    if not 1 <= len(models) <= _MAX_MODELS:
        raise check.fault("models", f"must hold 1 to {_MAX_MODELS} entries, not {len(models)}")
    for name, entry in models.items():
        check.entry(name, entry)
    return dict(models)


class _Check:
    def __init__(self, file: str) -> None:
        self.file = file

    def fault(self, path: str, message: str) -> ConfigError:
        return ConfigError(message, path=path, file=self.file)

    def table(self, value: Any, path: str) -> Mapping[str, Any]:
        if not isinstance(value, dict):
            raise self.fault(path, f"must be a table, not {type(value).__name__}")
        return value

    def entry(self, name: str, entry: Any) -> None:
        path = f'models."{name[:_MAX_NAME]}"'
        provider, _, model = name.partition("/")
        if not provider or not model or len(name.encode(errors="replace")) > _MAX_NAME:
            raise self.fault(path, "must be named provider/model, in at most 200 bytes")
        if not name.isprintable() or name != name.strip() or '"' in name or "\\" in name:
            raise self.fault(path, "holds a quote, backslash, control character or outer space")
        for key, value in self.table(entry, path).items():
            self.field(key, value, f"{path}.{key}")

    def field(self, key: str, value: Any, path: str) -> None:
        if key == "price":
            self.price(value, path)
        elif key in ("context_tokens", "max_output_tokens"):
            self.tokens(value, path)
        elif key in _FLAGS:
            if not isinstance(value, bool):
                raise self.fault(path, "must be true or false")
        elif key in _TEXTS:
            if not isinstance(value, str):
                raise self.fault(path, "must be a text")
        elif key in ("input", "output"):
            if not isinstance(value, list) or not all(isinstance(word, str) for word in value):
                raise self.fault(path, "must be a list of texts")
        else:
            raise self.fault(path, "is an unknown key")

    def price(self, value: Any, path: str) -> None:
        price = self.table(value, path)
        for key in ("input_usd_per_million", "output_usd_per_million"):
            if key not in price:
                raise self.fault(f"{path}.{key}", "is missing")
        for key, item in price.items():
            below = f"{path}.{key}"
            if key == "tiers":
                self.tiers(item, below)
            elif key == "service_tiers":
                for word, change in self.table(item, below).items():
                    if word not in _SERVICES:
                        raise self.fault(f"{below}.{word}", "is an unknown service tier")
                    self.rates(self.table(change, f"{below}.{word}"), f"{below}.{word}")
            elif key == "date":
                self.date(item, below)
            else:
                self.rates({key: item}, path)

    def tiers(self, value: Any, path: str) -> None:
        if not isinstance(value, list) or not 1 <= len(value) <= 16:
            raise self.fault(path, "must be a list of 1 to 16 tables")
        last = 0
        for index, item in enumerate(value):
            below = f"{path}[{index}]"
            tier = dict(self.table(item, below))
            above = tier.pop("above_tokens", None)
            self.tokens(above, f"{below}.above_tokens")
            if above <= last:
                raise self.fault(f"{below}.above_tokens", "is not above that of the tier before")
            last = above
            self.rates(tier, below)

    def rates(self, rates: Mapping[str, Any], path: str) -> None:
        if not rates:
            raise self.fault(path, "changes nothing; give prices")
        for key, value in rates.items():
            if key not in _RATES:
                raise self.fault(f"{path}.{key}", "is an unknown key")
            number = isinstance(value, (int, float)) and not isinstance(value, bool)
            if not number or not math.isfinite(value) or not 0 <= value <= _MAX_RATE:
                raise self.fault(f"{path}.{key}", f"must be a number from 0 to {_MAX_RATE:,.0f}")

    def tokens(self, value: Any, path: str) -> None:
        whole = isinstance(value, int) and not isinstance(value, bool)
        if not whole or not 1 <= value <= _MAX_TOKENS:
            raise self.fault(path, f"must be a whole number from 1 to {_MAX_TOKENS:,}")

    def date(self, value: Any, path: str) -> None:
        good = False
        try:
            good = len(value) == 10 and bool(datetime.date.fromisoformat(value))
        except (TypeError, ValueError):
            good = False
        if not good:
            raise self.fault(path, "must be a date, as 2026-07-02")
