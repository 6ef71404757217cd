"""What a router offers those who run it, beside requests: its configuration's life, its inbox."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from llmroute._submit import Shared
    from llmroute.config import Source
    from llmroute.inbox import Answer, Correction, ParkedRequest
    from llmroute.lifecycle import Version, Watcher

__all__ = ["Operations"]


class Operations:
    """The part of `Router` that is not about requests."""

    _shared: Shared

    # --- configuration ------------------------------------------------------------------------

    @property
    def version(self) -> int:
        """Number of the configuration that new requests begin with; decisions name theirs."""
        return self._shared.core.version

    def reload(
        self,
        source: Source,
        who: str | None = None,
        why: str | None = None,
        *,
        force: bool = False,
    ) -> Version:
        """Change the configuration; requests in flight finish on the one they began with.

        Parameters
        ----------
        source
            See `Router`. Health of deployments that stay is kept.
        who, why : str, optional
            For the history.
        force : bool
            Also where it takes away what requests asked for since the start.

        Returns
        -------
        Version
            What serves now. A configuration that says the same as the latest keeps its number.

        Raises
        ------
        ConfigError
            Nothing was changed: it cannot be used, or it takes away a group or deployment that
            requests asked for.

        Examples
        --------
        >>> from llmroute import Router
        >>> with Router({"groups": {"fast": {"deployments": ["ollama/llama3"]}}}) as router:
        ...     version = router.reload(
        ...         {"groups": {"fast": {"deployments": ["ollama/llama3"], "policy": "ordered"}}},
        ...         who="ada", why="the first is the best")
        >>> version.number, version.changes
        (2, ('groups.fast.policy: added "ordered"',))
        """
        return self._shared.reload(source, who, why, force=force)

    def history(self) -> list[Version]:
        """Return the versions of the configuration, oldest first.

        Returns
        -------
        list of Version
            The last hundred; with ``[state]`` those of every process that shares the file, and
            from before a restart.

        Examples
        --------
        >>> from llmroute import Router
        >>> with Router(["ollama/llama3"]) as router:
        ...     [(version.number, version.source) for version in router.history()]
        [(1, 'a list or dictionary')]
        """
        return self._shared.history().versions()

    def diff(self, old: int, new: int | None = None) -> str:
        """Compare two versions of the configuration.

        Parameters
        ----------
        old, new : int
            Their numbers; default of `new`: what is served.

        Returns
        -------
        str
            Unified text of one value a line, each with its path; empty where they say the same.
            Secrets are not compared.

        Raises
        ------
        ConfigError
            There is no such version any more.
        """
        from llmroute import _documents

        history = self._shared.history()
        before, after = history.find(old), history.find(self.version if new is None else new)
        names = (f"version {before.number}", f"version {after.number}")
        return _documents.unified(before.document, after.document, *names)

    def rollback(
        self,
        version: int,
        who: str | None = None,
        why: str | None = None,
        *,
        force: bool = False,
    ) -> Version:
        """Serve an earlier configuration again, under a new number.

        Parameters
        ----------
        version : int
            Number of the one to go back to.
        who, why, force
            See `reload`.

        Returns
        -------
        Version
            What serves now.

        Raises
        ------
        ConfigError
            There is no such version, it held keys or functions and is from another process or
            before a restart, or it is refused as `reload` would refuse it.
        """
        loaded = self._shared.history().loaded(version)
        reason = why or f"rollback to version {version}"
        return self._shared.serve(loaded, who, reason, force=force)

    def watch(self, file: str | os.PathLike[str] | None = None, *, seconds: float = 2.0) -> Watcher:
        """Reload a file whenever it changes, until the router is closed.

        A change that cannot be used is said once to the logger ``llmroute``; what was served goes
        on. A forked child watches for itself.

        Parameters
        ----------
        file : str or os.PathLike, optional
            Default: the one that the router was made from.
        seconds : float
            Between two looks; 0: only when `Watcher.poll` is called.

        Returns
        -------
        Watcher
            ``poll()`` looks now, ``close()`` ends it.

        Raises
        ------
        ValueError
            The router was not made from a file, and none is named.
        """
        chosen: Any = file if file is not None else self._shared.loaded.file
        if chosen is None:
            raise ValueError("the router was not made from a file; name the one to watch")
        return self._shared.watch(chosen, seconds)

    # --- requests for people --------------------------------------------------------------

    def inbox(self) -> list[ParkedRequest]:
        """Return the requests that wait for a person, the oldest first.

        A request is parked where ``on_exhausted`` or a rule hands it over to a person and the
        router has no handler. With ``[state]``, those of every process that shares the file.

        Raises
        ------
        CapacityError
            The state store does not answer.

        Examples
        --------
        >>> from llmroute import Router
        >>> with Router(["ollama/llama3"]) as router:
        ...     router.inbox()
        []
        """
        from llmroute import inbox

        return inbox.waiting(self._shared.core)

    def answer(
        self,
        request_id: str,
        text: str,
        correct_group: str | None = None,
        *,
        who: str | None = None,
    ) -> Answer:
        """Answer a request that waits for a person.

        Parameters
        ----------
        request_id : str
            As `inbox` lists it.
        text : str
            The answer; its caller gets it, or whoever calls `answer_to`.
        correct_group : str, optional
            Where the request should have gone; see `corrections`.
        who : str, optional
            Who answers.

        Raises
        ------
        InvalidRequestError
            It does not wait (any more).
        """
        from llmroute import inbox

        store = self._shared.core
        return inbox.answer(store, request_id, text, who=who, correct_group=correct_group)

    def decline(self, request_id: str, *, who: str | None = None) -> Answer:
        """Say that nobody will answer a request: its caller gets the request's own error.

        Raises
        ------
        InvalidRequestError
            It does not wait (any more).
        """
        from llmroute import inbox

        return inbox.answer(self._shared.core, request_id, None, who=who)

    def answer_to(self, request_id: str) -> Answer | None:
        """Return what a person answered to a request that its caller could not wait for.

        Parameters
        ----------
        request_id : str
            ``error.parked`` of what the request raised.

        Returns
        -------
        Answer or None
            None while it waits; an answer whose text is None was declined.

        Raises
        ------
        InvalidRequestError
            It was never parked, or is forgotten by now.
        """
        from llmroute import inbox

        return inbox.answer_to(self._shared.core, request_id)

    def corrections(self) -> list[Correction]:
        """Return what persons answered in the last 90 days, and where it should have gone.

        Returns
        -------
        list of Correction
            The oldest first: examples for rules and intents.
        """
        from llmroute import inbox

        return inbox.corrections(self._shared.core)
