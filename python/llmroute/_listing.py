"""Which models a deployment's provider has: the doctor's question, with the router's own keys."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from llmroute._submit import Shared

__all__ = ["AsyncLists", "Lists"]


class Lists:
    """A router for threads that lists models."""

    _shared: Shared

    def list_models(self, deployment: str, *, timeout_s: float = 10.0) -> list[str]:
        """Ask a deployment's provider which models it has; this costs nothing.

        The configuration that serves now says where and with which key. It is no request: nothing
        is counted, no limit or breaker is looked at, and the connection is one of its own.

        Parameters
        ----------
        deployment : str
            Whose endpoint and first usable key.
        timeout_s : float
            Longest wait of each step, in seconds.

        Returns
        -------
        list of str
            Names as the provider has them, in its order.

        Raises
        ------
        ConfigError
            There is no such deployment.
        InvalidRequestError
            The provider has no list of models.
        ClosedError
            The router is closed.
        AttemptError
            It could not be had; ``kind`` says why.

        Examples
        --------
        >>> router.list_models("local")                                        # doctest: +SKIP
        ['llama3:latest', 'qwen3:4b']
        >>> from llmroute import InvalidRequestError, Router
        >>> with Router(["bedrock/amazon.nova-lite-v1:0"]) as router:
        ...     try:
        ...         router.list_models("bedrock/amazon.nova-lite-v1:0")
        ...     except InvalidRequestError as error:
        ...         print(error)
        bedrock/amazon.nova-lite-v1:0: Bedrock's list needs a signed call to another host
        """
        return _list(self._shared, deployment, timeout_s)


class AsyncLists:
    """A router for event loops that lists models."""

    _shared: Shared

    async def list_models(self, deployment: str, *, timeout_s: float = 10.0) -> list[str]:
        """Ask a deployment's provider which models it has; see `Router.list_models`.

        The waiting, and a callable key, are on a thread of their own.

        Examples
        --------
        >>> await router.list_models("local")                                  # doctest: +SKIP
        ['llama3:latest', 'qwen3:4b']
        """
        import asyncio

        return await asyncio.to_thread(_list, self._shared, deployment, timeout_s)


def _list(shared: Shared, deployment: str, timeout_s: float) -> list[str]:
    from llmroute import doctor
    from llmroute.doctor.places import places_of
    from llmroute.errors import ClosedError

    if shared.core.closed:
        raise ClosedError("the router is closed")
    return doctor.models_of(places_of(shared.loaded), deployment, timeout_s)
