"""Streams for threads."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from typing import Any

import pytest

import llmroute
from llmroute import Router
from llmroute.testing import Fault, SimulatedProvider
from provider_probe import eventually

DIALECTS = ["openai", "anthropic"]


@pytest.fixture(params=DIALECTS)
def alpha(request: pytest.FixtureRequest) -> Iterator[SimulatedProvider]:
    with SimulatedProvider(request.param, ttft_ms=1, output_tokens=12) as provider:
        yield provider


@pytest.fixture
def beta() -> Iterator[SimulatedProvider]:
    with SimulatedProvider("openai", ttft_ms=1, output_tokens=12, seed=9) as provider:
        yield provider


def config_of(*providers: SimulatedProvider, **resilience: Any) -> dict[str, Any]:
    names = [f"d{index}" for index in range(len(providers))]
    return {
        "deployments": {n: p.deployment() for n, p in zip(names, providers, strict=True)},
        "groups": {"all": {"deployments": names, "policy": "ordered"}},
        "resilience": resilience,
    }


def test_deltas_are_typed_and_add_up(alpha: SimulatedProvider) -> None:
    with Router.from_dict(config_of(alpha)) as router:
        with router.stream("hello", model="all") as stream:
            deltas = list(stream)
        text = "".join(d.text for d in deltas if d.kind == "text")
        assert text == stream.text == stream.message["content"]
        assert len(text) > 10
        assert {d.kind for d in deltas} >= {"text", "finish"}
        finish = next(d for d in deltas if d.kind == "finish")
        assert finish.finish_reason == stream.finish_reason == "stop"
        assert (finish.text, finish.tool_index, finish.tool_id, finish.usage) == (
            "",
            None,
            None,
            None,
        )
        assert stream.usage is not None
        assert stream.usage.reported
        assert stream.usage.output_tokens == 12
        assert stream.deployment == "d0"
        assert stream.decision.status == "ok"
        assert stream.restarts == 0
        assert list(stream) == []
        assert "ended" in repr(stream)


def test_a_stream_needs_no_with(alpha: SimulatedProvider) -> None:
    with Router.from_dict(config_of(alpha)) as router:
        assert sum(d.kind == "text" for d in router.stream("hi", model="all")) > 3


def test_a_cut_stream_is_an_error_with_what_came(alpha: SimulatedProvider) -> None:
    alpha.set_faults([Fault("cut", after_chunks=3)])
    read: list[str] = []
    with (
        Router.from_dict(config_of(alpha)) as router,
        router.stream("hi", model="all") as stream,
        pytest.raises(llmroute.StreamInterruptedError) as caught,
    ):
        read.extend(delta.text for delta in stream)
    assert caught.value.partial == "".join(read) == stream.text
    assert caught.value.partial
    assert caught.value.deployment == "d0"
    assert stream.decision.status == "failed"


@pytest.mark.parametrize(
    ("kind", "slug"),
    [
        ("no_terminator", "stream_interrupted"),
        ("malformed_chunk", "protocol"),
        ("error_event", None),
    ],
)
def test_other_broken_streams_are_errors_too(
    alpha: SimulatedProvider, kind: Any, slug: str | None
) -> None:
    alpha.set_faults([Fault(kind, after_chunks=2)])
    with (
        Router.from_dict(config_of(alpha, attempts=1)) as router,
        router.stream("hi", model="all") as stream,
        pytest.raises(llmroute.LlmrouteError) as caught,
    ):
        list(stream)
    if slug is not None:
        assert caught.value.kind == slug


def test_before_content_it_fails_over_silently(
    alpha: SimulatedProvider, beta: SimulatedProvider
) -> None:
    alpha.set_faults([Fault("cut", after_chunks=0)])
    with (
        Router.from_dict(config_of(alpha, beta)) as router,
        router.stream("hi", model="all") as stream,
    ):
        kinds = [delta.kind for delta in stream]
    assert "restart" not in kinds
    assert stream.deployment == "d1"
    assert len(stream.decision.attempts) == 2


def test_after_content_only_on_request(alpha: SimulatedProvider, beta: SimulatedProvider) -> None:
    alpha.set_faults([Fault("cut", after_chunks=3)])
    with Router.from_dict(config_of(alpha, beta)) as router:
        kept: list[str] = []
        with router.stream("hi", model="all", on_interrupt="restart") as stream:
            for delta in stream:
                if delta.kind == "restart":
                    assert kept
                    kept.clear()
                elif delta.kind == "text":
                    kept.append(delta.text)
        assert stream.restarts == 1
        assert stream.text == "".join(kept)
        assert stream.deployment == "d1"
        assert stream.decision.to_dict()["restarts"] == 1


TOOLS = [
    {
        "type": "function",
        "function": {
            "name": "weather",
            "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
        },
    }
]


def test_tool_calls_are_put_together(alpha: SimulatedProvider) -> None:
    with (
        Router.from_dict(config_of(alpha)) as router,
        router.stream("hi", model="all", tools=TOOLS, tool_choice="required") as stream,
    ):
        deltas = list(stream)
    fragments = [d for d in deltas if d.kind == "tool_call"]
    if not fragments:
        pytest.skip("this simulated dialect answers with text where a tool is required")
    assert stream.tool_calls[0]["function"]["name"] == "weather"
    assert stream.tool_calls[0]["function"]["arguments"] == "".join(d.text for d in fragments)
    assert stream.tool_calls[0]["id"]
    assert stream.finish_reason == "tool_calls"


def slow(dialect: str = "openai") -> SimulatedProvider:
    return SimulatedProvider(dialect, ttft_ms=1, tokens_per_second=20, output_tokens=2000)


def test_leaving_the_block_closes_the_upstream_socket() -> None:
    with slow() as provider, Router.from_dict(config_of(provider)) as router:
        with router.stream("hi", model="all") as stream:
            next(stream)
            with pytest.raises(RuntimeError, match="has not ended"):
                _ = stream.decision
            assert stream.usage is None
            assert stream.cost_usd is None
        assert eventually(lambda: provider.stats()["aborted_by_client"] == 1)
        assert stream.decision.status == "cancelled"
        stream.close()


def test_dropping_the_object_closes_the_upstream_socket() -> None:
    with slow() as provider, Router.from_dict(config_of(provider)) as router:
        stream = router.stream("hi", model="all")
        next(stream)
        del stream
        gc.collect()
        assert eventually(lambda: provider.stats()["aborted_by_client"] == 1)


def test_closing_the_router_ends_a_stream() -> None:
    with slow() as provider:
        router = Router.from_dict(config_of(provider))
        stream = router.stream("hi", model="all")
        next(stream)
        router.close()
        with pytest.raises(llmroute.ClosedError):
            list(stream)


def test_idle_and_first_token_have_limits() -> None:
    limits = {"attempts": 1, "timeouts": {"ttft_ms": 150, "idle_ms": 60}}
    with SimulatedProvider("openai", ttft_ms=60_000) as provider:
        with (
            Router.from_dict(config_of(provider, **limits)) as router,
            pytest.raises(llmroute.LlmrouteError, match=r"ttft_ms|1 attempt") as caught,
        ):
            list(router.stream("hi", model="all"))
        attempt = caught.value.decision.attempts[0]
        assert attempt["error"]["kind"] == "attempt_timeout"
        assert attempt["total_ms"] >= 150
    with SimulatedProvider("openai", ttft_ms=1, tokens_per_second=1) as provider:
        with (
            Router.from_dict(config_of(provider, **limits)) as router,
            pytest.raises(llmroute.AttemptTimeoutError, match="idle_ms"),
        ):
            list(router.stream("hi", model="all"))
        assert eventually(lambda: provider.stats()["aborted_by_client"] == 1)


def test_a_delta_cannot_be_made_or_changed(alpha: SimulatedProvider) -> None:
    with Router.from_dict(config_of(alpha)) as router:
        delta = next(router.stream("hi", model="all"))
    with pytest.raises(TypeError):
        type(delta)()
    with pytest.raises(AttributeError):
        delta.text = "x"  # type: ignore[misc]
    assert "text" in repr(delta)
