"""``router.embed``, end to end: what is sent, what comes back, and what is never mixed."""

from __future__ import annotations

import asyncio
import base64
import struct
from collections.abc import Iterator
from typing import Any

import pytest

import llmroute
from provider_probe import Listener

SMALL = "text-embedding-3-small"


def openai_reply(*vectors: Any, tokens: int = 3) -> dict[str, Any]:
    data = [
        {"object": "embedding", "index": i, "embedding": vector} for i, vector in enumerate(vectors)
    ]
    usage = {"prompt_tokens": tokens, "total_tokens": tokens}
    return {"object": "list", "data": data, "model": "m", "usage": usage}


@pytest.fixture
def listener() -> Iterator[Listener]:
    made = Listener(openai_reply([0.5, -1.0], [0.0, 1.0]))
    yield made
    made.close()


def router_of(listener: Listener, **tables: Any) -> llmroute.Router:
    deployments = {"a": listener.deployment(model=SMALL)}
    deployments.update(tables.pop("deployments", {}))
    groups = {"index": {"deployments": ["a"]}}
    groups.update(tables.pop("groups", {}))
    return llmroute.Router.from_dict({"deployments": deployments, "groups": groups, **tables})


def test_texts_become_vectors(listener: Listener) -> None:
    price = {"input_usd_per_million": 0.02}
    deployment = listener.deployment(model=SMALL, embedding=SMALL, price=price)
    with router_of(listener, deployments={"a": deployment}) as r:
        reply = r.embed(["one", "two"], model="index", dimensions=2)
    assert listener.last_body() == {"model": SMALL, "input": ["one", "two"], "dimensions": 2}
    assert reply.vectors == [[0.5, -1.0], [0.0, 1.0]]
    assert (len(reply), list(reply)) == (2, reply.vectors)
    assert (reply.deployment, reply.usage.input_tokens, reply.usage.output_tokens) == ("a", 3, 0)
    assert reply.usage.reported
    assert reply.cost_usd == pytest.approx(3 * 0.02 / 1e6)
    assert reply.cost_kind == "exact"
    assert reply.decision.status == "ok"
    assert reply.to_dict()["object"] == "list"
    assert b"embedding" in reply.raw
    assert repr(reply) == "<EmbeddingReply from a: 2 vectors>"


def test_a_text_alone(listener: Listener) -> None:
    with router_of(listener) as router:
        reply = router.embed("one", model="index", input_type="query")
    assert listener.last_body() == {"model": SMALL, "input": "one"}
    assert reply.decision.dropped_parameters == ["input_type"], "OpenAI does not tell them apart"


def test_async(listener: Listener) -> None:
    async def run() -> list[list[float]]:
        async with llmroute.AsyncRouter(router_of(listener)) as router:
            return (await router.embed(("one", "two"), model="index")).vectors

    assert asyncio.run(run()) == [[0.5, -1.0], [0.0, 1.0]]


def test_vectors_in_base64_and_out_of_order(listener: Listener) -> None:
    packed = base64.b64encode(struct.pack("<2f", 0.25, -2)).decode()
    reply = openai_reply([1.0, 0.0], packed)
    reply["data"].reverse()
    listener.reply = reply
    with router_of(listener) as router:
        vectors = router.embed(["one", "two"], model="index", encoding_format="base64").vectors
    assert vectors == [[1.0, 0.0], [0.25, -2.0]]


def test_numpy(listener: Listener) -> None:
    numpy = pytest.importorskip("numpy")
    with router_of(listener) as router:
        array = router.embed(["one", "two"], model="index").numpy()
    assert array.shape == (2, 2)
    assert array.dtype == numpy.float32


def test_what_nobody_counted_is_an_estimate_without_output(listener: Listener) -> None:
    listener.reply = {"data": [{"embedding": [0.5] * 500}]}
    with router_of(listener) as router:
        reply = router.embed("a text of some length", model="index")
    assert not reply.usage.reported
    assert reply.usage.input_tokens > 0
    assert reply.usage.output_tokens == 0


