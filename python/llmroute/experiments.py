"""Experiments while they run: what each arm has seen, and switches between arms.

``router.experiments`` is an `Experiments`. Arms are compared by tests that stay valid however often
one looks; bounds hold at all times together.
"""

from __future__ import annotations

import html
import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from llmroute._core import Core
    from llmroute.router import Router

__all__ = ["Experiments"]

_COLUMNS = ("share", "requests", "error_rate", "ttft_p95_ms", "total_p95_ms", "cost_usd", "score")


class Experiments:
    """The experiments of a router's configuration.

    Parameters
    ----------
    core : Core
        The native router.

    Examples
    --------
    >>> import llmroute
    >>> arms = [{"name": "blue", "share": 1}, {"name": "green", "share": 0, "group": "next"}]
    >>> groups = {"fast": {"deployments": ["ollama/a"]}, "next": {"deployments": ["ollama/b"]}}
    >>> config = {
    ...     "groups": groups,
    ...     "experiments": {"move": {"group": "fast", "arms": arms}},
    ... }
    >>> with llmroute.Router(config) as router:
    ...     router.experiments.promote("move", "green")
    ...     router.explain("hi", model="fast").to_dict()["group"]
    'next'
    """

    __slots__ = ("_core",)

    def __init__(self, core: Core) -> None:
        self._core = core

    def report(self) -> dict[str, Any]:
        """Return what was seen so far.

        Returns
        -------
        dict
            By experiment: ``kind``, ``mode``, ``all_to`` (the arm that gets all requests, or None),
            ``reason``, ``arms`` (share, requests, failures, error_rate 0..1, ttft_p95_ms,
            total_p95_ms, cost_usd and score as means; from the second on ``against_first`` with
            estimate, lower and upper bound of the difference) and ``ratio``: whether units were
            split as the shares say, with a p-value that may be looked at any time.
        """
        report: dict[str, Any] = json.loads(self._core.experiments_json())
        return report

    def promote(self, name: str, arm: str, why: str = "promoted") -> None:
        """Send all requests of an experiment to one arm, from now on; one verb, at once.

        Parameters
        ----------
        name : str
            The experiment.
        arm : str
            Its arm.
        why : str
            Kept with it and shown in reports.

        Raises
        ------
        InvalidRequestError
            There is no such experiment or arm; with the nearest name.
        """
        self._core.switch_experiment(name, _named(arm), why)

    def roll_back(self, name: str, why: str = "rolled back by hand") -> None:
        """Send all requests of an experiment to its first arm.

        Parameters
        ----------
        name : str
            The experiment.
        why : str
            Kept with it and shown in reports.

        Raises
        ------
        InvalidRequestError
            There is no such experiment.
        """
        arms = self.report().get(name, {}).get("arms")
        self._core.switch_experiment(name, arms[0]["name"] if arms else "-", why)

    def restart(self, name: str, why: str = "") -> None:
        """Split requests as configured again, with nothing seen yet.

        Parameters
        ----------
        name : str
            The experiment.
        why : str
            Kept with it and shown in reports.

        Raises
        ------
        InvalidRequestError
            There is no such experiment.
        """
        self._core.switch_experiment(name, "", why)

    def mirror_to(self, other: Router | None, share: float = 1.0) -> None:
        """Send a share of all requests to another router as well: a whole other configuration.

        A request is sent there when its answer is on its way, so its caller waits for nothing.
        Copies are judged by the other router's rules and constraints, and never mirrored again.

        Parameters
        ----------
        other : Router, optional
            Must be kept open. None: no longer.
        share : float
            0 to 1.

        Raises
        ------
        ValueError
            The share is not from 0 to 1.
        InvalidRequestError
            It is this router itself.

        Examples
        --------
        >>> import llmroute
        >>> with llmroute.Router(["ollama/a"]) as now, llmroute.Router(["ollama/b"]) as next:
        ...     now.experiments.mirror_to(next, share=0.05)
        ...     now.experiments.mirrored()["there"]["requests"]
        0
        """
        if not 0 <= share <= 1:
            raise ValueError(f"share must be from 0 to 1, not {share}")
        self._core.mirror_to(None if other is None else other._shared.core, float(share))

    def mirrored(self) -> dict[str, Any] | None:
        """Return how the mirrored requests did here and there; None where nothing is mirrored.

        Returns
        -------
        dict or None
            ``share``, and ``here`` and ``there``: ``requests``, ``failures``, ``mean_ms`` of the
            answered ones, ``mean_usd``.
        """
        text = self._core.mirror_json()
        return None if text is None else json.loads(text)

    def __str__(self) -> str:
        lines = []
        for name, experiment in self.report().items():
            lines.append(_headline(name, experiment))
            for arm in experiment["arms"]:
                cells = (f"{key} {_shown(arm[key])}" for key in _COLUMNS if arm[key] is not None)
                lines.append(f"  {arm['name']:<12} {'   '.join(cells)}")
        return "\n".join(lines) or "no experiments"

    def _repr_html_(self) -> str:
        parts = []
        for name, experiment in self.report().items():
            head = "".join(f"<th>{key}</th>" for key in ("arm", *_COLUMNS))
            rows = "".join(
                f"<tr><td>{html.escape(arm['name'])}</td>"
                + "".join(f"<td>{_shown(arm[key])}</td>" for key in _COLUMNS)
                + "</tr>"
                for arm in experiment["arms"]
            )
            title = html.escape(_headline(name, experiment))
            parts.append(f"<div><b>{title}</b><table><tr>{head}</tr>{rows}</table></div>")
        return "".join(parts) or "<div>no experiments</div>"


def _named(arm: str) -> str:
    if not arm:
        raise ValueError("name an arm; restart() splits requests as configured again")
    return arm


def _headline(name: str, experiment: dict[str, Any]) -> str:
    where = f", all to {experiment['all_to']}" if experiment["all_to"] else ""
    why = f": {experiment['reason']}" if experiment["reason"] else ""
    split = "   units are not split as configured" if experiment["ratio"]["mismatch"] else ""
    return f"{name}   {experiment['kind']}, {experiment['mode']}{where}{why}{split}"


def _shown(value: float | None) -> str:
    return "" if value is None else f"{value:.4g}"
