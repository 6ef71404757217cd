"""Python policies as requests use them."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Iterator
from typing import Any

import pytest

import llmroute
from llmroute import AsyncRouter, Router
from llmroute.testing import SimulatedProvider

PRICE = {"input_usd_per_million": 1.0, "output_usd_per_million": 2.0}


@pytest.fixture
def config() -> Iterator[dict[str, Any]]:
    with SimulatedProvider(ttft_ms=1) as a, SimulatedProvider("anthropic", ttft_ms=1) as b:
        yield {
            "deployments": {
                "a": a.deployment(price=PRICE, region="eu", tags=["x"]),
                "b": b.deployment(),
                "c": b.deployment(),
            },
            "groups": {
                "fast": {
                    "deployments": [{"use": "a", "weight": 3}, "b"],
                    "policy": "ordered",
                    "fallbacks": ["rest"],
                },
                "rest": {"deployments": ["c"]},
            },
        }


def test_candidates_offer_numbers_that_are_numbers(config: dict[str, Any]) -> None:
    seen: list[Any] = []

    @llmroute.policy
    def look(request: Any, candidates: Any, context: Any) -> Any:
        seen.append((request, list(candidates), context))
        return candidates

    with Router.from_dict(config) as router:
        router.chat("hello there", model="fast", policy=look, max_tokens=50, deadline_ms=9000)
    request, candidates, context = seen[0]
    assert [c.deployment for c in candidates] == ["a", "b"]
    first, second = candidates
    for candidate in candidates:
        for name in ("ttft_p50_ms", "ttft_p95_ms", "total_p50_ms", "total_p95_ms"):
            assert 0 < getattr(candidate, name) < 1e6
        assert candidate.in_flight == 0
        assert candidate.error_rate == 0
        assert candidate.measured is False
        assert candidate.signals["in_flight"] == 0
    assert (first.weight, second.weight) == (3.0, 1.0)
    assert (first.region, first.tags, first.group) == ("eu", ("x",), "fast")
    assert first.model == "sim-model"
    expected = (request.prompt_tokens + 2 * 50) / 1e6
    assert first.estimated_cost_usd(request) == pytest.approx(expected)
    assert second.estimated_cost_usd(request) == math.inf
    assert request.messages == [{"role": "user", "content": "hello there"}]
    assert (request.model, request.max_output_tokens) == ("fast", 50)
    assert (context.group, context.deadline_ms) == ("fast", 9000)
    assert context.seed == request.seed


def test_its_order_is_the_plan_and_its_words_are_kept(config: dict[str, Any]) -> None:
    def backwards(request: Any, candidates: Any, context: Any) -> Any:
        return list(reversed(candidates)), ["because", "then"]

    with Router.from_dict(config) as router:
        reply = router.chat("hi", model="fast", policy=backwards)
    value = reply.decision.to_dict()
    assert reply.deployment == "b"
    assert value["policy"] == {"name": "backwards", "version": 1, "failure": None} or (
        value["policy"]["name"] == "backwards" and not value["policy"]["failure"]
    )
    assert "because" in str(reply.decision)


@pytest.mark.parametrize("answer", ["garbage", ["nobody"], [], None, 3])
def test_garbage_falls_to_the_stand_in(config: dict[str, Any], answer: Any) -> None:
    @llmroute.policy(stand_in="ordered")
    def broken(request: Any, candidates: Any, context: Any) -> Any:
        return answer

    with Router.from_dict(config) as router:
        reply = router.chat("hi", model="fast", policy=broken)
    value = reply.decision.to_dict()
    assert reply.deployment == "a"
    assert value["policy"]["name"] == "ordered"
    assert value["policy"]["failure"].startswith("broken returned")


def test_a_groups_own_policy_runs_in_every_face(config: dict[str, Any]) -> None:
    calls: list[str] = []

    def mine(request: Any, candidates: Any, context: Any) -> Any:
        calls.append(context.group)
        return ["b", "a"]

    config["groups"]["fast"]["policy"] = mine
    with Router.from_dict(config) as router:
        assert router.chat("hi", model="fast").deployment == "b"
        assert router.explain("hi", model="fast").candidates[0]["deployment"] in {"a", "b"}
        with router.stream("hi", model="fast") as stream:
            list(stream)
        assert stream.deployment == "b"
        assert router.chat("hi", model="rest").deployment == "c"
        assert router.chat("hi", model="fast", policy="ordered").deployment == "a"

        async def ask() -> str:
            arouter = AsyncRouter(router)
            async with arouter.stream("hi", model="fast") as astream:
                async for _ in astream:
                    pass
            assert astream.deployment == "b"
            return (await arouter.chat("hi", model="fast")).deployment

        assert asyncio.run(ask()) == "b"
    assert calls == ["fast"] * 5


async def test_a_coroutine_may_be_a_policy(config: dict[str, Any]) -> None:
    @llmroute.policy
    async def slow(request: Any, candidates: Any, context: Any) -> Any:
        await asyncio.sleep(0)
        return ["b", "a"]

    async with AsyncRouter(config) as router:
        assert (await router.chat("hi", model="fast", policy=slow)).deployment == "b"
        assert (await router.explain("hi", model="fast", policy=slow)).status == "pending"


def test_a_policy_that_raises_is_named_not_quoted(config: dict[str, Any]) -> None:
    @llmroute.policy(stand_in="ordered")
    def angry(request: Any, candidates: Any, context: Any) -> Any:
        raise ValueError("secret words")

    with Router.from_dict(config) as router:
        decision = router.chat("hi", model="fast", policy=angry).decision
    assert "angry raised ValueError" in str(decision)
    assert "secret words" not in decision.to_json()


def test_fallbacks_stay_behind_its_order(config: dict[str, Any]) -> None:
    def only_b(request: Any, candidates: Any, context: Any) -> Any:
        return ["b"]

    with Router.from_dict(config) as router:
        value = router.explain("hi", model="fast", policy=only_b).to_dict()
    ranks = {c["deployment"]: c["rank"] for c in value["candidates"]}
    reasons = {c["deployment"]: c["reason"] for c in value["candidates"]}
    assert ranks["b"] == 0
    assert reasons["a"] == "not_in_order"
    assert ranks["c"] == 1
