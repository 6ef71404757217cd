"""Simulated providers, as Python objects."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from llmroute import _core, config
from llmroute.errors import ConfigError

if TYPE_CHECKING:
    import os
    from types import TracebackType

__all__ = ["Fault", "SimulatedProvider", "read_simulation"]

Dialect = Literal["openai", "anthropic"]
FaultKind = Literal[
    "rate_limit",
    "server_error",
    "overloaded",
    "reset",
    "stall",
    "slow_first_byte",
    "cut",
    "no_terminator",
    "malformed_chunk",
    "error_event",
    "auth",
    "quota",
    "html",
    "not_json",
    "error_in_200",
]


@dataclass(frozen=True)
class Fault:
    """One way in which a simulated provider fails, and when.

    Parameters
    ----------
    kind : str
        ``rate_limit`` (429), ``server_error`` (500), ``overloaded`` (529 or 503), ``reset``,
        ``stall`` (never answers), ``slow_first_byte``, ``cut`` (the stream breaks off),
        ``no_terminator``, ``malformed_chunk``, ``error_event`` (an error inside a 200), ``auth``,
        ``quota``, ``html``, ``not_json``, ``error_in_200``.
    chance : float
        Probability per request, 0 to 1.
    from_ms, to_ms : float, optional
        Window in milliseconds since the faults were set; without an end it stays open.
    from_request, to_request : int, optional
        Window in request numbers, the first is 1, both ends included.
    retry_after_s : float, optional
        Seconds that ``rate_limit`` and ``overloaded`` ask to wait.
    after_chunks : int, optional
        Pieces of a stream that come before ``cut``, ``malformed_chunk`` and ``error_event``.
    delay_ms : float, optional
        Milliseconds before the fault shows.
    status : int, optional
        An HTTP status instead of the usual one.

    Examples
    --------
    >>> Fault("rate_limit", chance=0.5, retry_after_s=2).to_dict()
    {'kind': 'rate_limit', 'chance': 0.5, 'retry_after_s': 2}
    """

    kind: FaultKind
    chance: float = 1.0
    from_ms: float | None = None
    to_ms: float | None = None
    from_request: int | None = None
    to_request: int | None = None
    retry_after_s: float | None = None
    after_chunks: int | None = None
    delay_ms: float | None = None
    status: int | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return the fault as a simulation file has it, without what was not given."""
        return {k: v for k, v in dataclasses.asdict(self).items() if v is not None}


class SimulatedProvider:
    """A provider that does not exist, on a real socket.

    Parameters
    ----------
    dialect : str
        ``"openai"`` or ``"anthropic"``.
    faults : sequence of Fault or mapping
        The first one that applies to a request counts.
    **options
        Anything else of a provider's table in a simulation file: ``seed``, ``models``,
        ``ttft_ms`` (median), ``ttft_sigma`` (of the logarithm), ``tokens_per_second`` (0: all at
        once), ``output_tokens``, ``api_keys``, ``context_tokens``, ``requests_per_minute``,
        ``price``, ``port`` (0: the system chooses).

    Raises
    ------
    ConfigError
        For an unknown option or fault, with the nearest valid name.

    Examples
    --------
    >>> with SimulatedProvider("anthropic", ttft_ms=1) as provider:
    ...     provider.stats()["requests"]
    0
    """

    def __init__(
        self,
        dialect: Dialect | str = "openai",
        *,
        faults: Sequence[Fault | Mapping[str, Any]] = (),
        **options: Any,
    ) -> None:
        document = {"dialect": dialect, "faults": _plain(faults), **options}
        self.dialect = dialect
        self._models = list(options.get("models") or ())
        self._keys = list(options.get("api_keys") or ())
        self._core = _core.SimProvider(json.dumps(document))

    @property
    def url(self) -> str:
        """What a deployment's ``base_url`` should be."""
        return self._core.url

    @property
    def port(self) -> int:
        """Port on 127.0.0.1; stays the same when the provider is killed and revived."""
        return self._core.port

    def deployment(self, **extra: Any) -> dict[str, Any]:
        """Return a deployment table for this provider.

        Parameters
        ----------
        **extra
            Further keys, such as ``price`` or ``tags``; they win over what is made here.
        """
        return {
            "provider": self.dialect,
            "dialect": self.dialect,
            "base_url": self.url,
            "model": self._models[0] if self._models else "sim-model",
            "api_key": self._keys[0] if self._keys else "sim-key",
            **extra,
        }

    def set_faults(self, faults: Sequence[Fault | Mapping[str, Any]]) -> None:
        """Replace all faults; their windows count from now."""
        self._core.set_faults(json.dumps(_plain(faults)))

    def kill(self) -> None:
        """Reset every connection and refuse new ones, as a process that died would."""
        self._core.kill()

    def revive(self) -> None:
        """Listen again, on the same port."""
        self._core.revive()

    def stats(self) -> dict[str, Any]:
        """Return what has happened so far: requests, statuses, faults, tokens, cost."""
        value: dict[str, Any] = json.loads(self._core.stats())
        return value

    def close(self) -> None:
        """Stop for good; idempotent."""
        self._core.close()

    def __enter__(self) -> SimulatedProvider:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<SimulatedProvider {self.dialect} {self.url}>"


def _plain(faults: Sequence[Fault | Mapping[str, Any]]) -> list[dict[str, Any]]:
    return [f.to_dict() if isinstance(f, Fault) else dict(f) for f in faults]


def read_simulation(
    source: str | os.PathLike[str] | Mapping[str, Any],
) -> dict[str, dict[str, Any]]:
    """Read a simulation: ``providers`` by name, each with the options of `SimulatedProvider`.

    Parameters
    ----------
    source : str, os.PathLike or mapping
        A .toml, .yaml or .json file, or the same as a dictionary.

    Returns
    -------
    dict
        Options by provider name, for ``SimulatedProvider(**options)``.

    Raises
    ------
    ConfigError
        Where the file cannot be read or has anything but ``providers``.
    """
    document = dict(source) if isinstance(source, Mapping) else config.read_document(source)
    unknown = [key for key in document if key != "providers"]
    if unknown:
        raise ConfigError(f'unknown key "{unknown[0]}"', path=unknown[0], nearest="providers")
    tables = document.get("providers") or {}
    if not isinstance(tables, Mapping) or not all(isinstance(t, Mapping) for t in tables.values()):
        raise ConfigError("providers must be a table of tables", path="providers")
    return {str(name): dict(table) for name, table in tables.items()}
