"""A deployment's own limits, over real sockets."""

from __future__ import annotations

import asyncio

import pytest

import llmroute
from llmroute import AsyncRouter, Router
from llmroute.testing import SimulatedProvider


def test_a_limit_that_is_reached_is_named_with_its_end() -> None:
    with SimulatedProvider(ttft_ms=1) as provider:
        limited = provider.deployment(limits={"requests_per_minute": 1})
        with Router({"deployments": {"a": limited}}) as router:
            assert router.chat("first", model="a").text
            with pytest.raises(llmroute.CapacityError, match="requests_per_minute") as caught:
                router.chat("second", model="a", deadline_ms=200)
        assert caught.value.retry_after is not None
        assert 50 < caught.value.retry_after <= 60
        assert caught.value.decision is not None
        candidate = caught.value.decision.to_dict()["candidates"][0]
        assert candidate["reason"] == "limit_reached"
        assert candidate["numbers"]["limit"] == "requests_per_minute"
        assert 50_000 < candidate["numbers"]["free_in_ms"] <= 60_000
        assert provider.stats()["requests"] == 1


async def test_many_at_once_do_not_overshoot() -> None:
    with SimulatedProvider(ttft_ms=400) as small, SimulatedProvider(ttft_ms=1) as large:
        config = {
            "deployments": {
                "small": small.deployment(limits={"in_flight": 3}),
                "large": large.deployment(),
            },
            "groups": {"fast": {"deployments": ["small", "large"], "policy": "ordered"}},
        }
        async with AsyncRouter(config) as router:
            replies = await asyncio.gather(*(router.chat("hi", model="fast") for _ in range(40)))
            places = [reply.deployment for reply in replies]
            assert places.count("small") == 3
            assert places.count("large") == 37
            assert (await router.chat("later", model="fast")).deployment == "small"
