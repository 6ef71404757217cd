"""What a simulation believes of providers, written by hand or estimated from a log."""

from __future__ import annotations

import json
import os
import statistics
from collections.abc import Iterable, Mapping
from typing import Any

from llmroute.errors import ConfigError

__all__ = ["World"]

_FEW = 20  # answers; fewer do not make a median
_PROVIDER_FAULTS = ("server_error", "overloaded", "connect", "protocol", "attempt_timeout")


class World:
    """Models of providers, as ``docs/simulation.md`` lists their keys.

    Parameters
    ----------
    spec : mapping, optional
        ``{"default": {...}, "deployments": {name: {...}}}``. A deployment's table says only what
        is different from the default.

    Examples
    --------
    >>> world = World({"default": {"ttft_ms": 300, "ttft_p95_ms": 900}})
    >>> sorted(world.spec["default"])
    ['ttft_ms', 'ttft_p95_ms']
    """

    __slots__ = ("report", "spec")

    def __init__(self, spec: Mapping[str, Any] | None = None) -> None:
        self.spec: dict[str, Any] = dict(spec or {})
        """The tables as they were given or estimated."""
        self.report: list[str] = []
        """What `fit` found, and what it could not find, a line each."""

    @classmethod
    def fit(cls, log: Iterable[Mapping[str, Any]] | str | os.PathLike[str]) -> World:
        """Estimate a world from logged decisions.

        Parameters
        ----------
        log : iterable of dict, or path
            ``reply.decision.to_dict()`` of many requests, or a file of them, one a line.

        Returns
        -------
        World
            Per deployment: ``ttft_ms`` (median), ``ttft_p95_ms``, ``tokens_per_second`` (median of
            answered attempts) and ``error_rate``. `report` says what it could not estimate: how
            many requests a provider serves at once, its limits, and when it was out.

        Raises
        ------
        ConfigError
            If the log holds no attempt.
        """
        attempts: dict[str, list[Mapping[str, Any]]] = {}
        for decision in _decisions(log):
            for attempt in decision.get("attempts", ()):
                attempts.setdefault(attempt["deployment"], []).append(attempt)
        if not attempts:
            raise ConfigError("the log holds no attempt to learn from")
        world = cls({"deployments": {}})
        for name in sorted(attempts):
            world.spec["deployments"][name] = world._fit_one(name, attempts[name])
        world.report.append(
            "not estimated: in_flight, queue, requests_per_minute, troubles, straggler_share "
            "(a log of attempts does not show them)"
        )
        return world

    def _fit_one(self, name: str, attempts: list[Mapping[str, Any]]) -> dict[str, float]:
        answered = [a for a in attempts if a["status"] == "ok" and a["ttft_ms"] is not None]
        failed = [
            a
            for a in attempts
            if a["status"] == "failed" and a["error"]["kind"] in _PROVIDER_FAULTS
        ]
        model = {"error_rate": len(failed) / len(attempts)}
        if len(answered) < _FEW:
            self.report.append(
                f"{name}: {len(attempts)} attempts, {len(answered)} answered: too few for times"
            )
            return model
        ttft = sorted(a["ttft_ms"] for a in answered)
        model["ttft_ms"] = statistics.median(ttft)
        model["ttft_p95_ms"] = max(ttft[int(0.95 * (len(ttft) - 1))], model["ttft_ms"])
        speeds = [
            1000.0 * a["usage"]["output_tokens"] / (a["total_ms"] - a["ttft_ms"])
            for a in answered
            if a["total_ms"] - a["ttft_ms"] > 1.0 and a["usage"]["output_tokens"] > 1
        ]
        if len(speeds) >= _FEW:
            model["tokens_per_second"] = statistics.median(speeds)
            said = f"{model['tokens_per_second']:.0f} tokens/s"
        else:
            said = "answers came all at once, so tokens_per_second is unknown"
        self.report.append(
            f"{name}: {len(attempts)} attempts, first token {model['ttft_ms']:.0f} ms (p95 "
            f"{model['ttft_p95_ms']:.0f}), {said}, {model['error_rate']:.1%} failed"
        )
        return model

    def __repr__(self) -> str:
        return f"<World of {len(self.spec.get('deployments', {}))} deployments>"


def _decisions(log: Iterable[Mapping[str, Any]] | str | os.PathLike[str]) -> Iterable[Any]:
    if not isinstance(log, (str, os.PathLike)):
        return log
    with open(log, encoding="utf-8") as file:
        return [json.loads(line) for line in file if line.strip()]
