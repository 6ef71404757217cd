"""Simulated providers and the manual clock, as users' own tests use them."""

from __future__ import annotations

from typing import get_args

import pytest

import llmroute
from llmroute import _core
from llmroute.testing import Fault, SimulatedProvider, read_simulation
from llmroute.testing.simulated import FaultKind


def test_faults_have_the_words_of_the_core() -> None:
    assert get_args(FaultKind) == _core.vocabulary["FaultKind"]


@pytest.mark.parametrize("dialect", ["openai", "anthropic"])
def test_both_dialects_answer_and_count(dialect: str) -> None:
    with (
        SimulatedProvider(dialect, ttft_ms=1, output_tokens=20) as provider,
        llmroute.Router({"deployments": {"sim": provider.deployment()}}) as router,
    ):
        reply = router.chat("a word to hear", model="sim")
        assert "a word to hear" in reply.text
        assert reply.usage.output_tokens == 20
        assert provider.stats()["requests"] == 1
        assert provider.stats()["by_status"] == {"200": 1}


@pytest.mark.parametrize("dialect", ["openai", "anthropic"])
@pytest.mark.parametrize(
    ("fault", "error"),
    [
        ("rate_limit", llmroute.RateLimitError),
        ("server_error", llmroute.ServerError),
        ("overloaded", llmroute.OverloadedError),
        ("auth", llmroute.AuthenticationError),
        ("quota", llmroute.QuotaExhaustedError),
        ("html", llmroute.AttemptError),
        ("not_json", llmroute.ProtocolError),
        ("error_in_200", llmroute.AttemptError),
        ("reset", llmroute.AttemptError),
        ("cut", llmroute.AttemptError),
    ],
)
def test_every_fault_is_a_named_error(
    dialect: str, fault: str, error: type[llmroute.LlmrouteError]
) -> None:
    with (
        SimulatedProvider(dialect, ttft_ms=1, faults=[Fault(fault)]) as provider,
        llmroute.Router({"deployments": {"sim": provider.deployment()}}) as router,
    ):
        with pytest.raises(error) as caught:
            router.chat("hi", model="sim", attempts=1)
        assert caught.value.decision.status == "failed"
        assert "sim-key" not in str(caught.value)


@pytest.mark.parametrize("dialect", ["openai", "anthropic"])
@pytest.mark.parametrize("fault", ["cut", "no_terminator", "malformed_chunk", "error_event"])
def test_a_stream_that_breaks_is_never_reported_whole(dialect: str, fault: str) -> None:
    with (
        SimulatedProvider(
            dialect, ttft_ms=1, tokens_per_second=2000, faults=[Fault(fault, after_chunks=2)]
        ) as provider,
        llmroute.Router({"deployments": {"sim": provider.deployment()}}) as router,
    ):
        with (
            pytest.raises(llmroute.LlmrouteError) as caught,
            router.stream("hi", model="sim") as stream,
        ):
            for _ in stream:
                pass
        assert caught.value.decision.status == "failed"


def test_a_killed_provider_comes_back_on_its_port() -> None:
    with (
        SimulatedProvider(ttft_ms=1) as provider,
        llmroute.Router({"deployments": {"sim": provider.deployment()}}) as router,
    ):
        provider.kill()
        with pytest.raises(llmroute.ConnectError):
            router.chat("hi", model="sim", attempts=1)
        provider.revive()
        assert router.chat("hi", model="sim").deployment == "sim"


def test_unknown_options_and_faults_are_refused() -> None:
    with pytest.raises(llmroute.ConfigError, match="ttft_ms"):
        SimulatedProvider(ttft_sm=1)
    with pytest.raises(llmroute.ConfigError, match="rate_limit"):
        SimulatedProvider(faults=[{"kind": "rate_limt"}])
    with pytest.raises(llmroute.ConfigError):
        SimulatedProvider("klingon")


def test_a_simulation_is_a_table_of_providers() -> None:
    assert read_simulation({"providers": {"a": {"dialect": "openai"}}}) == {
        "a": {"dialect": "openai"}
    }
    assert read_simulation({}) == {}
    with pytest.raises(llmroute.ConfigError, match="unknown key"):
        read_simulation({"groups": {}})
    with pytest.raises(llmroute.ConfigError, match="table of tables"):
        read_simulation({"providers": {"a": 1}})
