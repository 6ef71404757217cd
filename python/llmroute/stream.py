"""Streamed answers, for threads and for event loops."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from llmroute._core import Delta, Feed, Port, Request, Result, Usage, make_delta
from llmroute._failure import error_of

if TYPE_CHECKING:
    import asyncio
    from types import TracebackType

    from llmroute._submit import Shared
    from llmroute.explain import Decision
    from llmroute.reply import Reply

__all__ = ["AsyncStream", "Delta", "Stream"]


class _View:
    """What can be read of a stream, while it runs and after."""

    __slots__ = (
        "__weakref__",
        "_deadline_ms",
        "_decision",
        "_feed",
        "_left",
        "_person",
        "_request",
        "_shared",
    )

    def __init__(self, shared: Shared, request: Request, deadline_ms: float | None) -> None:
        self._shared = shared
        self._request = request
        self._deadline_ms = deadline_ms
        self._person: Reply | None = None  # who answered instead of a deployment
        self._left: list[Delta] = []  # of that answer
        self._feed: Feed | None = None
        self._decision: Decision | None = None

    @property
    def request_id(self) -> str:
        """Id of the request, unique within its router."""
        return self._request.request_id

    @property
    def text(self) -> str:
        """The text that was read so far; begins anew after a ``restart`` delta."""
        if self._person is not None:
            return self._person.text
        return self._feed.text if self._feed is not None else ""

    @property
    def tool_calls(self) -> list[dict[str, Any]]:
        """Tool calls in OpenAI's shape, put together from the fragments read so far."""
        return self._feed.tool_calls if self._feed is not None else []

    @property
    def finish_reason(self) -> str | None:
        """Why the answer ended, in OpenAI's words; None before."""
        if self._person is not None:
            return self._person.finish_reason
        return self._feed.finish_reason if self._feed is not None else None

    @property
    def restarts(self) -> int:
        """How often the answer began anew (``on_interrupt="restart"``)."""
        return self._feed.restarts if self._feed is not None else 0

    @property
    def usage(self) -> Usage | None:
        """Tokens, estimated where the provider reports none; None before the end."""
        result = self._result()
        if result is not None:
            return result.usage
        return self._feed.usage if self._feed is not None else None

    @property
    def cost_usd(self) -> float | None:
        """US dollars of all attempts; None before the end, or where a price is unknown."""
        result = self._result()
        return result.cost_usd if result is not None else None

    @property
    def deployment(self) -> str | None:
        """Name of the deployment that answered; None before the end."""
        if self._person is not None:
            return self._person.deployment
        result = self._result()
        return result.deployment if result is not None else None

    @property
    def message(self) -> dict[str, Any]:
        """The assistant's message in OpenAI's shape, from what was read so far."""
        message: dict[str, Any] = {"role": "assistant", "content": self.text or None}
        if self._feed is not None and (blocks := self._feed.thinking_blocks):
            message["thinking_blocks"] = blocks
        if self._feed is not None and (images := self._feed.images):
            message["images"] = images
        if self._feed is not None and (annotations := self._feed.annotations):
            message["annotations"] = annotations
        if self.tool_calls:
            message["tool_calls"] = self.tool_calls
        return message

    @property
    def decision(self) -> Decision:
        """The whole explanation.

        Raises
        ------
        RuntimeError
            The stream has not ended: read it to its end or close it first.
        """
        if self._decision is None:
            result = self._result()
            if result is None:
                raise RuntimeError("the stream has not ended; read it to its end or close it")
            from llmroute.explain import Decision

            self._decision = Decision(result.decision_json, result.why_not)
        return self._decision

    def _result(self) -> Result | None:
        return self._feed.result if self._feed is not None else None

    def _end(self, feed: Feed) -> Result | None:
        """Raise where the stream ended otherwise than whole; what is for a person is returned."""
        result = feed.result
        if result is None or result.ok:
            return None
        self._shared.tell()
        from llmroute import human

        if feed.text or feed.tool_calls or not human.is_handed_over(result):
            raise error_of(result, partial=feed.text)
        return result

    def _answered(self, reply: Reply) -> Delta:
        """Go on with what a person answered, in one piece."""
        self._person = reply
        self._left = [make_delta("finish", "", reply.finish_reason or "")]
        return make_delta("text", reply.text, "")

    def __repr__(self) -> str:
        result = self._result()
        ended = result is not None and (result.ok or self._person is not None)
        state = "running" if result is None else "ended" if ended else result.kind
        return f"<{type(self).__name__} {self.request_id} {state}>"


