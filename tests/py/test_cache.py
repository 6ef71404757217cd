"""The exact cache and single flight, over real sockets."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from llmroute import AsyncRouter, BadRequestError, Router, ServerError
from llmroute.testing import Fault, ManualClock, SimulatedProvider
from provider_probe import eventually

TOOLS = [{"type": "function", "function": {"name": "look", "parameters": {"type": "object"}}}]


@pytest.fixture(params=["openai", "anthropic"])
def provider(request: pytest.FixtureRequest) -> Iterator[SimulatedProvider]:
    with SimulatedProvider(request.param, ttft_ms=1) as made:
        yield made


def config_of(provider: SimulatedProvider, **exact: Any) -> dict[str, Any]:
    price = {"input_usd_per_million": 1.0, "output_usd_per_million": 2.0}
    return {
        "deployments": {"alpha": provider.deployment(price=price)},
        "groups": {"fast": {"deployments": ["alpha"]}},
        "cache": {"exact": exact},
    }


def status_of(answer: Any) -> str:
    return str(answer.decision.to_dict()["cache"]["status"])


def calls(provider: SimulatedProvider) -> int:
    return int(provider.stats()["requests"])


def test_a_hit_is_like_any_reply_but_free(provider: SimulatedProvider) -> None:
    with Router(config_of(provider)) as router:
        first = router.chat("hi", temperature=0.2, max_tokens=50)
        second = router.chat("hi", max_tokens=50, temperature=0.2)
        assert (status_of(first), status_of(second)) == ("miss", "hit")
        assert first.cost_usd is not None
        assert first.cost_usd > 0
        assert (second.cost_usd, second.cost_kind) == (0.0, "exact")
        assert second.text == first.text != ""
        assert second.message == first.message
        assert second.usage == first.usage
        assert second.finish_reason == first.finish_reason
        assert second.deployment == "alpha"
        assert second.request_id != first.request_id
        decision = second.decision.to_dict()
        assert decision["cache"]["answered_by"] == first.request_id
        assert decision["group"] == "fast"
        assert decision["attempts"] == []
        assert "from the cache" in str(second.decision)
        assert "policy" not in str(second.decision)  # none chose
        assert "answered" in second.decision.why_not("alpha")
        assert calls(provider) == 1
        stats = router.cache_stats()
        assert (stats["entries"], stats["hits"], stats["misses"]) == (1, 1, 1)
        assert stats["bytes"] > len(first.text)


def test_a_stream_hit_is_a_stream(provider: SimulatedProvider) -> None:
    def read(router: Router) -> Any:
        with router.stream("hi", model="fast", max_tokens=50) as stream:
            list(stream)
        return stream

    with Router(config_of(provider)) as router:
        first, second = read(router), read(router)
        assert (status_of(first), status_of(second)) == ("miss", "hit")
        assert second.text == first.text != ""
        assert second.finish_reason == first.finish_reason
        assert second.usage == first.usage
        assert second.cost_usd == 0.0
        whole = router.chat("hi", model="fast", max_tokens=50)
        assert (status_of(whole), whole.text) == ("hit", first.text)
        assert calls(provider) == 1


def test_a_whole_reply_is_replayed_as_a_stream(provider: SimulatedProvider) -> None:
    with Router(config_of(provider)) as router:
        whole = router.chat("hi", max_tokens=50, tools=TOOLS)
        with router.stream("hi", max_tokens=50, tools=TOOLS) as stream:
            kinds = [delta.kind for delta in stream]
        assert status_of(stream) == "hit"
        assert stream.text == whole.text
        assert stream.tool_calls == whole.tool_calls
        assert kinds[-2:] == ["finish", "usage"]


@pytest.mark.parametrize(
    "change",
    [{"temperature": 1}, {"seed": 3}, {"stop": ["x"]}, {"tools": TOOLS}, {"max_tokens": 51}],
    ids=lambda change: next(iter(change)),
)
def test_another_parameter_is_another_question(change: dict[str, Any]) -> None:
    with SimulatedProvider(ttft_ms=1) as provider, Router(config_of(provider)) as router:
        router.chat("hi", max_tokens=50)
        given = {"max_tokens": 50, **change}
        assert status_of(router.chat("hi", **given)) == "miss"
        assert status_of(router.chat("hi", **given)) == "hit"
        assert calls(provider) == 2


def test_tenants_do_not_share() -> None:
    with (
        SimulatedProvider(ttft_ms=1) as provider,
        Router(config_of(provider, by="metadata.tenant")) as router,
    ):

        def ask(**metadata: str) -> str:
            return status_of(router.chat("hi", metadata=metadata or None))

        assert [ask(tenant="acme"), ask(tenant="acme", team="x")] == ["miss", "hit"]
        assert ask(tenant="globex") == "miss"
        assert [ask(), ask(team="x"), ask()] == ["off", "off", "off"]
        assert calls(provider) == 5


def test_a_call_can_ask_anew_or_stay_out() -> None:
    with SimulatedProvider(ttft_ms=1) as provider, Router(config_of(provider)) as router:
        assert status_of(router.chat("hi", cache="off")) == "off"
        assert status_of(router.chat("hi")) == "miss"
        assert status_of(router.chat("hi", cache="refresh")) == "miss"
        assert status_of(router.chat("hi", cache="use")) == "hit"
        assert calls(provider) == 3


def test_answers_grow_old_and_can_be_forgotten() -> None:
    clock = ManualClock()
    with (
        SimulatedProvider(ttft_ms=1) as provider,
        Router(config_of(provider, ttl_s=10), clock=clock) as router,
    ):
        router.chat("hi")
        clock.advance_ms(9_999)
        hit = router.chat("hi")
        assert hit.decision.to_dict()["cache"]["age_ms"] == 9_999
        clock.advance_ms(1)
        assert status_of(router.chat("hi")) == "miss"
        router.clear_cache()
        assert router.cache_stats()["entries"] == 0
        assert status_of(router.chat("hi")) == "miss"


def test_failures_are_not_kept() -> None:
    fault = Fault("server_error", to_request=1)
    with SimulatedProvider(ttft_ms=1, faults=[fault]) as provider:
        config = config_of(provider) | {"resilience": {"attempts": 1}}
        with Router(config) as router:
            with pytest.raises(ServerError):
                router.chat("hi")
            assert router.cache_stats()["entries"] == 0
            assert status_of(router.chat("hi")) == "miss"


def test_threads_that_ask_the_same_share_one_call() -> None:
    answers: list[Any] = []
    with SimulatedProvider(ttft_ms=300) as provider, Router(config_of(provider)) as router:
        threads = [
            threading.Thread(target=lambda: answers.append(router.chat("hi"))) for _ in range(20)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert calls(provider) == 1
        assert len({answer.text for answer in answers}) == 1
        statuses = sorted(status_of(answer) for answer in answers)
        assert statuses.count("miss") == 1
        assert sum(answer.cost_usd > 0 for answer in answers) == 1


async def _gather(router: AsyncRouter) -> list[Any]:
    return await asyncio.gather(*(router.chat("hi") for _ in range(100)))


def test_a_hundred_tasks_share_one_call() -> None:
    async def main() -> None:
        with SimulatedProvider(ttft_ms=100) as provider:
            async with AsyncRouter(config_of(provider)) as router:
                answers = await _gather(router)
                assert calls(provider) == 1
                joined = [a for a in answers if status_of(a) == "joined"]
                late = [a for a in answers if status_of(a) == "hit"]  # on a slow machine
                assert len(joined) == router.cache_stats()["joined"] == 99 - len(late)
                leader = next(a for a in answers if status_of(a) == "miss")
                decision = joined[0].decision.to_dict()
                assert decision["cache"]["answered_by"] == leader.request_id
                assert joined[0].text == leader.text
                assert joined[0].finish_reason == "stop"
                assert "identical request" in str(joined[0].decision)
                router.clear_cache()

    asyncio.run(main())


def test_a_cancelled_task_leaves_the_others_their_answer() -> None:
    async def main() -> None:
        with SimulatedProvider(ttft_ms=200) as provider:
            async with AsyncRouter(config_of(provider)) as router:
                tasks = [asyncio.ensure_future(router.chat("hi")) for _ in range(5)]
                while router.cache_stats()["joined"] < 4:
                    await asyncio.sleep(0)
                tasks[0].cancel()  # the one that was sent
                tasks[3].cancel()
                answers = await asyncio.gather(*tasks, return_exceptions=True)
                assert [isinstance(a, asyncio.CancelledError) for a in answers] == [
                    True,
                    False,
                    False,
                    True,
                    False,
                ]
                assert router.router._shared.core.in_flight == 0

    asyncio.run(main())


def test_streams_that_ask_the_same_share_one_call() -> None:
    async def read(router: AsyncRouter) -> Any:
        async with router.stream("hi") as stream:
            async for _ in stream:
                pass
        return stream

    async def main() -> None:
        with SimulatedProvider(ttft_ms=50, tokens_per_second=200) as provider:
            async with AsyncRouter(config_of(provider)) as router:
                streams = await asyncio.gather(*(read(router) for _ in range(10)))
                assert calls(provider) == 1
                assert len({stream.text for stream in streams}) == 1
                assert streams[0].text
                statuses = {status_of(stream) for stream in streams}
                assert statuses == {"miss", "joined"}

    asyncio.run(main())


def test_what_fails_for_one_fails_for_all_that_asked_the_same() -> None:
    async def main() -> None:
        with SimulatedProvider(ttft_ms=100, context_tokens=10) as provider:
            async with AsyncRouter(config_of(provider)) as router:
                long = "word " * 200
                answers = await asyncio.gather(
                    *(router.chat(long) for _ in range(3)), return_exceptions=True
                )
                assert all(isinstance(a, BadRequestError) for a in answers)

    asyncio.run(main())


def test_a_dropped_follower_is_over() -> None:
    with SimulatedProvider(ttft_ms=60_000) as provider, Router(config_of(provider)) as router:
        core = router._shared.core
        first = router.stream("hi")
        assert eventually(lambda: core.in_flight == 1)
        second = router.stream("hi")
        assert eventually(lambda: router.cache_stats()["joined"] == 1)
        second.close()
        assert eventually(lambda: core.in_flight == 1)
        first.close()
        assert eventually(lambda: core.in_flight == 0)


def test_other_models_do_not_answer_with_the_old_words() -> None:
    with (
        SimulatedProvider(ttft_ms=1, seed=1) as a,
        SimulatedProvider(ttft_ms=1, seed=2) as b,
        Router(config_of(a)) as router,
    ):
        router.chat("hi")
        router.reload(config_of(b))
        assert status_of(router.chat("hi")) == "miss"
        assert calls(b) == 1


def test_an_answer_outlives_its_router(tmp_path: Path) -> None:
    with SimulatedProvider(ttft_ms=1) as provider:
        config = config_of(provider, persistent=True)
        config["state"] = {"path": str(tmp_path / "state.db")}
        with Router(config) as router:
            first = router.chat("hi")
        with Router(config) as router:
            second = router.chat("hi")
            assert (status_of(second), second.text) == ("hit", first.text)
            assert second.decision.to_dict()["cache"]["answered_by"] == first.request_id
            assert calls(provider) == 1
