"""Requests in the Responses and the Messages API's own words, to whichever provider fits.

A caller that speaks one of these keeps its bodies and its parsers: what it sends is understood, the
router chooses as always, and the answer comes back in the same shape. A provider of the same API
gets the body as it came, but for the model's name.
"""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any, Literal

from llmroute import _headers
from llmroute._core import EventMaker, Result
from llmroute._failure import error_of
from llmroute._submit import call_options
from llmroute.reply import Reply
from llmroute.stream import AsyncStream, Stream

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
    from types import TracebackType

    from llmroute._core import Request
    from llmroute._submit import Shared
    from llmroute._types import CacheUse
    from llmroute.explain import Decision
    from llmroute.router import AnyPolicy

__all__ = ["AsyncEvents", "AsyncShapes", "Events", "ShapedReply", "Shapes"]

_Shape = Literal["responses", "messages"]


class ShapedReply(Reply):
    """An answer in the shape that was asked in.

    Examples
    --------
    >>> from llmroute import Router
    >>> from llmroute.testing import SimulatedProvider
    >>> with SimulatedProvider("openai") as alpha:
    ...     with Router.from_dict({"deployments": {"alpha": alpha.deployment()}}) as router:
    ...         reply = router.create_message({"model": "alpha", "max_tokens": 64,
    ...             "messages": [{"role": "user", "content": "Hello"}]})
    >>> reply.body["type"], reply.body["stop_reason"], reply.deployment
    ('message', 'end_turn', 'alpha')
    """

    __slots__ = ("_echo", "_shape", "_shaped")

    def __init__(self, result: Result, shape: _Shape, echo: str) -> None:
        super().__init__(result)
        self._shape = shape
        self._echo = echo
        self._shaped: dict[str, Any] | None = None

    @property
    def body(self) -> dict[str, Any]:
        """The answer as that API gives it; parsed once."""
        if self._shaped is None:
            body: dict[str, Any] = json.loads(
                self._result.shaped_json(self._shape, _now(), self._echo)
            )
            self._shaped = body
        return self._shaped


class _Told:
    """What both kinds of event streams know."""

    _stream: Stream | AsyncStream

    def __init__(self, stream: Stream | AsyncStream, shape: _Shape, request: Request) -> None:
        self._stream = stream
        told = ("msg_" if shape == "messages" else "resp_") + stream.request_id
        self._maker = EventMaker(shape, told, request.model, _now(), request.echo)
        self._left: list[tuple[str, str]] = []
        self._ended = False

    @property
    def decision(self) -> Decision:
        """The whole explanation, once the stream has ended."""
        return self._stream.decision

    @property
    def deployment(self) -> str | None:
        """Name of the deployment that answered; None before the end."""
        return self._stream.deployment

    @property
    def cost_usd(self) -> float | None:
        """US dollars of all attempts; None before the end, or where a price is unknown."""
        return self._stream.cost_usd

    def _finish(self) -> None:
        self._ended = True
        usage = self._stream.usage
        if usage is not None:
            self._left.extend(self._maker.finish(usage))

    def _pop(self) -> dict[str, Any]:
        event: dict[str, Any] = json.loads(self._left.pop(0)[1])
        return event


class Events(_Told):
    """Events of a stream in the shape that was asked in; made by `Router.create_message`.

    Iterate over it for dicts; leaving the ``with`` block closes the upstream connection. Errors are
    raised, as everywhere.
    """

    _stream: Stream

    def __enter__(self) -> Events:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stream.close()

    def __iter__(self) -> Iterator[dict[str, Any]]:
        return self

    def __next__(self) -> dict[str, Any]:
        while not self._left:
            if self._ended:
                raise StopIteration
            try:
                self._left.extend(self._maker.take(next(self._stream)))
            except StopIteration:
                self._finish()
        return self._pop()


class AsyncEvents(_Told):
    """Events of a stream on an event loop; made by `AsyncRouter.create_message`."""

    _stream: AsyncStream

    async def __aenter__(self) -> AsyncEvents:
        await self._stream.__aenter__()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._stream.aclose()

    def __aiter__(self) -> AsyncIterator[dict[str, Any]]:
        return self

    async def __anext__(self) -> dict[str, Any]:
        while not self._left:
            if self._ended:
                raise StopAsyncIteration
            try:
                self._left.extend(self._maker.take(await self._stream.__anext__()))
            except StopAsyncIteration:
                self._finish()
        return self._pop()


def _now() -> int:
    return int(time.time())


def _prepare(
    shared: Shared,
    shape: _Shape,
    body: Mapping[str, Any],
    options: dict[str, Any] | None,
) -> Request:
    """Check a body; what is wrong with it is raised here."""
    # What the SDKs take as keywords beside the body, wherever it stands here; never sent in it.
    sent, options = dict(body), dict(options or {})
    names = ("extra_headers", "betas") if shape == "messages" else ("extra_headers",)
    given = [(name, place.pop(name, None)) for name in names for place in (sent, options)]
    options = _headers.put(options, *given)
    text = json.dumps(sent, separators=(",", ":")).encode()
    options["shape"] = shape
    return shared.prepare(text, body.get("model"), bool(body.get("stream")), {}, options)


