"""How busy deployments are: the same for both routers, for it waits for nothing."""

from __future__ import annotations

import logging
import threading
import weakref
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from types import TracebackType

    from llmroute._submit import Shared

    Gauges = Mapping[str, float | None]
    LoadSource = Callable[[], "float | Gauges | None"]

__all__ = ["LoadWatch", "Loads"]

_LOG = logging.getLogger("llmroute")

# Calls of a source without an answer after which what it said is not believed any more.
_MISSES = 3


class Loads:
    """A router that can be told how busy deployments are."""

    _shared: Shared

    def report_load(
        self,
        deployment: str,
        *,
        queue: float | None = None,
        running: float | None = None,
        kv_cache: float | None = None,
        utilisation: float | None = None,
        tokens_per_second: float | None = None,
        valid_ms: float | None = None,
    ) -> None:
        """Say how busy a deployment is; what is not given stays as it was.

        The policy ``least_loaded`` uses it, and `health` shows it. Never waits; works the same in
        threads and in event loops. A server with a Prometheus page is better asked by the router
        itself: see ``[deployments.NAME.load]`` of the configuration.

        Parameters
        ----------
        deployment : str
            A deployment of the configuration.
        queue, running : float, optional
            Requests that wait there, and that it works on.
        kv_cache, utilisation : float, optional
            Shares in use of its key-value cache and of its processor, 0 to 1.
        tokens_per_second : float, optional
            That it generates; shown only.
        valid_ms : float, optional
            How long to believe it, in milliseconds; default 10,000. Then it is unknown.

        Raises
        ------
        InvalidRequestError
            For an unknown deployment, a number that cannot be, and no number at all.

        Examples
        --------
        >>> from llmroute import Router
        >>> with Router(["ollama/llama3"]) as router:
        ...     router.report_load("ollama/llama3", queue=3, running=8)
        ...     router.health()["ollama/llama3"]["load_queue"]
        3
        """
        given = {
            "queue": queue,
            "running": running,
            "kv_cache": kv_cache,
            "utilisation": utilisation,
            "tokens_per_second": tokens_per_second,
        }
        gauges = {name: float(value) for name, value in given.items() if value is not None}
        self._shared.core.report_load(deployment, gauges, valid_ms)

    def watch_load(
        self, sources: Mapping[str, LoadSource], *, every_ms: float = 1000.0
    ) -> LoadWatch:
        """Ask functions how busy deployments are, again and again, on a thread of their own.

        Parameters
        ----------
        sources : mapping of str to callable
            By deployment: a function that gives the share of its processor in use (0 to 1), or a
            mapping of `report_load`'s names to numbers, or None where it does not know. One that
            raises is said to the logger ``llmroute``; after three calls without an answer its
            deployment's load is unknown.
        every_ms : float
            Milliseconds between two rounds of calls.

        Returns
        -------
        LoadWatch
            Close it to stop; it stops by itself when the router is closed. A forked child has to
            begin anew.

        Raises
        ------
        InvalidRequestError
            For a deployment that is not there.

        Examples
        --------
        >>> from llmroute import Router
        >>> with Router(["ollama/llama3"]) as router:
        ...     with router.watch_load({"ollama/llama3": lambda: {"queue": 2}}):
        ...         router.health()["ollama/llama3"]["load_queue"]
        2
        """
        return LoadWatch(self._shared, sources, every_ms)


class LoadWatch:
    """Asks functions how busy deployments are; see `Router.watch_load`."""

    def __init__(self, shared: Shared, sources: Mapping[str, LoadSource], every_ms: float) -> None:
        if not every_ms > 0:
            raise ValueError("every_ms must be above 0")
        self._shared = weakref.ref(shared)
        self._sources = dict(sources)
        self._valid_ms = _MISSES * every_ms + 1000.0
        self._said: dict[str, str] = {}
        self._stop = threading.Event()
        self._ask(strict=True)
        arguments = (weakref.ref(self), self._stop, every_ms / 1000)
        threading.Thread(target=_watch, args=arguments, name="llmroute-load", daemon=True).start()

    def poll(self) -> None:
        """Ask all of them once, now."""
        self._ask(strict=False)

    def _ask(self, *, strict: bool) -> None:
        from llmroute.errors import LlmrouteError

        shared = self._shared()
        if shared is None or shared.core.closed:
            self._stop.set()
            return
        for deployment, source in self._sources.items():
            try:
                gauges = _gauges(source())
                if gauges:
                    shared.core.report_load(deployment, gauges, self._valid_ms)
                    self._said.pop(deployment, None)
            except Exception as problem:  # whatever it is, the next call may fare better
                if strict and isinstance(problem, LlmrouteError):
                    raise
                self._say(deployment, f"{type(problem).__name__}: {problem}")

    def _say(self, deployment: str, problem: str) -> None:
        if self._said.get(deployment) != problem:
            self._said[deployment] = problem
            _LOG.warning("the load of %s is unknown: %s", deployment, problem)

    def close(self) -> None:
        """Stop asking; idempotent. What was said last ages."""
        self._stop.set()

    def __enter__(self) -> LoadWatch:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<LoadWatch of {', '.join(self._sources)}>"


def _gauges(answer: float | Gauges | None) -> dict[str, float]:
    if answer is None:
        return {}
    if isinstance(answer, (int, float)):
        return {"utilisation": float(answer)}
    return {name: float(value) for name, value in answer.items() if value is not None}


def _watch(reference: weakref.ref[LoadWatch], stop: threading.Event, seconds: float) -> None:
    while not stop.wait(seconds):
        watch = reference()
        if watch is None:
            return
        watch.poll()
        del watch
