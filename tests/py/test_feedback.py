"""Judging answers, and policies that learn from it."""

from __future__ import annotations

import asyncio
import json
from collections import Counter

import pytest

import llmroute
from llmroute.config import catalogue_json
from llmroute.errors import ConfigError, InvalidRequestError
from llmroute.testing import SimulatedProvider


@pytest.fixture(scope="module")
def provider():
    with SimulatedProvider(ttft_ms=1) as provider:
        yield provider


def config_of(provider: SimulatedProvider, **options: float) -> dict:
    return {
        "deployments": {name: provider.deployment() for name in ("a", "b")},
        "groups": {"fast": {"deployments": ["a", "b"], "policy": {"name": "thompson", **options}}},
    }


def test_feedback_teaches_whom_to_ask(provider: SimulatedProvider) -> None:
    went: Counter[str] = Counter()
    with llmroute.Router(config_of(provider, success=0, feedback=1), seed=1) as router:
        for _ in range(80):
            reply = router.chat("hi", model="fast")
            router.feedback(reply.request_id, 0.9 if reply.deployment == "b" else 0.1)
        went.update(router.chat("hi", model="fast").deployment for _ in range(40))
    assert went["b"] >= 36


def test_feedback_from_an_event_loop(provider: SimulatedProvider) -> None:
    async def main() -> None:
        async with llmroute.AsyncRouter(config_of(provider)) as router:
            reply = await router.chat("hi", model="fast")
            router.feedback(reply.request_id, 1)
            router.feedback(reply.request_id, False)

    asyncio.run(main())


@pytest.mark.parametrize("score", [-0.01, 1.01, float("nan"), float("inf")])
def test_scores_are_shares(provider: SimulatedProvider, score: float) -> None:
    with llmroute.Router(config_of(provider)) as router:
        reply = router.chat("hi", model="fast")
        with pytest.raises(InvalidRequestError, match="from 0 to 1"):
            router.feedback(reply.request_id, score)


def test_unknown_requests_say_what_to_do(provider: SimulatedProvider) -> None:
    with llmroute.Router(config_of(provider)) as router:
        explained = router.explain("hi", model="fast")
        for request_id in ("", "nobody", explained.request_id):
            with pytest.raises(InvalidRequestError, match="is unknown: give the request_id of"):
                router.feedback(request_id, 1)


def test_what_was_not_answered_cannot_be_judged() -> None:
    config = {
        "deployments": {"gone": {"base_url": "http://127.0.0.1:1/v1", "model": "m"}},
        "resilience": {"attempts": 1},
    }
    with llmroute.Router(config) as router:
        with pytest.raises(llmroute.LlmrouteError) as failed:
            router.chat("hi", model="gone")
        with pytest.raises(InvalidRequestError, match="was not answered"):
            router.feedback(failed.value.request_id, 0)


def test_learning_outlives_a_reload(provider: SimulatedProvider) -> None:
    config = config_of(provider, success=0, feedback=1)
    with llmroute.Router(config, seed=2) as router:
        for _ in range(80):
            reply = router.chat("hi", model="fast")
            router.feedback(reply.request_id, 0.9 if reply.deployment == "a" else 0.1)
        config["deployments"]["b"]["tags"] = ["changed"]
        router.reload(config)
        went = Counter(router.chat("hi", model="fast").deployment for _ in range(40))
    assert went["a"] >= 36


def test_the_decision_says_the_probability(provider: SimulatedProvider) -> None:
    with llmroute.Router(config_of(provider, explore=0.2)) as router:
        candidates = router.explain("hi", model="fast").candidates
    assert sum(c["probability"] for c in candidates) == pytest.approx(1, abs=1e-4)
    assert min(c["probability"] for c in candidates) >= 0.1


@pytest.mark.parametrize(
    ("options", "nearest"), [({"explre": 0.1}, "explore"), ({"explore": 2}, None)]
)
def test_wrong_options_are_named(
    provider: SimulatedProvider, options: dict[str, float], nearest: str | None
) -> None:
    with pytest.raises(ConfigError) as error:
        llmroute.Router(config_of(provider, **options))
    assert "groups.fast.policy" in str(error.value)
    assert nearest is None or nearest in str(error.value)


def test_shipped_regions_are_dated_and_plausible() -> None:
    regions = json.loads(catalogue_json())["regions"]
    assert {"eu-central", "us-east", "de", "fr"} <= set(regions)
    for name, region in regions.items():
        assert 10 <= region["carbon_g_per_kwh"] <= 1000, name
        assert region["carbon_date"][:2] == "20", name


def test_carbon_goes_where_the_grid_is_clean() -> None:
    def deployment(region: str) -> dict:
        return {"base_url": "http://127.0.0.1:1/v1", "model": "m", "region": region}

    config = {
        "deployments": {"there": deployment("ap-south"), "here": deployment("eu-north")},
        "groups": {"fast": {"deployments": ["there", "here"], "policy": "carbon"}},
    }
    with llmroute.Router(config) as router:
        first = router.explain("hi", model="fast").candidates
    assert min(first, key=lambda c: c["rank"])["deployment"] == "here"
    config["regions"] = {"ap-south": {"carbon_g_per_kwh": 5, "carbon_date": "2026"}}
    with llmroute.Router(config) as router:
        first = router.explain("hi", model="fast").candidates
    assert min(first, key=lambda c: c["rank"])["deployment"] == "there"