class Shapes:
    """The part of `Router` that speaks other APIs than chat completions."""

    _shared: Shared

    def create_message(
        self,
        body: Mapping[str, Any],
        *,
        deadline_ms: float | None = None,
        policy: AnyPolicy | None = None,
        exclude: Iterable[str] = (),
        drop_unsupported: bool = False,
        attempts: int | None = None,
        metadata: Mapping[str, Any] | None = None,
        priority: str | int | None = None,
        budget: str | None = None,
        cache: CacheUse | None = None,
        betas: str | Iterable[str] | None = None,
        extra_headers: Mapping[str, str] | None = None,
    ) -> ShapedReply | Events:
        """Send one request in the shape of Anthropic's Messages API.

        Parameters
        ----------
        body : mapping
            As that API takes it; ``model`` is a group or a deployment of this router, and
            ``stream`` asks for events.
        deadline_ms, policy, exclude, drop_unsupported, attempts, metadata, priority, budget, cache
            See `Router.chat`.
        betas : str or iterable of str, optional
            As ``client.beta.messages`` takes them: the header ``anthropic-beta``. A deployment that
            may not be sent it is dropped, or with `drop_unsupported` serves without.
        extra_headers : mapping of str to str, optional
            Headers of the call; a provider gets those on its list.

        Returns
        -------
        ShapedReply or Events
            The answer, or with ``stream`` its events as dicts.

        Raises
        ------
        InvalidRequestError
            The body is not what that API takes; nothing was sent. Everything else as `Router.chat`.

        Examples
        --------
        >>> from llmroute import Router
        >>> from llmroute.testing import SimulatedProvider
        >>> with SimulatedProvider("openai") as alpha:
        ...     with Router.from_dict({"deployments": {"alpha": alpha.deployment()}}) as router:
        ...         with router.create_message({"model": "alpha", "max_tokens": 64, "stream": True,
        ...             "messages": [{"role": "user", "content": "Hello"}]}) as events:
        ...             types = [event["type"] for event in events]
        >>> types[0], types[-1]
        ('message_start', 'message_stop')
        """
        account = (metadata, priority, None, budget, cache)
        options = call_options(deadline_ms, policy, exclude, drop_unsupported, attempts, account)
        options = {**(options or {}), "betas": betas, "extra_headers": extra_headers}
        return self._shaped("messages", body, options, policy, deadline_ms)

    def create_response(
        self,
        body: Mapping[str, Any],
        *,
        deadline_ms: float | None = None,
        policy: AnyPolicy | None = None,
        exclude: Iterable[str] = (),
        drop_unsupported: bool = False,
        attempts: int | None = None,
        metadata: Mapping[str, Any] | None = None,
        priority: str | int | None = None,
        budget: str | None = None,
        cache: CacheUse | None = None,
        extra_headers: Mapping[str, str] | None = None,
    ) -> ShapedReply | Events:
        """Send one request in the shape of OpenAI's Responses API.

        Parameters
        ----------
        body : mapping
            As that API takes it; ``model`` is a group or a deployment of this router, and
            ``stream`` asks for events. State that a provider keeps (``previous_response_id``,
            ``conversation``) is carried to providers of the same API alone.
        deadline_ms, policy, exclude, drop_unsupported, attempts, metadata, priority, budget, cache
            See `Router.chat`.
        extra_headers : mapping of str to str, optional
            Headers of the call; a provider gets those on its list.

        Returns
        -------
        ShapedReply or Events
            The answer, or with ``stream`` its events as dicts.

        Raises
        ------
        InvalidRequestError
            The body is not what that API takes; nothing was sent. Everything else as `Router.chat`.

        Examples
        --------
        >>> from llmroute import Router
        >>> from llmroute.testing import SimulatedProvider
        >>> with SimulatedProvider("anthropic") as alpha:
        ...     with Router.from_dict({"deployments": {"alpha": alpha.deployment()}}) as router:
        ...         reply = router.create_response({"model": "alpha", "input": "Hello"})
        >>> reply.body["object"], reply.body["status"], reply.body["output"][0]["type"]
        ('response', 'completed', 'message')
        """
        account = (metadata, priority, None, budget, cache)
        options = call_options(deadline_ms, policy, exclude, drop_unsupported, attempts, account)
        options = {**(options or {}), "extra_headers": extra_headers}
        return self._shaped("responses", body, options, policy, deadline_ms)

    def _shaped(
        self,
        shape: _Shape,
        body: Mapping[str, Any],
        options: dict[str, Any] | None,
        policy: AnyPolicy | None,
        deadline_ms: float | None,
    ) -> ShapedReply | Events:
        shared = self._shared
        request = _prepare(shared, shape, body, options)
        if shared.plans(policy):
            shared.plan(request, policy, deadline_ms)
        if request.stream:
            return Events(Stream(shared, request, deadline_ms), shape, request)
        result = shared.core.call(request)
        if not result.ok:
            raise error_of(result)
        return ShapedReply(result, shape, request.echo)


class AsyncShapes:
    """The part of `AsyncRouter` that speaks other APIs than chat completions."""

    _shared: Shared

    async def create_message(
        self, body: Mapping[str, Any], **options: Any
    ) -> ShapedReply | AsyncEvents:
        """Send one request in the Messages API's shape; see `Router.create_message`."""
        return await self._shaped("messages", body, options)

    async def create_response(
        self, body: Mapping[str, Any], **options: Any
    ) -> ShapedReply | AsyncEvents:
        """Send one request in the Responses API's shape; see `Router.create_response`."""
        return await self._shaped("responses", body, options)

    async def _shaped(
        self, shape: _Shape, body: Mapping[str, Any], given: dict[str, Any]
    ) -> ShapedReply | AsyncEvents:
        policy, deadline_ms = given.get("policy"), given.get("deadline_ms")
        if policy is not None and not isinstance(policy, str):
            given = {**given, "policy": None}
        shared = self._shared
        request = _prepare(shared, shape, body, given)
        if request.stream:
            return AsyncEvents(AsyncStream(shared, request, policy, deadline_ms), shape, request)
        if shared.plans(policy):
            await shared.plan_async(request, policy, deadline_ms)
        result = await shared.call(request)
        if not result.ok:
            raise error_of(result)
        return ShapedReply(result, shape, request.echo)
