"""Conversations, warm prefixes and bound requests, over real sockets."""

from __future__ import annotations

import contextlib
import json
from typing import TYPE_CHECKING, Any

import pytest

import llmroute
from llmroute import Router
from llmroute.testing import Fault, SimulatedProvider

if TYPE_CHECKING:
    from collections.abc import Iterator

Message = dict[str, Any]


def config_of(
    policy: str, affinity: dict[str, Any] | None, **providers: tuple[SimulatedProvider, float]
) -> dict[str, Any]:
    """Providers with what a million input tokens costs there; half of it where they are cached."""
    config: dict[str, Any] = {
        "deployments": {
            name: provider.deployment(
                price={
                    "input_usd_per_million": usd,
                    "output_usd_per_million": 0,
                    "cached_input_usd_per_million": usd / 2,
                }
            )
            for name, (provider, usd) in providers.items()
        },
        "groups": {"fast": {"deployments": list(providers), "policy": policy}},
    }
    if affinity is not None:
        config["cache"] = {"affinity": affinity}
    return config


@contextlib.contextmanager
def two(policy: str, affinity: dict[str, Any] | None, **second: Any) -> Iterator[Router]:
    """A router over a (1 USD per million tokens) and b (1.5 USD)."""
    with (
        SimulatedProvider(ttft_ms=1) as a,
        SimulatedProvider(ttft_ms=1, **second) as b,
        Router(config_of(policy, affinity, a=(a, 1.0), b=(b, 1.5)), seed=1) as router,
    ):
        yield router


def affinity_of(reply: llmroute.Reply) -> dict[str, Any]:
    affinity: dict[str, Any] = reply.decision.to_dict()["affinity"]
    return affinity


def test_a_conversation_stays_by_its_id() -> None:
    with two("round_robin", {}) as router:
        first = router.chat("hello", model="fast", conversation="c-17")
        others = [router.chat(f"question {i}", model="fast").deployment for i in range(4)]
        assert set(others) == {"a", "b"}
        for turn in range(3):
            reply = router.chat(f"turn {turn}", model="fast", conversation="c-17")
            assert reply.deployment == first.deployment
            assert affinity_of(reply)["kind"] == "conversation"
            assert affinity_of(reply)["deployment"] == first.deployment


def test_tenants_have_conversations_of_their_own() -> None:
    with two("round_robin", {}) as router:
        places = [
            router.chat(
                "hello", model="fast", conversation="c", metadata={"tenant": tenant}
            ).deployment
            for tenant in ("acme", "other", "acme", "other")
        ]
    assert places[:2] == places[2:]
    assert len(set(places)) == 2


@pytest.mark.parametrize("affinity", [{}, {"prefixes": False}])
def test_a_conversation_stays_by_its_messages(affinity: dict[str, Any]) -> None:
    with two("round_robin", affinity) as router:
        messages: list[Message] = [{"role": "user", "content": "hello"}]
        places = []
        for turn in range(4):
            reply = router.chat(messages, model="fast", temperature=turn / 10)
            places.append(reply.deployment)
            messages.append({"role": "assistant", "content": reply.text})
            messages.append({"role": "user", "content": f"and {turn}?"})
        assert len(set(places)) == 1
        again = {router.chat("hello", model="fast").deployment for _ in range(4)}
        assert again == {"a", "b"}, "the same question is no conversation"


@pytest.mark.parametrize("affinity", [None, {"conversations": False}])
def test_where_nobody_asks_nothing_stays(affinity: dict[str, Any] | None) -> None:
    with two("round_robin", affinity) as router:
        replies = [router.chat("hello", model="fast", conversation="c") for _ in range(4)]
    assert {reply.deployment for reply in replies} == {"a", "b"}
    assert {affinity_of(reply)["kind"] for reply in replies} == {"none"}


def test_it_moves_when_its_place_fails_and_stays_where_it_went() -> None:
    with two(
        "round_robin", {}, faults=[Fault("server_error", from_request=2, to_request=2)]
    ) as router:
        first = router.chat("hello", model="fast", conversation="c", exclude=["a"])
        assert first.deployment == "b"
        moved = router.chat("hello", model="fast", conversation="c")
        assert [attempt["deployment"] for attempt in moved.decision.attempts] == ["b", "a"]
        after = [router.chat("hello", model="fast", conversation="c") for _ in range(4)]
        assert {reply.deployment for reply in after} == {"a"}
        assert {affinity_of(reply)["deployment"] for reply in after} == {"a"}


