"""Headers of a call: who is sent them, who is not, and how that is said."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from llmroute import AsyncRouter, ConfigError, InvalidRequestError, NoCandidateError, Router
from provider_probe import REPLY, Listener

CLAUDE = {
    "id": "msg_1",
    "type": "message",
    "role": "assistant",
    "model": "claude",
    "content": [{"type": "text", "text": "hello"}],
    "stop_reason": "end_turn",
    "usage": {"input_tokens": 3, "output_tokens": 2},
}
STREAM = (
    b'event: message_start\ndata: {"type":"message_start","message":{"id":"m","model":"claude",'
    b'"usage":{"input_tokens":3}}}\n\n'
    b'event: content_block_start\ndata: {"type":"content_block_start","index":0,'
    b'"content_block":{"type":"text","text":""}}\n\n'
    b'event: content_block_delta\ndata: {"type":"content_block_delta","index":0,'
    b'"delta":{"type":"text_delta","text":"hi"}}\n\n'
    b'event: content_block_stop\ndata: {"type":"content_block_stop","index":0}\n\n'
    b'event: message_delta\ndata: {"type":"message_delta","delta":{"stop_reason":"end_turn"},'
    b'"usage":{"output_tokens":2}}\n\n'
    b'event: message_stop\ndata: {"type":"message_stop"}\n\n'
)
VECTORS = {
    "object": "list",
    "model": "m",
    "data": [{"object": "embedding", "index": 0, "embedding": [0.5]}],
    "usage": {"prompt_tokens": 1, "total_tokens": 1},
}
MESSAGE = {"max_tokens": 9, "messages": [{"role": "user", "content": "hi"}]}


@pytest.fixture
def claude() -> Iterator[Listener]:
    listener = Listener(CLAUDE)
    yield listener
    listener.close()


@pytest.fixture
def other() -> Iterator[Listener]:
    listener = Listener(REPLY)
    yield listener
    listener.close()


def config_of(claude: Listener, other: Listener, **more: Any) -> dict[str, Any]:
    return {
        "deployments": {
            "claude": claude.deployment(provider="anthropic"),
            "other": other.deployment(provider="groq"),
        },
        "groups": {"any": {"deployments": ["other", "claude"], "policy": "ordered"}},
        **more,
    }


def heard(listener: Listener, name: str) -> str | None:
    return listener.heard[-1][0].get(name)


def test_who_lists_it_is_sent_it_and_nobody_else(claude: Listener, other: Listener) -> None:
    with Router(config_of(claude, other)) as router:
        call = {
            "Anthropic-Beta": "a, b",
            "Groq-Model-Version": "latest",
            "X-Request-Id": "7",
            "Authorization": "Bearer of the caller",
            "Cookie": "c",
        }
        reply = router.chat("hi", model="any", headers=call)
        assert reply.deployment == "claude"
        assert heard(claude, "anthropic-beta") == "a,b"
        for name in ("groq-model-version", "x-request-id", "cookie", "authorization"):
            assert heard(claude, name) is None
        assert heard(claude, "x-api-key") == "sk-probe-key"
        [(dropped, reason, detail)] = [
            (c["deployment"], c["reason"], c["detail"])
            for c in reply.decision.candidates
            if c["reason"] != "kept"
        ]
        assert (dropped, reason) == ("other", "parameter_not_supported")
        assert detail == "parameter_not_supported: beta_headers"
        assert not other.heard
        reply = router.chat("hi", model="any", headers=call, drop_unsupported=True)
        assert reply.deployment == "other"
        assert reply.decision.dropped_parameters == ["anthropic-beta"]
        assert heard(other, "groq-model-version") == "latest"
        assert heard(other, "anthropic-beta") is None
        assert heard(other, "authorization") == "Bearer sk-probe-key"


def test_a_beta_that_nobody_takes_is_no_candidate(other: Listener) -> None:
    config = {"deployments": {"other": other.deployment(provider="groq")}}
    with Router(config) as router:
        with pytest.raises(NoCandidateError, match="beta_headers"):
            router.chat("hi", headers={"openai-beta": "x"})
        assert router.chat("hi", headers={"x-other": "x", "openai-beta": ""}).text
    assert heard(other, "openai-beta") is None


@pytest.mark.parametrize(
    ("more", "sent"),
    [
        ({"betas": ["a", "b"]}, "a,b"),
        ({"betas": "a"}, "a"),
        ({"extra_headers": {"Anthropic-Beta": "c"}}, "c"),
        ({"betas": ["a"], "extra_headers": {"anthropic-beta": "c,a"}}, "c,a"),
        ({"betas": None, "extra_headers": None}, None),
    ],
)
async def test_as_the_sdks_have_it(
    claude: Listener, other: Listener, more: dict[str, Any], sent: str | None
) -> None:
    config = config_of(claude, other)
    body = {"model": "claude", **MESSAGE}
    with Router(config) as router:
        router.create_message(body, **more)
        assert heard(claude, "anthropic-beta") == sent
        # Whoever passes on the arguments of an SDK's call has them beside the others.
        router.create_message({**body, **more})
        assert heard(claude, "anthropic-beta") == sent
    async with AsyncRouter(config) as router:
        await router.create_message(body, **more)
    assert heard(claude, "anthropic-beta") == sent
    for _, raw in claude.heard:
        assert b"beta" not in raw
        assert b"extra_headers" not in raw


def test_every_way_to_ask_sends_them(claude: Listener, other: Listener) -> None:
    betas = {"anthropic-beta": "a"}
    with Router(config_of(claude, other)) as router:
        router.chat("hi", model="claude", extra_headers=betas, headers={"x-a": "b"})
        assert heard(claude, "anthropic-beta") == "a"
        assert claude.last_body().keys() == {"model", "max_tokens", "messages"}
        router.create_response({"model": "claude", "input": "hi"}, extra_headers=betas)
        assert heard(claude, "anthropic-beta") == "a"
        claude.reply = STREAM
        claude.headers["content-type"] = "text/event-stream"
        with router.stream("hi", model="claude", headers=betas) as stream:
            assert "".join(delta.text for delta in stream) == "hi"
        assert heard(claude, "anthropic-beta") == "a"
        other.reply = VECTORS
        router.embed("one", model="other", headers={"groq-model-version": "1"})
        assert heard(other, "groq-model-version") == "1"


def test_a_configuration_has_its_own_list_and_its_own_headers(
    claude: Listener, other: Listener
) -> None:
    config = config_of(claude, other, providers={"anthropic": {"headers": {"anthropic-beta": "z"}}})
    config["deployments"]["other"]["forward_headers"] = ["X-Tenant", "anthropic-beta"]
    with Router(config) as router:
        router.chat("hi", model="any", headers={"x-tenant": "acme", "anthropic-beta": "a"})
        assert heard(other, "x-tenant") == "acme"
        assert heard(other, "anthropic-beta") == "a"
        router.chat("hi", model="claude", headers={"anthropic-beta": "a,z"})
        assert heard(claude, "anthropic-beta") == "z,a"
    config["providers"]["anthropic"]["forward_headers"] = []
    with Router(config) as router, pytest.raises(NoCandidateError):
        router.chat("hi", model="claude", headers={"anthropic-beta": "a"})


@pytest.mark.parametrize("name", ["Authorization", "x-api-key", "api-key", "cookie", "host", "a b"])
def test_names_that_cannot_be_listed(other: Listener, name: str) -> None:
    table = other.deployment(forward_headers=["x-a", name])
    with pytest.raises(ConfigError) as caught:
        Router({"deployments": {"d": table}})
    assert caught.value.path == "deployments.d.forward_headers[1]"


@pytest.mark.parametrize(
    ("call", "path"),
    [
        ({"headers": {"anthropic-beta": "a\r\nx-evil: 1"}}, "headers.anthropic-beta"),
        ({"headers": {"x\n": "a"}}, "headers.x"),
        ({"headers": {"x:y": "a"}}, "headers.x:y"),
        ({"extra_headers": {"x": "\x00"}}, "headers.x"),
        ({"extra_headers": ["x"]}, "extra_headers"),
    ],
)
def test_what_cannot_stand_in_a_header_is_refused(
    claude: Listener, other: Listener, call: dict[str, Any], path: str
) -> None:
    with Router(config_of(claude, other)) as router:
        with pytest.raises(InvalidRequestError, match=path):
            router.chat("hi", model="claude", **call)
        for betas in (3, [3], {"a": "b"}):
            with pytest.raises(InvalidRequestError, match="betas"):
                router.create_message({"model": "claude", **MESSAGE}, betas=betas)  # type: ignore[arg-type]
    assert not claude.heard


def test_calls_with_other_betas_never_share_an_answer(claude: Listener, other: Listener) -> None:
    with Router(config_of(claude, other, cache={"exact": {}})) as router:

        def ask(headers: dict[str, str]) -> str:
            decision = router.chat("hi", model="claude", headers=headers).decision
            return str(decision.to_dict()["cache"]["status"])

        assert [ask({"anthropic-beta": "a"}), ask({"anthropic-beta": "b"}), ask({})] == ["miss"] * 3
        assert ask({"anthropic-beta": "a", "x-request-id": "1"}) == "hit"
