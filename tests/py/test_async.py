"""The face for event loops."""

from __future__ import annotations

import asyncio
import gc
import threading
import weakref
from collections.abc import Coroutine, Iterator
from typing import Any

import pytest

import llmroute
from llmroute import AsyncRouter, Router
from llmroute.testing import Fault, SimulatedProvider
from provider_probe import eventually


@pytest.fixture
def alpha() -> Iterator[SimulatedProvider]:
    with SimulatedProvider("openai", ttft_ms=1, output_tokens=12) as provider:
        yield provider


@pytest.fixture
def slow() -> Iterator[SimulatedProvider]:
    with SimulatedProvider(ttft_ms=1, tokens_per_second=20, output_tokens=2000) as provider:
        yield provider


def config_of(provider: SimulatedProvider, **more: Any) -> dict[str, Any]:
    return {"deployments": {"alpha": provider.deployment()}, **more}


async def test_many_at_once(alpha: SimulatedProvider) -> None:
    async with AsyncRouter(config_of(alpha)) as router:
        replies = await asyncio.gather(*(router.chat(f"n {n}") for n in range(200)))
        assert all(reply.text for reply in replies)
        assert len({reply.request_id for reply in replies}) == 200
        assert router.models == ["alpha"]
        assert router.health()["alpha"]["in_flight"] == 0
    assert alpha.stats()["requests"] == 200


async def test_a_stream_is_iterated(alpha: SimulatedProvider) -> None:
    async with AsyncRouter(config_of(alpha)) as router:
        async with router.stream("hi") as stream:
            text = "".join([d.text async for d in stream if d.kind == "text"])
        assert text == stream.text
        assert stream.finish_reason == "stop"
        assert stream.usage is not None
        assert stream.decision.status == "ok"
        assert [d async for d in stream] == []
        # Neither entering it nor leaving it is needed.
        assert [d.kind async for d in router.stream("hi")].count("finish") == 1


async def test_streams_run_side_by_side(alpha: SimulatedProvider) -> None:
    async with AsyncRouter(config_of(alpha)) as router:

        async def read(number: int) -> str:
            async with router.stream(f"stream {number}") as stream:
                async for _ in stream:
                    pass
            return stream.text

        texts = await asyncio.gather(*(read(n) for n in range(50)))
    for number, text in enumerate(texts):
        assert f"stream {number}" in text


async def test_wrong_arguments_raise_at_once(alpha: SimulatedProvider) -> None:
    async with AsyncRouter(config_of(alpha)) as router:
        with pytest.raises(llmroute.InvalidRequestError):
            await router.chat([])
        with pytest.raises(llmroute.InvalidRequestError):
            router.stream([])


async def test_errors_are_those_of_the_other_face(alpha: SimulatedProvider) -> None:
    alpha.set_faults([Fault("server_error")])
    async with AsyncRouter(config_of(alpha, resilience={"attempts": 1})) as router:
        with pytest.raises(llmroute.LlmrouteError) as caught:
            await router.chat("hi")
        assert caught.value.decision.attempts[0]["error"]["kind"] == "server_error"
        with pytest.raises(llmroute.LlmrouteError):
            await anext(router.stream("hi"))
        alpha.set_faults([Fault("cut", after_chunks=2)])
        with pytest.raises(llmroute.StreamInterruptedError) as cut:
            async for _ in router.stream("hi"):
                pass
        assert cut.value.partial


