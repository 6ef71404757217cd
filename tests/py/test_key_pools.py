"""Pools of keys, end to end: turning to another key costs no attempt, whatever the first lacks."""

from __future__ import annotations

from typing import Any

import pytest

import llmroute
from llmroute.testing import Fault, ManualClock, SimulatedProvider

KEYS = [f"sim-key-{i:02}" for i in range(20)]


def pooled(provider: SimulatedProvider, keys: list[str]) -> dict[str, Any]:
    """Return the provider's deployment with several keys in place of its own."""
    table = provider.deployment(api_keys=keys)
    del table["api_key"]
    return table


def test_nineteen_dead_keys_of_twenty_still_give_an_answer() -> None:
    with (
        SimulatedProvider(ttft_ms=1, api_keys=[KEYS[-1]]) as provider,
        llmroute.Router({"deployments": {"pool": pooled(provider, KEYS)}}) as router,
    ):
        reply = router.chat("hi", model="pool", attempts=1)
        attempts = reply.decision.to_dict()["attempts"]
        assert len(attempts) == 20
        assert [a["key"] for a in attempts] == list(range(20))
        assert {a["error"]["kind"] for a in attempts[:-1]} == {"authentication"}
        again = router.chat("hi again", model="pool", attempts=1)
        assert [a["key"] for a in again.decision.to_dict()["attempts"]] == [19]


def test_an_account_without_credit_is_parked_wherever_its_key_is_used() -> None:
    with SimulatedProvider(ttft_ms=1, faults=[Fault("quota")]) as provider:
        config = {
            "deployments": {"a": provider.deployment(), "b": provider.deployment(model="other")},
            "groups": {"both": {"deployments": ["a", "b"], "policy": "ordered"}},
        }
        with llmroute.Router(config) as router:
            try:
                router.chat("hi", model="both")
            except llmroute.QuotaExhaustedError as error:
                attempts = error.decision.to_dict()["attempts"]
            else:
                raise AssertionError("b has the same account")
            assert [a["deployment"] for a in attempts] == ["a"]


def test_a_refused_key_is_tried_again_as_soon_as_its_variable_has_another_value(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("LLMROUTE_TEST_POOL_KEY", "old-key")
    with SimulatedProvider(ttft_ms=1, api_keys=["new-key"]) as provider:
        table = provider.deployment() | {"api_key": "env:LLMROUTE_TEST_POOL_KEY"}
        clock = ManualClock()
        with llmroute.Router({"deployments": {"a": table}}, clock=clock) as router:
            with pytest.raises(llmroute.AuthenticationError):
                router.chat("hi", model="a")
            with pytest.raises(llmroute.NoCandidateError):
                router.chat("hi", model="a")
            monkeypatch.setenv("LLMROUTE_TEST_POOL_KEY", "new-key")
            assert router.chat("hi", model="a").text