def test_a_group_of_two_models_is_refused_before_anything_is_sent(listener: Listener) -> None:
    tables: dict[str, Any] = {
        "deployments": {"b": listener.deployment(model="text-embedding-3-large")},
        "groups": {"mixed": {"deployments": ["a", "b"]}},
    }
    with router_of(listener, **tables) as router:
        with pytest.raises(llmroute.InvalidRequestError, match="cannot be compared"):
            router.embed("one", model="mixed")
        assert not listener.heard
        assert router.embed(["one", "two"], model="b").deployment == "b"


def test_a_fallback_of_another_model_never_answers(listener: Listener) -> None:
    tables: dict[str, Any] = {
        "deployments": {"b": listener.deployment(model="mistral-embed")},
        "groups": {"index": {"deployments": ["a"], "fallbacks": ["b"]}},
        "resilience": {"attempts": 3, "backoff": {"base_ms": 1}},
    }
    listener.status = 500
    with router_of(listener, **tables) as router, pytest.raises(llmroute.LlmrouteError) as caught:
        router.embed("one", model="index")
    assert {_body(heard)["model"] for heard in listener.heard} == {SMALL}
    decision = caught.value.decision
    assert decision is not None
    reasons = {c["deployment"]: c["reason"] for c in decision.to_dict()["candidates"]}
    assert reasons["b"] == "embedding_model_differs"
    assert "another model" in decision.why_not("b")


def _body(heard: tuple[dict[str, str], bytes]) -> Any:
    import json

    return json.loads(heard[1])


def test_one_model_under_two_names_stands_in(listener: Listener) -> None:
    tables: dict[str, Any] = {
        "deployments": {
            "a": {**listener.deployment(model=SMALL), "base_url": "http://127.0.0.1:1/v1"},
            "b": listener.deployment(model="my-name", embedding=SMALL),
        },
        "groups": {"index": {"deployments": ["a", "b"], "policy": "ordered"}},
    }
    with router_of(listener, **tables) as router:
        assert router.embed(["one", "two"], model="index").deployment == "b"


def test_a_dialect_without_embeddings_is_no_candidate(listener: Listener) -> None:
    tables = {"deployments": {"claude": listener.deployment(dialect="anthropic")}}
    with (
        router_of(listener, **tables) as router,
        pytest.raises(llmroute.NoCandidateError) as caught,
    ):
        router.embed("one", model="claude")
    assert caught.value.decision is not None
    [candidate] = caught.value.decision.to_dict()["candidates"]
    assert candidate["reason"] == "embeddings_not_supported"


@pytest.mark.parametrize("nothing", ["", [], [""], ()])
def test_nothing_to_embed(listener: Listener, nothing: Any) -> None:
    with router_of(listener) as router, pytest.raises(llmroute.InvalidRequestError, match="input"):
        router.embed(nothing, model="index")
    assert not listener.heard


def test_a_person_is_never_asked(listener: Listener) -> None:
    def human(*_: Any) -> str:
        raise AssertionError("a person cannot write vectors")

    listener.status = 500
    tables: dict[str, Any] = {
        "groups": {"index": {"deployments": ["a"], "on_exhausted": ["human"]}},
        "resilience": {"attempts": 1},
    }
    with router_of(listener, **tables) as router:
        router._shared.human = human
        with pytest.raises(llmroute.LlmrouteError):
            router.embed("one", model="index")


def test_rules_keep_their_chat_parameters_to_themselves(listener: Listener) -> None:
    rule = {"name": "calm", "when": {}, "then": {"defaults": {"temperature": 0.5}}}
    with router_of(listener, rules=[rule]) as router:
        router.embed("one", model="index")
    assert listener.last_body() == {"model": SMALL, "input": "one"}
