"""Routers made from the configurations of others; part of both faces."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping

__all__ = ["Imported"]

_Face = TypeVar("_Face", bound="Imported")


class Imported:
    """The part of `Router` and `AsyncRouter` that reads what is not llmroute's own."""

    @classmethod
    def from_litellm(
        cls: type[_Face],
        source: str | os.PathLike[str] | Mapping[str, Any],
        **options: Any,
    ) -> _Face:
        """Make a router from a configuration of LiteLLM.

        Every field that is not honoured is a warning of the logger ``llmroute``; see
        `llmroute.integrations.litellm.translate` for a list of them.

        Parameters
        ----------
        source : str, os.PathLike or mapping
            A proxy's file, or a dictionary: ``model_list`` with ``router_settings``,
            ``litellm_settings`` ..., or the arguments of ``litellm.Router``.
        **options
            See `Router`: ``seed``, ``clock``, ``max_in_flight``, ``human``, ``scores``.

        Raises
        ------
        ConfigError
            No entry of ``model_list`` can be used.

        Examples
        --------
        >>> from llmroute import Router
        >>> entry = {"model_name": "fast", "litellm_params": {"model": "groq/llama-3.3-70b"}}
        >>> with Router.from_litellm({"model_list": [entry]}) as router:
        ...     router.models
        ['fast', 'groq/llama-3.3-70b']
        """
        from logging import getLogger

        from llmroute.integrations import litellm

        done = litellm.translate(source)
        for note in done.notes:
            getLogger("llmroute").warning("litellm: %s", note)
        made: Any = cls
        router: _Face = made(done.config, **options)
        return router