class Stream(_View):
    """An answer that arrives piece by piece; made by `Router.stream`.

    Iterate over it for its deltas. Leaving the ``with`` block, `close`, or dropping the object
    closes the upstream connection.

    Examples
    --------
    >>> from llmroute import Router
    >>> from llmroute.testing import SimulatedProvider
    >>> with SimulatedProvider("openai") as alpha:
    ...     with Router.from_dict({"deployments": {"alpha": alpha.deployment()}}) as router:
    ...         with router.stream("Hello", model="alpha") as stream:
    ...             text = "".join(delta.text for delta in stream if delta.kind == "text")
    >>> text == stream.text, stream.finish_reason
    (True, 'stop')
    """

    __slots__ = ()

    def __init__(self, shared: Shared, request: Request, deadline_ms: float | None = None) -> None:
        super().__init__(shared, request, deadline_ms)
        self._feed = shared.core.open(request, None)

    def __enter__(self) -> Stream:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def __iter__(self) -> Stream:
        return self

    def __next__(self) -> Delta:
        feed = self._feed
        assert feed is not None
        if self._person is None:
            delta = feed.wait()
            if delta is not None:
                return delta
            result = self._end(feed)
            if result is not None:
                from llmroute import human

                reply = human.ask(self._shared, self._request, result, self._deadline_ms)
                return self._answered(reply)
        if not self._left:
            raise StopIteration
        return self._left.pop(0)

    def close(self) -> None:
        """End the stream; what has not been read is dropped. Idempotent."""
        feed = self._feed
        if feed is not None and feed.result is None:
            feed.cancel()
            while feed.wait() is not None:
                pass


class AsyncStream(_View):
    """An answer that arrives piece by piece on an event loop; made by `AsyncRouter.stream`.

    The request is sent by ``async with``, or with the first delta. Leaving the block, `aclose`,
    cancelling the task that reads, or dropping the object closes the upstream connection.

    Examples
    --------
    >>> import asyncio
    >>> from llmroute import AsyncRouter
    >>> from llmroute.testing import SimulatedProvider
    >>> async def main():
    ...     with SimulatedProvider("openai") as alpha:
    ...         config = {"deployments": {"alpha": alpha.deployment()}}
    ...         async with AsyncRouter(config) as router:
    ...             async with router.stream("Hello", model="alpha") as stream:
    ...                 async for delta in stream:
    ...                     pass
    ...             return stream.finish_reason
    >>> asyncio.run(main())
    'stop'
    """

    __slots__ = ("_loop", "_policy")

    def __init__(
        self, shared: Shared, request: Request, policy: Any, deadline_ms: float | None
    ) -> None:
        super().__init__(shared, request, deadline_ms)
        self._policy = policy
        self._loop: asyncio.AbstractEventLoop | None = None

    async def _start(self) -> Feed:
        from asyncio import get_running_loop

        shared = self._shared
        if shared.plans(self._policy):
            await shared.plan_async(self._request, self._policy, self._deadline_ms)
        self._loop = loop = get_running_loop()
        port: Port = shared.port(loop)
        self._feed = feed = shared.core.open(self._request, port)
        return feed

    async def __aenter__(self) -> AsyncStream:
        if self._feed is None:
            await self._start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.aclose()

    def __aiter__(self) -> AsyncStream:
        return self

    async def __anext__(self) -> Delta:
        feed = self._feed
        if feed is None:
            feed = await self._start()
        if self._person is not None:
            return self._rest()
        delta = feed.pop()
        while delta is None:
            if feed.result is not None:
                result = self._end(feed)
                return self._rest() if result is None else await self._ask(result)
            await self._more(feed)
            delta = feed.pop()
        return delta

    def _rest(self) -> Delta:
        if not self._left:
            raise StopAsyncIteration
        return self._left.pop(0)

    async def _ask(self, result: Result) -> Delta:
        from llmroute import human

        shared = self._shared
        return self._answered(
            await human.ask_async(shared, self._request, result, self._deadline_ms)
        )

    async def _more(self, feed: Feed) -> None:
        """Wait until there is a delta or the end."""
        assert self._loop is not None
        future = self._loop.create_future()
        feed.attach(future)
        try:
            await future
        except BaseException:
            feed.cancel()
            raise

    async def aclose(self) -> None:
        """End the stream; what has not been read is dropped. Idempotent."""
        feed = self._feed
        if feed is None or feed.result is not None:
            return
        feed.cancel()
        while feed.result is None:
            while feed.pop() is not None:
                pass
            await self._more(feed)