async def test_cancelling_the_task_closes_the_upstream_socket(alpha: SimulatedProvider) -> None:
    alpha.set_faults([Fault("stall")])
    async with AsyncRouter(config_of(alpha)) as router:
        task = asyncio.create_task(router.chat("hi"))
        await until(lambda: alpha.stats()["in_flight"] == 1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await until(lambda: alpha.stats()["aborted_by_client"] == 1)
        await until(lambda: router.health()["alpha"]["in_flight"] == 0)
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(router.chat("hi"), 0.05)
        await until(lambda: alpha.stats()["aborted_by_client"] == 2)


async def test_cancelling_a_reader_closes_the_upstream_socket(slow: SimulatedProvider) -> None:
    async with AsyncRouter(config_of(slow)) as router:
        reading = asyncio.Event()

        async def read() -> None:
            async with router.stream("hi") as stream:
                async for _ in stream:
                    reading.set()

        task = asyncio.create_task(read())
        await reading.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await until(lambda: slow.stats()["aborted_by_client"] == 1)


async def test_breaking_out_of_a_stream_closes_it(slow: SimulatedProvider) -> None:
    async with AsyncRouter(config_of(slow)) as router:
        async with router.stream("hi") as stream:
            async for _ in stream:
                break
        assert stream.decision.status == "cancelled"
        await until(lambda: slow.stats()["aborted_by_client"] == 1)
        dropped = router.stream("hi")
        async for _ in dropped:
            break
        del dropped
        gc.collect()
        await until(lambda: slow.stats()["aborted_by_client"] == 2)


async def test_a_deadline_over_everything(alpha: SimulatedProvider) -> None:
    alpha.set_faults([Fault("stall")])
    async with AsyncRouter(config_of(alpha)) as router:
        with pytest.raises(llmroute.DeadlineExceededError):
            await router.chat("hi", deadline_ms=60)


async def test_closing_ends_those_who_wait(alpha: SimulatedProvider) -> None:
    alpha.set_faults([Fault("stall")])
    router = AsyncRouter(config_of(alpha))
    tasks = [asyncio.create_task(router.chat("hi")) for _ in range(5)]
    await until(lambda: alpha.stats()["in_flight"] == 5)
    await router.aclose()
    results = await asyncio.gather(*tasks, return_exceptions=True)
    assert [type(r) for r in results] == [llmroute.ClosedError] * 5
    with pytest.raises(llmroute.ClosedError):
        await router.chat("hi")


async def test_both_faces_share_one_core(alpha: SimulatedProvider) -> None:
    with Router.from_dict(config_of(alpha)) as router:
        async with AsyncRouter(router) as arouter:
            assert arouter.router is router
            # A blocking call inside a running loop is allowed; it blocks this loop only.
            assert router.chat("hi").text
            assert (await arouter.chat("hi")).text
        assert router.chat("hi").text  # sharing is not owning


def test_several_loops_at_once(alpha: SimulatedProvider) -> None:
    with Router.from_dict(config_of(alpha)) as router:
        arouter = AsyncRouter(router)
        texts: list[str] = []

        async def ask(number: int) -> None:
            replies = await asyncio.gather(*(arouter.chat(f"loop {number}") for _ in range(20)))
            texts.extend(reply.text for reply in replies)

        threads = [threading.Thread(target=lambda n=n: asyncio.run(ask(n))) for n in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(texts) == 80


def test_one_loop_after_another(alpha: SimulatedProvider) -> None:
    with Router.from_dict(config_of(alpha)) as router:
        arouter = AsyncRouter(router)
        for _ in range(5):
            assert asyncio.run(_text(arouter.chat("hi")))
        gc.collect()
        assert len(router._shared._ports) <= 1


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_loop_closed_with_a_request_under_way_is_let_go(
    alpha: SimulatedProvider, slow: SimulatedProvider
) -> None:
    config = {"deployments": {"alpha": alpha.deployment(), "slow": slow.deployment()}}
    with Router.from_dict(config) as router:
        arouter = AsyncRouter(router)

        async def start() -> None:
            tasks.append(asyncio.create_task(_text(arouter.chat("hi", model="slow"))))
            await asyncio.sleep(0)

        tasks: list[Any] = []
        loop = asyncio.new_event_loop()
        loop.run_until_complete(start())
        loop.close()
        gone = weakref.ref(loop)
        del loop, tasks[:]
        assert asyncio.run(_text(arouter.chat("hi", model="alpha")))
        gc.collect()
        assert gone() is None
        assert eventually(lambda: router.health()["slow"]["in_flight"] == 0)


async def _text(call: Coroutine[Any, Any, llmroute.Reply]) -> str:
    return (await call).text


def test_uvloop(alpha: SimulatedProvider) -> None:
    uvloop = pytest.importorskip("uvloop", reason="uvloop is optional and not installed")

    async def ask() -> int:
        async with AsyncRouter(config_of(alpha)) as router:
            replies = await asyncio.gather(*(router.chat("hi") for _ in range(20)))
            async with router.stream("hi") as stream:
                async for _ in stream:
                    pass
            assert stream.text
            return len(replies)

    loop = uvloop.new_event_loop()
    try:
        assert loop.run_until_complete(ask()) == 20
    finally:
        loop.close()


async def until(is_true: Any) -> None:
    """Look again and again without holding up this loop."""
    assert await asyncio.to_thread(eventually, is_true)


async def test_a_second_reader_is_told_so(slow: SimulatedProvider) -> None:
    async with AsyncRouter(config_of(slow)) as router, router.stream("hi") as stream:
        first = asyncio.create_task(_drain(stream))
        await until(lambda: bool(stream.text))
        with pytest.raises(RuntimeError, match="another task"):
            await _drain(stream)
        first.cancel()
        with pytest.raises(asyncio.CancelledError):
            await first


async def _drain(stream: llmroute.AsyncStream) -> None:
    async for _ in stream:
        pass
