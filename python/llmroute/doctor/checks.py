"""What an examination finds: one line for each thing looked at."""

from __future__ import annotations

import dataclasses
from typing import Any, Final, Literal

__all__ = ["KINDS", "Check", "Kind", "Status"]

Kind = Literal["name", "connection", "tls", "proxy", "key", "key_valid", "model", "clock", "price"]
Status = Literal["ok", "warning", "broken", "skipped"]

KINDS: Final[tuple[Kind, ...]] = (
    "proxy",
    "name",
    "connection",
    "tls",
    "key",
    "key_valid",
    "model",
    "clock",
    "price",
)
"""In the order in which they are reported."""


@dataclasses.dataclass(frozen=True)
class Check:
    """One thing that was looked at, of one deployment.

    Parameters
    ----------
    deployment : str
        Name of the deployment.
    what : str
        ``proxy``, ``name`` of the host, ``connection``, ``tls``, ``key`` (present), ``key_valid``,
        ``model`` (known there), ``clock`` (ours against theirs) or ``price``.
    status : str
        ``ok``; ``warning``: it works but will not do what is expected; ``broken``: requests there
        fail; ``skipped``: not looked at, and `message` says why.
    message : str
        What was found. Never holds a key.
    advice : str
        What to do about it; empty where nothing has to be done.
    value : float, optional
        The number it is about: milliseconds until connected, days until the certificate ends,
        seconds of the clock, days of the price's age.

    Examples
    --------
    >>> print(Check("fast", "key", "broken", "env:MY_KEY is not set", "export MY_KEY"))
    fast: key: broken: env:MY_KEY is not set; export MY_KEY
    """

    deployment: str
    what: Kind
    status: Status
    message: str
    advice: str = ""
    value: float | None = None

    def __str__(self) -> str:
        end = f"; {self.advice}" if self.advice else ""
        return f"{self.deployment}: {self.what}: {self.status}: {self.message}{end}"

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain values, for JSON.

        Returns
        -------
        dict
            All attributes.
        """
        return dataclasses.asdict(self)


@dataclasses.dataclass(frozen=True)
class Found:
    """A check that is not yet anybody's: of an endpoint that several deployments share."""

    what: Kind
    status: Status
    message: str
    advice: str = ""
    value: float | None = None

    def of(self, deployment: str) -> Check:
        """Make it that deployment's."""
        return Check(deployment, self.what, self.status, self.message, self.advice, self.value)