def test_a_warm_prefix_counts_as_what_it_saves() -> None:
    system: Message = {"role": "system", "content": "You know this handbook. " * 800}

    def ask(question: str) -> list[Message]:
        return [system, {"role": "user", "content": question}]

    with two("least_cost", {"conversations": False, "min_prefix_tokens": 1024}) as router:
        assert router.chat(ask("first"), model="fast", exclude=["a"]).deployment == "b"
        seen = router.explain(ask("second"), model="fast").to_dict()
        cost = {c["deployment"]: c["estimated_cost_usd"] for c in seen["candidates"]}
        assert cost["b"] < cost["a"]
        assert cost["b"] == pytest.approx(cost["a"] * 0.75, rel=0.01)
        reply = router.chat(ask("second"), model="fast")
        assert reply.deployment == "b"
        assert affinity_of(reply)["kind"] == "prefix"
        assert affinity_of(reply)["warm_tokens"] > 4_000
        assert router.chat("something else", model="fast").deployment == "a"


def test_a_python_policy_sees_what_is_warm() -> None:
    seen = {}

    @llmroute.policy
    def cheapest(request: Any, candidates: Any, context: Any) -> Any:
        seen.update({c.deployment: c.estimated_cost_usd(request) for c in candidates})
        return sorted(candidates, key=lambda c: c.estimated_cost_usd(request))

    text = "You know this handbook. " * 800
    with two("ordered", {"conversations": False}) as router:
        router.chat(text, model="fast", exclude=["a"])
        assert router.chat(text, model="fast", policy=cheapest).deployment == "b"
    assert seen["b"] == pytest.approx(seen["a"] * 0.75, rel=0.01)


def test_sealed_reasoning_goes_back_to_where_it_was_sealed() -> None:
    sealed: list[Message] = [
        {"role": "user", "content": "hello"},
        {"role": "assistant", "content": "hm", "reasoning": {"encrypted_content": "gAAAA"}},
        {"role": "user", "content": "go on"},
    ]
    with two("ordered", {}) as router:
        assert router.chat("hello", model="fast", exclude=["a"]).deployment == "b"
        reply = router.chat(sealed, model="fast")
        assert reply.deployment == "b"
        assert affinity_of(reply)["kind"] == "bound"
        dropped = {c["deployment"]: c["reason"] for c in reply.decision.to_dict()["candidates"]}
        assert dropped["a"] == "bound_elsewhere"
        assert "b" in reply.decision.why_not("a")
        with pytest.raises(llmroute.NoCandidateError):
            router.chat(sealed, model="fast", exclude=["b"])


def test_a_reply_is_continued_where_it_was_given() -> None:
    with two("ordered", {}) as router:
        first = router.chat("hello", model="fast", exclude=["a"])
        reply_id = json.loads(first.raw)["id"]
        following = router.explain("go on", model="fast", previous_response_id=reply_id).to_dict()
        assert following["plan"] == ["b"]
        assert following["affinity"]["kind"] == "bound"
        other = router.explain("go on", model="fast", previous_response_id="unknown").to_dict()
        assert other["plan"] == ["a", "b"]


def test_a_reload_keeps_conversations() -> None:
    with SimulatedProvider(ttft_ms=1) as a, SimulatedProvider(ttft_ms=1) as b:
        config = config_of("ordered", {}, a=(a, 1.0), b=(b, 1.5))
        with Router(config) as router:
            router.chat("hello", model="fast", conversation="c", exclude=["a"])
            router.reload(config_of("ordered", {}, b=(b, 3.0), a=(a, 1.0)))
            router.reload(config)
            assert router.chat("hello", model="fast", conversation="c").deployment == "b"


def test_a_long_body_is_read_as_well() -> None:
    image = "data:image/png;base64," + "A" * 500_000
    messages: list[Message] = [
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "what is it?"},
                {"type": "image_url", "image_url": {"url": image}},
            ],
        }
    ]
    with two("round_robin", {}) as router:
        first = router.chat(messages, model="fast")
        router.chat("in between", model="fast")
        messages.append({"role": "assistant", "content": first.text})
        messages.append({"role": "user", "content": "are you sure?"})
        assert router.chat(messages, model="fast").deployment == first.deployment
