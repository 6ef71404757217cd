"""The router: one for threads, one for event loops, over the same core."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from llmroute._core import ManualClock
from llmroute._feedback import Judged
from llmroute._imported import Imported
from llmroute._listing import AsyncLists, Lists
from llmroute._load import Loads
from llmroute._operations import Operations
from llmroute._submit import Shared, call_options
from llmroute.embeddings import AsyncEmbeds, Embeds
from llmroute.reply import Reply
from llmroute.shapes import AsyncShapes, Shapes
from llmroute.stream import AsyncStream, Stream

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable, Mapping, Sequence
    from types import TracebackType

    from llmroute._types import CacheUse, OnInterrupt
    from llmroute.experiments import Experiments
    from llmroute.explain import Decision
    from llmroute.human import Handler
    from llmroute.policies import Policy, PolicyFunction
    from llmroute.scores import ScoreFunction

    Messages = str | bytes | bytearray | Sequence[Mapping[str, Any]]
    Source = str | os.PathLike[str] | Mapping[str, Any] | Sequence[Any]
    AnyPolicy = str | Policy | PolicyFunction

__all__ = ["AsyncRouter", "Router"]

_DEFAULT_FILE = "llmroute.toml"
_MAX_IN_FLIGHT = 20_000


class Router(Embeds, Operations, Judged, Lists, Shapes, Loads, Imported):
    """Sends each request to the deployment that suits it, and says why.

    Thread-safe. Calls block their own thread only and let other threads run meanwhile. A child
    process after ``fork`` gets its own connections with its first request.

    Parameters
    ----------
    source : str, os.PathLike, mapping or sequence, optional
        A .toml, .yaml or .json file, a dictionary of the same shape, or models such as
        ``["openai/gpt-4o-mini", "ollama/llama3"]``, tried in that order. Default:
        ``llmroute.toml`` in the working directory.
    seed : int, optional
        Repeats every choice that is left to chance. Default: another one each time.
    clock : ManualClock, optional
        For tests: time that stands still until it is moved.
    max_in_flight : int
        Most requests at the same time; beyond it `CapacityError`.
    human : callable, optional
        ``human(request, decision)`` answers with text, or declines with None, where a group's
        ``on_exhausted`` hands a chat over to a person. Called on the caller's thread; with
        `AsyncRouter` it may be a coroutine function. Without it such a request is parked until a
        person answers it; see `inbox`.
    watch : bool
        Reload the file when it changes; see `watch`.
    scores : mapping of str to callable, optional
        ``function(request)`` gives a number or a word that rules look at, such as ``sentiment``;
        see `llmroute.scores`.

    Raises
    ------
    ConfigError
        With path, line and the nearest valid name.

    Examples
    --------
    >>> from llmroute import Router
    >>> router = Router(["openai/gpt-4o-mini", "ollama/llama3"])
    >>> router.models
    ['default', 'openai/gpt-4o-mini', 'ollama/llama3']
    >>> router.close()
    """

    def __init__(
        self,
        source: Source | None = None,
        *,
        seed: int | None = None,
        clock: ManualClock | None = None,
        max_in_flight: int = _MAX_IN_FLIGHT,
        human: Handler | None = None,
        watch: bool = False,
        scores: Mapping[str, ScoreFunction] | None = None,
    ) -> None:
        chosen = _DEFAULT_FILE if source is None else source
        self._shared = Shared(chosen, seed=seed, clock=clock, max_in_flight=max_in_flight)
        self._shared.human = human
        self._shared.scorers.update(scores or {})
        if watch:
            self.watch()

    @classmethod
    def from_dict(
        cls,
        config: Mapping[str, Any],
        *,
        seed: int | None = None,
        clock: ManualClock | None = None,
        max_in_flight: int = _MAX_IN_FLIGHT,
    ) -> Router:
        """Make a router from a dictionary of the configuration's shape.

        Parameters
        ----------
        config : mapping
            Keys may also be callables, policies functions.
        seed, clock, max_in_flight
            See `Router`.

        Examples
        --------
        >>> from llmroute import Router
        >>> with Router.from_dict({"groups": {"fast": {"deployments": ["ollama/llama3"]}}}) as r:
        ...     r.models
        ['fast', 'ollama/llama3']
        """
        return cls(config, seed=seed, clock=clock, max_in_flight=max_in_flight)

    def chat(
        self,
        messages: Messages,
        *,
        model: str | None = None,
        deadline_ms: float | None = None,
        policy: AnyPolicy | None = None,
        exclude: Iterable[str] = (),
        drop_unsupported: bool = False,
        attempts: int | None = None,
        metadata: Mapping[str, Any] | None = None,
        priority: str | int | None = None,
        conversation: str | None = None,
        budget: str | None = None,
        cache: CacheUse | None = None,
        **params: Any,
    ) -> Reply:
        """Send one request and wait for the whole answer.

        Parameters
        ----------
        messages : str, sequence of mapping, or bytes
            A prompt, OpenAI-style messages, or JSON as it is to be sent: a messages array, or a
            whole body.
        model : str, optional
            A group or a deployment; may be left out where there is one group.
        deadline_ms : float, optional
            Milliseconds over all attempts.
        policy : str, Policy or callable, optional
            For this call: a built-in's name or a Python policy.
        exclude : iterable of str
            Deployments that must not be used.
        drop_unsupported : bool
            Leave out parameters that a deployment cannot take, listed in
            ``decision.dropped_parameters``, instead of dropping the deployment.
        attempts : int, optional
            Most attempts in all, instead of the configuration's.
        metadata : mapping of str to str, optional
            Labels of the request, by which limits, budgets, queues and caches count, such as
            ``{"tenant": "acme"}``. Numbers and booleans become text; None means not given. They
            stay here, except together with ``store=True``, where OpenAI keeps them with the answer.
        priority : str or int, optional
            ``"interactive"``, ``"standard"`` or ``"batch"``, or 0 (first) to 9 (last).
        conversation : str, optional
            Id of the conversation it belongs to; default: known by its messages.
        budget : str, optional
            A budget of the configuration that it also counts against.
        cache : {"use", "refresh", "off"}, optional
            Answer from the cache where it can; ask anyway and keep the answer; or neither.
        **params
            Parameters of OpenAI's chat completions: ``temperature``, ``tools``,
            ``response_format`` ... None means not given. And what rules look at: ``tags``,
            ``headers`` (also ``extra_headers``; a provider gets those on its list, as
            ``anthropic-beta``), ``region`` (the caller's), ``scores``. And ``fallbacks``: names to
            try behind `model`; OpenRouter's ``provider``, ``models``: docs/openrouter-fields.md.

        Returns
        -------
        Reply
            Text, usage, cost, and the decision.

        Raises
        ------
        InvalidRequestError
            The arguments are wrong; nothing was sent.
        NoCandidateError
            No deployment could take it; ``error.decision`` has each one's reason.
        AllAttemptsFailedError
            ``error.attempts`` in order.
        CapacityError
            A limit or bound of this router is reached; ``error.retry_after`` says for how long.
        BudgetExceededError
            A budget is spent; ``error.retry_after`` says until when.
        DeadlineExceededError
            The deadline passed.
        AttemptError
            A failure that no other deployment would have answered better, such as a bad request.

        Examples
        --------
        >>> reply = router.chat("Explain TCP slow start", model="fast")        # doctest: +SKIP
        >>> reply.text, reply.cost_usd                                         # doctest: +SKIP
        """
        account = (metadata, priority, conversation, budget, cache)
        options = call_options(deadline_ms, policy, exclude, drop_unsupported, attempts, account)
        shared = self._shared
        request = shared.prepare(messages, model, False, params, options)
        if shared.plans(policy):
            shared.plan(request, policy, deadline_ms)
        result = shared.core.call(request)
        if not result.ok:
            shared.tell()
            from llmroute import human

            return human.ask(shared, request, result, deadline_ms)
        return Reply(result)

    def stream(
        self,
        messages: Messages,
        *,
        model: str | None = None,
        deadline_ms: float | None = None,
        policy: AnyPolicy | None = None,
        exclude: Iterable[str] = (),
        drop_unsupported: bool = False,
        attempts: int | None = None,
        metadata: Mapping[str, Any] | None = None,
        priority: str | int | None = None,
        conversation: str | None = None,
        budget: str | None = None,
        cache: CacheUse | None = None,
        on_interrupt: OnInterrupt = "raise",
        **params: Any,
    ) -> Stream:
        """Send one request and read the answer as it comes.

        Parameters
        ----------
        on_interrupt : {"raise", "restart"}
            What happens when a stream breaks after content was read: `StreamInterruptedError`, or
            another attempt, announced by a delta of kind ``restart``: what came before it is to be
            discarded.
        messages, model, deadline_ms, policy, exclude, drop_unsupported, attempts, metadata
            See `chat`.
        priority, conversation, budget, cache, **params
            See `chat`.

        Returns
        -------
        Stream
            A context manager that is iterated for its deltas.

        Raises
        ------
        InvalidRequestError
            At once; everything else is raised while reading, as for `chat`.

        Examples
        --------
        >>> with router.stream("Write a haiku", model="fast") as stream:       # doctest: +SKIP
        ...     for delta in stream:
        ...         print(delta.text, end="")
        """
        account = (metadata, priority, conversation, budget, cache)
        options = call_options(
            deadline_ms, policy, exclude, drop_unsupported, attempts, account, on_interrupt
        )
        shared = self._shared
        request = shared.prepare(messages, model, True, params, options)
        if shared.plans(policy):
            shared.plan(request, policy, deadline_ms)
        return Stream(shared, request, deadline_ms)

    def explain(
        self,
        messages: Messages,
        *,
        model: str | None = None,
        deadline_ms: float | None = None,
        policy: AnyPolicy | None = None,
        exclude: Iterable[str] = (),
        drop_unsupported: bool = False,
        metadata: Mapping[str, Any] | None = None,
        priority: str | int | None = None,
        conversation: str | None = None,
        budget: str | None = None,
        cache: CacheUse | None = None,
        **params: Any,
    ) -> Decision:
        """Say where a request would go and why, without calling anyone.

        Parameters
        ----------
        messages, model, deadline_ms, policy, exclude, drop_unsupported, metadata, priority
            See `chat`.
        conversation, budget, cache, **params
            See `chat`.

        Returns
        -------
        Decision
            With status ``pending`` and no attempts.

        Examples
        --------
        >>> from llmroute import Router
        >>> with Router(["ollama/llama3"]) as router:
        ...     decision = router.explain("hi")
        >>> decision.status, [c["deployment"] for c in decision.candidates]
        ('pending', ['ollama/llama3'])
        """
        from llmroute.explain import Decision

        account = (metadata, priority, conversation, budget, cache)
        options = call_options(deadline_ms, policy, exclude, drop_unsupported, None, account)
        shared = self._shared
        request = shared.prepare(messages, model, False, params, options)
        if shared.plans(policy):
            shared.plan(request, policy, deadline_ms)
        result = shared.core.explain(request)
        return Decision(result.decision_json, result.why_not)

    @property
    def models(self) -> list[str]:
        """Everything that `model` may be: groups, then deployments."""
        return self._shared.core.models

    def health(self) -> dict[str, dict[str, Any]]:
        """Return every deployment's numbers right now.

        Returns
        -------
        dict
            By deployment: ``usable``, ``reason`` and one entry per signal, such as ``in_flight``,
            ``ttft_p50_ms`` or ``error_rate``.
        """
        health: dict[str, dict[str, Any]] = json.loads(self._shared.core.health_json())
        return health

    @property
    def experiments(self) -> Experiments:
        """What arms have seen, and switches between them."""
        from llmroute.experiments import Experiments

        return Experiments(self._shared.core)

    def cache_stats(self) -> dict[str, int]:
        """Return what the exact cache holds and did since the router was made.

        Returns
        -------
        dict
            ``entries``, ``bytes`` (what they take, keys and places included), ``hits``, ``misses``,
            and ``joined``: requests that shared the call of an identical one under way. All 0
            without ``[cache.exact]``.

        Examples
        --------
        >>> from llmroute import Router
        >>> with Router(["ollama/llama3"]) as router:
        ...     router.cache_stats()
        {'entries': 0, 'bytes': 0, 'hits': 0, 'misses': 0, 'joined': 0}
        """
        return self._shared.core.cache_stats()

    def clear_cache(self) -> None:
        """Forget every answer that the exact cache holds in memory; its counts go on.

        Examples
        --------
        >>> from llmroute import Router
        >>> with Router(["ollama/llama3"]) as router:
        ...     router.clear_cache()
        """
        self._shared.core.clear_cache()

    def close(self) -> None:
        """End everything in flight with `ClosedError` and stop; idempotent."""
        self._shared.close()

    def __enter__(self) -> Router:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return _describe(self)

    def __reduce__(self) -> str | tuple[Any, ...]:
        raise TypeError("a router cannot be pickled; make one in each process from its source")


class AsyncRouter(AsyncEmbeds, Judged, AsyncLists, AsyncShapes, Loads, Imported):
    """A router for event loops: the same calls, awaited.

    May be used from several event loops at once, and together with the `Router` it shares a core
    with. Cancelling a task that awaits it closes the upstream connection.

    Parameters
    ----------
    router : Router, or what `Router` takes
        A router to share: configuration, health, connections and budgets; or a source to make
        one from, which this object then owns.
    seed, clock, max_in_flight, human, scores
        See `Router`; only where one is made.

    Examples
    --------
    >>> import asyncio
    >>> from llmroute import AsyncRouter
    >>> async def main():
    ...     async with AsyncRouter(["ollama/llama3"]) as router:
    ...         return router.models
    >>> asyncio.run(main())
    ['default', 'ollama/llama3']
    """

    def __init__(
        self,
        router: Router | Source | None = None,
        *,
        seed: int | None = None,
        clock: ManualClock | None = None,
        max_in_flight: int = _MAX_IN_FLIGHT,
        human: Handler | None = None,
        scores: Mapping[str, ScoreFunction] | None = None,
    ) -> None:
        self._owns = not isinstance(router, Router)
        self.router: Router = (
            router
            if isinstance(router, Router)
            else Router(
                router,
                seed=seed,
                clock=clock,
                max_in_flight=max_in_flight,
                human=human,
                scores=scores,
            )
        )
        """The `Router` over the same core."""
        self._shared = self.router._shared

    async def chat(
        self,
        messages: Messages,
        *,
        model: str | None = None,
        deadline_ms: float | None = None,
        policy: AnyPolicy | None = None,
        exclude: Iterable[str] = (),
        drop_unsupported: bool = False,
        attempts: int | None = None,
        metadata: Mapping[str, Any] | None = None,
        priority: str | int | None = None,
        conversation: str | None = None,
        budget: str | None = None,
        cache: CacheUse | None = None,
        **params: Any,
    ) -> Reply:
        """Send one request and await the whole answer; see `Router.chat`.

        Examples
        --------
        >>> reply = await router.chat("hi", model="fast", deadline_ms=8000)    # doctest: +SKIP
        """
        account = (metadata, priority, conversation, budget, cache)
        options = call_options(deadline_ms, policy, exclude, drop_unsupported, attempts, account)
        shared = self._shared
        request = shared.prepare(messages, model, False, params, options)
        if shared.plans(policy):
            await shared.plan_async(request, policy, deadline_ms)
        result = await shared.call(request)
        if not result.ok:
            shared.tell()
            from llmroute import human

            return await human.ask_async(shared, request, result, deadline_ms)
        return Reply(result)

    def stream(
        self,
        messages: Messages,
        *,
        model: str | None = None,
        deadline_ms: float | None = None,
        policy: AnyPolicy | None = None,
        exclude: Iterable[str] = (),
        drop_unsupported: bool = False,
        attempts: int | None = None,
        metadata: Mapping[str, Any] | None = None,
        priority: str | int | None = None,
        conversation: str | None = None,
        budget: str | None = None,
        cache: CacheUse | None = None,
        on_interrupt: OnInterrupt = "raise",
        **params: Any,
    ) -> AsyncStream:
        """Prepare a stream; see `Router.stream`. It is sent when it is entered or first read.

        Examples
        --------
        >>> async with router.stream("hi", model="fast") as stream:            # doctest: +SKIP
        ...     async for delta in stream:
        ...         print(delta.text, end="")
        """
        account = (metadata, priority, conversation, budget, cache)
        options = call_options(
            deadline_ms, policy, exclude, drop_unsupported, attempts, account, on_interrupt
        )
        request = self._shared.prepare(messages, model, True, params, options)
        return AsyncStream(self._shared, request, policy, deadline_ms)

    async def explain(
        self,
        messages: Messages,
        *,
        model: str | None = None,
        deadline_ms: float | None = None,
        policy: AnyPolicy | None = None,
        exclude: Iterable[str] = (),
        drop_unsupported: bool = False,
        metadata: Mapping[str, Any] | None = None,
        priority: str | int | None = None,
        conversation: str | None = None,
        budget: str | None = None,
        cache: CacheUse | None = None,
        **params: Any,
    ) -> Decision:
        """Say where a request would go and why; see `Router.explain`."""
        from llmroute.explain import Decision

        account = (metadata, priority, conversation, budget, cache)
        options = call_options(deadline_ms, policy, exclude, drop_unsupported, None, account)
        shared = self._shared
        request = shared.prepare(messages, model, False, params, options)
        if shared.plans(policy):
            await shared.plan_async(request, policy, deadline_ms)
        result = shared.core.explain(request)
        return Decision(result.decision_json, result.why_not)

    @property
    def models(self) -> list[str]:
        """Everything that `model` may be: groups, then deployments."""
        return self.router.models

    def health(self) -> dict[str, dict[str, Any]]:
        """Return every deployment's numbers right now; see `Router.health`."""
        return self.router.health()

    def cache_stats(self) -> dict[str, int]:
        """Return what the exact cache holds and did; see `Router.cache_stats`."""
        return self.router.cache_stats()

    def clear_cache(self) -> None:
        """Forget every answer that the exact cache holds; see `Router.clear_cache`."""
        self.router.clear_cache()

    async def aclose(self) -> None:
        """Close the router where this object made it; idempotent."""
        if self._owns:
            self.router.close()

    async def __aenter__(self) -> AsyncRouter:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.aclose()

    def __repr__(self) -> str:
        return _describe(self)


def _describe(router: Router | AsyncRouter) -> str:
    names = router.models
    shown = ", ".join(names[:4]) + (", ..." if len(names) > 4 else "")
    return f"<{type(router).__name__} {shown}>"
